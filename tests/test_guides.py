"""The guides keep their word: commands print what they show, links lead somewhere, statuses and columns are all there.

Their Python examples run as doctests.
"""

import ast
import doctest
import re
import shlex

import pandas as pd
import pytest
import yaml
from typer.testing import CliRunner

import cio_frames as cio
from cio_frames.cli import app
from cio_frames.results import STATUSES
from tests.run_notebooks import NOTEBOOKS

ROOT = NOTEBOOKS.parent
GUIDES = NOTEBOOKS / "guides"
PAGES = sorted(GUIDES.rglob("*.md"))
FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


def read(path):
    return path.read_text(encoding="utf-8")


def fenced(path, language):
    return re.findall(rf"```{language}\n(.*?)```", read(path), re.S)


def sessions():
    """Return what guides show of our commands: each with what it prints, and the exit status that is asked for."""
    for page in PAGES:
        for block in fenced(page, "console"):
            command, _, printed = block.removeprefix("$ ").partition("\n")
            if command.startswith("cio-frames"):
                printed, _, status = printed.partition("$ echo $?\n")
                yield pytest.param(command, printed, int(status or 0), id=f"{page.stem}: {command[:50]}")


@pytest.mark.parametrize(("command", "printed", "status"), list(sessions()))
def test_a_command_in_a_guide_prints_and_ends_as_the_guide_says(command, printed, status, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "sample_data").symlink_to(ROOT / "sample_data")
    run = CliRunner().invoke(app, shlex.split(command)[1:])
    assert run.exit_code == status, run.output
    assert doctest.OutputChecker().check_output(printed, run.stdout, FLAGS), run.stdout


def test_there_are_commands_in_the_guides_to_check():
    assert [each.values[2] for each in sessions()] == [0, 1]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_code_that_is_not_run_can_be_read(page):
    for code in fenced(page, "python"):
        ast.parse(code)
    for text in fenced(page, "yaml"):
        assert yaml.safe_load(text)


@pytest.mark.parametrize("page", [*PAGES, ROOT / "README.md"], ids=lambda page: page.stem)
def test_a_link_to_a_file_leads_to_one(page):
    targets = re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", read(page))
    assert [target for target in targets if not (page.parent / target).exists()] == []


def test_the_guide_on_statuses_has_them_all_in_order():
    assert tuple(re.findall(r"^\| `(\w+)` \|", read(GUIDES / "statuses.md"), re.M)) == STATUSES


def test_what_a_status_means_is_said_in_the_same_words_everywhere():
    pages = [ROOT / "README.md", GUIDES / "statuses.md", GUIDES / "reference" / "frames.md"]
    told = [dict(re.findall(r"^\| `(\w+)` \| ([^|]+) \|", read(page), re.M)) for page in pages]
    meanings = [{status: words[status] for status in STATUSES} for words in told]
    assert meanings[0] == meanings[1] == meanings[2]


def test_every_guide_and_every_notebook_is_in_the_readme():
    readme = read(ROOT / "README.md")
    wanted = [
        path
        for path in [*GUIDES.glob("*.md"), *NOTEBOOKS.glob("*.ipynb")]
        if path.name not in ("index.md", "guides.md")
    ]
    assert [path.name for path in wanted if f"({path.relative_to(ROOT).as_posix()})" not in readme] == []


def reference():
    return "\n".join(read(page) for page in (GUIDES / "reference").glob("*.md"))


@pytest.mark.parametrize("name", cio.__all__)
def test_every_public_name_is_in_the_reference(name):
    assert re.search(rf"^(\.\. auto\w+:: )?(cio_frames\.)?{name}$", reference(), re.M)


def test_the_reference_has_the_columns_and_statuses_of_a_result_in_order():
    result = cio.identify(pd.DataFrame({"user_id": ["ada"]}), dry_run=True)
    told = re.findall(r"^\| `(\w+)` \|", read(GUIDES / "reference" / "frames.md"), re.M)
    assert told == [*result.columns, *STATUSES]
