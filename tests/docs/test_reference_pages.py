"""Pages of the reference that are written from code are fresh, and do not repeat what all calls share."""

import inspect
import subprocess
import sys

import pytest

import cio_frames as cio
from tests.run_notebooks import NOTEBOOKS

CI = NOTEBOOKS.parent / ".ci"
REFERENCE = NOTEBOOKS / "guides" / "reference"


@pytest.fixture
def pages(monkeypatch):
    """The module that writes the pages."""
    monkeypatch.syspath_prepend(str(CI))
    import reference_pages

    return reference_pages


def test_the_pages_that_are_written_from_code_are_fresh():
    command = [sys.executable, str(CI / "reference_pages.py"), "--check"]
    done = subprocess.run(command, cwd=NOTEBOOKS.parent, capture_output=True, text=True)
    assert done.returncode == 0, f"run python .ci/reference_pages.py\n{done.stdout}{done.stderr}"


def test_the_page_of_commands_has_an_option_of_each():
    text = (REFERENCE / "commands.md").read_text(encoding="utf-8")
    sections = dict(section.split("\n", 1) for section in text.split("\n## ")[1:])
    assert "`--fresh`" in sections["cio-frames load"]
    assert "`--removed` `POLICY`" in sections["cio-frames sync"]
    assert "`--confirm`" in sections["cio-frames baseline"]
    assert "`STATE`" in sections["cio-frames state show"]


def shorten(pages, what, name, function):
    lines = inspect.getdoc(function).splitlines()
    pages.shorten_docstring(None, what, name, function, None, lines)
    return "\n".join(lines)


def test_the_page_of_a_method_has_its_own_parameters_and_links_to_the_shared_ones(pages):
    text = shorten(pages, "method", "cio_frames.CioAccessor.track", cio.CioAccessor.track)
    assert "event_column : column label" in text
    assert "strict_schema : " not in text
    assert "``strict_schema``" in text
    assert "Raises\n------" in text


def test_a_parameter_that_means_something_else_in_a_call_stays_on_its_page(pages):
    text = shorten(pages, "method", "cio_frames.CioAccessor.plan", cio.CioAccessor.plan)
    assert "as_of : " in text


def test_the_page_of_a_function_that_is_also_a_method_refers_to_it(pages):
    text = shorten(pages, "function", "cio_frames.track", cio.track)
    assert ":meth:`df.cio.track <cio_frames.CioAccessor.track>`" in text
    assert "event_column :" not in text
    assert "Examples\n--------\n>>>" in text


@pytest.mark.parametrize("name", ["load", "apply_plan"])
def test_the_page_of_another_function_has_what_only_it_has(pages, name):
    text = shorten(pages, "function", f"cio_frames.{name}", getattr(cio, name))
    assert "Parameters\n----------\n" in text
