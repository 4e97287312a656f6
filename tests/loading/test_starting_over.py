"""Starting over: the wish survives a kill, and where no row was sent it needs no wish."""

import signal
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

import cio_frames as cio
from cio_frames.loading import loads_in
from tests.loading.helpers import environment_for
from tests.loading.helpers import load_rows as load


@pytest.fixture(autouse=True)
def folder(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def people(rows, **columns):
    return pd.DataFrame({"user_id": [f"u{number}" for number in range(rows)], **columns})


PROGRAM = """
import importlib, os, signal, sys
import cio_frames as cio
from cio_frames.errors import CioFramesError
from cio_frames.loading.tuning import LoadTuning
from tests.loading.helpers import load_rows
step, when = sys.argv[1:]
if step:
    module, kind, name = step.rsplit(".", 2)
    owner = getattr(importlib.import_module(module), kind)
    original = getattr(owner, name)
    def killed(*given, **named):
        if when == "after":
            original(*given, **named)
        os.kill(os.getpid(), signal.SIGKILL)
    setattr(owner, name, killed)
try:
    result = load_rows("people.parquet", cio.Client.from_env(), tuning=LoadTuning(chunk_rows=10), fresh=bool(step))
except CioFramesError as error:
    print("refused:", error)
else:
    print(result.phase, result.statuses, result.why)
"""

STEPS = [
    "cio_frames.loading.ledger.Ledger.set_phase",
    "cio_frames.loading.outputs.OutputFolder.refuse_foreign_files",
    "cio_frames.loading.ledger.Ledger.start_load",
    "cio_frames.loading.outputs.OutputFolder.remove_results",
    "cio_frames.loading.ledger.Ledger.record_batch",
    "cio_frames.loading.ledger.Ledger.finish_chunk",
    "cio_frames.loading.ledger.Ledger.end_load",
]


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGKILL")
@pytest.mark.parametrize(
    ("when", "step"),
    # Before the first step the wish is not known.
    [("before", step) for step in STEPS[1:]] + [("after", step) for step in STEPS],
    ids=lambda value: value.rpartition(".")[2],
)
def test_a_load_that_was_to_start_over_and_is_killed_starts_over_also_without_the_option(when, step):
    people(35, email=["x", *[None] * 34]).to_parquet("people.parquet")
    with cio.Sandbox() as sandbox:
        environment = environment_for(sandbox)

        def run(*arguments):
            command = [sys.executable, "-c", PROGRAM, *arguments]
            return subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=60)

        assert run("", "").stdout.startswith("done {'")
        first = len(sandbox.calls())
        assert run(step, when).returncode == -signal.SIGKILL
        done = run("", "")
        sent_again = set(sandbox.calls()["userId"].iloc[first:])
    if (step, when) == (STEPS[-1], "after"):
        # The new run was complete.
        assert "This load was done before" in done.stdout
    else:
        assert done.stdout.startswith("done {'"), done.stderr
        assert "before" not in done.stdout
    assert sent_again == {f"u{number}" for number in range(1, 35)}
    answers = pd.read_parquet("out/results")
    assert answers["row"].tolist() == list(range(35))
    assert pd.read_parquet("out/undelivered.parquet")["user_id"].tolist() == ["u0"]


def test_a_wish_to_start_over_that_is_refused_changes_nothing(sandbox):
    events = people(3, timestamp=pd.Timestamp.now("UTC"))
    events.to_parquet("events.parquet")
    options = {"call": "track", "event": "Seen"}
    load("events.parquet", sandbox.client, allow_campaigns=True, **options)
    with pytest.raises(cio.CampaignsError):
        load("events.parquet", sandbox.client, fresh=True, **options)
    assert loads_in(Path("out/ledger.sqlite"))["phase"].tolist() == ["done"]
    assert "done before" in load("events.parquet", sandbox.client, **options).why
    assert len(sandbox.calls()) == 3


def test_a_file_that_is_repaired_is_loaded_anew_where_no_row_was_ever_sent(sandbox):
    people(3, email="x").to_parquet("people.parquet")
    assert load("people.parquet", sandbox.client).statuses == {"invalid": 3}
    people(4, email="ada@example.com").to_parquet("people.parquet")
    result = load("people.parquet", sandbox.client)
    assert (result.phase, result.statuses) == ("done", {"delivered": 4})
    assert result.undelivered is None
    assert not Path("out/undelivered.parquet").exists()


def test_a_column_that_is_named_right_is_loaded_anew_where_no_row_was_ever_sent(sandbox):
    people(3, contact="ada@example.com", email="x").rename(columns={"user_id": "id"}).to_parquet("people.parquet")
    assert load("people.parquet", sandbox.client, user_id="id").statuses == {"invalid": 3}
    result = load("people.parquet", sandbox.client, user_id="id", traits=["contact"])
    assert result.statuses == {"delivered": 3}


def test_frames_of_which_no_row_was_ever_sent_may_be_others(sandbox):
    assert load([people(3, email="x")], sandbox.client).statuses == {"invalid": 3}
    assert load([people(2)], sandbox.client).statuses == {"delivered": 2}
    with pytest.raises(cio.ConfigurationError, match="loads of frames share one by default"):
        load([people(1)], sandbox.client)


def test_a_file_is_not_loaded_anew_by_itself_where_a_row_was_sent(sandbox):
    people(3, email=["x", None, None]).to_parquet("people.parquet")
    load("people.parquet", sandbox.client)
    people(4).to_parquet("people.parquet")
    with pytest.raises(cio.ConfigurationError, match=r"people.parquet has changed"):
        load("people.parquet", sandbox.client)


def test_what_was_checked_and_never_sent_leaves_the_results_of_other_loads_alone(sandbox):
    people(3, email="x").to_parquet("people.parquet")
    people(2).to_parquet("others.parquet")
    load("people.parquet", sandbox.client, ledger="one.sqlite", output="one")
    load("others.parquet", sandbox.client, ledger="two.sqlite", output="two")
    people(3).to_parquet("people.parquet")
    with pytest.raises(cio.ConfigurationError, match="two holds the results of another load"):
        load("people.parquet", sandbox.client, ledger="one.sqlite", output="two")
    assert len(pd.read_parquet("two/results")) == 2
