"""``cio-frames payloads``: what it prints is what a load sends."""

import json
import subprocess
import sys

import pandas as pd
import pytest

from tests.loading.helpers import environment_for


def printed(done):
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_it_prints_what_the_sandbox_receives(run, sandbox, orders, order_options):
    done = run("payloads", orders, *order_options)
    assert (done.exit_code, done.stderr) == (0, "")
    assert run("load", orders, *order_options).exit_code == 0
    wire = ["type", "event", "userId", "timestamp", "properties", "messageId"]
    assert printed(done) == sandbox.calls()[wire].to_dict("records")


def test_calls_without_a_timestamp_have_the_message_id_of_a_moment(run, sandbox, tmp_path):
    people = tmp_path / "people.csv"
    people.write_text("user_id,plan\nada,team\nada,team\n", encoding="utf-8")
    without, with_ids = (
        run("payloads", people, "--call", "identify", *options) for options in ([], ["--as-of", "2026-11-27"])
    )
    assert [sorted(call) for call in printed(without)] == [["traits", "type", "userId"]] * 2
    assert run("load", people, "--call", "identify", "--as-of", "2026-11-27").exit_code == 0
    assert [call["messageId"] for call in printed(with_ids)] == sandbox.calls()["messageId"].tolist()


@pytest.mark.parametrize(("head", "calls"), [(["--head", "3"], 3), ([], 10), (["--head", "0"], 30)])
def test_it_prints_the_first_calls(run, tmp_path, head, calls):
    pd.DataFrame({"user_id": [f"u{row}" for row in range(30)]}).to_parquet(tmp_path / "people.parquet")
    done = run("payloads", "people.parquet", "--call", "identify", *head)
    assert [call["userId"] for call in printed(done)] == [f"u{row}" for row in range(calls)]


def test_rows_that_are_held_back_are_counted_and_operations_have_payloads(run, tmp_path):
    (tmp_path / "erasures.csv").write_text('person\nada\n""\nbob\n', encoding="utf-8")
    done = run("payloads", "erasures.csv", "--call", "delete_people", "--user-id", "person")
    assert [(call["event"], call["userId"]) for call in printed(done)] == [
        ("User Deleted", "ada"), ("User Deleted", "bob"),
    ]  # fmt: skip
    assert "1 row is held back" in done.stderr


def test_mistakes_are_reported_in_the_words_of_the_command_line(ends, orders):
    status, said = ends(
        "payloads", orders, "--call", "track", "--event", "x", "--user-id", "custmer_id", "--head", "-1"
    )
    assert status == 2
    assert "--head must be 0 or greater" in said.err
    assert "Did you mean 'customer_id'?" in said.err


def test_the_program_stops_when_nobody_reads_any_more(sandbox, tmp_path):
    pd.DataFrame({"user_id": [f"u{row}" for row in range(20_000)]}).to_parquet(tmp_path / "people.parquet")
    done = subprocess.run(
        ["bash", "-c", f"{sys.executable} -m cio_frames payloads people.parquet --call identify --head 0 | head -n 1"],
        env=environment_for(sandbox), cwd=tmp_path, capture_output=True, text=True, check=True, timeout=60,
    )  # fmt: skip
    assert (json.loads(done.stdout)["userId"], done.stderr) == ("u0", "")
