"""The outcome of every row when the server misbehaves, over real sockets."""

import gzip
import math
import signal
import socket
import threading
import time
from collections import Counter

import pandas as pd
import pytest

import cio_frames as cio
from cio_frames.columns import ColumnMapping
from cio_frames.delivery.retry import Backoff
from cio_frames.pipeline import CallSpec, run_call
from tests.faults import OK, Answer, Fault, FaultServer
from tests.loading.helpers import load_rows

KEY = "sekret-key-123"
REFUSED = Answer(400, b'{"meta":{"errors":["event is missing"]}}')


def client(url, **settings):
    quick = {"attempts": 4, "connect_timeout_seconds": 2, "read_timeout_seconds": 0.3, "workers": 1}
    return cio.Client(write_key=KEY, endpoint=url, **{**quick, **settings})


def people(rows=3):
    return pd.DataFrame({"user_id": [f"u{row}" for row in range(rows)]})


def identify(frame, to):
    """Send people as ``cio.identify`` does, with short waits."""
    call_spec = CallSpec("identify", ColumnMapping())
    options = {"dry_run": False, "on_invalid": "skip", "progress": False}
    return run_call(frame, call_spec, client=to, backoff=Backoff(first_seconds=0.01), **options)


def send(frame, url, **settings):
    """Send a frame, and return its result also where it is on an error."""
    try:
        return identify(frame, client(url, **settings))
    except cio.DeliveryError as error:
        ended = error
    assert KEY not in str(ended)
    return ended.result


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


# fault, status, http status, attempts, words of the reason
FAULTS = [
    pytest.param([OK], "delivered", 200, 1, None, id="none"),
    pytest.param([Fault.RESET_BEFORE_BODY, OK], "delivered", 200, 2, None, id="reset before the body, once"),
    pytest.param([Fault.RESET_IN_BODY, OK], "delivered", 200, 2, None, id="reset in the body, once"),
    pytest.param([Fault.RESET_AFTER_BODY, OK], "delivered", 200, 2, None, id="reset after the body, once"),
    pytest.param([Fault.RESET_AFTER_BODY], "unknown", None, 4, "closed before an answer", id="reset always"),
    pytest.param([Fault.CUT_STATUS_LINE], "unknown", None, 4, "closed before an answer", id="answer cut off"),
    pytest.param([Fault.SILENCE, OK], "delivered", 200, 2, None, id="no answer, once"),
    pytest.param([Fault.SILENCE], "unknown", None, 4, "no answer from", id="no answer ever"),
    pytest.param([Fault.ENDLESS_HEAD, OK], "delivered", 200, 2, None, id="answer that never comes to its body, once"),
    pytest.param(
        [Fault.ENDLESS_HEAD], "unknown", None, 4, "no answer from", id="answers that never come to their body"
    ),
    pytest.param(
        [Answer(200, b"{}" + b" " * 98, seconds_between_bytes=0.05)], "unknown", 200, 4, "cut off", id="endless answer"
    ),
    pytest.param([Answer(200, b"{}", bytes_sent=1), OK], "delivered", 200, 2, None, id="answer cut off, once"),
    pytest.param([Answer(200, b"{}", bytes_sent=0)], "unknown", 200, 4, "cut off", id="answer cut off always"),
    *[
        pytest.param([fault], "unknown", None, 4, "closed before an answer", id=fault.name.lower())
        for fault in (Fault.CUT_HEAD, Fault.CUT_HEAD_LINE, Fault.CUT_BEFORE_BLANK_LINE)
    ],
    pytest.param([Answer(interim=[102, 103])], "delivered", 200, 1, None, id="interim answers"),
    pytest.param([Answer(200, b"[]")], "unknown", 200, 1, "not JSON of the API", id="200 with other JSON"),
    pytest.param([Answer(409), OK], "delivered", 200, 2, None, id="409 once"),
    pytest.param([Answer(429), OK], "delivered", 200, 2, None, id="429 once"),
    pytest.param([Answer(429)], "unsent", 429, 4, "429", id="429 always"),
    pytest.param([Fault.RESET_AFTER_BODY, Answer(429)], "unknown", 429, 4, "429", id="reset once, then 429"),
    pytest.param([Answer(429, headers={"Retry-After": "0"}), OK], "delivered", 200, 2, None, id="429, retry at once"),
    pytest.param([Answer(429, headers={"Retry-After": "nonsense"}), OK], "delivered", 200, 2, None, id="429, nonsense"),
    pytest.param(
        [Answer(429, headers={"Retry-After": "-7"}), OK], "delivered", 200, 2, None, id="429, less than no wait"
    ),
    pytest.param(
        [Answer(429, headers={"Retry-After": "Thu, 01 Jan 1970 00:00:10 GMT"}), OK],
        "delivered",
        200,
        2,
        None,
        id="429, a date that is past",
    ),
    pytest.param(
        [Answer(429, headers={"Retry-After": "9" * 400})],
        "unsent",
        429,
        1,
        "asks to wait",
        id="429, until the end of time",
    ),
    pytest.param(
        [Answer(503, headers={"Retry-After": "Fri, 31 Dec 9999 23:59:59 GMT"})],
        "unknown",
        503,
        1,
        "503",
        id="503, a date that is far",
    ),
    pytest.param([Answer(500), OK], "delivered", 200, 2, None, id="500 once"),
    pytest.param([Answer(502, b"<h1>Bad Gateway</h1>")], "unknown", 502, 4, "502 with a web page", id="502 in HTML"),
    pytest.param([Answer(503), Answer(503), OK], "delivered", 200, 3, None, id="503 that ends"),
    pytest.param([Answer(408), OK], "delivered", 200, 2, None, id="408 once"),
    pytest.param(
        [Answer(200, gzip.compress(b"{}"), {"Content-Encoding": "gzip"})], "delivered", 200, 1, None, id="gzip"
    ),
    pytest.param(
        [Answer(200, b'{"ok": true}', seconds_between_bytes=0.01)], "delivered", 200, 1, None, id="slow answer"
    ),
    pytest.param([Answer(401, b'{"message":"bad key"}')], "unsent", 401, 1, "bad key", id="401"),
    pytest.param([Answer(403)], "unsent", 403, 1, "write key", id="403"),
    pytest.param(
        [Answer(302, headers={"Location": "https://x.example/"})], "unknown", 302, 1, "x.example", id="redirect"
    ),
    pytest.param([Answer(404)], "unknown", 404, 1, "unexpected", id="404"),
    pytest.param([Answer(200, b"\n<html>log in</html>")], "unknown", 200, 1, "unexpected", id="200 with a web page"),
]


@pytest.mark.parametrize(("script", "status", "http_status", "attempts", "words"), FAULTS)
def test_a_fault_has_its_status(script, status, http_status, attempts, words):
    frame = people().set_axis([7, 7, 8])
    with FaultServer(script) as server:
        result = send(frame, server.url)
        assert len({request.body for request in server.received if len(request.body) > 200}) <= 1
    assert list(result.index) == [7, 7, 8]
    assert list(result["status"]) == [status] * 3
    assert list(result["attempts"]) == [attempts] * 3
    assert set(result["http_status"].dropna()) == ({http_status} if http_status else set())
    if words is None:
        assert result["reason"].isna().all()
    else:
        assert result["reason"].str.contains(words).all()
        assert not result["reason"].str.contains(KEY).any()


@pytest.mark.parametrize(("script", "status", "http_status", "attempts", "words"), FAULTS)
def test_a_fault_has_the_same_status_in_a_load(tmp_path, script, status, http_status, attempts, words):
    with FaultServer(script) as server:
        options = {"client": client(server.url), "output": tmp_path / "out"}
        try:
            loaded = load_rows(people(), **options)
        except cio.DeliveryError as error:
            loaded = error.result
    assert KEY not in loaded.why
    answers = loaded.frame()
    assert loaded.statuses == {status: 3}
    assert (loaded.phase == "done") is (status == "delivered")
    assert list(answers["status"]) == [status] * 3
    assert list(answers["attempts"]) == [attempts] * 3
    assert not answers["resent"].any()
    assert (loaded.undelivered is None) is (status == "delivered")
    with FaultServer([OK], port=server.port):
        again = load_rows(people(), **options)
    assert again.statuses == {"delivered": 3}
    assert again.frame()["message_id"].tolist() == answers["message_id"].tolist()
    assert again.frame()["resent"].tolist() == [status == "unknown"] * 3


@pytest.mark.parametrize(
    ("url", "words"),
    [
        (lambda: f"http://127.0.0.1:{free_port()}", "does not accept connections"),
        (lambda: "https://cdp.customer.invalid", "the host name was not found"),
    ],
    ids=["connection refused", "no such name"],
)
def test_a_host_that_cannot_be_reached_leaves_all_rows_unsent_soon_and_says_why(url, words):
    result = send(people(), url(), attempts=5)
    assert list(result["status"]) == ["unsent"] * 3
    assert list(result["attempts"]) == [5] * 3
    assert result["reason"].str.contains(words).all()


def test_a_server_without_tls_is_the_reason():
    with FaultServer([OK]) as server:
        result = send(people(), server.url.replace("http:", "https:"))
    assert list(result["status"]) == ["unsent"] * 3
    assert result["reason"].str.contains("no secure (TLS) connection", regex=False).all()


def poisoned(*ids):
    """Refuse any body that has one of these calls."""
    return lambda request: REFUSED if request.people & set(ids) else OK


def test_one_poisoned_call_among_a_thousand_is_found_in_few_requests_and_the_others_go():
    with FaultServer(poisoned("u617")) as server:
        result = send(people(1_000), server.url)
        requests = len(server.received)
    assert result["status"].value_counts().loc[lambda counts: counts > 0].to_dict() == {"delivered": 999, "rejected": 1}
    assert result["status"].iloc[617] == "rejected"
    assert result["reason"].iloc[617] == "400: event is missing"
    assert requests <= 1 + 2 * math.log2(1_000) + 2
    assert result["attempts"].iloc[617] == result["attempts"].max() == 11


@pytest.mark.parametrize("status", [400, 413, 422])
def test_if_every_call_is_rejected_each_is_isolated(status):
    with FaultServer([Answer(status, b'{"error":"no"}')]) as server:
        result = send(people(4), server.url)
    assert list(result["status"]) == ["rejected"] * 4
    assert set(result["reason"]) == {f"{status}: no"}
    assert list(result["attempts"]) == [3] * 4


def test_a_200_with_errors_in_its_body_rejects_the_guilty_call_and_delivers_the_others():
    refused = Answer(200, b'{"meta":{"errors":["email is not valid"]}}')
    with FaultServer(lambda request: refused if "u2" in request.people else OK) as server:
        result = send(people(5), server.url)
    assert list(result["status"]) == ["delivered", "delivered", "rejected", "delivered", "delivered"]
    assert result["reason"][2] == "200: email is not valid"


def test_a_207_rejects_the_calls_that_it_names_in_one_request():
    body = b'{"errors":[{"batch_index":1,"reason":"invalid","field":"email","message":"not an email"}]}'
    with FaultServer([Answer(207, body)]) as server:
        result = send(people(3), server.url)
        assert len(server.received) == 1
    assert list(result["status"]) == ["delivered", "rejected", "delivered"]
    assert result["reason"][1] == "207: email: not an email"


def test_if_all_calls_are_rejected_splitting_stops_early_and_says_why():
    with FaultServer([REFUSED]) as server:
        result = send(people(1_000), server.url)
        requests = len(server.received)
    assert requests < 60
    assert result["status"].value_counts().loc[lambda counts: counts > 0].to_dict() == {"rejected": 20, "unknown": 980}
    rejected = result["status"].eq("rejected")
    assert set(result.loc[rejected, "reason"]) == {"400: event is missing"}
    assert result.loc[~rejected, "reason"].str.contains("its batch was refused").all()


def test_a_load_in_which_all_is_rejected_says_so_and_can_be_resumed(tmp_path):
    with FaultServer([REFUSED]) as server:
        options = {"client": client(server.url), "output": tmp_path / "out"}
        loaded = load_rows(people(100), **options)
    assert loaded.phase == "stopped"
    assert "Each of the first 20 calls was rejected: 400: event is missing" in loaded.why
    with FaultServer([OK], port=server.port):
        assert load_rows(people(100), **options).statuses == {"delivered": 80, "rejected": 20}


def test_one_accepted_call_shows_that_not_all_are_rejected():
    bad = {f"u{number}" for number in range(1, 60)}
    with FaultServer(poisoned(*bad)) as server:
        result = send(people(64), server.url)
    assert result["status"].value_counts().loc[lambda counts: counts > 0].to_dict() == {"rejected": 59, "delivered": 5}


def test_a_split_batch_keeps_its_message_ids_and_its_order():
    with FaultServer(poisoned("u2")) as server:
        result = send(people(5), server.url)
        accepted = [call for request in server.received if "u2" not in request.people for call in request.calls]
    assert [call["userId"] for call in accepted] == ["u0", "u1", "u3", "u4"]
    assert [call["messageId"] for call in accepted] == list(result["message_id"].drop(2))


def test_a_key_refused_in_the_middle_stops_the_load_and_keeps_what_was_delivered():
    with FaultServer([OK, Answer(401)]) as server, pytest.raises(cio.AuthenticationError) as error:
        identify(people(300), client(server.url, max_body_bytes=10_000, max_call_bytes=5_000))
    statuses = error.value.result["status"].value_counts().loc[lambda counts: counts > 0].to_dict()
    assert set(statuses) == {"delivered", "unsent"}
    assert sum(statuses.values()) == 300
    assert error.value.result["reason"].notna().sum() == statuses["unsent"]


def test_three_batches_given_up_in_a_row_stop_the_load_and_the_rest_stays_here():
    with FaultServer([Answer(503)]) as server:
        result = send(people(2_000), server.url, attempts=2, max_body_bytes=10_000, max_call_bytes=5_000)
        assert len(server.received) == 6
    assert set(result["status"]) == {"unknown", "unsent"}
    assert result.loc[result["status"].eq("unsent"), "reason"].eq("Delivery stopped after retries: answered 503.").all()


def test_a_third_of_429_delays_a_load_and_loses_nothing():
    with FaultServer(lambda request: Answer(429) if request.number % 3 == 0 else OK) as server:
        result = send(people(500), server.url, workers=4, max_body_bytes=5_000, max_call_bytes=4_000)
    assert set(result["status"]) == {"delivered"}
    assert result["attempts"].max() > 1


def test_one_persons_calls_never_overlap_or_overtake_while_lanes_work_at_once():
    frame = pd.DataFrame({"user_id": [f"u{row % 7}" for row in range(420)], "n": range(420)})
    slow = lambda request: Answer(503 if request.number % 5 == 0 else 200, after_seconds=0.002 * (request.number % 4))  # noqa: E731
    with FaultServer(slow) as server:
        settings = {"workers": 4, "max_body_bytes": 3_000, "max_call_bytes": 2_000, "attempts": 20}
        result = frame.cio.track("Seen", allow_campaigns=True, client=client(server.url, **settings))
        assert server.overlaps() == set()
        taken = [request for request in server.received if request.number % 5]
        arrived = [(call["userId"], call["properties"]["n"]) for request in taken for call in request.calls]
        assert server.connections > 1
    assert set(result["status"]) == {"delivered"}
    for person in frame["user_id"].unique():
        assert [n for who, n in arrived if who == person] == sorted(n for who, n in arrived if who == person)
    assert len(arrived) == 420


def test_the_rate_limit_is_kept_by_all_lanes_together():
    with FaultServer([OK]) as server:
        settings = {"workers": 4, "requests_per_second": 50, "max_body_bytes": 1_100, "max_call_bytes": 1_000}
        started = time.monotonic()
        send(people(300), server.url, **settings)
        seconds = time.monotonic() - started
        requests = len(server.received)
    assert requests >= 25
    assert (requests - 1) / 50 <= seconds


def test_retry_after_is_waited_for():
    with FaultServer([Answer(429, headers={"Retry-After": "1"}), OK]) as server:
        started = time.monotonic()
        result = send(people(), server.url)
    assert time.monotonic() - started >= 1
    assert set(result["status"]) == {"delivered"}


def test_a_wait_longer_than_the_budget_is_not_begun():
    with FaultServer([Answer(429, headers={"Retry-After": "86400"}), OK]) as server:
        result = send(people(), server.url, retry_budget_seconds=2)
        assert len(server.received) == 1
    assert list(result["status"]) == ["unsent"] * 3
    assert set(result["reason"]) == {"answered 429; it asks to wait 86,400 s; retry_budget_seconds is 2"}


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_stop_signal_finishes_what_is_in_flight_and_leaves_the_rest_here(number):
    interrupted = threading.Event()
    before = signal.getsignal(number)

    def answer(request):
        if request.number == 2 and not interrupted.is_set():
            interrupted.set()
            signal.raise_signal(number)
        return Answer(after_seconds=0.05)

    with FaultServer(answer) as server, pytest.raises(cio.InterruptedLoad) as error:
        people(3_000).cio.identify(client=client(server.url, max_body_bytes=10_000, max_call_bytes=5_000))
    result = error.value.result
    counts = Counter(result["status"])
    assert counts["delivered"] > 0
    assert counts["unsent"] > 0
    assert sum(counts.values()) == 3_000
    assert counts["delivered"] == sum(len(request.calls) for request in server.received)
    assert signal.getsignal(number) is before


def test_a_stop_signal_that_the_program_ignores_is_ignored_here_too():
    before = signal.signal(signal.SIGTERM, signal.SIG_IGN)

    def answer(request):
        signal.raise_signal(signal.SIGTERM)
        return Answer(after_seconds=0.05)

    try:
        with FaultServer(answer) as server:
            assert list(people().cio.identify(client=client(server.url))["status"]) == ["delivered"] * 3
    finally:
        signal.signal(signal.SIGTERM, before)


def test_ctrl_c_waits_for_a_slow_answer_and_calls_nothing_unsent_that_was_sent():
    def answer(request):
        signal.raise_signal(signal.SIGINT)
        return Answer(after_seconds=0.5)

    with FaultServer(answer) as server, pytest.raises(cio.InterruptedLoad) as error:
        people().cio.identify(client=client(server.url, read_timeout_seconds=5))
    assert list(error.value.result["status"]) == ["delivered"] * 3


def test_an_unknown_server_that_repeats_what_it_was_sent_is_not_quoted_in_the_error():
    with FaultServer([Answer(404, b"you sent u0")]) as server, pytest.raises(cio.DeliveryError) as error:
        people().cio.identify(client=client(server.url))
    assert "u0" not in str(error.value)
    assert error.value.message.isprintable()
    assert "does not answer as Customer.io does: it answered 404. Check endpoint=." in str(error.value)


def test_with_strict_mode_off_an_answer_says_less():
    with FaultServer([OK]) as server:
        result = send(people(), server.url, strict=False)
        assert "x-strict-mode" not in server.received[0].head.lower()
    assert list(result["status"]) == ["acknowledged"] * 3


def test_nothing_personal_and_no_key_is_logged(caplog):
    caplog.set_level("DEBUG")
    with FaultServer([Answer(503), OK]) as server:
        send(pd.DataFrame({"user_id": ["ada-the-secret"]}), server.url)
    assert "ada-the-secret" not in caplog.text
    assert KEY not in caplog.text


def test_a_call_that_is_blocked_after_an_attempt_without_an_answer_is_unknown():
    blocked = Answer(403, b"<html>no</html>", {"Content-Type": "text/html"})
    settings = {"max_body_bytes": 120, "max_call_bytes": 100}
    with FaultServer([OK, Fault.RESET_AFTER_BODY, blocked]) as server:
        result = send(people(2), server.url, **settings)
    assert list(result["status"]) == ["delivered", "unknown"]
    assert result["reason"][1].endswith("blocked this request; an earlier attempt may have been accepted")
