"""``cio-frames sandbox`` as a process; tests/cli tests its options."""

import os
import re
import signal
import subprocess
import sys

import pytest
import requests

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Ctrl-C cannot be sent to one process on Windows")


def run_sandbox(**environ):
    """Run the command until it responds; return what it printed, and the response to its own or another write key."""
    command = [sys.executable, "-m", "cio_frames", "sandbox", "--port", "0"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=os.environ | environ) as process:
        printed = [process.stderr.readline() for _ in range(3)]
        url = re.search(r"http://127\.0\.0\.1:\d+", printed[0])[0]
        statuses = {
            key: requests.post(
                f"{url}/v1/batch", json={"batch": []}, auth=(key, ""), headers={"X-Strict-Mode": "1"}, timeout=5
            ).status_code
            for key in ("sandbox", "a secret; key")
        }
        process.send_signal(signal.SIGINT)
        process.stderr.read()
    return "".join(printed), url, statuses


def test_the_printed_export_line_can_be_pasted_into_a_shell():
    printed, url, statuses = run_sandbox()
    assert printed.startswith(f"Sandbox running at {url} (web page and API).")
    line = next(line for line in printed.splitlines() if "export" in line)
    script = f'{line}\nprintf "%s %s" "$CIO_ENDPOINT" "$CIO_WRITE_KEY"'
    assert subprocess.run(["sh", "-c", script], capture_output=True, text=True, check=True).stdout == f"{url} sandbox"
    assert statuses == {"sandbox": 200, "a secret; key": 401}


def test_the_write_key_may_come_from_the_environment_and_is_not_printed():
    printed, _, statuses = run_sandbox(CIO_SANDBOX_WRITE_KEY="a secret; key")
    assert statuses == {"sandbox": 401, "a secret; key": 200}
    assert "secret" not in printed
