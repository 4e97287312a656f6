"""``cio-frames demo``."""

import dataclasses
import json
import subprocess
import sys

import pandas as pd
import pytest
import typer

from cio_frames.cli.demo import count_disagreements, finish_demo, run_demo


def test_the_demo_accounts_for_every_row_and_names_a_report_page_to_open(run, tmp_path):
    done = run("demo")
    assert done.exit_code == 0
    assert "The sandbox holds 2,357 people and 6,919 events." in done.stdout
    assert "Every row is accounted for: yes" in done.stdout
    assert done.stdout.splitlines()[-1] == "Open this page in a browser: demo-output/report.html"
    page = (tmp_path / "demo-output" / "report.html").read_text(encoding="utf-8")
    assert "track &#39;Order Completed&#39;</title>" in page
    result = pd.read_parquet(tmp_path / "demo-output" / "orders.result.parquet")
    assert result["status"].value_counts().loc[lambda counts: counts > 0].to_dict() == {
        "delivered": 6919,
        "invalid": 6,
        "too_large": 1,
    }


def test_the_demo_says_what_it_does_before_each_step(run):
    steps = [line for line in run("demo").stderr.splitlines() if line[:1].isdigit()]
    assert [step[:2] for step in steps] == ["1.", "2.", "3.", "4.", "5.", "6."]
    assert "Validate 6,926 orders and write the report to demo-output/report.html" in steps[1]


def test_the_demo_in_json_is_for_programs(run):
    facts = json.loads(run("demo", "--json").stdout)
    assert (facts["rows"], facts["people"], facts["events"], facts["unaccounted"]) == (9283, 2357, 6919, 0)
    assert facts["report"] == "demo-output/report.html"


def run_without(tmp_path, *packages):
    """Run the demo in an interpreter in which packages are not installed."""
    blocked = "; ".join(["import sys", *(f"sys.modules[{name!r}] = None" for name in packages)])
    code = f"{blocked}; from cio_frames.cli.app import main; main(['demo'])"
    return subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False)


def test_the_demo_runs_without_the_packages_of_other_extras(tmp_path):
    others = ["IPython", "ipykernel", "nbformat", "pytest", "hypothesis", "fsspec", "jsonschema", "matplotlib", "moto"]
    done = run_without(tmp_path, *others)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "demo-output" / "report.html").exists()


def test_without_the_sandbox_extra_the_demo_names_what_to_install_and_writes_nothing(tmp_path):
    done = run_without(tmp_path, "starlette")
    assert done.returncode == 2
    assert "pip install 'cio-frames[sandbox]'" in done.stderr
    assert "Traceback" not in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_demo_that_loses_a_row_exits_with_1(tmp_path, capsys):
    demo = run_demo(tmp_path, announce=lambda step: None, progress=False)
    finish_demo(demo)
    with pytest.raises(typer.Exit) as end:
        finish_demo(dataclasses.replace(demo, unaccounted=3))
    assert end.value.exit_code == 1
    printed = capsys.readouterr()
    assert "Every row is accounted for: no" in printed.out
    assert "3 rows are not accounted for" in printed.err


def test_statuses_are_compared_with_what_arrived():
    result = pd.DataFrame({"status": ["delivered", "delivered", "invalid"], "message_id": ["a", "b", None]})
    assert count_disagreements(result, pd.Series(["a", "b"])) == 0
    assert count_disagreements(result, pd.Series(["a"])) == 1
    assert count_disagreements(result, pd.Series(["a", "b", "c"])) == 1
    assert count_disagreements(result, pd.Series(["a", "b", "b"])) == 1
