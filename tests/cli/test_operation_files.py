"""Operations from the command line and job files: guards, audit trail, resuming, exit statuses."""

import inspect
import json
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

import cio_frames as cio
from cio_frames.cli.operations import RowLimit, supported_parameters
from cio_frames.cli.options import OperationOptions
from cio_frames.operations import OPERATIONS
from tests.faults import Answer, FaultServer
from tests.loading.helpers import environment_for

GUARDED = ["--max-rows", "5", "--audit", "audit.jsonl"]
WIRE = ["event", "userId", "properties", "context"]
# A table for each operation, with columns under the names of its parameters, and calls that Python makes of it.
TABLES = {
    "delete_people": {"user_id": ["ada"]},
    "suppress_people": {"user_id": ["ada"]},
    "unsuppress_people": {"user_id": ["ada"]},
    "add_devices": {"user_id": ["ada"], "token": ["t1"], "device_type": ["ios"], "app": ["2.0"]},
    "delete_devices": {"user_id": ["ada"], "token": ["t1"]},
    "delete_objects": {"object_id": ["acme"], "object_type_id": ["2"]},
    "delete_relationships": {"user_id": ["ada"], "object_id": ["acme"]},
    "report_deliveries": {"delivery_id": ["d1"], "metric": ["opened"], "timestamp": ["2026-01-01"]},
    "report_content": {"user_id": ["ada"], "action_type": ["viewed_content"], "content_id": [7]},
}


@pytest.fixture
def erasures(tmp_path):
    path = tmp_path / "erasures.csv"
    path.write_text("person,why\nada,asked\nbob,asked\n,unknown\n", encoding="utf-8")
    return path


@pytest.fixture
def job(erasures):
    path = erasures.with_name("erase.yaml")
    path.write_text(
        "source: erasures.csv\ncall: delete_people\ncolumns: {user_id: person}\nmax_rows: 2\naudit: audit.jsonl\n",
        encoding="utf-8",
    )
    return path


def lines(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_every_operation_is_tested_here():
    assert TABLES.keys() == OPERATIONS.keys()


@pytest.mark.parametrize("name", OPERATIONS)
def test_an_operation_sends_from_a_file_what_python_sends(run, sandbox, name):
    frame = pd.DataFrame(TABLES[name])
    confirm = {"confirm": 1} if OPERATIONS[name].needs_confirm else {}
    getattr(cio, name)(frame, client=sandbox.client, as_of="2026-11-27", **confirm)
    supported = supported_parameters(name)
    renamed = {label: f"my_{label}" for label in frame if label in supported}
    frame.rename(columns=renamed).to_parquet("rows.parquet")
    columns = [each for label, mine in renamed.items() for each in (option(label), mine)]
    done = run("load", "rows.parquet", "--call", name, *columns, *GUARDED, "--as-of", "2026-11-27")
    assert done.exit_code == 0, done.output
    calls = sandbox.calls()
    assert len(calls) == 2
    first, second = calls[[*WIRE, "messageId"]].to_dict("records")
    assert first == second
    assert [line["status"] for line in lines(Path("audit.jsonl"))] == ["sending", "delivered"]


def option(name):
    return f"--{name.replace('_', '-')}"


def test_the_options_are_those_of_the_functions():
    names = {each for name in OPERATIONS for each in supported_parameters(name)}
    options = set(inspect.signature(OperationOptions).parameters)
    assert names <= options


def test_rows_that_cannot_be_sent_are_reported_as_by_a_load(run, sandbox, erasures):
    done = run("load", erasures, "--call", "delete_people", "--user-id", "person", *GUARDED)
    assert done.exit_code == 1
    assert "2 delivered" in done.stdout
    assert "1 invalid  person: required value is missing" in done.stdout
    results = pd.read_parquet("erasures.delete-people.load/results")
    assert results["status"].tolist() == ["delivered", "delivered", "invalid"]
    assert pd.read_parquet("erasures.delete-people.load/undelivered.parquet")["why"].tolist() == ["unknown"]
    assert [(line["id"], line["status"]) for line in lines(Path("audit.jsonl"))] == [
        ("ada", "sending"), ("bob", "sending"), ("ada", "delivered"), ("bob", "delivered"),
    ]  # fmt: skip
    assert sandbox.calls()["userId"].tolist() == ["ada", "bob"]


def test_more_rows_than_the_limit_are_refused_with_3(ends, erasures, sandbox, monkeypatch):
    monkeypatch.setenv("CIO_WRITE_KEY", "sandbox")
    monkeypatch.setenv("CIO_ENDPOINT", sandbox.url)
    monkeypatch.chdir(erasures.parent)
    command = ["load", erasures, "--call", "delete_people", "--user-id", "person", "--max-rows", "1"]
    status, printed = ends(*command, "--audit", "audit.jsonl")
    assert status == 3
    assert "delete_people would affect 2 rows, and the limit is --max-rows 1" in printed.err
    assert not erasures.with_name("audit.jsonl").exists()
    assert len(sandbox.calls()) == 0
    status, printed = ends(*command, "--dry-run")
    assert (status, "2 ready" in printed.out) == (3, True)


@pytest.mark.parametrize("name", [name for name, operation in OPERATIONS.items() if operation.needs_confirm])
def test_what_python_confirms_requires_a_limit_and_an_audit_trail(ends, tmp_path, sandbox, monkeypatch, name):
    monkeypatch.setenv("CIO_WRITE_KEY", "sandbox")
    monkeypatch.setenv("CIO_ENDPOINT", sandbox.url)
    monkeypatch.chdir(tmp_path)
    pd.DataFrame(TABLES[name]).to_parquet("rows.parquet")
    status, printed = ends("load", "rows.parquet", "--call", name)
    assert status == 2
    assert f"{name} requires --max-rows" in printed.err
    assert f"{name} requires --audit" in printed.err
    assert len(sandbox.calls()) == 0
    assert ends("load", "rows.parquet", "--call", name, "--dry-run")[0] == 0


def test_a_second_run_sends_nothing_and_ends_the_same(run, sandbox, job):
    assert run("run", job).exit_code == 1
    again = run("run", job)
    assert (again.exit_code, len(sandbox.calls())) == (1, 2)
    assert "This load was done before, and nothing was sent now" in again.stderr
    assert len(lines(job.with_name("audit.jsonl"))) == 4


def test_an_operation_that_stopped_is_resumed_with_the_same_message_ids(run, job, monkeypatch):
    with FaultServer([Answer(401), Answer()]) as server:
        monkeypatch.setenv("CIO_ENDPOINT", server.url)
        first = run("run", job)
        assert (first.exit_code, "401" in first.stderr) == (1, True)
        assert run("run", job).exit_code == 1
        first_body, second_body = (request.calls for request in server.received)
    assert first_body == second_body
    statuses = [line["status"] for line in lines(job.with_name("audit.jsonl")) if line["id"] == "ada"]
    assert statuses == ["sending", "unsent", "sending", "delivered"]


def test_a_source_that_grows_after_it_was_counted_sends_no_row_beyond_the_limit(erasures):
    class Rows:
        rows = pd.Series([0, 1]).to_numpy()

    limit = RowLimit(3)
    limit.begin_chunk().before_send(Rows)
    # A batch that is split is seen again.
    limit.before_send(Rows)
    with pytest.raises(cio.ConfigurationError, match="the source has changed since its rows were counted"):
        limit.begin_chunk().before_send(Rows)


def test_a_job_file_says_what_is_wrong_with_an_operation(ends, job):
    job.write_text(
        "source: erasures.csv\ncall: delete_people\nevent: x\ncolumns: {group_id: why}\nmax_rows: many\n"
        "state: s.sqlite\n",
        encoding="utf-8",
    )
    status, printed = ends("run", job)
    assert status == 2
    assert "line 3: event: does not apply to delete_people" in printed.err
    assert "line 4: group_id: does not apply to delete_people" in printed.err
    assert "line 5: expected a whole number" in printed.err
    assert "line 6: state does not apply to delete_people" in printed.err


def test_a_column_that_is_missing_is_named_in_the_words_of_the_command_line(ends, erasures):
    command = ["load", erasures, "--call", "delete_people", *GUARDED]
    status, printed = ends(*command, "--dry-run")
    assert status == 2
    assert "delete_people requires column 'user_id'" in printed.err
    status, printed = ends(*command, "--dry-run", "--user-id", "persom")
    assert "--user-id persom: column not found" in printed.err
    assert "Did you mean 'person'?" in printed.err


def test_files_with_other_columns_are_not_taken_for_the_same_operation(ends, tmp_path):
    folder = tmp_path / "objects"
    folder.mkdir()
    (folder / "1.csv").write_text("object_id,object_type_id\na,2\n")
    (folder / "2.csv").write_text("object_id\nb\n")
    status, printed = ends("load", folder, "--call", "delete_objects", "--dry-run")
    assert status == 2
    assert "requires the same columns in all files" in printed.err


def test_an_unknown_call_is_met_with_the_closest_name(ends, erasures):
    status, printed = ends("load", erasures, "--call", "delete_peple", "--dry-run")
    assert (status, "Did you mean 'delete_people'?" in printed.err) == (2, True)
    status, printed = ends("load", erasures, "--call", "identify", "--max-rows", "5", "--dry-run")
    assert (status, "--max-rows is for operations such as delete_people" in printed.err) == (2, True)


def test_validate_checks_the_file_of_an_operation(run, erasures):
    done = run("validate", erasures, "--call", "delete_people", "--user-id", "person")
    assert done.exit_code == 1
    assert "1 of 3 rows cannot be sent" in done.stdout


def test_standard_input_is_refused_since_it_is_counted_first(ends):
    status, printed = ends("load", "-", "--call", "delete_people", "--dry-run")
    assert (status, "does not read standard input" in printed.err) == (2, True)


def test_the_program_erases_people_from_a_job_file(sandbox, job):
    done = subprocess.run(
        [sys.executable, "-m", "cio_frames", "run", str(job)],
        env=environment_for(sandbox), capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert done.returncode == 1, done.stderr
    assert sandbox.calls()[["event", "userId"]].to_numpy().tolist() == [
        ["User Deleted", "ada"],
        ["User Deleted", "bob"],
    ]
