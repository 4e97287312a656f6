"""Help and version."""

import os
import re
import shlex
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

import cio_frames
from cio_frames.cli.app import app, main
from cio_frames.cli.completion import OPERATION_NAMES
from cio_frames.cli.help_texts import COMMAND_GROUPS, EXAMPLES, EXIT_STATUSES, OPTION_GROUPS
from cio_frames.operations import OPERATIONS

PACKAGE = Path(cio_frames.__file__).parent
HEAVY = {"pandas", "pyarrow", "pandera", "requests", "starlette", "uvicorn", "jinja2"}


def commands(command, *above):
    """Yield every command by the words that one types."""
    for name, below in getattr(command, "commands", {}).items():
        yield from commands(below, *above, name)
    if not hasattr(command, "commands"):
        yield above, command


COMMANDS = dict(commands(typer.main.get_command(app)))


def sentences(command):
    """Return the help sentences of a command's options and arguments."""
    return [
        (parameter.name, sentence)
        for parameter in command.params
        for sentence in re.split(r"(?<=[.;])\s+", parameter.help or "")
    ]


def test_there_are_commands_to_check():
    assert {("load",), ("validate",), ("run",), ("sandbox",), ("spec", "check")} <= set(COMMANDS)


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_every_option_has_a_sentence(words):
    command = COMMANDS[words]
    assert command.params
    assert [parameter.name for parameter in command.params if not (parameter.help or "").strip()] == []
    assert [text for _, text in sentences(command) if not text.endswith((".", ";"))] == []


def test_no_two_options_share_a_sentence():
    owners = {}
    for command in COMMANDS.values():
        for name, sentence in sentences(command):
            owners.setdefault(sentence, set()).add(name)
    assert len(owners) > 40
    assert {sentence: names for sentence, names in owners.items() if len(names) > 1} == {}


@pytest.mark.parametrize(
    "words",
    [
        r"left out",
        r"if not said",
        r"\bof yours\b",
        r"\bis no\b",
        r"cannot be\b",
        r"otherwise",
        r"\btold\b",
        r"\basked\b",
    ],
)
def test_help_is_in_plain_words(words):
    texts = [
        text for command in COMMANDS.values() for text in (command.help, *(param.help for param in command.params))
    ]
    assert [text for text in texts if re.search(words, text or "")] == []


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
@pytest.mark.parametrize("option", ["-h", "--help"])
def test_help_is_printed_by_both_options(words, option):
    done = CliRunner().invoke(app, [*words, option])
    assert done.exit_code == 0
    assert "Usage:" in done.stdout


@pytest.mark.parametrize("words", [(), ("load",), ("sync",), ("spec", "check")], ids=" ".join)
@pytest.mark.parametrize("columns", [60, 80, 120])
def test_help_fits_the_terminal_and_cuts_no_name(monkeypatch, words, columns):
    monkeypatch.setenv("COLUMNS", str(columns))
    lines = CliRunner().invoke(app, [*words, "--help"]).stdout.splitlines()
    commands_of_examples = [line for line in lines if line.startswith("    cio-frames ")]
    assert commands_of_examples
    assert [line for line in lines if len(line) > columns and line not in commands_of_examples] == []
    assert "\u2026" not in "".join(lines)
    names = {
        name for param in getattr(COMMANDS.get(words), "params", ()) for name in (*param.opts, *param.secondary_opts)
    }
    assert {name for name in names if name.startswith("--")} <= set(" ".join(lines).replace(",", "").split())
    assert "Exit status:" in lines
    assert [line for line in lines if "<bool>" in line] == []


def test_every_option_of_a_large_command_has_a_group():
    grouped = {name for names in OPTION_GROUPS.values() for name in names}
    large = [command for command in COMMANDS.values() if len(command.params) > 12]
    assert len(large) >= 5
    ungrouped = {param.name for command in large for param in command.params if param.param_type_name == "option"}
    ungrouped -= grouped
    # Those of the sandbox are one group.
    assert ungrouped <= {param.name for param in COMMANDS["sandbox",].params}
    assert sum(map(len, OPTION_GROUPS.values())) == len(grouped)


def test_the_groups_of_commands_name_every_command():
    listed = [name for names in COMMAND_GROUPS.values() for name in names]
    assert sorted(listed) == sorted(typer.main.get_command(app).commands)


@pytest.mark.parametrize("line", [line for examples in EXAMPLES.values() for _, line in examples])
def test_an_example_is_a_command_with_options_that_exist(line):
    _, *words = shlex.split(line)
    command = next(
        (COMMANDS[tuple(words[:depth])] for depth in (2, 1) if tuple(words[:depth]) in COMMANDS),
        typer.main.get_command(app),
    )
    known = {name for param in command.params for name in param.opts} | {"--install-completion"}
    assert {word for word in words if word.startswith("-")} <= known


def test_every_command_with_statuses_or_examples_exists():
    words = {" ".join(words) for words in COMMANDS} | {""}
    assert {*EXAMPLES, *EXIT_STATUSES} <= words
    assert {*words} - {*EXAMPLES} <= {"demo"}


@pytest.mark.parametrize(
    ("line", "completed"),
    [
        ("cio-frames pay", ["payloads"]),
        ("cio-frames load --undeliv", ["--undelivered-csv"]),
        ("cio-frames load --call delete_o", ["delete_objects"]),
        ("cio-frames events eco", ["ecommerce"]),
        ("cio-frames schema ident", ["identify"]),
    ],
)
def test_a_shell_completes_commands_options_and_values(monkeypatch, capsys, line, completed):
    monkeypatch.setenv("COMP_WORDS", line)
    monkeypatch.setenv("COMP_CWORD", str(len(shlex.split(line)) - 1))
    monkeypatch.setenv("_CIO_FRAMES_COMPLETE", "complete_bash")
    with pytest.raises(SystemExit) as end:
        main([])
    assert (end.value.code, capsys.readouterr().out.split("\n")[:-1]) == (0, completed)


def test_completion_knows_every_operation():
    assert tuple(OPERATIONS) == OPERATION_NAMES


def test_bash_completes_with_the_script_that_is_shown(tmp_path):
    program = tmp_path / "cio-frames"
    program.write_text(
        f"#!/bin/sh\nexec {sys.executable} -c 'from cio_frames.cli.app import main; main()' \"$@\"\n", encoding="utf-8"
    )
    program.chmod(0o755)
    script = (
        'eval "$(cio-frames --show-completion)"; COMP_WORDS=(cio-frames payl); COMP_CWORD=1; '
        '_cio_frames_completion cio-frames; echo "${COMPREPLY[@]}"'
    )
    environment = os.environ | {"PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}"}
    done = subprocess.run(["bash", "-c", script], env=environment, capture_output=True, text=True, check=False)
    assert done.stdout.split() == ["payloads"], done.stderr


def test_the_version_is_printed():
    done = CliRunner().invoke(app, ["--version"])
    assert (done.exit_code, done.stdout) == (0, f"cio-frames {version('cio-frames')}\n")


def imported_by(code):
    """Return the top-level modules that a new interpreter has imported after some code."""
    code += "; import sys; print(*sorted({name.split('.')[0] for name in sys.modules}), file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(done.stderr.split()), done.stdout


@pytest.mark.parametrize("option", ["--help", "--version"])
def test_help_and_version_import_no_more_than_the_command_line_itself(option):
    # The package is entered without its __init__, so that only what the command line imports is seen.
    code = (
        f"import sys, types; package = types.ModuleType('cio_frames'); package.__path__ = [{str(PACKAGE)!r}]; "
        "sys.modules['cio_frames'] = package; from cio_frames.cli.app import app; "
        f"app([{option!r}], standalone_mode=False)"
    )
    names, printed = imported_by(code)
    assert printed
    assert {"typer", "cio_frames"} <= names
    assert names & HEAVY == set()


@pytest.mark.parametrize("option", ["--help", "--version"])
def test_help_and_version_of_the_program_import_no_pandas(option):
    code = f"import sys; sys.argv = ['cio-frames', {option!r}]; from cio_frames.cli.app import app; "
    names, printed = imported_by(f"{code}app(standalone_mode=False)")
    assert printed
    assert names & {*HEAVY, "numpy"} == set()


def test_the_program_can_be_run_as_a_module():
    done = subprocess.run([sys.executable, "-m", "cio_frames", "--help"], capture_output=True, text=True, check=True)
    assert (done.stderr, "sandbox" in done.stdout) == ("", True)
