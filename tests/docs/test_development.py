"""What developers rely on: which warnings fail a test, which tests are slow, and the tools' versions."""

import re
import warnings

import pytest
import yaml

from conftest import SLOW
from tests.run_notebooks import NOTEBOOKS

ROOT = NOTEBOOKS.parent
WARN = "import warnings; warnings.warn('this is deprecated', DeprecationWarning)"


@pytest.mark.parametrize("module", ["cio_frames", "cio_frames.encoding.cells", "tests.frames", "__main__"])
def test_a_warning_that_our_code_causes_fails_a_test(module):
    with pytest.raises(DeprecationWarning):
        exec(WARN, {"__name__": module})


# numpy 2.5 warns about what pandas 2.2 does inside.
@pytest.mark.parametrize("module", ["pandas.core.construction", "pyarrow.pandas_compat"])
def test_a_warning_inside_a_library_fails_no_test(module):
    with warnings.catch_warnings(record=True) as caught:
        exec(WARN, {"__name__": module})
    assert [warning.category for warning in caught] == [DeprecationWarning]


def test_what_compiled_code_of_pandas_causes_fails_no_test_although_it_points_to_our_line():
    text = "Setting the shape on a NumPy array has been deprecated in NumPy 2.5.\\nAs an alternative, ..."
    with warnings.catch_warnings(record=True):
        exec(f"import warnings; warnings.warn('{text}', DeprecationWarning)", {"__name__": "cio_frames.columns"})


def test_a_warning_of_a_library_that_points_to_our_line_fails_a_test():
    library = {"__name__": "pandas.core.frame"}
    exec("import warnings\ndef old(): warnings.warn('use new()', FutureWarning, stacklevel=2)", library)
    with pytest.raises(FutureWarning):
        exec("old()", {"__name__": "cio_frames.columns", "old": library["old"]})


def test_a_file_that_is_not_closed_fails_a_test():
    with pytest.raises(ResourceWarning):
        exec("import warnings; warnings.warn('unclosed file', ResourceWarning)", {"__name__": "pathlib"})


@pytest.mark.parametrize("start", SLOW)
def test_an_entry_of_the_list_of_slow_tests_names_tests(start):
    assert (ROOT / start.partition("::")[0]).exists()


def test_make_help_lists_every_target():
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = re.search(r"^\.PHONY: (.*)$", makefile, re.M)[1].split()
    listed = re.findall(r"^([a-z]+):.*## (.+)$", makefile, re.M)
    assert sorted(name for name, _ in listed) == sorted(targets)


def test_pre_commit_runs_the_version_of_ruff_that_is_pinned():
    hooks = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8"))
    pinned = re.search(r"^ruff==(.+)$", (ROOT / ".ci" / "constraints.txt").read_text(encoding="utf-8"), re.M)[1]
    assert [repository["rev"] for repository in hooks["repos"]] == [f"v{pinned}"]


def test_the_lowest_versions_that_are_tested_are_the_floors_of_the_package():
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    floors = dict(re.findall(r'"([\w-]+)(?:\[\w+\])?>=([\d.]+)"', project.partition("notebooks =")[0]))
    lowest = dict(re.findall(r"^([\w-]+)==([\d.]+)$", (ROOT / ".ci" / "constraints-lowest.txt").read_text(), re.M))
    floors.pop("hatchling")
    assert {name: version_key(lowest[name]) for name in floors} == {
        name: version_key(floor) for name, floor in floors.items()
    }


def version_key(version):
    """Return a version as numbers, without zeros at the end: 2.2 and 2.2.0 are the same."""
    return tuple(map(int, re.sub(r"(\.0)+$", "", version).split(".")))
