"""``cio-frames sandbox``."""

import re
import signal
import subprocess
import sys

import pandas as pd
import pytest
import requests

import cio_frames as cio

STRICT = {"X-Strict-Mode": "1"}


def start(*options):
    command = [sys.executable, "-m", "cio_frames", "sandbox", "--port", "0", *map(str, options)]
    return subprocess.Popen(command, stderr=subprocess.PIPE, text=True)


def url_of(running):
    return re.search(r"http://127\.0\.0\.1:\d+", running.stderr.readline())[0]


@pytest.mark.skipif(sys.platform == "win32", reason="Ctrl-C cannot be sent to one process on Windows")
def test_the_sandbox_runs_until_ctrl_c_and_keeps_what_it_received(tmp_path):
    with start("--db", tmp_path / "calls.db") as running:
        client = cio.Client(write_key="sandbox", endpoint=url_of(running))
        pd.DataFrame({"user_id": ["ada"]}).cio.identify(client=client)
        running.send_signal(signal.SIGINT)
        assert "1 calls received" in running.stderr.read()
    assert running.returncode == 0
    assert list(cio.Sandbox(db=tmp_path / "calls.db").calls()["userId"]) == ["ada"]


def test_the_sandbox_prints_an_export_line_that_can_be_pasted():
    with start("--write-key", "my-secret-key") as running:
        lines = [running.stderr.readline() for _ in range(3)]
        running.send_signal(signal.SIGINT)
        running.stderr.read()
    url = re.fullmatch(r"Sandbox running at (http://\S+) \(web page and API\)\..*\n", lines[0])[1]
    assert lines[1] == f"  export CIO_ENDPOINT={url} CIO_WRITE_KEY=WRITE_KEY\n"
    assert lines[2] == "Press Ctrl-C to stop.\n"


def test_the_sandbox_injects_faults_and_latency():
    options = ["--fault", "429@0,retry-after=7", "--latency", "200ms", "--no-state", "--seed", "5"]
    with start(*options, "--assume", "empty_batch=refuse") as running:
        url = url_of(running)
        first, second = (
            requests.post(f"{url}/v1/batch", json={"batch": []}, auth=("sandbox", ""), headers=STRICT, timeout=5)
            for _ in range(2)
        )
        running.send_signal(signal.SIGINT)
        running.stderr.read()
    assert (first.status_code, first.headers["Retry-After"]) == (429, "7")
    assert first.elapsed.total_seconds() > 0.2
    assert second.status_code == 400


def test_a_sandbox_that_other_machines_can_reach_warns():
    with start("--host", "0.0.0.0") as running:
        printed = ""
        while "Ctrl-C" not in printed:
            printed += running.stderr.readline()
        running.send_signal(signal.SIGINT)
        running.stderr.read()
    assert "listens on 0.0.0.0, so other machines can reach it" in printed
    assert "sandbox.py" not in printed


def test_all_wrong_options_of_the_sandbox_are_told_at_once(ends):
    wrong = ["--fault=none", "--latency=30", "--assume=gzip", "--batch-errors=some", "--error-body=short"]
    status, printed = ends("sandbox", "--port", "0", *wrong)
    assert (status, printed.out) == (2, "")
    assert "5 mistakes:" in printed.err
    assert all(word in printed.err for word in ("'none'", "30", "gzip", "some", "short"))


@pytest.mark.parametrize("option", ["--fault=none", "--latency=30", "--assume=x=y", "--assume=gzip"])
def test_a_wrong_option_of_the_sandbox_exits_with_2(ends, option):
    status, printed = ends("sandbox", "--port", "0", option)
    assert (status, printed.out) == (2, "")
    assert "mistakes" not in printed.err
