"""The guides and the README are right: commands print what they show, links resolve, statuses and columns are complete.

Their Python examples run as doctests.
"""

import ast
import doctest
import re
import shlex

import pandas as pd
import pytest
import yaml

import cio_frames as cio
from cio_frames.cli.app import main
from cio_frames.cli.job_file import CLIENT_KEYS, COLUMN_KEYS, KEYS
from cio_frames.results import STATUSES
from tests.run_notebooks import NOTEBOOKS
from tests.test_project import MAY_IMPORT

ROOT = NOTEBOOKS.parent
GUIDES = NOTEBOOKS / "guides"
PAGES = sorted(GUIDES.rglob("*.md"))
FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


def read(path):
    return path.read_text(encoding="utf-8")


def fenced(path, language):
    return re.findall(rf"```{language}\n(.*?)```", read(path), re.S)


def steps(page):
    """Yield the steps of a guide, in order: files (YAML that begins with a file name) and cio-frames commands.

    A command comes with its expected output and exit status; the default status is 0.
    """
    for language, block in re.findall(r"```(yaml|console)\n(.*?)```", read(page), re.S):
        if language == "yaml":
            name = re.match(r"# ([\w/]+\.yaml)\n", block)
            if name:
                yield name[1], block, None
            continue
        parts = re.split(r"^\$ ", block, flags=re.M)[1:]
        for part, after in zip(parts, [*parts[1:], ""], strict=True):
            command, _, printed = part.partition("\n")
            status = re.match(r"echo \$\?\n(\d+)", after)
            if command.startswith("cio-frames"):
                yield command, printed, int(status[1]) if status else 0


def commands(page):
    return [step for step in steps(page) if step[2] is not None]


WITH_COMMANDS = [page for page in PAGES if commands(page)]


@pytest.mark.parametrize("page", WITH_COMMANDS, ids=lambda page: page.stem)
def test_the_commands_of_a_guide_print_and_end_as_it_says(page, sandbox, monkeypatch, tmp_path, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CIO_WRITE_KEY", sandbox.client.write_key)
    monkeypatch.setenv("CIO_ENDPOINT", sandbox.url)
    (tmp_path / "sample_data").symlink_to(ROOT / "sample_data")
    for command, text, status in steps(page):
        if status is None:
            (tmp_path / command).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / command).write_text(text, encoding="utf-8")
            continue
        with pytest.raises(SystemExit) as end:
            main(shlex.split(command)[1:])
        # stdout, then stderr.
        printed = "".join(capsys.readouterr())
        assert (end.value.code or 0) == status, f"{command}\n{printed}"
        assert doctest.OutputChecker().check_output(text, printed, FLAGS), f"{command}\n{printed}"


def test_there_are_commands_in_the_guides_to_check():
    assert {page.stem for page in WITH_COMMANDS} >= {"command_line", "validation_in_ci", "scheduling"}
    assert {status for page in WITH_COMMANDS for _, _, status in commands(page)} == {0, 1, 2, 3}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_code_that_is_not_run_can_be_read(page):
    for code in fenced(page, "python"):
        ast.parse(code)
    for text in fenced(page, "yaml"):
        assert yaml.safe_load(text)


def anchors(page):
    """Return the anchors of the headings of a page, in the form that code hosts use."""
    headings = re.findall(r"^#+ (.+)$", re.sub(r"```.*?```", "", read(page), flags=re.S), re.M)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


SITE = [NOTEBOOKS / name for name in ("index.md", "notebooks.md")]
LINKING = [*PAGES, *SITE, *(ROOT / name for name in ("README.md", "CHANGELOG.md", "CONTRIBUTING.md"))]


@pytest.mark.parametrize("page", LINKING, ids=lambda page: page.stem)
def test_a_link_leads_to_a_file_and_to_a_heading_in_it(page):
    for target, anchor in re.findall(r"\]\(([^)#:]*)(?:#([^):]*))?\)", read(page)):
        path = page.parent / target if target else page
        assert path.exists(), target
        assert not anchor or anchor in anchors(path), f"{target}#{anchor}"


def test_the_guide_on_job_files_has_every_key():
    section = read(GUIDES / "scheduling.md").partition("## A job file")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| (`\w+`[^|]*) \|", section, re.M)
    assert {name for row in rows for name in re.findall(r"`(\w+)`", row)} == KEYS
    meanings = dict(re.findall(r"^\| `(columns|client)` \| (.*) \|$", section, re.M))
    for key, known in (("columns", COLUMN_KEYS), ("client", CLIENT_KEYS)):
        assert set(re.findall(r"`(\w+)`", meanings[key].partition(": ")[2])) == known


def test_the_guide_on_statuses_has_them_all_in_order():
    assert tuple(re.findall(r"^\| `(\w+)` \|", read(GUIDES / "statuses.md"), re.M)) == STATUSES


def test_the_guide_and_the_reference_explain_a_status_in_the_same_words():
    pages = [GUIDES / "statuses.md", GUIDES / "reference" / "frames.md"]
    tables = [dict(re.findall(r"^\| `(\w+)` \| ([^|]+) \|", read(page), re.M)) for page in pages]
    guide, reference = ({status: table[status] for status in STATUSES} for table in tables)
    assert guide == reference


def test_the_readme_is_short_and_its_first_screen_has_a_picture_the_installation_and_an_example():
    lines = read(ROOT / "README.md").splitlines()
    assert len(lines) <= 190
    screen = "\n".join(lines[:40])
    assert re.search(r"<img alt=.+\.png.*pip install.*>>> .*\*\*Next:\*\*", screen, re.S)


def test_contributing_has_the_table_of_imports():
    rows = re.findall(r"^\| `(\w+)` \| .+ \| (.*) \|$", read(ROOT / "CONTRIBUTING.md"), re.M)
    assert {part: " ".join(re.findall(r"`(\w+)`", imports)) for part, imports in rows} == MAY_IMPORT


def test_every_guide_and_every_notebook_is_in_the_readme():
    readme = read(ROOT / "README.md")
    pages = [
        path
        for path in [*GUIDES.glob("*.md"), *NOTEBOOKS.glob("*.ipynb")]
        if path.name not in ("guides.md", "changelog.md")
    ]
    assert [path.name for path in pages if f"({path.relative_to(ROOT).as_posix()})" not in readme] == []


def test_every_notebook_is_in_the_list_of_notebooks_and_in_its_menu():
    listed = read(NOTEBOOKS / "notebooks.md")
    names = [path.stem for path in sorted(NOTEBOOKS.glob("*.ipynb"))]
    assert re.findall(r"^\| \[\w+\]\((\w+)\.ipynb\)", listed, re.M) == names
    assert re.findall(r"^(\d\d_\w+)$", listed, re.M) == names


def test_every_method_is_in_the_table_of_methods():
    listed = re.findall(r"^   ~CioAccessor\.(\w+)$", read(GUIDES / "reference" / "accessor.md"), re.M)
    assert sorted(listed) == sorted(name for name in vars(cio.CioAccessor) if not name.startswith("_"))


def reference():
    return "\n".join(read(page) for page in (GUIDES / "reference").glob("*.md"))


@pytest.mark.parametrize("name", cio.__all__)
def test_every_public_name_is_in_the_reference(name):
    assert re.search(rf"^ *(\.\. auto\w+:: )?(cio_frames\.)?{name}$", reference(), re.M)


def test_the_reference_has_the_columns_and_statuses_of_a_result_in_order():
    result = cio.identify(pd.DataFrame({"user_id": ["ada"]}), dry_run=True)
    listed = re.findall(r"^\| `(\w+)` \|", read(GUIDES / "reference" / "frames.md"), re.M)
    assert listed == [*result.columns, *STATUSES]
