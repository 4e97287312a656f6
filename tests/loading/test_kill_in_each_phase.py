"""A load that is killed in any phase, and loads of several processes at once."""

import signal
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
from typer.testing import CliRunner

import cio_frames as cio
from cio_frames.cli.app import app
from cio_frames.loading import loads_in
from cio_frames.loading.ledger import Ledger
from tests.loading.helpers import environment_for


@pytest.fixture(autouse=True)
def folder(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def people(rows, first=0):
    numbers = range(first, first + rows)
    return pd.DataFrame({"user_id": [f"u{number}" for number in numbers], "plan": "free", "n": list(numbers)})


# Each step of a load. What follows one precedes the next, except for writes that must be complete.
PHASES = [
    "cio_frames.loading.file_source.Files.read_file",
    "cio_frames.loading.run.Deliverer.deliver_parts",
    "cio_frames.loading.ledger.Ledger.start_load",
    "cio_frames.loading.ledger.Ledger.record_batch",
    "cio_frames.loading.ledger.Ledger.record_outcome",
    "cio_frames.loading.outputs.OutputFolder.write_chunk",
    "cio_frames.loading.outputs.write_table",
    "cio_frames.loading.outputs.replace_when_complete",
    "cio_frames.loading.ledger.Ledger.finish_chunk",
    "cio_frames.loading.outputs.OutputFolder.combine_undelivered",
    "cio_frames.loading.outputs.write_group",
    "cio_frames.loading.ledger.Ledger.end_load",
    "cio_frames.loading.outputs.OutputFolder.discard_parts",
]


WRITES = {
    f"cio_frames.loading.ledger.Ledger.{name}"
    for name in ("record_batch", "record_outcome", "finish_chunk", "end_load")
}


PROGRAM = """
import importlib, itertools, os, signal, sys
import cio_frames as cio
from cio_frames.loading.tuning import LoadTuning
from tests.loading.helpers import load_rows
phase, when, times = sys.argv[1], sys.argv[2], int(sys.argv[3])
if phase:
    module, name = phase.rsplit(".", 1)
    try:
        owner = importlib.import_module(module)
    except ModuleNotFoundError:
        module, kind = module.rsplit(".", 1)
        owner = getattr(importlib.import_module(module), kind)
    original, numbers = getattr(owner, name), itertools.count(1)
    def killed(*given, **named):
        # Several lanes call it at once.
        number = next(numbers)
        if when == "before" and number == times:
            os.kill(os.getpid(), signal.SIGKILL)
        result = original(*given, **named)
        if when == "after" and number == times:
            os.kill(os.getpid(), signal.SIGKILL)
        return result
    setattr(owner, name, killed)
result = load_rows("people.parquet", cio.Client.from_env(), tuning=LoadTuning(chunk_rows=100))
sys.exit(not result.ok)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGKILL")
@pytest.mark.parametrize(
    ("when", "phase"),
    [("before", phase) for phase in PHASES] + [("after", phase) for phase in PHASES if phase in WRITES],
    ids=lambda each: each.removeprefix("cio_frames.loading."),
)
def test_a_load_that_is_killed_in_any_phase_ends_with_every_row_answered_once(tmp_path, when, phase):
    bad = [row % 100 == 7 for row in range(350)]
    people(350).assign(email=["x" if each else None for each in bad]).to_parquet("people.parquet")
    with cio.Sandbox() as sandbox:
        environment = environment_for(sandbox)

        def run(*arguments):
            command = [sys.executable, "-c", PROGRAM, *arguments]
            return subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=60)

        assert run(phase, when, "1").returncode == -signal.SIGKILL
        again = run("", "", "0")
        assert again.returncode == 1, again.stderr
        ids = sandbox.calls()["messageId"]
    answers = pd.read_parquet("out/results")
    assert answers["row"].tolist() == list(range(350))
    assert answers["status"].eq("invalid").tolist() == bad
    assert answers["status"].eq("delivered").sum() == 350 - sum(bad)
    assert set(ids) == set(answers.loc[answers["status"].eq("delivered"), "message_id"])
    assert set(ids[ids.duplicated()]) <= set(answers.loc[answers["resent"], "message_id"])
    undelivered = pd.read_parquet("out/undelivered.parquet")
    assert undelivered["_cio_row"].tolist() == [row for row in range(350) if bad[row]]
    assert loads_in(Path("out/ledger.sqlite"))["phase"].tolist() == ["done"]
    assert sorted(path.name for path in Path("out").iterdir() if not path.name.startswith("ledger")) == [
        ".lock",
        ".runs.json",
        "results",
        "undelivered.parquet",
    ]
    assert sorted(path.name for path in Path("out/results").iterdir()) == [f"part-{n:05d}.parquet" for n in range(4)]


@pytest.mark.parametrize("shared", ["ledger", "output"])
def test_two_processes_on_one_ledger_or_one_output_do_not_both_load(tmp_path, shared):
    people(5).to_parquet("people.parquet")
    with cio.Sandbox(latency_seconds=1.5) as sandbox:
        environment = environment_for(sandbox)

        def start(number):
            own = {"ledger": "ledger.sqlite", "output": "out"} | {
                name: f"{name}{number}" for name in ("ledger", "output") if name != shared
            }
            command = ["load", "people.parquet", "--call", "identify", "--no-progress"]
            command += ["--ledger", own["ledger"], "--output", own["output"]]
            command = [sys.executable, "-m", "cio_frames", *command]
            return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

        both = [start(1), start(2)]
        said = [each.communicate(timeout=60)[1] for each in both]
        assert sorted(each.returncode for each in both) == [0, 2]
        assert len(sandbox.requests()) == 1
    assert "is locked: another load is" in "".join(said)


def killed(environment):
    phase = "cio_frames.loading.ledger.Ledger.record_outcome"
    return subprocess.run([sys.executable, "-c", PROGRAM, phase, "before", "1"], env=environment, check=False)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGKILL")
def test_a_load_that_was_killed_is_listed_as_killed_and_one_at_work_as_running(folder):
    people(5).to_parquet("people.parquet")
    with cio.Sandbox() as sandbox:
        killed(environment_for(sandbox))
    ledger = Path("out/ledger.sqlite")
    assert loads_in(ledger)["phase"].tolist() == ["killed"]
    with Ledger(ledger):
        assert loads_in(ledger)["phase"].tolist() == ["running"]
        listed = CliRunner().invoke(app, ["loads"])
    assert "running" in listed.stdout
