"""How many full batch bodies a second the sandbox takes: ``python -m tests.benchmarks.sandbox [SECONDS]``.

The sandbox is a process of its own, as from the command line; four connections send to it. A body is 474,000 bytes of
calls of about 1,000 bytes each, as wide rows make them, or of 230 bytes, as narrow rows do.
"""

import base64
import http.client
import json
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

CONNECTIONS = 4
BODY_BYTES = 474_000


def bodies(columns, count=20):
    """Return full bodies with so many columns a call, and how many calls each has."""
    made, number = [], 0
    for _ in range(count):
        calls, size = [], 0
        while True:
            properties = {"total": 29.33, "items": 2} | {
                f"column_{n}": f"value {n * number % 9973}" for n in range(columns)
            }
            call = {
                "type": "track",
                "messageId": f"01HW{number:022d}",
                "userId": f"{number * 7919 % 20_000:05d}",
                "event": "Order Completed",
                "timestamp": "2024-05-01T10:00:00.000Z",
                "properties": properties,
            }
            text = json.dumps(call, separators=(",", ":"))
            size += len(text) + 1
            if size > BODY_BYTES:
                break
            number += 1
            calls.append(text)
        made.append(f'{{"batch":[{",".join(calls)}]}}'.encode())
    return made, len(calls)


def bodies_per_second(sent, seconds, *options):
    """Run a sandbox with these options, and send to it for a while."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "cio_frames", "sandbox", "--port", "0", "--db", str(Path(folder) / "calls.db")]
        with subprocess.Popen([*command, *options], stderr=subprocess.PIPE, text=True) as running:
            port = int(re.search(r"http://127\.0\.0\.1:(\d+)", running.stderr.readline())[1])
            answered = [0] * CONNECTIONS
            until = time.monotonic() + seconds
            senders = [
                threading.Thread(target=_send, args=(port, sent, until, answered, place))
                for place in range(CONNECTIONS)
            ]
            started = time.monotonic()
            for sender in senders:
                sender.start()
            for sender in senders:
                sender.join()
            took = time.monotonic() - started
            running.send_signal(signal.SIGINT)
            running.stderr.read()
    return sum(answered) / took


def _send(port, sent, until, answered, place):
    key = base64.b64encode(b"sandbox:").decode()
    connection = http.client.HTTPConnection("127.0.0.1", port)
    while time.monotonic() < until:
        body = sent[(place + answered[place] * CONNECTIONS) % len(sent)]
        connection.request("POST", "/v1/batch", body, {"Authorization": f"Basic {key}", "X-Strict-Mode": "1"})
        answer = connection.getresponse()
        answer.read()
        assert answer.status == 200
        answered[place] += 1


def main():
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 5.0
    for columns in (32, 1):
        sent, calls = bodies(columns)
        for options in ([], ["--no-state"]):
            rate = bodies_per_second(sent, seconds, *options)
            line = (
                f"{calls:>5} calls a body {' '.join(options):<11} {rate:>6.0f} bodies/s {rate * calls:>9,.0f} calls/s"
            )
            sys.stdout.write(line + "\n")


if __name__ == "__main__":
    main()
