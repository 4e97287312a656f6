"""The examples for orchestrators are short, and each is run by .ci/orchestrators."""

import re

import pytest
import yaml

from tests.run_notebooks import NOTEBOOKS

ROOT = NOTEBOOKS.parent
EXAMPLES = sorted(path for path in (NOTEBOOKS / "guides" / "examples").iterdir() if path.is_file())
CHECKS = ROOT / "tests" / "orchestrators"


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_an_example_is_short_and_names_the_day_and_the_output(path):
    text = path.read_text(encoding="utf-8")
    assert len(text.splitlines()) < 40
    assert re.search(r"as_of=(ds|day)\b|--as-of \"\$day\"", text)
    assert re.search(r"output=f|--output", text)


def test_every_example_is_run_by_the_script_and_shown_in_the_guide():
    script = (ROOT / ".ci" / "orchestrators").read_text(encoding="utf-8")
    names = re.search(r"set -- (.+)$", script, re.M)[1].split()
    run = "".join((CHECKS / f"check_{name}.py").read_text(encoding="utf-8") for name in names)
    guide = (NOTEBOOKS / "guides" / "orchestrators.md").read_text(encoding="utf-8")
    for path in EXAMPLES:
        assert path.stem in run
        assert f"{{literalinclude}} examples/{path.name}" in guide
    assert len(names) == len(EXAMPLES) == 4


def test_a_job_of_the_workflow_runs_the_examples():
    workflow = yaml.safe_load((ROOT / ".github" / "workflows" / "ci.yml").read_text(encoding="utf-8"))
    assert {"run": "bash .ci/orchestrators"} in workflow["jobs"]["orchestrators"]["steps"]
