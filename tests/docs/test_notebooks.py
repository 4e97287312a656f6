"""Every notebook runs from top to bottom, and its outputs are those in the repository."""

import base64
import inspect
import re
import sys

import nbformat
import pandas as pd
import pytest

import cio_frames as cio
from tests.run_notebooks import NOTEBOOKS, PICTURE, execute, normalize, paths, to_json, without_pictures

pytestmark = [
    pytest.mark.filterwarnings("ignore:Proactor event loop does not implement add_reader:RuntimeWarning"),
]
# The saved outputs are from pandas 3. Other versions run the notebooks, but print some frames differently.
COMPARES_OUTPUTS = pd.__version__.startswith("3.")
EMOJI = re.compile("[\U0001f000-\U0001faff\u2600-\u27bf\u2b50]")
# Notebooks show how to use the library, not how to go around it.
LOW_LEVEL = {"http", "socket", "sqlite3", "ssl", "urllib"}
MARK = "# WHERE TO SEND: the only cell to change."

each = pytest.mark.parametrize("path", paths(), ids=lambda path: path.stem)


def cells(path, kind):
    return [cell for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == kind]


def differences(notebook, saved):
    """Return the outputs of a run that differ from the saved ones, by cell."""
    pairs = zip(notebook.cells, saved.cells, strict=True)
    return [f"{new.id}: {new.outputs}\nsaved: {old.outputs}" for new, old in pairs if outputs(new) != outputs(old)]


def outputs(cell):
    return cell.get("outputs", [])


@each
def test_a_notebook_runs_and_its_outputs_are_the_saved_ones(path):
    notebook, saved = execute(path), nbformat.read(path, as_version=4)
    if COMPARES_OUTPUTS:
        assert differences(without_pictures(notebook), without_pictures(saved)) == []
        assert to_json(without_pictures(notebook)) == to_json(without_pictures(saved))
    assert to_json(normalize(saved)) == path.read_text(encoding="utf-8"), "make notebooks writes it in this form"


def test_an_output_that_no_longer_matches_is_reported():
    path = NOTEBOOKS / "00_setup_and_configuration.ipynb"
    notebook, saved = nbformat.read(path, as_version=4), nbformat.read(path, as_version=4)
    changed = next(cell for cell in notebook.cells if outputs(cell))
    changed.outputs[0]["text"] += " and more"
    assert [line.partition(":")[0] for line in differences(notebook, saved)] == [changed.id]


# The second one also sends from a process of its own.
@pytest.mark.parametrize("name", ["04_device_management", "11_data_migration"])
def test_a_key_in_the_environment_does_not_lead_a_notebook_to_the_real_api(name, monkeypatch):
    with cio.Sandbox(write_key="real") as real:
        monkeypatch.setenv("CIO_WRITE_KEY", "real")
        monkeypatch.setenv("CIO_ENDPOINT", real.url)
        notebook = execute(NOTEBOOKS / f"{name}.ipynb")
    assert len(real.requests()) == 0
    assert "Sending to the sandbox." in str([outputs(cell) for cell in notebook.cells])


@each
def test_a_notebook_has_no_emoji(path):
    assert EMOJI.search(path.read_text(encoding="utf-8")) is None


@each
def test_a_notebook_says_in_one_sentence_what_it_shows(path):
    title, summary = cells(path, "markdown")[0].source.split("\n\n")[:2]
    assert title.startswith("# ")
    assert re.fullmatch(r"This notebook shows (?:(?!\. ).)+\.", " ".join(summary.split()))


@each
def test_a_notebook_uses_the_library_and_nothing_below_it(path):
    code = "\n".join(cell.source for cell in cells(path, "code"))
    imports = re.findall(r"^ *(?:import|from) .*", code, re.M)
    assert "import cio_frames as cio" in imports
    modules = {line.split()[1].partition(".")[0] for line in imports if line != "import cio_frames as cio"}
    assert modules <= (sys.stdlib_module_names | {"pandas", "pandera"}) - LOW_LEVEL


def test_the_notebooks_together_use_every_function():
    code = "\n".join(cell.source for path in paths() for cell in cells(path, "code"))
    # Who reads a notebook has copied it already.
    functions = [name for name in cio.__all__ if inspect.isfunction(getattr(cio, name)) and name != "notebooks"]
    assert len(functions) >= 20
    assert [name for name in functions if f".{name}(" not in code] == []


@each
def test_one_marked_cell_chooses_where_to_send_and_it_is_the_same_everywhere(path):
    marked = [cell.source for cell in cells(path, "code") if cell.source.startswith(MARK)]
    assert marked == [cells(paths()[0], "code")[1].source]
    assert "\nclient = sandbox.client " in marked[0]
    others = [cell.source for cell in cells(path, "code") if cell.source not in marked]
    assert not any("from_env()" in source or "Sandbox(" in source for source in others)


@each
def test_a_notebook_ends_by_looking_at_what_arrived(path):
    source = nbformat.read(path, as_version=4).cells
    heading = max(place for place, cell in enumerate(source[:-1]) if cell.source.startswith("## "))
    assert source[heading].source.startswith("## What arrived")
    assert "sandbox." in "".join(cell.source for cell in source[heading:-1])


@each
def test_the_last_cell_of_a_notebook_is_something_to_try(path):
    title, text = nbformat.read(path, as_version=4).cells[-1].source.split("\n\n")
    assert title == "## Try it"
    assert len(text.splitlines()) <= 3


@each
def test_a_notebook_shows_that_its_cells_ran_in_order(path):
    counts = [cell.execution_count for cell in cells(path, "code")]
    assert counts == list(range(1, len(counts) + 1))


PLOTS = {"05_batch_operations", "09_ecommerce_events", "10_user_lifecycle", "11_data_migration", "12_daily_sync"}


@each
def test_what_is_plotted_is_saved_as_a_small_picture_with_a_text_for_screen_readers(path):
    plotted = [cell for cell in cells(path, "code") if ".plot" in cell.source]
    assert bool(plotted) == (path.stem in PLOTS)
    for cell in plotted:
        pictures = [output.data[PICTURE] for output in cell.outputs if PICTURE in output.get("data", {})]
        assert len(pictures) == 1
        assert len(base64.b64decode(pictures[0])) < 40_000
        assert len(cell.metadata["mystnb"]["image"]["alt"]) > 40


@each
def test_an_output_is_small_and_names_no_address_of_this_machine(path):
    for cell in without_pictures(nbformat.read(path, as_version=4)).cells:
        output = str(outputs(cell))
        # A report or a plan that draws itself brings its style, and the bars of a histogram.
        assert len(output) < (20_000 if '<div class="cio-frames">' in output else 6_000)
        assert re.search(r"127\.0\.0\.1|localhost|/home/|/tmp/|[A-Z]:\\\\", output) is None


def test_the_numbers_of_the_notebooks_have_no_gap():
    assert [int(path.stem[:2]) for path in paths()] == list(range(len(paths())))
