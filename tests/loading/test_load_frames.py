"""Loads of frames: generators, cursors, datasets, whose rows are not known before they are read."""

import json
import sqlite3
from decimal import Decimal

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest

import cio_frames as cio
from cio_frames.loading import loads_in
from cio_frames.loading.sources import source_of
from cio_frames.loading.tuning import LoadTuning
from tests.faults import Answer, FaultServer
from tests.loading.helpers import load_rows


@pytest.fixture(autouse=True)
def folder(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def people(rows, first=0):
    numbers = range(first, first + rows)
    return pd.DataFrame({"user_id": [f"u{number}" for number in numbers], "plan": "free", "n": list(numbers)})


def load(source, client, **options):
    return cio.load(source, "identify", client=client, output="out", **options)


def ids(sandbox):
    return sorted(sandbox.calls()["userId"])


def test_what_a_database_yields_is_loaded(sandbox):
    with sqlite3.connect(":memory:") as database:
        people(25).to_sql("people", database, index=False)
        result = load(pd.read_sql("SELECT * FROM people", database, chunksize=10), sandbox.client)
    assert result.statuses == {"delivered": 25}
    assert result.frame()["row"].tolist() == list(range(25))


@pytest.mark.parametrize("kind", ["reader", "batches", "tables"])
def test_what_comes_as_arrows_batches_is_loaded(sandbox, kind):
    table = pa.Table.from_pandas(people(7))
    source = {
        "reader": lambda: pa.RecordBatchReader.from_batches(table.schema, table.to_batches(max_chunksize=3)),
        "batches": lambda: table.to_batches(max_chunksize=3),
        "tables": lambda: iter([table[:3], table[3:]]),
    }[kind]()
    assert load(source, sandbox.client).statuses == {"delivered": 7}


def test_a_dataset_is_loaded_as_its_filter_says(sandbox):
    people(10).to_parquet("people.parquet")
    result = load(ds.dataset("people.parquet").filter(ds.field("n") < 3), sandbox.client)
    assert (result.statuses, ids(sandbox)) == ({"delivered": 3}, ["u0", "u1", "u2"])


def test_a_dataset_is_loaded_with_its_partitions(sandbox, folder):
    for country, first in (("de", 0), ("fr", 4)):
        (folder / f"in/country={country}").mkdir(parents=True)
        people(4, first).to_parquet(folder / f"in/country={country}/part.parquet")
    result = load_rows(ds.dataset("in", partitioning="hive"), sandbox.client, tuning=LoadTuning(chunk_rows=4))
    assert result.frame()["row"].tolist() == list(range(8))
    countries = {call["userId"]: call["traits"]["country"] for call in sandbox.calls().to_dict("records")}
    assert (countries["u0"], countries["u7"]) == ("de", "fr")


def test_a_plain_dataset_is_its_files(sandbox):
    people(10).to_parquet("people.parquet")
    result = load(ds.dataset("people.parquet"), sandbox.client)
    assert set(result.frame()["file"].str.rpartition("/")[2]) == {"people.parquet"}


def test_other_frames_are_not_taken_for_those_that_are_done(sandbox):
    load([people(3)], sandbox.client)
    for others in ([people(5, 100)], [people(3), people(2, 3)], [people(2)], []):
        with pytest.raises(cio.ConfigurationError, match=r"name a folder of their own with output=, .* or start over"):
            load(iter(others), sandbox.client)
    assert len(sandbox.calls()) == 3
    again = load(iter([people(3)]), sandbox.client)
    assert (again.phase, len(sandbox.calls())) == ("done", 3)
    assert "nothing was sent now" in again.why
    assert load([people(5, 100)], sandbox.client, fresh=True).statuses == {"delivered": 5}


def stopped_at_the_third_frame():
    with FaultServer([Answer(), Answer(), Answer(401)]) as server:
        client = cio.Client(write_key="k", endpoint=server.url, workers=1, attempts=1)
        with pytest.raises(cio.AuthenticationError):
            load_rows((people(10, first) for first in range(0, 40, 10)), client)
    return client, server.port


def test_frames_of_another_size_are_not_skipped():
    client, port = stopped_at_the_third_frame()
    with FaultServer([Answer()], port=port) as server:
        for frames in (people(5), people(10, 10)), iter([people(10)]):
            with pytest.raises(cio.ConfigurationError, match=r"another size|are missing now"):
                load_rows(frames, client)
        assert not server.received


def test_a_load_is_resumed_with_the_same_frames():
    client, port = stopped_at_the_third_frame()
    with FaultServer([Answer()], port=port) as server:
        result = load_rows((people(10, first) for first in range(0, 40, 10)), client)
        sent = [call["userId"] for request in server.received for call in request.calls]
    assert result.statuses == {"delivered": 40}
    assert sorted(sent) == sorted(people(20, 20)["user_id"])


def test_a_generator_that_fails_in_the_middle_leaves_the_result_on_the_error_and_can_be_resumed(sandbox):
    def frames(*, whole):
        yield people(3).assign(email=["x", None, None])
        if not whole:
            raise RuntimeError("no connection to host db, user ada@example.com")
        yield people(2, 3)

    with pytest.raises(cio.DeliveryError, match="The load stopped: RuntimeError while rows were read") as caught:
        load(frames(whole=False), sandbox.client)
    assert isinstance(caught.value.__cause__, RuntimeError)
    assert caught.value.result.statuses == {"invalid": 1, "delivered": 2}
    assert len(pd.read_parquet(caught.value.result.undelivered)) == 1
    (listed,) = loads_in(caught.value.result.ledger)[["phase", "why"]].to_numpy().tolist()
    assert listed == [
        "stopped",
        "The load stopped: RuntimeError while rows were read. Call it again with the same arguments to resume.",
    ]
    assert load(frames(whole=True), sandbox.client).statuses == {"invalid": 1, "delivered": 4}
    assert ids(sandbox) == ["u1", "u2", "u3", "u4"]


def test_a_generator_is_not_read_twice(sandbox):
    with pytest.raises(cio.FrameError, match="reads all rows twice"):
        load(iter([people(3)]), sandbox.client, on_invalid="raise")
    assert load([people(3)], sandbox.client, on_invalid="raise").statuses == {"delivered": 3}


def seen(*times):
    return pd.DataFrame({"user_id": [f"u{row}" for row in range(len(times))], "timestamp": list(times)})


def test_where_young_events_come_first_nothing_is_sent_and_the_error_says_so(sandbox):
    for frames in (iter([seen(None), seen("2020-01-01")]), [seen("2020-01-01"), seen(None)]):
        with pytest.raises(cio.CampaignsError, match=r"1 rows are events.*Nothing was sent\. Allow it"):
            cio.load(frames, "page", client=sandbox.client, output="out", fresh=True)
    assert len(sandbox.calls()) == 0


def test_young_events_behind_old_ones_need_allow_campaigns_in_each_run(sandbox):
    def frames():
        yield seen("2020-01-01")
        yield seen("2020-01-01", None)

    options = {"call": "page", "tuning": LoadTuning(chunk_rows=2)}
    for _ in range(2):
        with pytest.raises(
            cio.CampaignsError,
            match=r"1 rows are events.*Row 2 and later ones were not sent; earlier ones were",
        ):
            load_rows(frames(), sandbox.client, **options)
    assert len(sandbox.calls()) == 2
    result = load_rows(frames(), sandbox.client, allow_campaigns=True, **options)
    assert (result.statuses, len(sandbox.calls())) == ({"delivered": 3}, 3)


def repeated(frame, label, *cells):
    """Return a frame with one more column of a name, that may be there already."""
    more = pd.DataFrame({label: pd.Series(cells, index=frame.index, dtype=object)})
    return pd.concat([frame, more], axis=1)


@pytest.mark.parametrize(
    ("call", "label", "allow_campaigns"),
    [
        *(("page", label, allowed) for label in ("timestamp", "user_id", "plan") for allowed in (True, False)),
        ("batch", "type", True),
        ("batch", "timestamp", False),
    ],
)
def test_a_repeated_column_that_would_be_sent_is_refused_before_anything_is(sandbox, call, label, allow_campaigns):
    fine = seen("2020-01-01").assign(type="page", plan="free")
    frames = [fine, repeated(fine, label, "2020-01-01")]
    with pytest.raises(cio.FrameError, match=rf"^frame 1: (C|c)olumn '{label}'") as error:
        cio.load(frames, call, client=sandbox.client, output="out", allow_campaigns=allow_campaigns)
    assert "Rename one" in str(error.value)
    assert len(sandbox.calls()) == 0


def test_a_repeated_column_that_is_not_sent_is_in_undelivered_rows_under_names_that_tell_them_apart(sandbox):
    frame = pd.DataFrame(
        [["ada", "free", "a", "b", "c", "d"], [None, "team", "e", "f", "g", "h"]],
        columns=["user_id", "plan", "note", "note", "note (2)", 7],
    )
    frame = repeated(frame, "7", "i", "j")
    result = load([frame], sandbox.client, traits=["plan"])
    assert result.statuses == {"delivered": 1, "invalid": 1}
    undelivered = pd.read_parquet(result.undelivered)
    assert list(undelivered.columns)[:7] == ["user_id", "plan", "note", "note (3)", "note (2)", "7", "7 (2)"]
    assert undelivered.iloc[0, 1:7].tolist() == ["team", "e", "f", "g", "h", "j"]
    mended = cio.load(
        [undelivered.assign(user_id="eve")], "identify", client=sandbox.client, output="two", traits=["plan"]
    )
    assert mended.statuses == {"delivered": 1}
    assert sandbox.calls()["traits"].tolist() == [{"plan": "free"}, {"plan": "team"}]
    assert load([frame], sandbox.client, traits=["plan"]).phase == "done"


def test_a_parquet_file_with_a_repeated_column_is_loaded_where_that_is_not_sent(sandbox):
    table = pa.table([["ada", None], ["free", "team"], ["a", "b"], ["c", "d"]], ["user_id", "plan", "note", "note"])
    pq.write_table(table, "people.parquet")
    with pytest.raises(cio.FrameError, match=r"^people.parquet: column 'note' and column 'note' both feed"):
        load("people.parquet", sandbox.client)
    result = load("people.parquet", sandbox.client, traits=["plan"])
    assert result.statuses == {"delivered": 1, "invalid": 1}
    assert pd.read_parquet(result.undelivered)[["note", "note (2)"]].to_numpy().tolist() == [["b", "d"]]


@pytest.mark.parametrize("through", ["frames", "generator"])
@pytest.mark.parametrize("options", [{"call": "batch"}, {"call": "page", "timestamp": "seen_at"}, {"call": "alias"}])
def test_a_missing_column_is_an_error_with_its_facts_and_its_place(sandbox, through, options):
    frames = [seen("2020-01-01")]
    with pytest.raises(cio.MissingColumnsError, match=r"^frame 0: ") as error:
        cio.load(frames if through == "frames" else iter(frames), client=sandbox.client, output="out", **options)
    assert error.value.call == options["call"]
    assert error.value.missing == {"batch": ["type"], "page": ["seen_at"], "alias": ["previous_id"]}[options["call"]]
    assert error.value.present == ["user_id", "timestamp"]
    assert len(sandbox.calls()) == 0


@pytest.mark.parametrize("cells", [[{}, {}], [[{}], []], [{"a": [{}]}, {"a": None}]])
def test_objects_of_which_none_has_a_member_are_kept_in_undelivered_rows_as_json(sandbox, cells):
    frame = pd.DataFrame({"user_id": [None, "ada"], "info": pd.Series(cells, dtype=object)})
    for source in (frame, pa.Table.from_pandas(frame)):
        result = load([source], sandbox.client, fresh=True)
        assert result.statuses == {"delivered": 1, "invalid": 1}
        assert pd.read_parquet(result.undelivered)["info"].map(json.loads).tolist() == cells[:1]


@pytest.mark.parametrize("dtype", [object, pd.ArrowDtype(pa.decimal128(5, -2))])
def test_decimals_in_thousands_are_kept_in_undelivered_rows_as_numbers(sandbox, dtype):
    frame = pd.DataFrame({"user_id": [None, "ada"], "size": pd.Series([Decimal("1.2E+3"), None], dtype=dtype)})
    result = load([frame], sandbox.client)
    assert result.statuses == {"delivered": 1, "invalid": 1}
    assert pd.read_parquet(result.undelivered)["size"].tolist() == [Decimal(1200)]


def test_a_decimal_in_an_object_that_parquet_has_no_form_for_is_kept_in_undelivered_rows_as_text(sandbox):
    cells = pd.Series([[Decimal("1.2E+3")], None], dtype=pd.ArrowDtype(pa.list_(pa.decimal128(5, -2))))
    result = load([pd.DataFrame({"user_id": [None, "ada"], "sizes": cells})], sandbox.client)
    assert pd.read_parquet(result.undelivered)["sizes"].tolist() == ['["1.2E+3"]']


def deep():
    cell = []
    for _ in range(5_000):
        cell = [cell]
    return cell


@pytest.mark.parametrize(
    ("column", "kept"),
    [
        (pd.Series([{np.int64(7): np.int8(1)}, None], dtype=object), '{"7": 1}'),
        (pd.Series([[np.nan, pd.NA, True, np.datetime64("2026-07-01"), {1j}], 1], dtype=object),
         '[null, null, true, "2026-07-01", ["1j"]]'),
        (pd.Series([[Decimal("sNaN"), 1j], Decimal("sNaN")], dtype=object), '["sNaN", "1j"]'),
        (pd.Series([np.datetime64("10000-01-01"), np.float32("nan")], dtype=object), "10000-01-01"),
        (pd.Series([np.array([np.datetime64("2026-07-01")]), 1], dtype=object), '["2026-07-01"]'),
        (pd.Series([deep(), 1], dtype=object), "a list nested too deeply for JSON"),
        (pd.Series(pd.cut([0.5, 0.5], [0, 1])), "(0, 1]"),
    ],
    ids=["numpy keys", "several kinds", "signalling NaN", "numpy time, NaN", "numpy times", "too deep", "intervals"],
)  # fmt: skip
def test_undelivered_cells_that_parquet_has_no_type_for_do_not_end_a_load(sandbox, column, kept):
    result = load([pd.DataFrame({"user_id": [None, "b"], "x": column})], sandbox.client)
    assert result.phase == "done"
    assert pd.read_parquet(result.undelivered)["x"].iloc[0] == kept


def cut(frames, chunk_rows):
    return [
        (chunk.frame["n"].tolist(), chunk.first_row, chunk.frame_number)
        for chunk in source_of(frames, chunk_rows=chunk_rows).chunks()
    ]


def test_small_frames_are_loaded_together_and_large_ones_in_parts(sandbox):
    sizes = [3, 0, 4, 25, 1, 2]
    frames = [people(size, first) for size, first in zip(sizes, np.cumsum([0, *sizes]), strict=False)]
    assert cut(frames, 10) == [
        (list(range(10)), 0, 0),
        (list(range(10, 20)), 10, 3),
        (list(range(20, 30)), 20, 3),
        (list(range(30, 35)), 30, 3),
    ]
    result = load_rows(iter(frames), sandbox.client)
    assert result.frame()[["row", "status"]].to_numpy().tolist() == [[row, "delivered"] for row in range(35)]
    assert sorted(part.name for part in result.results.iterdir()) == [f"part-{n:05d}.parquet" for n in range(4)]


@pytest.mark.parametrize("kind", ["frame", "table"])
def test_one_large_frame_is_cut_to_chunks(sandbox, kind):
    source = people(25) if kind == "frame" else pa.Table.from_pandas(people(25))
    result = load_rows(source, sandbox.client)
    assert (result.statuses, len(list(result.results.iterdir()))) == ({"delivered": 25}, 3)
    assert result.frame()["row"].tolist() == list(range(25))
    assert load_rows(source, sandbox.client).phase == "done"
    assert len(sandbox.calls()) == 25


@pytest.mark.parametrize(
    "other",
    [
        people(2).astype({"n": float}),
        people(2).astype({"plan": "category"}),
        people(2).rename(columns={"plan": "tier"}),
        people(2)[["n", "user_id", "plan"]],
    ],
    ids=["type", "category", "name", "order"],
)
def test_frames_of_other_columns_or_types_are_chunks_of_their_own(sandbox, other):
    frames = [people(2), other, other, people(2, 4)]
    assert [numbers for numbers, _, _ in cut(frames, 10)] == [[0, 1], [0, 1, 0, 1], [4, 5]]
    one_by_one = [size for frame in frames for size in frame.cio.identify(dry_run=True)["bytes"].tolist()]
    assert load_rows(frames, sandbox.client).frame()["bytes"].tolist() == one_by_one


def test_frames_that_are_all_empty_are_one_chunk_with_their_columns(sandbox):
    assert cut([people(0), people(0)], 10) == [([], 0, 0)]
    result = load_rows([people(0), people(0)], sandbox.client)
    assert (result.phase, result.statuses, len(result.frame())) == ("done", {}, 0)


def test_rows_before_an_error_in_a_generator_are_sent_and_the_same_frames_resume_the_load(sandbox):
    def frames(*, whole):
        yield people(7)
        yield people(7, 7)
        if not whole:
            raise RuntimeError
        yield people(7, 14)

    with pytest.raises(cio.DeliveryError, match="RuntimeError while rows were read") as caught:
        load_rows(frames(whole=False), sandbox.client)
    assert caught.value.result.statuses == {"delivered": 14}
    result = load_rows(frames(whole=True), sandbox.client)
    assert (result.phase, result.statuses) == ("done", {"delivered": 21})
    assert sorted(sandbox.calls()["userId"]) == sorted(people(21)["user_id"])
