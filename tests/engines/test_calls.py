"""Every call and operation on a Dask frame, in this process: what arrives is what one plain call sends."""

import pandas as pd
import pytest

import cio_frames as cio
from cio_frames.operations import OPERATIONS
from tests.engines.clusters import import_or_skip

dd = import_or_skip("dask.dataframe", "dask")

ROWS = 12
# Every fourth row is alike to an earlier one, in another partition.
PEOPLE = pd.DataFrame({"user_id": [f"u{number % 9}" for number in range(ROWS)], "plan": "team"})
DEVICES = PEOPLE[["user_id"]].assign(
    token=[f"d{number % 9}" for number in range(ROWS)], device_type="ios", timestamp="2024-05-01T10:00:00Z"
)
OBJECTS = pd.DataFrame(
    {"object_id": [f"o{number % 9}" for number in range(ROWS)], "object_type_id": "1", "user_id": "ada"}
)
FRAMES = {
    "identify": PEOPLE,
    "track": PEOPLE,
    "page": PEOPLE,
    "screen": PEOPLE,
    "group": PEOPLE.assign(group_id="acme"),
    "alias": PEOPLE[["user_id"]].assign(previous_id=[f"old{number % 9}" for number in range(ROWS)]),
    "batch": PEOPLE.assign(type=["identify", "track", "page"] * 4, event="Seen"),
    "delete_people": PEOPLE[["user_id"]],
    "suppress_people": PEOPLE[["user_id"]],
    "unsuppress_people": PEOPLE[["user_id"]],
    "add_devices": DEVICES,
    "delete_devices": DEVICES,
    "delete_objects": OBJECTS.drop(columns="user_id"),
    "delete_relationships": OBJECTS,
    "report_deliveries": pd.DataFrame(
        {"delivery_id": [f"d{number % 9}" for number in range(ROWS)], "metric": "opened"}
    ),
    "report_content": pd.DataFrame(
        {"action_type": "viewed_content", "content_id": [number % 9 for number in range(ROWS)]}
    ),
}


@pytest.fixture(autouse=True)
def in_this_process():
    import dask

    with dask.config.set(scheduler="synchronous"):
        yield


def options_of(name, client):
    options = {"client": client, "as_of": "2026-11-28"}
    if name in OPERATIONS:
        return options | ({"confirm": ROWS} if OPERATIONS[name].needs_confirm else {})
    return (
        options
        | ({"event": "Seen"} if name == "track" else {})
        | ({} if name in ("identify", "group", "alias") else {"allow_campaigns": True})
    )


@pytest.mark.filterwarnings("ignore:.* rows belong together")
@pytest.mark.parametrize(
    ("name", "senders"), [*((name, 2) for name in FRAMES), ("track", 1), ("batch", 1), ("delete_devices", 1)]
)
def test_a_call_on_a_dask_frame_sends_what_one_plain_call_sends(sandbox, tmp_path, name, senders):
    call, options = getattr(cio, name), options_of(name, sandbox.client)
    frame = dd.from_pandas(FRAMES[name], npartitions=3)
    answers = call(frame, output=tmp_path, senders=senders, buckets=2 if senders > 1 else None, **options)
    first = sandbox.calls()
    plain = call(FRAMES[name], **options)
    second = sandbox.calls().iloc[len(first) :]
    found = answers.compute()
    assert found["status"].tolist() == plain["status"].tolist() == ["delivered"] * ROWS
    assert sorted(found["message_id"]) == sorted(plain["message_id"])
    assert sorted(first["messageId"]) == sorted(second["messageId"])
    assert answers.attrs["cio"]["as_of"] == plain.attrs["cio"]["as_of"]


def test_an_operation_of_an_engine_has_an_audit_trail(sandbox, tmp_path):
    people = PEOPLE[["user_id"]].assign(user_id=[*PEOPLE["user_id"][:-1], None])
    frame = dd.from_pandas(people, npartitions=3)
    file = tmp_path / "erased.jsonl"
    options = {"client": sandbox.client, "output": tmp_path / "run", "audit": file}
    assert len(cio.delete_people(frame, dry_run=True, audit=file)) == ROWS
    assert not file.exists()
    with pytest.raises(cio.FrameError, match="confirm=3 does not match"):
        cio.delete_people(frame, confirm=3, **options)
    assert file.read_text() == ""
    answers = cio.delete_people(frame, confirm=ROWS - 1, **options).compute()
    cio.delete_people(frame, confirm=ROWS - 1, **options)
    lines = pd.read_json(file, lines=True)
    assert lines["status"].value_counts().to_dict() == {"sending": ROWS - 1, "delivered": ROWS - 1}
    sent = answers[answers["status"] == "delivered"]
    done = lines[lines["status"] == "delivered"]
    assert sorted(zip(done["message_id"], done["id"], strict=True)) == sorted(
        zip(sent["message_id"], people["user_id"][:-1], strict=True)
    )
    assert set(lines["operation"]) == {"delete_people"}


def test_an_audit_file_that_cannot_be_written_is_an_error_before_anything_is_staged(sandbox, tmp_path):
    frame = dd.from_pandas(PEOPLE[["user_id"]], npartitions=3)
    (tmp_path / "notes.txt").write_text("of somebody else")
    with pytest.raises(cio.ConfigurationError, match="cio_frames did not write it"):
        cio.delete_people(
            frame, confirm=ROWS, client=sandbox.client, output=tmp_path / "run", audit=tmp_path / "notes.txt"
        )
    assert len(sandbox.requests()) == 0
    assert not (tmp_path / "run").exists()


def test_every_call_and_operation_is_tested_here():
    calls = {"identify", "track", "page", "screen", "group", "alias", "batch"}
    assert set(FRAMES) == calls | set(OPERATIONS)


@pytest.mark.parametrize("senders", [1, 2])
def test_other_rows_are_refused_with_a_remedy_that_the_call_has(sandbox, tmp_path, senders):
    import cio_frames.dask  # noqa: F401 -- registers ddf.cio

    options = {"client": sandbox.client, "output": tmp_path, "senders": senders}
    cio.identify(dd.from_pandas(PEOPLE, npartitions=2), **options)
    fewer = dd.from_pandas(PEOPLE.iloc[1:], npartitions=2)
    calls = [
        lambda **given: cio.identify(fewer, **options, **given),
        lambda **given: fewer.cio.identify(**options, **given),
        lambda **given: cio.load(fewer, "identify", **options, **given),
    ]
    for call in calls:
        with pytest.raises(cio.ConfigurationError, match=r"with output=, or start over with fresh=True\. Nothing was"):
            call()
    assert len(sandbox.calls()) == ROWS
    for number, call in enumerate(calls, 1):
        call(fresh=True)
        assert len(sandbox.calls()) == ROWS + number * (ROWS - 1)
    people = dd.from_pandas(PEOPLE[["user_id"]], npartitions=2)
    with pytest.raises(cio.ConfigurationError, match=r"start over with fresh=True\.$"):
        cio.suppress_people(people, confirm=ROWS, **options)
    assert len(cio.suppress_people(people, confirm=ROWS, **options, fresh=True)) == ROWS


def test_answers_can_be_counted_and_raise_for_rows_that_were_not_delivered(sandbox, tmp_path, capsys):
    held_back = PEOPLE.assign(user_id=PEOPLE["user_id"].where(PEOPLE.index % 4 != 0))
    frame = dd.from_pandas(held_back, npartitions=3)
    answers = cio.identify(frame, client=sandbox.client, output=tmp_path, progress=True)
    assert "identify: 9 delivered, 3 invalid; see " in capsys.readouterr().err
    counted = cio.summary(answers)
    assert counted.counts.to_dict("records") == cio.summary(answers.compute()).counts.to_dict("records")
    assert (counted.line, counted.ok) == ("9 delivered, 3 invalid", False)
    with pytest.raises(cio.UndeliveredError, match="3 of 12 rows were not delivered") as error:
        cio.raise_for_status(answers)
    assert error.value.result.statuses == {"delivered": 9, "invalid": 3}
    good = answers[answers["status"] == "delivered"]
    assert cio.raise_for_status(good) is good
    with pytest.raises(cio.FrameError, match="The frame is not a result frame"):
        cio.summary(frame)
    assert cio.load(frame, "identify", client=sandbox.client, output=tmp_path).as_of == answers.attrs["cio"]["as_of"]
    sent = len(sandbox.requests())
    assert cio.summary(cio.identify(frame, dry_run=True)).line == "9 ready, 3 invalid"
    assert len(sandbox.requests()) == sent
