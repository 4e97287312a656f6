"""Bodies of full size, without a limit on time: ``tests/benchmarks/sandbox.py`` measures."""

from cio_frames.sandbox.parsing import parse_request
from cio_frames.sandbox.store import LogEntry, RequestLine, Store
from tests.benchmarks.sandbox import bodies


def test_every_call_of_a_full_body_is_accepted_and_stored(tmp_path):
    (body, *_), calls = bodies(columns=32, count=1)
    store = Store(tmp_path / "calls.db")
    parsed = parse_request(body, None)
    store.add(
        [LogEntry(RequestLine("2024-05-01T10:00:00Z", "/v1/batch", 200, len(body), calls, True), parsed.accepted, [])]
    )
    assert calls > 400
    assert (parsed.problems, [len(stored.payloads) for stored in store.calls()]) == ([], [calls])
