"""Whole loads when the server misbehaves or the load is interrupted, over real sockets."""

import math
import os
import shutil
import signal
import ssl
import subprocess
import threading
import time

import nbclient
import nbformat
import pandas as pd
import pytest

import cio_frames as cio
from cio_frames.delivery.connection import ApiConnection
from cio_frames.loading import loads_in
from cio_frames.loading.tuning import LoadTuning
from tests.delivery.test_server_faults import REFUSED, client, free_port, people, poisoned
from tests.faults import OK, Answer, Fault, FaultServer
from tests.loading.helpers import SMALL, load_rows


@pytest.fixture(autouse=True)
def folder(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)


def load(frame, to, **options):
    """Load a frame as one chunk."""
    return load_rows([frame], to, tuning=LoadTuning(chunk_rows=10_000, backoff=SMALL.backoff), **options)


@pytest.mark.parametrize(
    ("url", "words"),
    [
        (lambda: f"http://127.0.0.1:{free_port()}", "does not accept connections"),
        (lambda: "https://cdp.customer.invalid", "the host name was not found"),
    ],
    ids=["connection refused", "no such name"],
)
def test_a_load_to_a_host_that_cannot_be_reached_ends_soon_with_all_rows_unsent(url, words):
    people(100).to_parquet("people.parquet")
    result = load_rows("people.parquet", client(url(), attempts=5))
    assert (result.phase, result.statuses, result.resent) == ("stopped", {"unsent": 100}, 0)
    assert words in result.why
    assert "Call it again with the same arguments to resume." in result.why
    # The others were not even read.
    answers = result.frame()
    assert answers["reason"].str.contains(words).all()
    assert answers["attempts"].tolist() == [5] * 10 + [0] * (len(answers) - 10)
    assert len(answers) < 60
    assert list(loads_in(result.ledger)["phase"]) == ["stopped"]


@pytest.fixture
def certificate(tmp_path):
    """A certificate for this machine that nobody has signed but itself."""
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("openssl makes the certificate")
    key, own = tmp_path / "key.pem", tmp_path / "own.pem"
    command = (
        f"{openssl} req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost -addext subjectAltName=IP:127.0.0.1"
    )
    subprocess.run([*command.split(), "-keyout", key, "-out", own], check=True, capture_output=True)
    return key, own


class SecureServer(FaultServer):
    def __init__(self, certificate, script=(OK,)):
        super().__init__(script)
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        key, own = certificate
        self._context.load_cert_chain(own, key)
        self.url = f"https://127.0.0.1:{self.port}"

    def _serve(self, connection):
        try:
            super()._serve(self._context.wrap_socket(connection, server_side=True))
        except OSError:
            connection.close()


def test_a_load_to_a_host_with_a_certificate_nobody_signed_sends_nothing_and_says_why(certificate):
    with SecureServer(certificate) as server:
        result = load(people(), client(server.url))
        assert not server.received
    assert (result.phase, result.statuses) == ("stopped", {"unsent": 3})
    assert "no secure (TLS) connection" in result.why
    assert "certificate verify failed" in result.why


def test_a_load_to_a_host_that_speaks_no_tls_says_so():
    with FaultServer([OK]) as server:
        result = load(people(), client(server.url.replace("http:", "https:")))
    assert result.statuses == {"unsent": 3}
    assert "no secure (TLS) connection" in result.why


def test_a_connection_over_tls_gives_up_on_an_endless_answer_too(certificate):
    with SecureServer(certificate, [Fault.ENDLESS_HEAD, OK]) as server:
        connection = ApiConnection(client(server.url), ca_bundle=str(certificate[1]))
        endless, accepted = connection.post(b"{}"), connection.post(b"{}")
        connection.close()
    assert (endless.status, endless.sent) == (None, True)
    assert "timeout: no answer from" in endless.message
    assert accepted.status == 200


def test_one_poisoned_call_among_a_thousand_is_found_by_a_load_and_is_its_only_undelivered_row():
    with FaultServer(poisoned("u617")) as server:
        result = load(people(1_000), client(server.url))
        requests = len(server.received)
    assert (result.phase, result.statuses) == ("done", {"delivered": 999, "rejected": 1})
    assert requests == result.requests <= 1 + 2 * math.log2(1_000) + 2
    undelivered = pd.read_parquet(result.undelivered)
    assert undelivered[["user_id", "_cio_reason", "_cio_row"]].to_numpy().tolist() == [
        ["u617", "400: event is missing", 617]
    ]


def test_a_load_of_calls_that_are_each_too_large_for_the_server_has_them_all_rejected():
    with FaultServer([Answer(413, b"too large")]) as server:
        result = load(people(4), client(server.url))
    assert result.statuses == {"rejected": 4}
    assert list(result.frame()["attempts"]) == [3] * 4
    assert len(pd.read_parquet(result.undelivered)) == 4


@pytest.mark.parametrize("answer", [Answer(429), Answer(429, headers={"Retry-After": "0"})], ids=["plain", "asked"])
def test_a_load_of_which_nearly_a_third_is_answered_429_is_delivered(answer):
    with FaultServer(lambda request: answer if request.number % 10 in (0, 3, 6) else OK) as server:
        # Chance may refuse a batch many times in a row.
        options = {"workers": 4, "max_body_bytes": 5_000, "max_call_bytes": 4_000, "attempts": 30}
        result = load(people(2_000), client(server.url, **options))
        refused = sum(request.number % 10 in (0, 3, 6) for request in server.received)
    assert result.statuses == {"delivered": 2_000}
    answers = result.frame()
    # Who was asked to come back later came back once for each time.
    assert answers.groupby("batch")["attempts"].max().sub(1).sum() == refused > 10


def test_a_storm_of_503_that_ends_delays_a_load_and_loses_nothing():
    with FaultServer(lambda request: Answer(503) if 5 <= request.number < 15 else OK) as server:
        result = load(
            people(2_000), client(server.url, workers=2, max_body_bytes=5_000, max_call_bytes=4_000, attempts=12)
        )
    assert result.statuses == {"delivered": 2_000}


def test_a_key_refused_in_the_middle_stops_a_load_which_is_resumed_with_a_valid_key():
    options = {"max_body_bytes": 10_000, "max_call_bytes": 5_000}
    with FaultServer([OK, OK, Answer(401)]) as server:
        with pytest.raises(cio.AuthenticationError) as error:
            load(people(500), client(server.url, **options))
        taken = {call["messageId"] for request in server.received[:2] for call in request.calls}
    stopped = error.value.result
    assert stopped.statuses == {"delivered": len(taken), "unsent": 500 - len(taken)}
    with FaultServer([OK], port=server.port) as server:
        result = load(people(500), client(server.url, **options))
        rest = {call["messageId"] for request in server.received for call in request.calls}
    assert result.statuses == {"delivered": 500}
    assert not taken & rest
    assert taken | rest == set(result.frame()["message_id"])


def test_where_all_is_refused_a_load_stops_early_and_the_rest_is_not_read():
    with FaultServer([REFUSED]) as server:
        tuning = LoadTuning(chunk_rows=200, backoff=SMALL.backoff)
        result = load_rows(people(600), client(server.url, workers=1), tuning=tuning)
        assert len(server.received) < 60
    assert result.phase == "stopped"
    assert result.statuses == {"rejected": 20, "unknown": 180, "unsent": 400}


def test_ctrl_c_waits_no_longer_than_an_answer_may_take_and_leaves_the_result_on_the_error():
    def answer(request):
        signal.raise_signal(signal.SIGINT)
        return Fault.SILENCE

    with FaultServer(answer) as server:
        with pytest.raises(cio.InterruptedLoad) as error:
            load(people(), client(server.url, read_timeout_seconds=0.5, retry_budget_seconds=60))
        assert len(server.received) == 1
    stopped = error.value.result
    assert stopped.statuses == {"unknown": 3}
    assert "Call it again with the same arguments to resume." in str(error.value)
    assert len(pd.read_parquet(stopped.undelivered)) == 3
    # The ledger is closed: another load may have it at once.
    with FaultServer([OK], port=server.port):
        again = load(people(), client(server.url))
    assert (again.statuses, again.resent) == ({"delivered": 3}, 3)


CELLS = """\
import cio_frames as cio
from cio_frames.delivery.connection import ApiConnection
import pandas as pd
frames = [pd.DataFrame({{"user_id": [f"u{{row}}" for row in range(first, first + 10)]}}) for first in range(0, 200, 10)]
small = {{"workers": 1, "max_call_bytes": 300, "max_body_bytes": 700}}
cio.load(frames, "identify", client=cio.Client(write_key="sandbox", endpoint="{url}", **small), output="{output}")
---
import sys
print(type(sys.last_value).__name__, sys.last_value.result.statuses, sys.last_value.result.phase)
"""


def test_an_interrupted_cell_of_a_notebook_leaves_the_result_on_the_error(tmp_path):
    with cio.Sandbox(latency_seconds=0.2) as sandbox:
        cells = CELLS.format(url=sandbox.url, output=tmp_path / "out").split("---\n")
        notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
        running = nbclient.NotebookClient(notebook, allow_errors=True, timeout=60, kernel_name="python3")

        def interrupt():
            until = time.monotonic() + 50
            while len(sandbox.requests()) < 2 and time.monotonic() < until:
                time.sleep(0.02)
            # As Jupyter does it.
            os.kill(running.km.provisioner.pid, signal.SIGINT)

        thread = threading.Thread(target=interrupt)
        thread.start()
        running.execute()
        thread.join()
        calls = len(sandbox.calls())
    said = "".join(output.get("text", "") for output in notebook.cells[1].outputs)
    assert said.startswith("InterruptedLoad {"), notebook.cells
    assert said.rstrip().endswith("stopped")
    assert 0 < calls < 200
    assert f"'delivered': {calls}" in said
    assert f"'unsent': {200 - calls}" in said
