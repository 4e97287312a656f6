"""Write two pages of the reference that repeat what code says: options of commands, and shared parameters.

    python .ci/reference_pages.py             rewrites the pages
    python .ci/reference_pages.py --check     changes nothing; prints a diff and exits with 1 if a page is stale

The options come from the command line's own definitions, and the parameters from the table in ``docstrings.py``. The
Sphinx configuration uses :func:`shorten_docstring`, so that the page of a method does not repeat shared parameters.
"""

from __future__ import annotations

import argparse
import difflib
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import docstrings

ROOT = Path(__file__).resolve().parent.parent
REFERENCE = ROOT / "notebooks" / "guides" / "reference"

# Parameters that several functions have with the same meaning, in the order of their page.
SHARED = {
    "Where and whether to send": [
        "client", "dry_run", "allow_campaigns", "on_invalid", "on_undelivered", "progress", "audit",
    ],
    "How rows are checked and encoded": ["schema", "strict_schema", "exact_ids", "nulls", "timezone"],
    "Fields of every call": ["message_id", "as_of", "context", "integrations"],
}  # fmt: skip
SHARED_NAMES = [name for names in SHARED.values() for name in names]
OWN_PAGE = "/guides/reference/parameters"
SECTION = re.compile(r"^(\w+)\n-+\n(.*?)(?=^\w+\n-+\n|\Z)", re.M | re.S)
ENTRY = re.compile(r"^(?=\w+ : )", re.M)


def shorten_docstring(app: object, what: str, name: str, object_: object, options: object, lines: list[str]) -> None:
    """Take shared parameters out of a docstring, and all of them from a function that is also a method.

    An entry stays if the function gives the parameter a meaning of its own. Sphinx calls this for every docstring.
    """
    text = "\n".join(lines) + "\n"
    if what == "function" and name.startswith("cio_frames.") and _is_method(name.rpartition(".")[2]):
        text = _refer_to_method(text, name.rpartition(".")[2])
    elif what in {"function", "method"}:
        text = _drop_shared(text)
    lines[:] = text.splitlines()


def _is_method(name: str) -> bool:
    from cio_frames import CioAccessor

    return hasattr(CioAccessor, name)


def _refer_to_method(text: str, name: str) -> str:
    """Return the docstring of a function with a link in place of what the page of the method says."""
    kept = SECTION.sub(lambda found: found[0] if found[1] == "Examples" else "", text)
    link = (
        f"The first parameter, ``df``, is the frame. All others, the result, and the errors are those of "
        f":meth:`df.cio.{name} <cio_frames.CioAccessor.{name}>`.\n\n"
    )
    before, heading, examples = kept.partition("Examples\n--------\n")
    return before + link + heading + examples


def _drop_shared(text: str) -> str:
    found = re.search(r"^Parameters\n-+\n(.*?)(?=^\w+\n-+\n|\Z)", text, re.M | re.S)
    if found is None:
        return text
    entries = ENTRY.split(found[1])
    shared = [name for name in SHARED_NAMES for entry in entries if entry.split() == _entry(name).split()]
    if not shared:
        return text
    own = "".join(entry.rstrip() + "\n" for entry in entries if entry.split()[:1] and entry.split()[0] not in shared)
    names = ", ".join(f"``{name}``" for name in shared)
    section = f"Parameters\n----------\n{own}\n\n" if own else ""
    return (
        text[: found.start()]
        + section
        + f"Shared parameters, explained :doc:`once for all calls <{OWN_PAGE}>`: {names}.\n\n"
        + text[found.end() :]
    )


def _entry(name: str) -> str:
    kind, meaning = docstrings.PARAMETERS[name]
    return f"{name} : {kind}\n    {meaning}"


def parameters_page() -> str:
    """Return the page of the shared parameters."""
    lines = [
        "# Shared parameters",
        "",
        "<!-- Written by .ci/reference_pages.py from the table in .ci/docstrings.py. -->",
        "",
        "These mean the same in every call that has them. The page of each call lists the others.",
    ]
    for title, names in SHARED.items():
        lines += ["", f"## {title}"]
        for name in names:
            kind, meaning = docstrings.PARAMETERS[name]
            lines += ["", f"### {name}", "", f"*{_to_markdown(kind)}*", "", _to_markdown(meaning)]
    return "\n".join(lines) + "\n"


def _to_markdown(text: str) -> str:
    return re.sub(r":func:`~?(?:cio_frames\.)?(\w+)`", r"`cio.\1`", text).replace("``", "`")


def command_line_page() -> str:
    """Return the page of all commands with their options."""
    lines = [
        "# Commands and options",
        "",
        "<!-- Written by .ci/reference_pages.py from the definitions of the command line. -->",
        "",
        "What `cio-frames COMMAND --help` prints, on one page. [The command line](../command_line.md) shows",
        "the commands at work, with exit statuses and environment variables.",
    ]
    for name, command in _commands():
        arguments = [each for each in command.params if each.param_type_name == "argument"]
        usage = " ".join([name, *(_argument(each) for each in arguments)])
        lines += ["", f"## {name}", "", "```text", f"{usage} [OPTIONS]", "```", "", _first_paragraph(command.help)]
        lines += _table("argument", arguments)
        options = [each for each in command.params if each.param_type_name == "option" and not each.hidden]
        for panel in dict.fromkeys(getattr(each, "rich_help_panel", None) for each in options):
            of_panel = [each for each in options if getattr(each, "rich_help_panel", None) == panel]
            lines += ["", f"**{panel}**"] if panel else []
            lines += _table("option", of_panel)
    return "\n".join(lines) + "\n"


def _commands() -> Iterator[tuple[str, Any]]:
    """Yield every command with its full name, those of groups too."""
    import typer

    from cio_frames.cli.app import app

    def walk(name: str, command: Any) -> Iterator[tuple[str, Any]]:
        if hasattr(command, "commands"):
            for child, inner in command.commands.items():
                yield from walk(f"{name} {child}", inner)
        elif not command.hidden:
            yield name, command

    yield from walk("cio-frames", typer.main.get_command(app))


def _argument(argument: Any) -> str:
    name = str(argument.metavar or argument.name).upper()
    name += "..." if argument.nargs != 1 else ""
    return name if argument.required else f"[{name}]"


def _first_paragraph(text: str | None) -> str:
    return " ".join((text or "").partition("\n\n")[0].split())


def _table(head: str, parameters: list[Any]) -> list[str]:
    if not parameters:
        return []
    rows = [f"| {_names(each)} | {_cell(each.help or '')}{_default(each)} |" for each in parameters]
    return ["", f"| {head} | meaning |", "| --- | --- |", *rows]


def _names(parameter: Any) -> str:
    if parameter.param_type_name == "argument":
        return f"`{_argument(parameter).strip('[]')}`"
    names = ", ".join(f"`{name}`" for name in [*parameter.opts, *parameter.secondary_opts])
    return f"{names} `{parameter.metavar}`" if parameter.metavar else names


def _default(parameter: Any) -> str:
    """Return the default of an option as a sentence, unless its help names it or there is nothing to say."""
    if parameter.param_type_name == "argument" or parameter.is_flag or "default" in (parameter.help or ""):
        return ""
    default = parameter.default
    return "" if default in (None, "", (), []) or callable(default) else f" Default: `{default}`."


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|").replace("<", "&lt;")


PAGES = {"parameters.md": parameters_page, "commands.md": command_line_page}


def main() -> None:
    """Rewrite or check the pages."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--check", action="store_true", help="print a diff and exit with 1 if a page is stale")
    check = parser.parse_args().check
    stale = False
    for name, page in PAGES.items():
        path = REFERENCE / name
        before, after = path.read_text(encoding="utf-8") if path.exists() else "", page()
        stale = stale or before != after
        if not check:
            path.write_text(after, encoding="utf-8")
        elif before != after:
            names = {"fromfile": str(path), "tofile": f"{path} (rewritten)", "lineterm": ""}
            print("\n".join(difflib.unified_diff(before.splitlines(), after.splitlines(), **names)))  # noqa: T201
    if check and stale:
        sys.exit(1)


if __name__ == "__main__":
    main()
