"""What holds for the project as a whole: exports, imports, docs."""

import ast
import doctest
import inspect
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

import cio_frames as cio
from cio_frames.cli.app import app

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "cio_frames"

# Each part of the package, and the parts it may import: one direction, upper rows only.
MAY_IMPORT = {
    "_util": set(),
    "errors": {"_util"},
    "spec": {"_util", "errors"},
    "columns": {"_util", "spec", "errors"},
    "arrow": {"_util"},
    "results": {"_util"},
    "encoding": {"_util", "spec", "columns", "arrow", "errors"},
    "validation": {"_util", "spec", "columns", "arrow", "encoding", "errors"},
    "client": {"_util", "spec", "errors"},
    "delivery": {"_util", "client", "results", "errors"},
    "report": {"_util", "spec", "columns", "arrow", "encoding", "validation", "errors"},
    "pipeline": {
        "_util", "spec", "columns", "arrow", "encoding", "validation", "client", "delivery", "report", "results",
        "errors",
    },
    "audit": {"errors"},
    "loading": {
        "_util", "spec", "columns", "arrow", "encoding", "validation", "client", "delivery", "report", "results",
        "pipeline", "errors",
    },
    "functions": {
        "_util", "spec", "columns", "validation", "report", "encoding", "client", "pipeline", "loading", "errors",
    },
    "operations": {"functions", "pipeline", "columns", "client", "audit", "errors"},
    "accessor": {"functions", "operations", "columns", "report", "client"},
    # The sandbox must not share the encoder's bugs; it makes a Client only to hand it out.
    "sandbox": {"spec", "errors", "client"},
    "testing": {"sandbox"},
    "__main__": {"cli"},
    "cli": {
        "_util", "functions", "pipeline", "spec", "columns", "loading", "results", "sandbox", "errors", "client",
        "validation", "cio_frames",
    },
}  # fmt: skip


def imported(path):
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] == "cio_frames":
            parts = node.module.split(".")[1:]
            yield from [parts[0]] if parts else [alias.name for alias in node.names]
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name == "cio_frames")


def part(path):
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


@pytest.mark.parametrize("path", sorted(PACKAGE.rglob("*.py")), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_a_module_imports_only_what_the_table_allows(path):
    name = part(path)
    if name == "__init__":
        return
    assert set(imported(path)) - {name} <= MAY_IMPORT[name]


@pytest.mark.parametrize(
    ("library", "owners"),
    [
        ("pandera", {"validation"}),
        ("jinja2", {"report", "sandbox"}),
        ("requests", {"delivery"}),
        ("starlette", {"sandbox"}),
        ("uvicorn", {"sandbox"}),
        ("typer", {"cli"}),
        ("tqdm", {"_util"}),
        ("pytest", {"testing"}),
    ],
)
def test_a_library_has_one_owner(library, owners):
    pattern = re.compile(rf"^\s*(import|from) {library}\b", re.M)
    users = {part(path) for path in PACKAGE.rglob("*.py") if pattern.search(path.read_text(encoding="utf-8"))}
    assert users == owners


def test_what_is_exported_is_what_is_listed():
    names = {name for name, value in vars(cio).items() if not name.startswith("_") and not is_module(value)}
    assert names == set(cio.__all__)
    assert list(cio.__all__) == sorted(cio.__all__)


def is_module(value):
    return isinstance(value, type(sys))


def is_error(value):
    return isinstance(value, type) and issubclass(value, Exception)


@pytest.mark.parametrize("name", cio.__all__)
def test_everything_public_has_a_docstring(name):
    assert getattr(cio, name).__doc__


def examples(*docs):
    """Return the code of the examples in some texts."""
    return "".join(example.source for doc in docs for example in doctest.DocTestParser().get_examples(doc or ""))


def members(cls):
    """Return the documented members of a class, those that it inherits from classes of ours among them."""
    ours = [each for each in cls.__mro__ if each.__module__.startswith(cls.__module__.partition(".")[0])]
    found = {name: value for each in reversed(ours) for name, value in vars(each).items() if not name.startswith("_")}
    return {name: inspect.getdoc(value) for name, value in found.items() if isinstance(value, WITH_DOCSTRING)}


def without_example(cls):
    """Return the members of a class that no example of the class's docstrings uses."""
    docs = members(cls)
    code = examples(cls.__doc__, *docs.values())
    return [name for name in docs if not re.search(rf"\.{name}\b", code)]


WITH_DOCSTRING = (property, classmethod, staticmethod, type(lambda: None))
CLASSES = [name for name in cio.__all__ if isinstance(getattr(cio, name), type) and not is_error(getattr(cio, name))]


@pytest.mark.parametrize("name", [name for name in cio.__all__ if inspect.isfunction(getattr(cio, name))])
def test_a_function_has_an_example_that_calls_it(name):
    assert re.search(rf"\b{name}\(", examples(getattr(cio, name).__doc__))


@pytest.mark.parametrize("name", CLASSES)
def test_every_member_of_a_class_is_in_an_example(name):
    assert members(getattr(cio, name))
    assert without_example(getattr(cio, name)) == []


def test_a_member_without_an_example_is_told():
    class Report:
        """A report.

        >>> Report().shown()
        """

        def shown(self):
            """Show it; see hidden()."""

        def hidden(self):
            """Hide it."""

        @property
        def size(self):
            """How large it is."""

    assert without_example(Report) == ["hidden", "size"]


# Nothing but Ctrl-C shows it.
@pytest.mark.parametrize(
    "name", [name for name in cio.__all__ if is_error(getattr(cio, name)) and name != "InterruptedLoad"]
)
def test_an_error_has_an_example_that_runs_into_it(name):
    page = ROOT / "notebooks" / "guides" / "reference" / "errors.md"
    assert f"except cio.{name} as error" in examples(page.read_text(encoding="utf-8"))


def test_importing_the_package_asks_for_no_key_and_starts_no_server():
    code = "import sys, cio_frames; print('uvicorn' in sys.modules, 'starlette' in sys.modules)"
    run = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.split() == ["False", "False"]


def readme_commands():
    """Return the commands of the README with what they print."""
    blocks = re.findall(r"```console\n(.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), re.S)
    commands = [part for block in blocks for part in re.split(r"^\$ ", block, flags=re.M) if part.strip()]
    return [command.partition("\n")[::2] for command in commands if command.startswith("cio-frames")]


@pytest.mark.parametrize(("command", "printed"), readme_commands())
def test_a_command_in_the_readme_prints_what_the_readme_says(command, printed, sandbox, monkeypatch, tmp_path):
    monkeypatch.setenv("CIO_WRITE_KEY", "sandbox")
    monkeypatch.setenv("CIO_ENDPOINT", sandbox.url)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "sample_data").symlink_to(ROOT / "sample_data")
    run = CliRunner().invoke(app, shlex.split(command)[1:])
    assert run.exit_code == 0, run.output
    flags = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
    assert doctest.OutputChecker().check_output(printed, run.stdout, flags), run.stdout


def test_there_are_commands_in_the_readme_to_check():
    assert len(readme_commands()) >= 1


def commands(typer_app, *above):
    """Return every command as one types it, those of a group behind its name."""
    own = [(*above, command.name or command.callback.__name__) for command in typer_app.registered_commands]
    groups = [commands(group.typer_instance, *above, group.name) for group in typer_app.registered_groups]
    return sum(groups, own)


def test_a_command_of_a_group_is_one_of_the_commands():
    assert ("spec", "check") in commands(app)


@pytest.mark.parametrize("command", commands(app), ids=" ".join)
def test_every_command_is_in_the_readme_and_has_help(command):
    assert f"cio-frames {' '.join(command)}" in (ROOT / "README.md").read_text(encoding="utf-8")
    run = CliRunner().invoke(app, [*command, "--help"])
    assert run.exit_code == 0
    assert len(run.stdout) > 200


def test_no_text_of_the_project_has_an_emoji():
    emoji = re.compile("[\U0001f000-\U0001faff\u2600-\u27bf\u2b50]")
    endings = {".py", ".md", ".yaml", ".toml", ".yml"}
    folders = [PACKAGE, ROOT / "schemas", ROOT / "sample_data", ROOT / "notebooks", ROOT / ".github"]
    paths = [path for folder in folders for path in folder.rglob("*") if path.suffix in endings]
    assert [path for path in [*paths, *ROOT.glob("*.md")] if emoji.search(path.read_text(encoding="utf-8"))] == []
