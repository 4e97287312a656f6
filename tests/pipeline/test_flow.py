"""The whole flow, from a frame to the sandbox and back."""

import dataclasses
import json
import signal
import sys
import threading
import time

import numpy as np
import pandas as pd
import pandera.pandas as pandera
import pytest

import cio_frames as cio
from cio_frames import pipeline
from cio_frames.delivery.deliverer import deliver
from cio_frames.delivery.observer import NullObserver
from cio_frames.delivery.replies import Reply
from cio_frames.loading import read
from cio_frames.pipeline import build_call_spec, encode_payloads, run_call
from cio_frames.pipeline.as_of import AsOf
from cio_frames.pipeline.message_ids import MessageIds
from cio_frames.spec.package_data import package_folder

COLUMNS = ["status", "reason", "warning", "message_id", "bytes", "batch", "http_status", "attempts"]


def statuses(result):
    return list(result["status"])


def test_every_real_order_arrives_with_its_leading_zeros_and_in_each_customers_order(sandbox):
    orders = read(package_folder("sample_data") / "orders.parquet")

    result = orders.cio.track("Order Completed", user_id="customer_id", timestamp="ordered_on", client=sandbox.client)

    assert statuses(result) == ["delivered"] * 6919
    calls = sandbox.calls()
    assert set(calls["messageId"]) == set(result["message_id"])
    assert result["message_id"].is_unique
    arrived = calls.groupby("userId")["timestamp"].agg(list)
    days = orders["ordered_on"].astype(str) + "T00:00:00.000Z"
    sent = days.astype(object).groupby(orders["customer_id"].astype(object)).agg(list)
    assert arrived.to_dict() == sent.to_dict()
    assert arrived.index[0] == "00004"


def test_the_result_has_the_columns_and_dtypes_of_the_contract(sandbox):
    result = pd.DataFrame({"user_id": ["ada"]}).cio.identify(client=sandbox.client)
    assert {name: str(dtype) for name, dtype in result.dtypes.items()} == {
        "status": "category",
        "reason": "string",
        "warning": "string",
        "message_id": "string",
        "bytes": "Int64",
        "batch": "Int64",
        "http_status": "Int64",
        "attempts": "Int64",
    }
    facts = result.drop(columns=["message_id", "reason", "warning"]).to_dict("records")
    assert facts == [{"status": "delivered", "bytes": 87, "batch": 0, "http_status": 200, "attempts": 1}]
    assert result[["reason", "warning"]].isna().all(axis=None)


@pytest.mark.parametrize(
    "index",
    [[7, 7], pd.MultiIndex.from_tuples([("a", 1), ("a", 1)]), pd.DatetimeIndex(["2026-01-01"] * 2), [None, "x"]],
)
def test_the_result_is_under_the_frames_own_index(sandbox, index):
    frame = pd.DataFrame({"user_id": ["ada", None]}).set_axis(index)
    result = frame.cio.identify(client=sandbox.client)
    pd.testing.assert_index_equal(result.index, frame.index)
    assert statuses(result) == ["delivered", "invalid"]


@pytest.mark.parametrize("frame", [pd.DataFrame({"user_id": []}), pd.DataFrame({"user_id": pd.array([], "string")})])
def test_a_frame_without_rows_gives_a_result_without_rows_and_sends_nothing(sandbox, frame):
    result = frame.cio.identify(client=sandbox.client)
    assert (len(result), list(result.columns)) == (0, COLUMNS)
    assert len(sandbox.requests()) == 0


def test_a_frame_without_columns_is_refused():
    with pytest.raises(cio.MissingColumnsError):
        pd.DataFrame(index=[1, 2]).cio.identify(dry_run=True)


def test_a_row_without_any_id_is_invalid_and_the_others_are_sent(sandbox):
    orders = pd.DataFrame({"user_id": ["ada", None, np.nan, pd.NA, "", "  "], "total": range(6)})
    result = orders.cio.track("Order Completed", client=sandbox.client, allow_campaigns=True)
    assert statuses(result) == ["delivered"] + ["invalid"] * 5
    assert set(result["reason"].dropna()) == {"user_id: required value is missing"}
    assert list(sandbox.calls()["userId"]) == ["ada"]


def test_float_ids_are_sent_without_their_point_zero(sandbox):
    pd.DataFrame({"user_id": [7.0, None, 8.0]}).cio.identify(client=sandbox.client)
    assert sorted(sandbox.calls()["userId"]) == ["7", "8"]


def test_a_column_named_after_the_accessor_or_a_call_field_is_sent_as_any_other(sandbox):
    frame = pd.DataFrame({"user_id": ["ada"], "cio": [1], "type": ["premium"], 0: ["zero"]})
    frame.cio.identify(client=sandbox.client)
    assert sandbox.calls()["traits"][0] == {"cio": 1, "type": "premium", "0": "zero"}


def test_a_cell_without_a_form_in_json_makes_its_row_invalid_and_no_other(sandbox):
    frame = pd.DataFrame({"user_id": ["a", "b", "c"], "x": pd.Series([1j, {"deep": [float("inf")]}, {"ok": 1}])})
    result = frame.cio.identify(client=sandbox.client)
    assert statuses(result) == ["invalid", "invalid", "delivered"]
    assert list(result["reason"])[:2] == [
        "x: complex number is not supported in JSON; send its two parts",
        "x: infinity is not a valid JSON number; replace it with null or a number",
    ]


def test_a_call_over_the_limit_is_too_large_and_the_others_are_sent(sandbox):
    frame = pd.DataFrame({"user_id": ["a", "b"], "note": ["x" * 33_000, "short"]})
    result = frame.cio.identify(client=sandbox.client)
    assert statuses(result) == ["too_large", "delivered"]
    around = '{"type":"identify","userId":"a","traits":{"note":""},"messageId":"00000000000000000000000000"}'
    assert result["bytes"][0] == 33_000 + len(around)
    assert result["reason"][0] == "call is 33,094 bytes; the limit is 32,000"


def test_bodies_stay_within_the_limit_and_are_filled(sandbox):
    frame = pd.DataFrame({"user_id": [f"u{row}" for row in range(400)], "note": ["é" * 400] * 400})
    client = dataclasses.replace(sandbox.client, max_body_bytes=50_000)
    result = frame.cio.identify(client=client)
    sizes = sandbox.requests()["bytes"]
    assert sizes.max() <= 50_000
    assert len(sizes) == -(-(int(result["bytes"].sum()) + 400) // (50_000 - 1_000))
    assert result["batch"].nunique() == len(sizes)


def test_on_invalid_raise_sends_nothing_and_carries_the_report(sandbox):
    frame = pd.DataFrame({"user_id": ["ada", None, "bob"], "total": [1, 2, "x"]})
    with pytest.raises(cio.InvalidRowsError, match=r"2 of 3 rows cannot be sent") as error:
        frame.cio.track("Order Completed", on_invalid="raise", allow_campaigns=True, client=sandbox.client)
    assert list(error.value.report.failure_cases["position"]) == [1, 2]
    assert len(sandbox.requests()) == 0


def test_a_dry_run_sends_nothing_needs_no_key_and_names_what_would_be_sent(sandbox):
    frame = pd.DataFrame({"user_id": ["ada", None], "timestamp": "2026-01-01"})
    result = frame.cio.identify(dry_run=True)
    assert statuses(result) == ["ready", "invalid"]
    sent = frame.cio.identify(client=sandbox.client)
    assert list(result["message_id"]) == list(sent["message_id"])
    assert result["attempts"].sum() == 0


def test_without_a_client_and_without_a_key_the_error_names_the_variable():
    with pytest.raises(cio.ConfigurationError, match="Set CIO_WRITE_KEY"):
        pd.DataFrame({"user_id": ["ada"]}).cio.identify()


def test_without_a_client_the_environment_configures_it(sandbox, monkeypatch):
    monkeypatch.setenv("CIO_WRITE_KEY", "sandbox")
    monkeypatch.setenv("CIO_ENDPOINT", sandbox.url)
    assert statuses(pd.DataFrame({"user_id": ["ada"]}).cio.identify()) == ["delivered"]


def test_constants_go_into_every_call(sandbox):
    frame = pd.DataFrame({"user_id": ["ada"], "context.locale": ["en"]})
    frame.cio.track(
        "Seen", context={"ip": "10.0.0.1"}, integrations={"All": False}, client=sandbox.client, allow_campaigns=True
    )
    call = sandbox.calls().iloc[0]
    assert (call["context"], call["integrations"]) == ({"ip": "10.0.0.1", "locale": "en"}, {"All": False})


def test_context_can_be_a_column_of_dicts(sandbox):
    frame = pd.DataFrame({"user_id": ["a", "b"], "ctx": [{"ip": "1.1.1.1"}, None]})
    frame.cio.identify(context="ctx", client=sandbox.client)
    assert list(sandbox.calls()["context"]) == [{"ip": "1.1.1.1"}, None]


def test_nulls_are_omitted_by_default(sandbox):
    frame = pd.DataFrame({"user_id": ["ada"], "plan": [None], "anonymous_id": [None]})
    frame.cio.identify(client=sandbox.client)
    frame.cio.identify(client=sandbox.client, nulls="send")
    assert list(sandbox.calls()["traits"]) == [{}, {"plan": None}]
    assert "anonymousId" not in frame.cio.payloads("identify", nulls="send")[0]


def test_naive_times_are_read_in_the_zone_given(sandbox):
    frame = pd.DataFrame({"user_id": ["ada"], "at": pd.to_datetime(["2026-07-01 14:00"])})
    frame.cio.track("Seen", timestamp="at", timezone="Europe/Berlin", client=sandbox.client)
    assert sandbox.calls()["timestamp"][0] == "2026-07-01T12:00:00.000Z"


def test_an_event_column_holds_the_event_of_each_row_and_each_is_checked_by_its_own_schema(sandbox):
    frame = pd.DataFrame(
        {
            "user_id": ["a", "b", "c", "d"],
            "what": ["Order Completed", "My Own", "Order Completed", None],
            "total": ["x", "x", 5, 6],
        }
    )
    result = frame.cio.track(event_column="what", client=sandbox.client, allow_campaigns=True)
    assert list(result["reason"].fillna("")) == ["total: must be a number", "", "", "what: required value is missing"]
    found = sandbox.calls().set_index("userId")["event"].to_dict()
    assert found == {"b": "My Own", "c": "Order Completed"}
    assert set(sandbox.calls()["properties"].map(list).explode()) == {"total"}


def test_a_known_event_goes_out_under_its_official_name():
    frame = pd.DataFrame({"anonymous_id": ["x"], "objectId": ["o"]})
    assert '"event":"Object Deleted"' in frame.cio.payloads("track", "Group Deleted")[0]


def test_mixed_calls_go_out_in_row_order_with_the_columns_that_each_has(sandbox):
    mixed = pd.DataFrame(
        {
            "type": ["identify", "track", "page", "screen", "group", "alias", "sing"],
            "user_id": ["ada"] * 7,
            "event": [None, "Signed Up", None, None, None, None, None],
            "name": [None, None, "Home", "Basket", None, None, None],
            "group_id": [None, None, None, None, "acme", None, None],
            "previous_id": [None, None, None, None, None, "a-1", None],
            "plan": ["free", "team", None, None, "big", None, None],
        }
    )
    result = mixed.cio.batch(client=sandbox.client, allow_campaigns=True)
    assert statuses(result) == ["delivered"] * 6 + ["invalid"]
    assert result["reason"][6] == "type: must be one of identify, track, page, screen, group, alias"
    calls = sandbox.calls()
    assert list(calls["type"]) == ["identify", "track", "page", "screen", "group", "alias"]
    assert list(calls["traits"].dropna()) == [{"plan": "free"}, {"plan": "big"}]
    assert list(calls["properties"].dropna()) == [{"plan": "team"}, {}, {}]
    assert list(calls["name"].dropna()) == ["Home", "Basket"]


def test_a_mixed_frame_without_a_type_column_is_refused():
    with pytest.raises(cio.MissingColumnsError, match="batch requires column 'type'"):
        pd.DataFrame({"user_id": ["a"]}).cio.batch(dry_run=True)


def test_an_id_column_of_one_call_is_not_a_trait_of_another():
    mixed = pd.DataFrame({"type": ["identify", "group"], "user_id": ["a", "a"], "group_id": ["acme", "acme"]})
    assert '"traits":{}' in mixed.cio.payloads("batch")[0]


def test_the_size_of_slices_does_not_change_what_is_sent():
    mixed = pd.DataFrame(
        {
            "type": ["identify", "track", "identify", "track", None, "track", "page"],
            "user_id": ["a", "b", "a", None, "c", "b", "d"],
            "event": [None, "X", None, "X", None, "X", None],
            "v": [1, 2, 1, 3, 4, 2, float("inf")],
        }
    )
    call_spec = build_call_spec("batch")
    pd.testing.assert_series_equal(encode_payloads(mixed, call_spec, slice_rows=2), mixed.cio.payloads("batch"))
    sliced, whole = (run_call(mixed, call_spec, dry_run=True, slice_rows=rows) for rows in (2, None))
    pd.testing.assert_frame_equal(sliced.drop(columns="batch"), whole.drop(columns="batch"))


def test_identical_purchases_are_both_sent_and_a_rerun_repeats_their_ids(sandbox):
    frame = pd.DataFrame({"user_id": ["ada"] * 2, "total": [5, 5], "timestamp": ["2026-01-01"] * 2})
    first = frame.cio.track("Order Completed", allow_campaigns=True, client=sandbox.client)
    again = frame.cio.track("Order Completed", allow_campaigns=True, client=sandbox.client)
    assert first["message_id"].nunique() == 2
    assert list(first["message_id"]) == list(again["message_id"])


def test_message_ids_can_come_from_a_column(sandbox):
    frame = pd.DataFrame({"user_id": ["a", "b"], "id": ["mine", None]})
    result = frame.cio.identify(message_id="id", client=sandbox.client)
    assert result["message_id"][0] == "mine"
    assert len(result["message_id"][1]) == 26
    assert set(sandbox.calls()["messageId"]) == set(result["message_id"])


def test_with_strict_mode_off_rows_are_only_acknowledged(sandbox):
    result = pd.DataFrame({"user_id": ["a"]}).cio.identify(client=dataclasses.replace(sandbox.client, strict=False))
    assert statuses(result) == ["acknowledged"]
    assert "strict mode off" in result["reason"][0]


def test_a_compressed_body_arrives_like_any_other(sandbox):
    result = pd.DataFrame({"user_id": ["a"]}).cio.identify(client=dataclasses.replace(sandbox.client, gzip=True))
    assert statuses(result) == ["delivered"]


def test_a_wrong_key_stops_delivery_and_the_error_carries_the_result(sandbox):
    frame = pd.DataFrame({"user_id": [f"u{row}" for row in range(50)], "x": ["y" * 900] * 50})
    client = dataclasses.replace(sandbox.client, write_key="wrong-key", max_body_bytes=40_000)
    with pytest.raises(cio.AuthenticationError, match="does not accept this write key") as error:
        frame.cio.identify(client=client)
    assert statuses(error.value.result) == ["unsent"] * 50
    assert "wrong-key" not in str(error.value) + repr(client)


def test_a_refused_call_is_found_and_the_others_of_its_batch_are_delivered(sandbox):
    # The sandbox, as any API, knows of rules that the sender does not: here, a blank id that is not empty.
    frame = pd.DataFrame({"user_id": [f"u{row}" for row in range(8)], "message_id": ["m"] * 8})
    frame.loc[5, "user_id"] = "\u2003\u2003"
    result = frame.drop(columns="message_id").cio.identify(client=sandbox.client)
    assert statuses(result).count("delivered") == 7
    assert result["status"][5] in ("rejected", "invalid")


# None: the library makes them.
@pytest.mark.parametrize(
    ("ids", "events"),
    [
        (None, 37),
        ([f"01HWT6Z5G0ABCDEFGHJKMNPQ{row:02}" for row in range(40)], 37),
        ([f"m{row}" for row in range(40)], 120),
    ],
    ids=["ids made here", "ULIDs of one's own", "ids that are no ULID"],
)
def test_where_a_refused_batch_was_taken_in_part_only_events_without_a_ulid_are_doubled_by_sending_its_halves(
    ids, events
):
    frame = pd.DataFrame({"user_id": [f"u{row}" for row in range(40)], "context": None}, dtype=object)
    frame.loc[[3, 17, 18], "context"] = "no object"
    if ids is not None:
        frame["message_id"] = ids
    with cio.Sandbox(batch_errors="item") as sandbox:
        result = frame.cio.track("Seen", client=sandbox.client, schema=None, allow_campaigns=True)
        assert len(sandbox.events()) == events
        assert set(sandbox.events()["userId"]) == set(frame["user_id"].drop([3, 17, 18]))
        # Each good call was in the whole batch and again in a half of it.
        assert len(sandbox.calls()) == 120
    assert [row for row, status in enumerate(statuses(result)) if status == "rejected"] == [3, 17, 18]
    assert statuses(result).count("delivered") == 37
    assert result["reason"].dropna().unique().tolist() == ["400: context: must be a JSON object"]
    assert result["message_id"].is_unique


def test_the_frame_is_not_changed(sandbox):
    frame = pd.DataFrame({"user_id": ["a", None], "x": [{"b": None}, [1]], "t": pd.to_datetime(["2026-01-01"] * 2)})
    before = frame.copy(deep=True)
    frame.cio.identify(client=sandbox.client)
    pd.testing.assert_frame_equal(frame, before)


def test_concurrent_calls_do_not_affect_each_other(sandbox):
    frames = [pd.DataFrame({"user_id": [f"{name}{row}" for row in range(300)]}) for name in "xyz"]
    results = [None] * 3

    def send(number):
        results[number] = frames[number].cio.identify(client=sandbox.client)

    threads = [threading.Thread(target=send, args=(number,)) for number in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [set(result["status"]) for result in results] == [{"delivered"}] * 3


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"on_invalid": "ignore"}, "on_invalid= must be 'skip' or 'raise', got 'ignore'"),
        ({"nulls": "drop"}, "nulls= must be 'omit' or 'send', got 'drop'"),
        ({"timezone": "Mars/Olympus"}, "timezone= must be a name .*, got 'Mars/Olympus'"),
        ({"event": "A", "event_column": "user_id"}, "event= and event_column= exclude each other"),
        ({"event": " "}, "event= must be a name .*, got ' '"),
        ({"event": 5}, "event= must be a name .*, got 5"),
        ({"timezone": 5}, "timezone= must be a name .*, got 5"),
        ({"timezone": None}, "timezone= must be a name .*, got None"),
        ({"client": "https://x"}, "client= must be a Client, got str"),
    ],
)
def test_a_parameter_with_an_invalid_value_is_refused(options, words):
    event = options.pop("event", "Seen")
    with pytest.raises(cio.FrameError, match=words):
        pd.DataFrame({"user_id": ["a"]}).cio.track(event, dry_run=True, **options)


def test_progress_counts_every_row_to_the_end(sandbox, capsys):
    frame = pd.DataFrame({"user_id": ["a", None, "b"], "note": ["", "", "x" * 40_000]})
    frame.cio.identify(client=sandbox.client, progress=True)
    assert "identify: 100%" in capsys.readouterr().err


def test_there_is_no_progress_bar_outside_a_terminal(sandbox, capsys, monkeypatch):
    # Another test may have made IPython's shell in this process.
    monkeypatch.delitem(sys.modules, "IPython", raising=False)
    pd.DataFrame({"user_id": ["a"]}).cio.identify(client=sandbox.client)
    assert capsys.readouterr().err == ""


def test_an_unknown_parameter_is_refused_by_its_name():
    with pytest.raises(TypeError, match="'userid'"):
        pd.DataFrame({"user_id": ["a"]}).cio.track("Seen", userid="user_id")


def test_an_unknown_call_is_refused_with_the_known_ones():
    with pytest.raises(cio.FrameError, match=r"call= must be 'identify', .*, got 'sing'"):
        pd.DataFrame({"user_id": ["a"]}).cio.validate("sing")


def test_text_in_the_later_slices_of_a_column_is_unchanged():
    # Before pyarrow 24, if_else corrupts slices of text: every path over it is taken here, slice by slice.
    rows = 40
    frame = pd.DataFrame(
        {
            "user_id": [f"user-{row}" if row % 3 else " " for row in range(rows)],
            "anonymous_id": [f"anonymous-{row}" for row in range(rows)],
            "note": pd.array([f"note {row}" if row % 4 else None for row in range(rows)], "string[pyarrow]"),
            "timestamp": [
                f"2026-01-01T00:00:{row:02}Z" if row % 2 else f"2026-01-01T00:00:{row:02}" for row in range(rows)
            ],
        }
    )
    whole = [text for row in range(rows) for text in frame.iloc[row : row + 1].copy().cio.payloads("identify")]
    call_spec = build_call_spec("identify")
    assert encode_payloads(frame, call_spec, slice_rows=7).tolist() == whole
    assert encode_payloads(frame.iloc[11:29], call_spec, slice_rows=7).tolist() == whole[11:29]
    assert all(f'"anonymousId":"anonymous-{row}"' in text for row, text in enumerate(whole))


def test_an_event_column_that_was_found_by_name_is_not_a_property():
    frame = pd.DataFrame({"user_id": ["a", "b"], "event": ["Order Completed", "My Own"], "total": [1, 2]})
    properties = [json.loads(text)["properties"] for text in frame.cio.payloads("track")]
    assert properties == [{"total": 1}, {"total": 2}]


@pytest.mark.parametrize("cell", [{"a": 1}, "\ud800", ["x"], 1j])
def test_an_event_that_is_not_text_makes_its_row_invalid_and_no_other(cell):
    frame = pd.DataFrame({"user_id": ["a", "b"], "event": pd.Series(["Order Completed", cell], dtype=object)})
    assert statuses(frame.cio.track(dry_run=True)) == ["ready", "invalid"]


def test_fixing_an_invalid_row_does_not_change_the_ids_of_equal_rows():
    frame = pd.DataFrame({"user_id": ["a"] * 3, "total": pd.Series(["x", 5, 5], dtype=object)})
    before = frame.cio.track("Order Completed", dry_run=True)["message_id"]
    frame.loc[0, "total"] = 7
    after = frame.cio.track("Order Completed", dry_run=True)["message_id"]
    assert before.tolist()[1:] == after.tolist()[1:]


def test_an_invalid_row_is_invalid_even_if_delivery_stopped_before_it(sandbox):
    frame = pd.DataFrame({"user_id": [f"u{row}" for row in range(200)], "total": [1] * 199 + ["x"]})
    client = dataclasses.replace(sandbox.client, write_key="wrong-key")
    with pytest.raises(cio.AuthenticationError) as error:
        run_call(frame, build_call_spec("track", "Order Completed"), client=client, slice_rows=2, allow_campaigns=True)
    assert error.value.result["status"].iloc[-1] == "invalid"


@pytest.mark.parametrize("encoders", [1, 2, 3])
def test_the_number_of_encoding_threads_does_not_change_the_result(encoders):
    orders = read(package_folder("sample_data") / "orders.parquet").head(500)
    call_spec = build_call_spec("track", "Order Completed", user_id="customer_id", timestamp="ordered_on")
    results = []
    for slice_rows, threads in ((500, 1), (40, encoders)):
        prepared = pipeline.Prepared(orders, call_spec, slice_rows=slice_rows)
        encode_run = pipeline.EncodeRun(
            prepared, cio.Client(write_key="k"), message_ids=MessageIds(AsOf(0)), encoders=threads
        )
        assert sum(len(batch.rows) for _, batch in encode_run.batches()) == 500
        results.append(encode_run.outcomes.frame(orders.index))
    assert results[0]["message_id"].notna().all()
    pd.testing.assert_frame_equal(*results)


@pytest.mark.parametrize("encoders", [1, 2])
def test_the_first_request_leaves_before_the_last_row_is_encoded_and_the_queue_is_bounded(encoders):
    frame = pd.DataFrame({"user_id": [f"u{row}" for row in range(200)]})
    client = cio.Client(write_key="k", workers=2)
    begun, left, gate = [], threading.Event(), threading.Event()

    class Prepared(pipeline.Prepared):
        def encode_slice(self, start, **options):
            begun.append(start)
            return super().encode_slice(start, **options)

    class Held:
        def __init__(self, client):
            pass

        def post(self, body):
            left.set()
            assert gate.wait(timeout=30)
            return Reply(200, "")

        def close(self):
            pass

    prepared = Prepared(frame, build_call_spec("identify", schema=None), slice_rows=1)
    encode_run = pipeline.EncodeRun(prepared, client, message_ids=MessageIds(AsOf(0)), encoders=encoders)
    delivered = []

    class Counting(NullObserver):
        def on_rows(self, count):
            delivered.append(count)

    thread = threading.Thread(
        target=lambda: deliver(encode_run.batches(), client, connect=Held, observer=Counting()), daemon=True
    )
    thread.start()
    assert left.wait(timeout=30)
    before = -1
    while len(begun) != before:
        before = len(begun)
        time.sleep(0.3)
    # Two lanes: one batch on its way, two in the queue; one waits to be queued; and what is encoded ahead.
    assert len(begun) <= 2 * 3 + 1 + encoders + 1 < 200
    gate.set()
    thread.join(timeout=30)
    assert len(begun) == 200
    assert sum(delivered) == 200


def test_an_error_while_encoding_leaves_no_thread_running(monkeypatch, sandbox):
    def fail(self, start, **options):
        raise RuntimeError("broken")

    monkeypatch.setattr(pipeline.Prepared, "encode_slice", fail)
    frame = pd.DataFrame({"user_id": [f"u{row}" for row in range(50)]})
    with pytest.raises(cio.DeliveryError) as error:
        run_call(frame, build_call_spec("identify"), client=sandbox.client, slice_rows=5)
    assert statuses(error.value.result) == ["unsent"] * 50
    assert [thread.name for thread in threading.enumerate() if "encoder" in thread.name] == []


OWN = ['say "hi"', "C:\\new", "two\nlines", "plain", None]


def test_message_ids_of_the_caller_are_unchanged(sandbox):
    frame = pd.DataFrame({"user_id": "ada", "message_id": OWN})
    result = frame.cio.track("Mine", client=sandbox.client, allow_campaigns=True)
    assert result["message_id"].tolist()[:4] == OWN[:4]
    assert sandbox.calls()["messageId"].tolist()[:4] == OWN[:4]


def test_the_audit_file_and_the_report_have_ids_and_events_unchanged(sandbox, tmp_path):
    audit_file = tmp_path / "audit_file.jsonl"
    frame = pd.DataFrame({"user_id": OWN[:4]})
    frame.cio.suppress_people(confirm=4, audit=audit_file, client=sandbox.client)
    lines = audit_file.read_text(encoding="utf-8").splitlines()
    assert list(dict.fromkeys(json.loads(line)["id"] for line in lines)) == OWN[:4]
    events = pd.DataFrame({"user_id": "ada", "event": OWN[:4]})
    assert cio.validate(events, "track").facts.recent == dict.fromkeys(OWN[:4], 1)


@pytest.mark.parametrize("types", [["x"], ["x", None, "identify"], ["identify", "x"], []])
@pytest.mark.parametrize("message_ids", [None, [None, " ", "own"]])
def test_rows_of_an_unknown_call_are_invalid_and_the_others_are_sent(types, message_ids):
    frame = pd.DataFrame({"type": pd.Series(types, dtype=object), "user_id": "ada", "timestamp": "2026-01-01"})
    if message_ids is not None:
        frame["message_id"] = message_ids[-len(types) :] if types else []
    result = cio.batch(frame, dry_run=True)
    assert result["status"].tolist() == ["ready" if kind == "identify" else "invalid" for kind in types]
    assert result["message_id"].notna().tolist() == result["status"].eq("ready").tolist()


@pytest.mark.parametrize("schema", ["spec", None])
def test_a_row_with_several_errors_has_every_reason_of_its_failure_cases(schema):
    frame = pd.DataFrame(
        {
            "user_id": [None, "bob", None, "dee"],
            "happened_at": ["never", "2025-06-01", "never", "2025-06-01"],
            "total": ["much", "much", 1, 1],
            "tax": [float("inf"), float("inf"), 1, 1],
            "products": [[{"price": "x"}], [{"price": float("nan")}], [{"price": 1}], None],
        }
    )
    columns = {"timestamp": "happened_at", "schema": schema}
    cases = frame.cio.validate("track", "Order Completed", **columns).failure_cases.query("severity == 'error'")
    expected = cases.groupby("position")["reason"].agg(list).to_dict()
    result = frame.cio.track("Order Completed", dry_run=True, **columns)
    found = {row: reason.split("; ") for row, reason in enumerate(result["reason"]) if not pd.isna(reason)}
    # A reason may have a semicolon of its own.
    assert {row: sorted("; ".join(some)) for row, some in found.items()} == {
        row: sorted("; ".join(some)) for row, some in expected.items()
    }
    assert len(expected[0]) >= 3
    assert result["status"].tolist()[3] == "ready"


def test_a_custom_check_that_only_warns_makes_no_row_invalid():
    schema = cio.schema("identify").update_column(
        "email", checks=[pandera.Check(lambda cells: cells != "b", raise_warning=True)]
    )
    people = pd.DataFrame({"user_id": ["ada", "bob"], "email": ["a", "b"]})
    assert statuses(cio.identify(people, dry_run=True, schema=schema)) == ["ready", "ready"]
    assert cio.validate(people, "identify", schema=schema).rows_with_warnings == 1


@pytest.mark.parametrize("cell", [np.array([1, 2]), [1], {"a": 1}, {1}, pd.NA, None, 7, b"identify"], ids=repr)
def test_a_type_cell_of_any_kind_that_is_not_a_call_makes_its_own_row_invalid_only(cell):
    types = pd.Series([None, "identify"], dtype=object)
    types.iloc[0] = cell
    result = pd.DataFrame({"type": types, "userId": ["a", "b"]}).cio.batch(dry_run=True)
    assert result["status"].tolist() == ["invalid", "ready"]
    assert result["reason"].tolist()[0] == "type: must be one of identify, track, page, screen, group, alias"


def test_an_interruption_while_the_counts_are_printed_has_the_result(shared_sandbox, monkeypatch):
    interrupt = lambda *args, **options: signal.raise_signal(signal.SIGINT)  # noqa: E731
    monkeypatch.setattr("cio_frames.pipeline.running.print_counts", interrupt)
    with pytest.raises(cio.InterruptedLoad) as caught:
        pd.DataFrame({"user_id": ["ada"]}).cio.identify(client=shared_sandbox.client)
    assert caught.value.result["status"].tolist() == ["delivered"]
