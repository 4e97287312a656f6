"""Rows that were not delivered are hard to miss: ``raise_for_status`` and ``on_undelivered="raise"``."""

import pickle

import pandas as pd
import pytest

import cio_frames as cio
from tests.faults import Answer, FaultServer

PEOPLE = pd.DataFrame({"user_id": ["ada", None, "bob", None]}, index=[3, 3, 1, 0])


def test_a_good_result_is_returned_as_it_is(sandbox, tmp_path):
    result = PEOPLE.dropna().cio.identify(client=sandbox.client)
    assert cio.raise_for_status(result) is result
    loaded = cio.load(PEOPLE.dropna(), "identify", client=sandbox.client, output=tmp_path)
    assert cio.raise_for_status(loaded) is loaded
    dry = PEOPLE.dropna().cio.identify(dry_run=True)
    assert cio.raise_for_status(dry) is dry
    empty = PEOPLE.head(0).cio.identify(dry_run=True)
    assert cio.raise_for_status(empty) is empty


def test_any_row_that_is_not_good_raises_with_the_result_the_counts_and_the_reasons(sandbox):
    result = PEOPLE.cio.identify(client=sandbox.client)
    with pytest.raises(cio.UndeliveredError) as caught:
        cio.raise_for_status(result)
    assert caught.value.result is result
    assert isinstance(caught.value, cio.DeliveryError)
    assert str(caught.value) == (
        "2 of 4 rows were not delivered. Top reasons: user_id: required value is missing (2). Rows: 2 delivered, "
        "2 invalid. See .result for the status of each row."
    )
    assert caught.value.as_of == result.attrs["cio"]["as_of"]
    copy = pickle.loads(pickle.dumps(caught.value))
    assert (str(copy), len(copy.result)) == (str(caught.value), 4)
    cio.raise_for_status(result[result["status"].eq("delivered")])


def test_unknown_and_unsent_rows_raise():
    with FaultServer([Answer(503)]) as server:
        client = cio.Client(write_key="k", endpoint=server.url, attempts=1)
        with pytest.raises(cio.UndeliveredError, match="1 unknown"):
            PEOPLE.head(1).cio.identify(client=client, on_undelivered="raise")
    with pytest.raises(cio.DeliveryError, match="1 unsent"):
        PEOPLE.head(1).cio.identify(client=client, on_undelivered="raise")


@pytest.mark.parametrize("thing", [None, "delivered", pd.DataFrame({"status": ["delivered"]}), PEOPLE["user_id"], {}])
def test_what_is_not_a_result_is_refused(thing):
    with pytest.raises(cio.FrameError, match="raise_for_status takes the result of a call or a load, got "):
        cio.raise_for_status(thing)


@pytest.mark.parametrize("on_undelivered", ["return", "raise"])
@pytest.mark.parametrize("call", ["identify", "delete_people", "load"])
def test_every_call_returns_or_raises(sandbox, tmp_path, call, on_undelivered):
    given = {"client": sandbox.client, "on_undelivered": on_undelivered}
    calls = {
        "identify": lambda: PEOPLE.cio.identify(**given),
        "delete_people": lambda: PEOPLE.cio.delete_people(**given, confirm=2, audit=tmp_path / "trail.jsonl"),
        "load": lambda: cio.load(PEOPLE.reset_index(drop=True), "identify", output=tmp_path / "out", **given),
    }
    if on_undelivered == "raise":
        with pytest.raises(cio.UndeliveredError, match="2 of 4 rows were not delivered"):
            calls[call]()
    else:
        assert cio.summary(calls[call]()).rows == 4
    assert len(sandbox.calls()) == 2


@pytest.mark.parametrize("call", ["identify", "load"])
def test_another_choice_is_refused_before_anything_is_sent(sandbox, tmp_path, call):
    given = {"client": sandbox.client, "on_undelivered": "ignore"}
    calls = {
        "identify": lambda: PEOPLE.cio.identify(**given),
        "load": lambda: cio.load(PEOPLE, "identify", output=tmp_path / "out", **given),
    }
    with pytest.raises(cio.FrameError, match=r"on_undelivered= must be 'return' or 'raise', got 'ignore'"):
        calls[call]()
    assert sandbox.calls().empty


def test_a_dry_run_does_not_raise():
    assert PEOPLE.cio.identify(dry_run=True, on_undelivered="raise")["status"].eq("invalid").sum() == 2
