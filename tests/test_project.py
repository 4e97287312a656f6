"""What holds for the project as a whole: layers, names, exports, documents."""

import ast
import doctest
import inspect
import json
import re
import shlex
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

import pytest
from typer.testing import CliRunner

import cio_frames as cio
from cio_frames.cli.app import app

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "cio_frames"

# The parts of the package from the lowest to the highest layer, and which of the lower parts each may import. Imports
# for type checkers count like all others.
MAY_IMPORT = {
    "errors": "",
    "_util": "errors",
    "results": "_util errors",
    "arrow": "_util errors",
    "spec": "_util errors",
    "columns": "_util errors spec",
    "client": "_util errors spec",
    "encoding": "_util errors arrow spec columns",
    "validation": "_util errors arrow spec columns encoding",
    "delivery": "_util errors results client",
    "report": "_util errors arrow spec columns encoding validation",
    "pipeline": "_util errors results arrow spec columns client encoding validation delivery report",
    "audit": "_util errors delivery",
    "loading": "_util errors results arrow spec columns client encoding validation delivery report pipeline",
    "syncing": "_util errors results arrow spec columns client encoding validation delivery report pipeline audit "
    "loading",
    "samples": "_util errors spec loading",
    "summaries": "_util errors results validation",
    # Functions find it by name when they are given an engine's frame, so that nothing imports it before.
    "engines": "_util errors results arrow columns client encoding validation delivery report pipeline loading",
    "functions": "_util errors arrow columns client report pipeline loading syncing",
    "operations": "_util errors arrow columns client pipeline audit functions",
    "accessor": "functions operations",
    "dask": "errors accessor",
    "spark": "errors accessor",
    # The sandbox must not share the encoder's bugs; it makes a Client only for its users.
    "sandbox": "_util errors spec client",
    "testing": "sandbox",
    "notebook_completion": "spec",
    "cli": "_util errors results arrow spec columns client validation delivery report pipeline audit loading syncing "
    "functions operations sandbox cio_frames",
    "__main__": "cli",
    "__init__": "_util errors results client columns validation report loading syncing functions operations accessor "
    "samples summaries sandbox notebook_completion",
}
PARTS = list(MAY_IMPORT)


def imported(path):
    """Return the parts of the package that a module imports, also inside functions and for type checkers."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] == "cio_frames":
            parts = node.module.split(".")[1:]
            yield from [parts[0]] if parts else [alias.name for alias in node.names]
        elif isinstance(node, ast.Import):
            names = [alias.name.split(".") for alias in node.names]
            yield from ([*parts, "cio_frames"][1] for parts in names if parts[0] == "cio_frames")


def part(path):
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


MODULES = sorted(PACKAGE.rglob("*.py"))


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_a_module_imports_only_what_the_table_allows(path):
    name = part(path)
    assert set(imported(path)) - {name} <= set(MAY_IMPORT[name].split())


@pytest.mark.parametrize("name", [name for name in PARTS if name != "cli"])
def test_the_table_allows_imports_of_lower_layers_only(name):
    assert set(MAY_IMPORT[name].split()) <= set(PARTS[: PARTS.index(name)])


# What a plain import must not load, and the modules or parts that may.
@pytest.mark.parametrize(
    ("library", "owners"),
    [
        ("pandera", {"validation"}),
        ("requests", {"delivery/connection"}),
        ("urllib3", {"delivery/connection"}),
        (
            "sqlite3",
            {
                "loading/ledger",
                "loading/ledger_file",
                "loading/ledger_list",
                "loading/lock",
                "sandbox/store",
                "syncing/run_list",
                "syncing/state",
            },
        ),
        ("jinja2", {"report", "sandbox"}),
        ("starlette", {"sandbox"}),
        ("uvicorn", {"sandbox"}),
        ("typer", {"cli"}),
        ("tqdm", {"_util"}),
        ("dask", {"dask", "engines/dask_engine"}),
        ("pyspark", {"spark", "engines/spark_engine", "engines/spark_source"}),
        ("pytest", {"testing"}),
    ],
)
def test_a_library_is_imported_by_its_owner_only(library, owners):
    users = {path.relative_to(PACKAGE).with_suffix("").as_posix() for path in MODULES if library in libraries(path)}
    assert users
    assert {user for user in users if user not in owners and user.split("/")[0] not in owners} == set()


def libraries(path):
    """Return the libraries that a module imports at run time."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for_type_checkers = {
        id(node)
        for block in ast.walk(tree)
        if isinstance(block, ast.If) and isinstance(block.test, ast.Name) and block.test.id == "TYPE_CHECKING"
        for statement in block.body
        for node in ast.walk(statement)
    }
    found = set()
    for node in ast.walk(tree):
        if id(node) in for_type_checkers:
            continue
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.add(node.module.split(".")[0])
    return found


# Names that two modules define. Remove a name from here once one module has it; add none.
DEFINED_TWICE: set[str] = set()


def test_no_top_level_name_is_defined_in_two_modules():
    assert defined_twice() - DEFINED_TWICE == set()


def test_the_list_of_names_that_are_defined_twice_only_shrinks():
    assert DEFINED_TWICE - defined_twice() == set()


def defined_twice():
    """Return the top-level names that more than one module of the package defines."""
    modules = defaultdict(set)
    for path in MODULES:
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            match node:
                case ast.FunctionDef() | ast.ClassDef():
                    names = [node.name]
                case ast.Assign():
                    names = [target.id for target in node.targets if isinstance(target, ast.Name)]
                case ast.AnnAssign(target=ast.Name()):
                    names = [node.target.id]
                case _:
                    names = []
            for name in names:
                modules[name].add(path)
    return {name for name, paths in modules.items() if len(paths) > 1 and not name.startswith("__")}


def test_dir_shows_the_public_names_and_nothing_else():
    assert sorted(dir(cio)) == sorted([*cio.__all__, "__version__"])
    assert list(cio.__all__) == sorted(cio.__all__)


@pytest.mark.parametrize("name", [*cio.__all__, "__version__"])
def test_every_public_name_exists(name):
    assert getattr(cio, name) is not None


def test_a_name_that_does_not_exist_is_an_attribute_error():
    with pytest.raises(AttributeError, match="module 'cio_frames' has no attribute 'trak'"):
        cio.trak  # noqa: B018


def test_the_version_is_that_of_the_project():
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    assert cio.__version__ == re.search(r'^version = "(.+)"$', project, re.M)[1]


def is_error(value):
    return isinstance(value, type) and issubclass(value, Exception)


@pytest.mark.parametrize("name", cio.__all__)
def test_everything_public_has_a_docstring(name):
    assert getattr(cio, name).__doc__


def examples(*docs):
    """Return the code of the examples in some texts."""
    return "".join(example.source for doc in docs for example in doctest.DocTestParser().get_examples(doc or ""))


def members(cls):
    """Return the documented members of a class, and of its bases in the same package."""
    package = cls.__module__.partition(".")[0]
    classes = [each for each in cls.__mro__ if each.__module__.startswith(package)]
    found = {
        name: value for each in reversed(classes) for name, value in vars(each).items() if not name.startswith("_")
    }
    return {name: inspect.getdoc(value) for name, value in found.items() if isinstance(value, WITH_DOCSTRING)}


def without_example(cls):
    """Return the members of a class that no example of its docstrings uses."""
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


def test_a_member_without_an_example_is_found():
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


# Only Ctrl-C raises an InterruptedLoad.
@pytest.mark.parametrize(
    "name", [name for name in cio.__all__ if is_error(getattr(cio, name)) and name != "InterruptedLoad"]
)
def test_an_error_has_an_example_that_catches_it(name):
    page = ROOT / "notebooks" / "guides" / "reference" / "errors.md"
    assert f"except cio.{name} as error" in examples(page.read_text(encoding="utf-8"))


# What takes longer to import than it is worth where it is not used.
HEAVY = {
    "dask",
    "distributed",
    "jinja2",
    "pandera",
    "pyspark",
    "requests",
    "rich",
    "sqlite3",
    "starlette",
    "tqdm",
    "typer",
    "urllib3",
    "uvicorn",
}


def loaded_by(code):
    """Return the heavy libraries that an interpreter has loaded after some code."""
    code = f"import json, sys; before = set(sys.modules); {code}; print(json.dumps(sorted(set(sys.modules) - before)))"
    command = [sys.executable, "-W", "error", "-c", f"import pandas; {code}"]
    run = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT)
    names = set(json.loads(run.stdout))
    ours = {f"cio_frames.{part}" for part in ("cli", "engines", "loading", "sandbox")} & names
    return {name.split(".")[0] for name in names} & HEAVY | ours


def test_importing_the_package_loads_nothing_that_is_needed_later():
    assert loaded_by("import cio_frames") == set()
    assert loaded_by("import cio_frames; cio_frames.Client(write_key='k'); dir(cio_frames)") == set()


def test_a_public_name_is_imported_at_its_first_use():
    assert "cio_frames.sandbox" in loaded_by("from cio_frames import Sandbox")
    assert "pandera" in loaded_by("import cio_frames; cio_frames.schema('track')")


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
    """Return every command as it is typed, those of a group after its name."""
    own = [(*above, command.name or command.callback.__name__) for command in typer_app.registered_commands]
    groups = [commands(group.typer_instance, *above, group.name) for group in typer_app.registered_groups]
    return sum(groups, own)


def test_a_command_of_a_group_is_one_of_the_commands():
    assert ("spec", "check") in commands(app)


@pytest.mark.parametrize("command", commands(app), ids=" ".join)
def test_every_command_is_documented_and_has_help(command):
    pages = [ROOT / "README.md", ROOT / "notebooks" / "guides" / "command_line.md"]
    text = "".join(page.read_text(encoding="utf-8") for page in pages if page.exists())
    assert f"cio-frames {' '.join(command)}" in text
    run = CliRunner().invoke(app, [*command, "--help"])
    assert run.exit_code == 0
    assert len(run.stdout) > 200


def test_no_text_of_the_project_has_an_emoji():
    emoji = re.compile("[\U0001f000-\U0001faff\u2600-\u27bf\u2b50]")
    endings = {".py", ".md", ".yaml", ".toml", ".yml"}
    folders = [PACKAGE, ROOT / "schemas", ROOT / "sample_data", ROOT / "notebooks", ROOT / ".github"]
    paths = [path for folder in folders for path in folder.rglob("*") if path.suffix in endings]
    assert [path for path in [*paths, *ROOT.glob("*.md")] if emoji.search(path.read_text(encoding="utf-8"))] == []
