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

import cio_frames as cio
from cio_frames.cli.app import main
from cio_frames.cli.job_file import CLIENT_KEYS, COLUMN_KEYS, KEYS
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


def steps(page):
    """Yield what a guide does, in order: files (YAML that begins with its name) and our commands.

    A command has what it prints, and the exit status that is asked for, or else 0.
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
        # As on a terminal: what is for people comes after what is for programs.
        printed = "".join(capsys.readouterr())
        assert (end.value.code or 0) == status, f"{command}\n{printed}"
        assert doctest.OutputChecker().check_output(text, printed, FLAGS), f"{command}\n{printed}"


def test_there_are_commands_in_the_guides_to_check():
    assert {page.stem for page in WITH_COMMANDS} >= {"validation_in_ci", "scheduling"}
    assert {status for page in WITH_COMMANDS for _, _, status in commands(page)} == {0, 1, 2}


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


def test_the_guide_on_job_files_has_every_key():
    section = read(GUIDES / "scheduling.md").partition("## A job file")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| (`\w+`[^|]*) \|", section, re.M)
    assert {name for row in rows for name in re.findall(r"`(\w+)`", row)} == KEYS
    told = dict(re.findall(r"^\| `(columns|client)` \| (.*) \|$", section, re.M))
    for key, known in (("columns", COLUMN_KEYS), ("client", CLIENT_KEYS)):
        assert set(re.findall(r"`(\w+)`", told[key].partition(": ")[2])) == known


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
