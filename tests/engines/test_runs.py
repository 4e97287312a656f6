"""What a run on an engine promises, with the engine left out: partitions are frames of this process."""

import json
import pathlib
import pickle
import subprocess
import sys
import time
import warnings
from email.utils import formatdate
from itertools import pairwise

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import cio_frames as cio
from cio_frames.client import offline_client
from cio_frames.delivery.observer import NullObserver
from cio_frames.engines.driver import count_dry_run
from cio_frames.engines.engine import LocalEngine
from cio_frames.engines.request import build_request, complete_request
from cio_frames.engines.store import RunStore
from cio_frames.engines.totals import place_in
from cio_frames.pipeline.call_spec import build_call_spec
from tests.engines.helpers import orders_spec, run_locally, small_bodies, split_frame
from tests.engines.rows import people_out_of_order, repeated_orders
from tests.faults import Answer, FaultServer
from tests.loading.helpers import environment_for

ORDERS = repeated_orders(rows=1_000, people=60)
WAYS = pytest.mark.parametrize(
    "way", [{}, {"order_by": "at"}, {"senders": 3}, {"senders": 2, "buckets": 1}], ids=["in order", "by", "3", "2"]
)


@pytest.fixture(scope="module")
def plain_ids():
    """The message ids of one plain call."""
    return cio.track(ORDERS, "Order Placed", user_id="customer", timestamp="at", dry_run=True)["message_id"].tolist()


@WAYS
def test_a_run_makes_the_calls_of_one_plain_call_in_order_and_answers_every_row(sandbox, tmp_path, plain_ids, way):
    result, answers = run_locally(split_frame(ORDERS, 4), tmp_path, small_bodies(sandbox.client), keep="order", **way)
    calls = sandbox.calls()
    assert sorted(calls["messageId"]) == sorted(plain_ids)
    assert people_out_of_order(calls) == []
    assert result.statuses == {"delivered": len(ORDERS)}
    assert (result.phase, result.ok, result.requests) == ("done", True, len(sandbox.requests()))
    assert answers["order"].tolist() == ORDERS["order"].tolist()
    assert sorted(answers["message_id"]) == sorted(plain_ids)
    if way == {}:
        assert answers["message_id"].tolist() == plain_ids
    assert len(result.frame()) == len(ORDERS)


@settings(max_examples=12, deadline=None)
@given(
    rows=st.lists(st.tuples(st.sampled_from(["ada", "bob", None]), st.integers(0, 2)), min_size=1, max_size=25),
    cuts=st.lists(st.integers(0, 25), max_size=4).map(sorted),
    way=st.sampled_from([{}, {"order_by": "at"}, {"senders": 2, "buckets": 3}]),
)
def test_however_a_frame_is_split_its_message_ids_are_those_of_one_plain_call(tmp_path_factory, rows, cuts, way):
    frame = pd.DataFrame(rows, columns=["customer", "day"]).astype({"customer": "str"})
    frame = frame.assign(at=pd.Timestamp("2024-05-01", tz="UTC") + pd.to_timedelta(frame.pop("day"), unit="D"))
    parts = [
        frame.iloc[start:stop] for start, stop in pairwise([0, *(min(cut, len(frame)) for cut in cuts), len(frame)])
    ]
    plain = cio.track(frame, "Order Placed", user_id="customer", timestamp="at", dry_run=True)
    with cio.Sandbox(state=False) as sandbox, warnings.catch_warnings():
        warnings.filterwarnings("ignore", ".* rows belong together")
        client = small_bodies(sandbox.client)
        _, answers = run_locally(parts, tmp_path_factory.mktemp("split"), client, **way)
        arrived = sandbox.calls()
    expected = sorted(plain["message_id"].dropna())
    assert sorted(answers["message_id"].dropna()) == expected
    assert sorted(arrived["messageId"] if expected else []) == expected


@WAYS
def test_a_run_that_is_asked_for_again_sends_nothing(sandbox, tmp_path, way):
    run_locally(split_frame(ORDERS, 2), tmp_path, sandbox.client, **way)
    sent = len(sandbox.requests())
    result, answers = run_locally(split_frame(ORDERS, 3), tmp_path, sandbox.client, **way)
    assert len(sandbox.requests()) == sent
    assert result.statuses == {"delivered": len(ORDERS)}
    assert result.why.startswith("This load was done before, and nothing was sent now.")
    assert len(answers) == len(ORDERS)


@WAYS
def test_other_rows_under_the_same_output_are_refused_and_fresh_sends_them(sandbox, tmp_path, way):
    run_locally(split_frame(ORDERS, 2), tmp_path, sandbox.client, **way)
    sent = len(sandbox.requests())
    with pytest.raises(cio.ConfigurationError, match="The frame has other rows than those that were sent"):
        run_locally(split_frame(ORDERS.iloc[1:], 2), tmp_path, sandbox.client, **way)
    assert len(sandbox.requests()) == sent
    result, _ = run_locally(split_frame(ORDERS.iloc[1:], 2), tmp_path, sandbox.client, fresh=True, **way)
    assert result.statuses == {"delivered": len(ORDERS) - 1}


@pytest.mark.parametrize("way", [{}, {"senders": 2}], ids=["1", "2"])
def test_a_run_that_is_not_done_is_not_resumed_with_other_rows(tmp_path, way):
    """Their answers would be those of the rows that were staged, and the new ones would never be sent."""
    with FaultServer([Answer(429)]) as server:
        client = small_bodies(cio.Client(write_key="k", endpoint=server.url, attempts=1))
        first, _ = run_locally(split_frame(ORDERS, 2), tmp_path, client, **way)
    assert first.phase == "stopped"
    with FaultServer(port=server.port) as again:
        with pytest.raises(cio.ConfigurationError, match=r"other rows than those that were staged .* pass the rows"):
            run_locally(split_frame(ORDERS.iloc[1:], 2), tmp_path, client, **way)
        assert again.received == []
        assert run_locally(split_frame(ORDERS, 3), tmp_path, client, **way)[0].ok


def test_other_settings_under_the_same_output_are_refused(sandbox, tmp_path):
    run_locally([ORDERS], tmp_path, sandbox.client)
    with pytest.raises(cio.ConfigurationError, match="several_senders False -> True"):
        run_locally([ORDERS], tmp_path, sandbox.client, senders=2)
    other = build_call_spec("track", "Other", user_id="customer", timestamp="at")
    with pytest.raises(cio.ConfigurationError, match="event 'Order Placed' -> 'Other'"):
        run_locally([ORDERS], tmp_path, sandbox.client, call_spec=other)


def test_a_folder_with_files_of_something_else_is_refused_and_left_as_it_is(sandbox, tmp_path):
    (tmp_path / "staged").mkdir()
    (tmp_path / "staged/mine.parquet").write_bytes(b"mine")
    with pytest.raises(cio.ConfigurationError, match="holds files of something else"):
        run_locally([ORDERS], tmp_path, sandbox.client, fresh=True)
    assert (tmp_path / "staged/mine.parquet").read_bytes() == b"mine"


@pytest.mark.parametrize(("way", "is_local"), [({}, True), ({}, False), ({"senders": 2, "buckets": 2}, False)])
def test_answers_can_be_read_from_the_result_wherever_they_are(sandbox, tmp_path, way, is_local):
    frame = ORDERS.assign(customer=ORDERS["customer"].where(ORDERS["order"] % 10 != 0)).head(200)
    output = str(tmp_path / "run") if is_local else f"memory://bucket/{tmp_path.name}-{len(way)}"
    for _ in range(2):
        result, answers = run_locally(split_frame(frame, 3), output, sandbox.client, keep="order", **way)
        pd.testing.assert_frame_equal(result.frame(), answers)
        assert result.frame()["order"].tolist() == frame["order"].tolist()
        assert [str(result.results), str(result.as_dict()["results"])] == [f"{output}/answers"] * 2
        assert str(result.undelivered).startswith(output)
        assert isinstance(result.results, pathlib.Path if is_local else str)
    page = tmp_path / "page.html"
    pickle.loads(pickle.dumps(result)).to_report(page)
    assert "invalid" in page.read_text(encoding="utf-8")


class Recorder(NullObserver):
    """Remembers what it is notified of, as an audit trail does."""

    def __init__(self):
        self.left, self.answered = [], []

    def before_send(self, batch):
        self.left += batch.rows.tolist()

    def on_outcome(self, outcome):
        assert set(outcome.rows.tolist()) <= set(self.left)
        self.answered += outcome.rows.tolist()


def test_whoever_follows_the_rows_of_one_sender_is_notified_at_an_address_too(sandbox, tmp_path):
    recorders = []

    def observers_of(prepared):
        recorders.append(Recorder())
        return recorders[-1:]

    output = f"memory://bucket/{tmp_path.name}"
    run_locally(split_frame(ORDERS, 2), output, sandbox.client, observers_of=observers_of, buckets=2)
    assert sum(len(each.left) for each in recorders) == sum(len(each.answered) for each in recorders) == len(ORDERS)


@pytest.mark.parametrize("output", ["run", "memory://bucket/stopped"])
def test_the_result_of_a_run_that_stopped_has_the_answers_of_all_rows(tmp_path, output):
    with FaultServer([*[Answer()] * 3, Answer(429)]) as server:
        client = small_bodies(cio.Client(write_key="k", endpoint=server.url, attempts=1))
        output = output if "://" in output else tmp_path
        result, _ = run_locally(split_frame(ORDERS, 3), output, client, senders=2, keep="order")
    assert result.phase == "stopped"
    assert result.frame()["status"].astype(str).value_counts().to_dict() == result.statuses
    assert result.frame()["order"].tolist() == ORDERS["order"].tolist()


def test_secrets_of_an_address_are_not_in_the_result():
    store = RunStore.__new__(RunStore)
    store.is_local, store.root = False, "s3://AKIA:SECRETKEY@bucket/orders?region=eu-west-1"
    assert place_in(store, "answers") == "s3://bucket/orders/answers?region=eu-west-1"


@WAYS
def test_invalid_rows_are_answered_and_kept_for_correction(sandbox, tmp_path, way):
    frame = ORDERS.assign(customer=ORDERS["customer"].where(ORDERS["order"] % 10 != 0))
    invalid = int(frame["customer"].isna().sum())
    result, answers = run_locally(split_frame(frame, 3), tmp_path, sandbox.client, keep="order", **way)
    assert result.statuses == {"delivered": len(frame) - invalid, "invalid": invalid}
    assert answers.loc[answers["status"].eq("invalid"), "order"].mod(10).eq(0).all()
    undelivered = pd.read_parquet(result.undelivered)
    assert len(undelivered) == invalid
    assert set(undelivered["_cio_reason"]) == {"customer: required value is missing"}


@WAYS
def test_guards_hold_over_all_partitions_before_the_first_request(sandbox, tmp_path, way):
    frames = split_frame(ORDERS, 3)
    frames[2] = frames[2].assign(customer=None)
    with pytest.raises(cio.InvalidRowsError, match="rows cannot be sent, and nothing was"):
        run_locally(frames, tmp_path / "a", sandbox.client, on_invalid="raise", **way)
    frames[2] = split_frame(ORDERS, 3)[2].assign(at=pd.Timestamp.now("UTC"))
    with pytest.raises(cio.CampaignsError) as error:
        run_locally(frames, tmp_path / "b", sandbox.client, allow_campaigns=False, **way)
    assert error.value.rows == len(frames[2])
    allowed = {"allow_campaigns": True, **way}
    with pytest.raises(cio.FrameError, match=f"affects {len(ORDERS):,} rows, and confirm=3 does not match"):
        run_locally(frames, tmp_path / "c", sandbox.client, confirm=("delete_people", 3), **allowed)
    assert len(sandbox.requests()) == 0
    # Nothing is left that a corrected frame would be compared with.
    result, _ = run_locally(frames, tmp_path / "c", sandbox.client, confirm=("delete_people", len(ORDERS)), **allowed)
    assert result.statuses == {"delivered": len(ORDERS)}


def test_a_frame_that_cannot_be_staged_leaves_nothing_and_sends_nothing(sandbox, tmp_path):
    mixed = ORDERS.assign(note=["a", 1j] * (len(ORDERS) // 2))
    with pytest.raises(cio.FrameError, match="Column 'note' has cells that have no JSON form"):
        run_locally([ORDERS.assign(note="b"), mixed], tmp_path, sandbox.client)
    assert len(sandbox.requests()) == 0
    assert list(tmp_path.rglob("*.parquet")) == []


def test_an_empty_frame_is_done_at_once(sandbox, tmp_path):
    result, answers = run_locally([ORDERS.iloc[:0]], tmp_path, sandbox.client)
    assert (result.phase, result.rows, len(answers)) == ("done", 0, 0)
    result, answers = run_locally([ORDERS.iloc[:0]] * 2, tmp_path / "b", sandbox.client, senders=2)
    assert (result.phase, result.rows, len(answers)) == ("done", 0, 0)


def test_two_ids_in_a_row_join_people_over_partitions(sandbox, tmp_path):
    frame = pd.DataFrame(
        {
            "user_id": [None, "ada", None, "ada"] * 50,
            "anonymous_id": ["x", "x", "x", None] * 50,
            "timestamp": pd.date_range("2024-01-01", periods=200, freq="min", tz="UTC"),
        }
    )
    call_spec = build_call_spec("page")
    client = small_bodies(sandbox.client)
    with pytest.warns(UserWarning, match="200 of 200 rows belong together"):
        result, answers = run_locally(split_frame(frame, 5), tmp_path, client, call_spec=call_spec, senders=2)
    assert result.statuses == {"delivered": 200}
    times = pd.to_datetime(sandbox.calls()["timestamp"])
    assert times.is_monotonic_increasing
    assert len(answers) == 200


def test_calls_without_a_person_that_look_the_same_get_ids_of_their_own(sandbox, tmp_path):
    frame = pd.DataFrame(
        {"delivery": [f"d-{number}" for number in range(10)] * 4, "metric": "opened", "note": range(40)}
    )
    fields = {"properties.deliveryId": "delivery", "properties.metric": "metric"}
    call_spec = build_call_spec("track", "Report Delivery Event", fields=fields, properties=[])
    options = {"call_spec": call_spec, "as_of": "2026-11-28", "keep": "note"}
    _, answers = run_locally(split_frame(frame, 4), tmp_path / "a", sandbox.client, senders=2, **options)
    _, plain = run_locally([frame], tmp_path / "b", sandbox.client, **options)
    assert answers["message_id"].is_unique
    assert set(answers["message_id"]) == set(plain["message_id"])


def with_repeated_ids(frame):
    """Return a frame with message ids, some of which two rows far from each other have."""
    ids = cio.track(frame, "Order Placed", user_id="customer", timestamp="at", dry_run=True)["message_id"]
    return frame.assign(message_id=ids.where(frame.index % 50 != 1, ids.shift(len(frame) // 2, fill_value=ids[0])))


@pytest.mark.parametrize("way", [{}, {"order_by": "at"}, {"senders": 2, "buckets": 7}], ids=["1", "by", "2"])
def test_message_ids_that_come_again_in_other_partitions_are_counted_as_in_one_frame(sandbox, tmp_path, way):
    frame = with_repeated_ids(ORDERS.head(400))
    frame.loc[101, "customer"] = None
    plain = cio.track(frame, "Order Placed", user_id="customer", timestamp="at", dry_run=True)
    (repeated,) = (each for each in plain.attrs["cio"]["warnings"] if each["check"] == "repeated_message_id")
    call_spec = orders_spec(message_id="message_id")
    result, _ = run_locally(split_frame(frame, 7), tmp_path, sandbox.client, call_spec=call_spec, **way)
    dry_run = count_dry_run(LocalEngine(split_frame(frame, 7)), call_spec, offline_client())
    chunks = cio.load(split_frame(frame, 7), "track", "Order Placed", user_id="customer", timestamp="at", dry_run=True)
    for each_result in (result, dry_run, chunks):
        (found,) = (each for each in each_result.warnings if each.check == "repeated_message_id")
        assert (found.rows, found.column, found.at_least) == (repeated["rows"], "message_id", False)
    assert found.rows > 2
    lines = cio.summary(result).warning_lines()
    (line,) = (line for line in lines if line.startswith("message_id: duplicate ULID"))
    assert line.endswith(f"({found.rows} rows)")


def test_repeated_people_are_counted_over_all_partitions_of_a_dry_run():
    people = pd.DataFrame({"user_id": ["ada", "bob", "ada", "cy", "bob", "ada"]})
    found = count_dry_run(LocalEngine(split_frame(people, 3)), build_call_spec("identify"), offline_client())
    whole = cio.load(people, "identify", dry_run=True)
    assert [each.reason for each in found.warnings] == [each.reason for each in whole.warnings]
    assert found.warnings[0].rows == 2


def test_a_person_with_most_rows_is_pointed_out(sandbox, tmp_path):
    frame = ORDERS.assign(customer=ORDERS["customer"].where(ORDERS["order"] % 3 == 0, "one"))
    with pytest.warns(UserWarning, match="rows belong together, most likely to one person"):
        result, _ = run_locally([frame], tmp_path, sandbox.client, senders=2)
    assert result.ok
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        run_locally([ORDERS], tmp_path / "b", sandbox.client, senders=2)


def test_an_answer_of_401_stops_all_senders_and_another_key_resumes(tmp_path):
    def after_the_fifth(request):
        return Answer(401, b'{"meta": {"error": "unauthorized"}}') if request.number >= 5 else Answer()

    with FaultServer(after_the_fifth) as server:
        client = small_bodies(cio.Client(write_key="old", endpoint=server.url), workers=1)
        with pytest.raises(cio.AuthenticationError) as error:
            run_locally(split_frame(ORDERS, 3), tmp_path, client, senders=2)
        refused = sum(request.number >= 5 for request in server.received)
    statuses = error.value.result.statuses
    assert refused <= 2 * client.attempts
    assert statuses["unsent"] > 0
    assert sum(statuses.values()) == len(ORDERS)
    with FaultServer(port=server.port) as again:
        client = small_bodies(cio.Client(write_key="new", endpoint=again.url))
        result, _ = run_locally(split_frame(ORDERS, 3), tmp_path, client, senders=2)
        sent = sum(len(request.calls) for request in again.received)
    assert result.statuses == {"delivered": len(ORDERS)}
    assert sent == statuses["unsent"] + statuses.get("unknown", 0)


@pytest.mark.parametrize("way", [{}, {"senders": 2}], ids=["1", "2"])
def test_rows_that_stay_unknown_are_sent_again_by_the_next_call_and_marked(tmp_path, way):
    def one_is_lost(request):
        return Answer(503 if b'"order":7,' in request.body or b'"order":7}' in request.body else 200)

    frames = split_frame(ORDERS, 3)
    with FaultServer(one_is_lost) as server:
        client = small_bodies(cio.Client(write_key="k", endpoint=server.url, attempts=2))
        result, answers = run_locally(frames, tmp_path, client, keep="order", **way)
    lost = result.statuses["unknown"]
    assert (result.phase, sum(result.statuses.values())) == ("stopped", len(ORDERS))
    assert len(answers) == len(ORDERS)
    assert answers.loc[answers["order"].eq(7), "status"].eq("unknown").all()
    with FaultServer(port=server.port) as again:
        client = small_bodies(cio.Client(write_key="k", endpoint=again.url, attempts=2))
        result, answers = run_locally(frames, tmp_path, client, keep="order", **way)
        sent = sum(len(request.calls) for request in again.received)
    assert result.statuses == {"delivered": len(ORDERS)}
    assert sent == lost
    assert answers["resent"].sum() == lost
    assert answers.loc[answers["order"].eq(7), "resent"].all()


def test_rows_in_doubt_stay_unknown_where_the_next_run_stops_before_them(tmp_path):
    def one_is_lost(request):
        return Answer(503 if b'"order":7,' in request.body or b'"order":7}' in request.body else 200)

    frames = split_frame(ORDERS, 3)
    with FaultServer(one_is_lost) as server:
        client = small_bodies(cio.Client(write_key="k", endpoint=server.url, attempts=1))
        before, _ = run_locally(frames, tmp_path, client, senders=2)
    with FaultServer([Answer(401, b'{"meta": {"error": "unauthorized"}}')], port=server.port) as again:
        client = small_bodies(cio.Client(write_key="k", endpoint=again.url, attempts=1))
        with pytest.raises(cio.AuthenticationError) as error:
            run_locally(frames, tmp_path, client, senders=2)
    assert error.value.result.statuses == before.statuses
    doubt = [reason for status, reason in error.value.result.reasons if status == "unknown"]
    assert doubt
    assert all("an earlier attempt may have been accepted" in reason for reason in doubt)


@pytest.mark.parametrize("way", [{}, {"senders": 2}], ids=["1", "2"])
def test_a_clock_that_is_days_ahead_stops_events_and_not_those_that_may_start_campaigns(tmp_path, way):
    date = formatdate(pd.Timestamp.now().timestamp() - 4 * 86_400, usegmt=True)
    with FaultServer([Answer(headers={"Date": date})]) as server:
        client = small_bodies(cio.Client(write_key="k", endpoint=server.url))
        with pytest.raises(cio.DeliveryError, match="clock is 4 days ahead of the server's"):
            run_locally(split_frame(ORDERS, 3), tmp_path / "a", client, **way)
        result, _ = run_locally(split_frame(ORDERS, 3), tmp_path / "b", client, allow_campaigns=True, **way)
    assert result.statuses == {"delivered": len(ORDERS)}


def test_the_senders_share_the_rate_limit(sandbox, tmp_path):
    client = small_bodies(sandbox.client, requests_per_second=40)
    started = time.monotonic()
    result, _ = run_locally(split_frame(ORDERS, 2), tmp_path, client, senders=2)
    # Each has lanes and a limiter of its own; together they may not be faster than one.
    assert result.requests / (time.monotonic() - started) <= 40 * 1.1


PROGRAM = """
import sys
import cio_frames as cio
from tests.engines.helpers import run_locally, small_bodies, split_frame
from tests.engines.test_runs import ORDERS
client = small_bodies(cio.Client.from_env(), workers=2)
run_locally(split_frame(ORDERS, 3), "out", client, senders=int(sys.argv[1]), keep="order")
"""


@pytest.mark.parametrize("senders", [1, 2])
def test_a_process_that_is_killed_loses_nothing_and_marks_what_it_sends_twice(tmp_path, plain_ids, senders):
    command = [sys.executable, "-W", "ignore", "-c", PROGRAM, str(senders)]
    with cio.Sandbox(latency_seconds=0.05, state=False) as sandbox:
        for _ in range(2):
            running = subprocess.Popen(command, cwd=tmp_path, env=environment_for(sandbox), stderr=subprocess.PIPE)
            before = len(sandbox.requests())
            until = time.monotonic() + 60
            while len(sandbox.requests()) < before + 3 and running.poll() is None and time.monotonic() < until:
                time.sleep(0.01)
            assert running.poll() is None, running.stderr.read().decode()
            running.kill()
            running.communicate()
        client = small_bodies(sandbox.client, workers=2)
        result, answers = run_locally(split_frame(ORDERS, 3), tmp_path / "out", client, senders=senders, keep="order")
        calls = sandbox.calls()
    assert result.statuses == {"delivered": len(ORDERS)}
    assert set(calls["messageId"]) == set(plain_ids)
    assert people_out_of_order(calls) == []
    twice = set(calls["messageId"][calls["messageId"].duplicated()])
    assert twice <= set(answers.loc[answers["resent"], "message_id"])


def test_calls_that_look_the_same_in_several_partitions_keep_ids_of_their_own_in_a_folder_at_an_address(sandbox):
    shuffled = ORDERS.sample(frac=1, random_state=1).reset_index(drop=True)
    _, answers = run_locally(split_frame(shuffled, 4), "memory://bucket/twins", sandbox.client)
    assert answers["message_id"].nunique() == len(ORDERS)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "output= is required for a local frame: a folder that all workers reach"),
        ({"output": "o", "senders": 0}, "senders= must be a whole number of at least 1, got 0"),
        ({"output": "o", "senders": True}, "senders= must be a whole number"),
        ({"output": "o", "buckets": 2.5}, "buckets= must be a whole number of at least 1, got 2.5"),
        ({"output": "o", "order_by": "ta"}, "order_by=: column 'ta' is missing"),
        ({"output": "o", "keep": "statu"}, "keep=: column 'statu' is missing"),
        ({"output": "o", "keep": "status"}, "keep='status' has the name of a column of the answers"),
        ({"output": "o", "on_invalid": "keep"}, "on_invalid= must be 'skip' or 'raise'"),
        ({"output": "o", "client": "key"}, "client= must be a Client, got str"),
    ],
)
def test_what_cannot_be_done_is_an_error_before_anything_is_read(options, message):
    engine = LocalEngine([ORDERS.assign(status="x")])
    with pytest.raises(cio.CioFramesError) as error:
        complete_request(engine, orders_spec(), build_request(**options))
    assert message in str(error.value)


def test_a_label_that_is_not_text_and_a_missing_column_are_errors(tmp_path):
    with pytest.raises(cio.FrameError, match="Column 0 has a label that is not text"):
        run_locally([pd.DataFrame({"customer": ["a"], "at": ["2024-01-01"], 0: [1]})], tmp_path)
    with pytest.raises(cio.MissingColumnsError, match="'customer'"):
        run_locally([pd.DataFrame({"user": ["a"], "at": ["2024-01-01"]})], tmp_path)
    assert not list(tmp_path.iterdir())


def test_an_engine_without_an_order_needs_a_column_that_has_one():
    engine = LocalEngine([ORDERS])
    engine.keeps_order = False
    call_spec = build_call_spec("identify", user_id="customer")
    with pytest.raises(cio.FrameError, match="order_by= is required: the rows of a local frame have no order"):
        complete_request(engine, call_spec, build_request(output="o"))
    assert complete_request(engine, orders_spec(), build_request(output="o")).order_by == ("at",)


def test_a_missing_key_is_found_before_anything_is_staged(tmp_path):
    with pytest.raises(cio.ConfigurationError, match="CIO_WRITE_KEY"):
        run_locally([ORDERS], tmp_path)
    assert not list(tmp_path.iterdir())


def test_no_file_of_a_run_holds_the_write_key(sandbox, tmp_path):
    run_locally(split_frame(ORDERS, 2), tmp_path, sandbox.client, senders=2)
    key = sandbox.client.write_key.encode()
    assert all(key not in path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    assert json.loads((tmp_path / "asked.json").read_text())["several_senders"] is True


@pytest.mark.parametrize("option", ["output", "order_by", "keep", "buckets"])
def test_parameters_of_engines_are_refused_for_frames_of_this_process(option):
    with pytest.raises(cio.FrameError, match=f"{option}= is supported for Dask and Spark frames only"):
        cio.identify(pd.DataFrame({"user_id": ["ada"]}), dry_run=True, **{option: 1})


def test_calls_without_a_time_take_the_start_of_the_run_into_their_ids_and_a_resumed_run_repeats_it(tmp_path):
    people = pd.DataFrame({"user_id": [f"u{number}" for number in range(200)]})
    call_spec = build_call_spec("identify")

    def one_is_lost(request):
        return Answer(503 if b'"u7"' in request.body else 200)

    with FaultServer(one_is_lost) as server:
        client = small_bodies(cio.Client(write_key="k", endpoint=server.url, attempts=1))
        first, answers = run_locally([people], tmp_path / "a", client, call_spec=call_spec, senders=2)
    with FaultServer(port=server.port) as again:
        client = small_bodies(cio.Client(write_key="k", endpoint=again.url, attempts=1))
        second, resumed = run_locally([people], tmp_path / "a", client, call_spec=call_spec, senders=2)
        _, other = run_locally([people], tmp_path / "b", client, call_spec=call_spec, senders=2)
        _, given = run_locally([people], tmp_path / "c", client, call_spec=call_spec, as_of="2026-11-28")
        _, same = run_locally([people], tmp_path / "d", client, call_spec=call_spec, as_of="2026-11-28", senders=2)
        sent = len(again.received)
        _, later = run_locally([people], tmp_path / "d", client, call_spec=call_spec, as_of="2026-11-29", senders=2)
        assert len(again.received) > sent
    assert (first.phase, second.phase, second.as_of) == ("stopped", "done", first.as_of)
    assert answers["message_id"].tolist() == resumed["message_id"].tolist()
    assert not set(answers["message_id"]) & set(other["message_id"])
    assert given["message_id"].tolist() == same["message_id"].tolist()
    assert not set(later["message_id"]) & set(same["message_id"])
