"""Help of commands: options in groups, examples and exit statuses, at any width.

Rows of options become two lines each on a narrow terminal, so that no name is cut.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.text import Text

from cio_frames.cli.help_texts import COMMAND_GROUPS, EXAMPLES, EXIT_STATUSES, OPTION_GROUPS, VALUE_NAMES

_MAX_WIDTH = 120
# Below this width, what an option does stands below its name.
_NARROW = 76
_SHORT_NAME = 12
_OTHER_GROUP = "Options"


def print_help(command: Any, ctx: Any) -> None:
    """Print the help of a command: usage, what it does, arguments, options, examples, exit statuses."""
    # Made now, so that it has the stream, width and colors of this moment.
    console = Console(highlight=False, markup=False, emoji=False)
    width = min(console.width, _MAX_WIDTH)
    words = ctx.command_path
    parameters = [each for each in command.get_params(ctx) if not getattr(each, "hidden", False)]
    arguments = [each for each in parameters if each.param_type_name == "argument"]
    options = [each for each in parameters if each.param_type_name == "option"]
    below = getattr(command, "commands", {})
    usage = [words, *(["[OPTIONS]"] if options else []), *map(argument_name, arguments)]
    console.print(
        Text.assemble(("Usage: ", "bold"), " ".join([*usage, *(["COMMAND"] if below else [])])), soft_wrap=True
    )
    for paragraph in (command.help or "").strip().split("\n\n"):
        console.print()
        for line in textwrap.wrap(" ".join(paragraph.split()), width - 2):
            console.print(f"  {line}", soft_wrap=True)
    _print_rows(console, width, "Arguments", [(argument_name(each), each.help or "") for each in arguments])
    for title, members in _grouped(below, COMMAND_GROUPS, "Commands").items():
        _print_rows(console, width, title, [(name, _first_sentence(below[name].help)) for name in members])
    names = [each.name for each in options]
    for title, members in _grouped(names, OPTION_GROUPS, _OTHER_GROUP).items():
        rows = [(_option_names(each), _with_default(each)) for each in options if each.name in members]
        _print_rows(console, width, title, rows)
    key = words.partition(" ")[2]
    _print_examples(console, EXAMPLES.get(key, ()))
    _print_rows(console, width, "Exit status", list(EXIT_STATUSES.get(key, {}).items()))


def _grouped(names: Iterable[str], groups: Mapping[str, Sequence[str]], others: str) -> dict[str, list[str]]:
    """Return names by group, in the order of the groups; those of no group last."""
    known = list(names)
    found = {title: [name for name in members if name in known] for title, members in groups.items()}
    taken = {name for members in found.values() for name in members}
    found[others] = [name for name in known if name not in taken]
    return {title: members for title, members in found.items() if members}


def argument_name(argument: Any) -> str:
    """Return what the help calls an argument: in brackets if it can be left out."""
    name = str(argument.name).upper().replace("_", "-")
    return f"{name}..." if argument.nargs != 1 else name if argument.required else f"[{name}]"


def _option_names(option: Any) -> str:
    """Return the names of an option, and what its value is called."""
    short = [name for name in option.opts if not name.startswith("--")]
    long = [name for name in option.opts if name.startswith("--")]
    names = ", ".join([*short, *long, *option.secondary_opts])
    if option.is_flag:
        return names
    return f"{names} {option.metavar or value_name(option)}"


def value_name(option: Any) -> str:
    """Return what the help calls the value of an option."""
    if option.name in VALUE_NAMES:
        return VALUE_NAMES[option.name]
    if (option.help or "").startswith("Column "):
        return "COLUMN"
    # Older versions of typer have the types of click instead.
    descriptor = getattr(option, "type_descriptor", None)
    kind = str(option.type.name if descriptor is None else descriptor.annotation).lower()
    return next((name for part, name in (("path", "FILE"), ("int", "N"), ("float", "N")) if part in kind), "TEXT")


def _with_default(option: Any) -> str:
    shown = option.default
    if option.is_flag or shown is None or shown == [] or "default:" in (option.help or ""):
        return str(option.help or "")
    return f"{option.help} [default: {shown}]"


def _first_sentence(text: str | None) -> str:
    return " ".join((text or "").split("\n\n")[0].split())


def _print_rows(console: Console, width: int, title: str, rows: Sequence[tuple[str, str]]) -> None:
    """Print names and what they are, side by side if there is room."""
    if not rows:
        return
    console.print()
    console.print(Text(f"{title}:", "bold"))
    longest = max(len(name) for name, _ in rows)
    # A name that is longer stands on a line of its own.
    left = 2 if width < _NARROW and longest > _SHORT_NAME else min(longest, width // 3)
    for name, text in rows:
        lines = textwrap.wrap(text, width - left - 4) or [""]
        if len(name) > left:
            console.print(Text(f"  {name}", "cyan"), soft_wrap=True)
        else:
            console.print(Text.assemble("  ", (name.ljust(left), "cyan"), f"  {lines.pop(0)}"), soft_wrap=True)
        for line in lines:
            console.print(f"{'':{left + 4}}{line}", soft_wrap=True)


def _print_examples(console: Console, examples: Sequence[tuple[str, str]]) -> None:
    if examples:
        console.print()
        console.print(Text("Examples:", "bold"))
    for what, line in examples:
        console.print(Text(f"  {what}", "dim"), soft_wrap=True)
        # Not wrapped, so that it can be copied.
        console.print(f"    {line}", soft_wrap=True)
