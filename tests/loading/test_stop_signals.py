"""Stop signals while frames are sent and loads run: the account is right, and the program hears of the signal."""

import os
import signal
import struct
import subprocess
import sys
import textwrap
import time

import pandas as pd
import pytest

from tests.faults import Answer, Fault, FaultServer
from tests.loading.helpers import environment_for

if sys.platform == "linux":
    import fcntl
    import termios

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGTERM that a program can handle")

PRELUDE = """
import os, signal, sys, time
import pandas as pd
import cio_frames as cio
from tests.loading.helpers import load_rows
client = cio.Client.from_env()
people = pd.DataFrame({"user_id": [f"u{row}" for row in range(3)]})
number = getattr(signal, sys.argv[1])
"""


def run(program, name, *, presses=1, pause=0.0):
    """Run a program that gets a signal while its first request waits for the answer.

    Return what it did, and how many requests came.
    """

    def answer(request):
        if request.number:
            return Answer()
        for _ in range(presses):
            os.kill(process.pid, getattr(signal, name))
            time.sleep(pause)
        return Answer(after_seconds=0.5)

    with FaultServer(answer) as server:
        command = [sys.executable, "-c", PRELUDE + textwrap.dedent(program), name]
        process = subprocess.Popen(
            command, env=environment_for(server), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        output, errors = process.communicate(timeout=60)
        requests = len(server.received)
    return subprocess.CompletedProcess(command, process.returncode, output, errors), requests


SENDERS = {
    "frame": "people.cio.identify(client=client)",
    "operation": "people.cio.unsuppress_people(client=client, audit='audit.jsonl')",
    "load": "load_rows([people], client)",
}


@pytest.fixture(autouse=True)
def folder(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP"])
@pytest.mark.parametrize("sender", SENDERS)
def test_a_stop_signal_calls_the_program_s_own_handler_and_then_raises(sender, name):
    program = f"""
    signal.signal(number, lambda *_: print("handler called"))
    try:
        {SENDERS[sender]}
    except cio.InterruptedLoad as error:
        result = error.result
        print("statuses", result["status"].tolist() if isinstance(result, pd.DataFrame) else result.statuses)
    people.cio.identify(client=client)
    print("sent again")
    """
    done, _ = run(program, name)
    assert done.stdout.splitlines() == [
        "handler called",
        "statuses {'delivered': 3}" if sender == "load" else "statuses ['delivered', 'delivered', 'delivered']",
        "sent again",
    ], done.stderr


def test_a_handler_that_raises_ends_the_program_its_own_way():
    program = """
    signal.signal(number, lambda *_: sys.exit(7))
    load_rows([people], client)
    """
    done, requests = run(program, "SIGTERM")
    assert (done.returncode, requests) == (7, 1)
    assert pd.read_parquet("out/results")["status"].tolist() == ["delivered"] * 3


@pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP"])
def test_without_a_handler_of_the_program_nothing_more_is_sent_after_a_stop_signal(name):
    program = """
    for sender in (
        lambda: people.cio.identify(client=client),
        lambda: people.cio.identify(client=client),
        lambda: load_rows([people], client),
        lambda: cio.load(people, "identify", client=client, output="other"),
    ):
        try:
            sender()
        except cio.CioFramesError as error:
            print(type(error).__name__, str(error)[:50])
    print(people.cio.identify(client=client, dry_run=True)["status"].tolist())
    """
    done, requests = run(program, name)
    assert requests == 1
    first, *refused, dry = done.stdout.splitlines()
    assert first.startswith("InterruptedLoad")
    assert refused == ["ConfigurationError This process was asked to stop by a signal (SIGTER"] * 3
    assert dry == "['ready', 'ready', 'ready']"


def test_a_signal_that_the_program_ignores_stops_nothing():
    program = """
    signal.signal(number, signal.SIG_IGN)
    print(people.cio.identify(client=client)["status"].tolist())
    """
    done, _ = run(program, "SIGHUP")
    assert done.stdout.split() == ["['delivered',", "'delivered',", "'delivered']"], done.stderr


def test_ctrl_c_stops_one_delivery_and_not_the_next():
    program = """
    try:
        people.cio.identify(client=client)
    except cio.InterruptedLoad as error:
        print(error.result["status"].tolist())
    print(len(people.cio.identify(client=client)))
    """
    done, _ = run(program, "SIGINT")
    assert done.stdout.splitlines() == ["['delivered', 'delivered', 'delivered']", "3"], done.stderr


@pytest.mark.parametrize("pause", [0.0, 0.02, 0.15])
@pytest.mark.parametrize("sender", ["frame", "load"])
def test_ctrl_c_pressed_again_and_again_never_calls_rows_unsent_that_left(sender, pause):
    program = f"""
    try:
        {SENDERS[sender]}
    except cio.InterruptedLoad as error:
        result = error.result
        print(set(result["status"]) if isinstance(result, pd.DataFrame) else set(result.statuses), flush=True)
    time.sleep(1.5)
    """
    done, _ = run(program, "SIGINT", presses=3, pause=pause)
    assert done.stdout.split("\n")[0] in ("{'unknown'}", "{'delivered'}"), done.stdout + done.stderr


def test_an_interruption_while_results_are_written_waits_for_them():
    program = """
    from cio_frames.loading import outputs
    write = outputs.write_table

    def interrupted(table, path):
        os.kill(os.getpid(), number)
        time.sleep(0.05)
        write(table, path)

    outputs.write_table = interrupted
    try:
        load_rows(pd.DataFrame({"user_id": [f"u{row}" for row in range(40)]}), client)
    except cio.InterruptedLoad as error:
        results = error.result.frame()["status"].value_counts().to_dict()
        print(sum(error.result.statuses.values()), error.result.statuses["delivered"], results["delivered"])
    """
    done, _ = run(program, "SIGINT", presses=0)
    rows, *delivered = map(int, done.stdout.split())
    assert rows == 40, done.stderr
    # The chunk that was being written is there, and whatever was answered besides.
    assert delivered[0] == delivered[1] >= 10


def test_an_interruption_when_all_is_done_comes_with_the_whole_result():
    program = """
    from cio_frames.loading import outputs
    discard = outputs.OutputFolder.discard_parts

    def interrupted(self):
        os.kill(os.getpid(), number)
        time.sleep(0.05)
        discard(self)

    outputs.OutputFolder.discard_parts = interrupted
    try:
        load_rows([people.assign(email=["x", None, None])], client)
    except cio.InterruptedLoad as error:
        print(error.result.phase, error.result.statuses, len(pd.read_parquet(error.result.undelivered)))
    """
    done, _ = run(program, "SIGTERM", presses=0)
    assert done.stdout.splitlines() == ["done {'delivered': 2, 'invalid': 1} 1"], done.stderr


def test_a_stop_signal_before_the_first_row_says_that_nothing_was_sent():
    program = """
    def frames():
        os.kill(os.getpid(), number)
        time.sleep(0.05)
        yield people

    try:
        load_rows(frames(), client)
    except cio.InterruptedLoad as error:
        print(error.result.statuses)
    """
    done, requests = run(program, "SIGTERM", presses=0)
    assert requests == 0
    assert done.stdout.splitlines() == ["{}"], done.stderr


def test_the_signals_are_as_before_after_a_delivery(sandbox):
    before = [signal.getsignal(each) for each in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT)]
    pd.DataFrame({"user_id": ["ada"]}).cio.identify(client=sandbox.client)
    assert [signal.getsignal(each) for each in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT)] == before


COMMAND = """
import os, signal, sys

_, name, module, place, *arguments = sys.argv
number = getattr(signal, name)

class InFinalizer:
    def __del__(self):
        os.kill(os.getpid(), number)

class Finder:
    def find_spec(self, name, path=None, target=None):
        if name == module and place == "in a finalizer":
            InFinalizer()
        elif name == module:
            os.kill(os.getpid(), number)

sys.meta_path.insert(0, Finder())
sys.argv = ["cio-frames", *arguments]
from cio_frames.cli.app import main
main()
"""
NOTHING_SENT = "cio-frames: interrupted by {}. Nothing was sent. Run the same command again.\n"


def load_people(folder, server, *arguments, **options):
    (folder / "people.csv").write_text("user_id\nada\ngrace\n")
    return subprocess.Popen(
        [sys.executable, *arguments], env=environment_for(server), stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        text=True, **options,
    )  # fmt: skip


@pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP", "SIGINT"])
@pytest.mark.parametrize("module", ["pandas", "typer", "cio_frames.loading.csv"])
def test_a_command_that_is_stopped_before_it_sends_says_so_and_exits_with_1(tmp_path, name, module):
    with FaultServer() as server:
        started = load_people(
            tmp_path, server, "-c", COMMAND, name, module, "", "load", "people.csv", "--call", "identify"
        )
        output, errors = started.communicate(timeout=60)
    assert (started.returncode, output, errors) == (1, "", NOTHING_SENT.format(name))
    assert server.received == []


def test_a_command_sends_nothing_after_a_stop_signal_whose_exception_python_swallows(tmp_path):
    with FaultServer() as server:
        started = load_people(
            tmp_path, server, "-c", COMMAND, "SIGTERM", "cio_frames.loading.csv", "in a finalizer", "load",
            "people.csv", "--call", "identify",
        )  # fmt: skip
        output, errors = started.communicate(timeout=60)
    assert (started.returncode, output) == (1, "")
    assert errors.startswith(NOTHING_SENT.format("SIGTERM"))
    assert server.received == []


def test_a_stop_signal_while_a_load_starts_comes_with_its_account(tmp_path):
    with FaultServer() as server:
        # It is imported with the first check of a row.
        started = load_people(
            tmp_path, server, "-c", COMMAND, "SIGTERM", "pandera", "", "load", "people.csv", "--call", "identify"
        )
        output, errors = started.communicate(timeout=60)
    assert started.returncode == 1
    assert output == "0 rows, 0 bytes, 0 requests, 0.00 s\n"
    assert "The load was interrupted before it sent any row. Run the same command again to resume." in errors
    assert server.received == []


@pytest.mark.skipif(sys.platform != "linux", reason="Other systems do not tell what is left in a pipe")
def test_a_stop_signal_while_standard_input_is_waited_for_says_that_nothing_was_sent(tmp_path):
    with FaultServer() as server:
        started = load_people(
            tmp_path, server, "-m", "cio_frames", "load", "-", "--call", "identify", stdin=subprocess.PIPE
        )
        with started:
            started.stdin.write("user_id\nada\n")
            started.stdin.flush()
            while struct.unpack("i", fcntl.ioctl(started.stdin, termios.FIONREAD, b"0000"))[0]:
                time.sleep(0.05)
            started.terminate()
            assert started.wait(timeout=60) == 1
            assert started.stderr.read() == NOTHING_SENT.format("SIGTERM")
    assert server.received == []


def test_a_program_that_is_not_the_command_line_keeps_its_signals():
    program = """
    print(signal.getsignal(signal.SIGTERM) == signal.SIG_DFL, signal.getsignal(signal.SIGINT).__name__)
    """
    done, _ = run(program, "SIGTERM", presses=0)
    assert done.stdout == "True default_int_handler\n"


def test_a_library_that_does_not_return_is_ended_some_seconds_after_a_stop_signal():
    program = """
    import pyarrow.fs
    from cio_frames._util.program_signals import handle_program_signals
    from cio_frames._util.stop_deadline import end_after_stop_signal

    handle_program_signals()
    end_after_stop_signal(seconds=0.5)
    bucket = pyarrow.fs.S3FileSystem(
        endpoint_override=os.environ["CIO_ENDPOINT"].removeprefix("http://"), scheme="http", anonymous=True
    )
    bucket.get_file_info("bucket/orders.parquet")
    """
    with FaultServer([Fault.SILENCE]) as server:
        command = [sys.executable, "-c", PRELUDE + textwrap.dedent(program), "SIGTERM"]
        with subprocess.Popen(command, env=environment_for(server), stderr=subprocess.PIPE, text=True) as started:
            while not server.received:
                time.sleep(0.05)
            started.terminate()
            assert started.wait(timeout=60) == 1
            assert started.stderr.read() == (
                "cio-frames: interrupted by SIGTERM, and not ended within 0.5 seconds. Nothing was sent. "
                "Run the same command again.\n"
            )
