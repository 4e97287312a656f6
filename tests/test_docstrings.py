"""The script that writes what parameters mean into docstrings."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
SCRIPT = ROOT / ".ci" / "docstrings.py"


def run_script(*arguments):
    return subprocess.run([sys.executable, SCRIPT, *arguments], capture_output=True, text=True, check=False)


@pytest.fixture
def module(tmp_path):
    return Path(shutil.copy(ROOT / "cio_frames" / "operations.py", tmp_path))


def test_the_docstrings_of_the_package_are_up_to_date():
    done = run_script("--check")
    assert (done.returncode, done.stdout) == (0, "")


def test_a_stale_docstring_is_shown_as_a_diff_and_rewritten(module):
    source = module.read_text(encoding="utf-8")
    module.write_text(source.replace("Default is ``metric``.", "Metric, if left out."), encoding="utf-8")
    checked = run_script("--check", module)
    assert checked.returncode == 1
    assert "-        Column with what happened, such as ``opened``. Metric, if left out." in checked.stdout
    assert "+        Column with what happened, such as ``opened``. Default is ``metric``." in checked.stdout
    assert module.read_text(encoding="utf-8") != source
    assert run_script(module).returncode == 0
    assert module.read_text(encoding="utf-8") == source


def test_a_new_parameter_is_written_into_the_docstring(module):
    source = module.read_text(encoding="utf-8").replace(
        "    token: Hashable | None = None,\n",
        "    token: Hashable | None = None,\n    name: Hashable | None = None,\n",
    )
    module.write_text(source, encoding="utf-8")
    run_script(module)
    added = module.read_text(encoding="utf-8").count("    name : column label, optional\n")
    assert added == source.count("    name: Hashable | None = None,\n") == 2


def test_a_parameter_that_is_missing_in_the_table_is_an_error(module):
    source = module.read_text(encoding="utf-8")
    module.write_text(source.replace("    metric: Hashable", "    measure: Hashable"), encoding="utf-8")
    done = run_script("--check", module)
    assert done.returncode != 0
    assert "report_deliveries: measure missing in PARAMETERS" in done.stderr
