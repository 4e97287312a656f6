"""``cio.summary``: rows by status and reason, and warnings, of result frames and loads."""

import pickle

import pandas as pd
import pytest

import cio_frames as cio

PEOPLE = pd.DataFrame({"user_id": ["ada ", None, "bob", "bob"], "_margin": [0.1, 0.2, 0.3, 0.4]})
LINES = [
    "user_id: id begins or ends with white space, and is another id than without; remove it (1 row)",
    "1 person has more than one row; the last row wins",
    "_margin: name begins with an underscore, and the column is sent; leave it out if it is internal (4 rows)",
]


def test_the_result_frame_has_the_warnings_of_rows():
    result = PEOPLE.cio.identify(dry_run=True)
    assert result["warning"].dtype == "string"
    assert result["warning"].notna().tolist() == [True, False, False, False]
    assert result["warning"][0] == (
        "user_id: id begins or ends with white space, and is another id than without; remove it"
    )


def test_a_row_that_is_not_sent_has_a_reason_and_no_warning():
    frame = pd.DataFrame({"user_id": ["ada ", "bob "], "email": ["nobody", "b@example.com"]})
    result = frame.cio.identify(dry_run=True)
    assert result["status"].tolist() == ["invalid", "ready"]
    assert result["warning"].notna().tolist() == [False, True]


def test_a_row_with_several_warnings_has_them_all():
    frame = pd.DataFrame({"user_id": [" nan"], "bio": ["b" * 1_001]})
    assert frame.cio.identify(dry_run=True)["warning"][0].count(";") >= 2


def test_a_summary_counts_rows_and_lists_warnings(sandbox):
    found = cio.summary(PEOPLE.cio.identify(client=sandbox.client))
    assert found.counts.astype(object).where(found.counts.notna(), None).to_dict("records") == [
        {"status": "invalid", "reason": "user_id: required value is missing", "rows": 1},
        {"status": "delivered", "reason": None, "rows": 3},
    ]
    assert (found.rows, found.ok) == (4, False)
    assert found.warning_lines() == LINES
    assert found.warnings["scope"].tolist() == ["row", "source", "column"]
    assert found.line == "3 delivered, 1 invalid; 3 warnings"
    assert repr(found).splitlines()[-1] == f"warning: {LINES[-1]}"


def test_a_load_has_the_same_summary(sandbox, tmp_path):
    loaded = cio.load(PEOPLE, "identify", client=sandbox.client, output=tmp_path)
    frame = cio.summary(PEOPLE.cio.identify(client=sandbox.client))
    assert cio.summary(loaded).as_dict() == frame.as_dict()
    assert cio.summary(cio.load(PEOPLE, "identify", dry_run=True)).warning_lines() == LINES


def test_some_rows_of_a_result_keep_what_is_known_of_the_whole_call():
    result = PEOPLE.cio.identify(dry_run=True)
    found = cio.summary(result[result["status"].eq("ready")].tail(2))
    assert found.rows == 2
    assert found.warning_lines() == LINES[1:]


@pytest.mark.parametrize("copy", [lambda frame: frame.copy(), lambda frame: pickle.loads(pickle.dumps(frame))])
def test_a_copy_of_a_result_keeps_its_warnings(copy):
    assert cio.summary(copy(PEOPLE.cio.identify(dry_run=True))).warning_lines() == LINES


def test_a_result_with_warnings_can_be_written_to_parquet(tmp_path):
    PEOPLE.cio.identify(dry_run=True).to_parquet(tmp_path / "r.parquet")
    again = pd.read_parquet(tmp_path / "r.parquet")
    assert cio.summary(again).rows == 4


def test_an_empty_result_has_a_summary():
    found = cio.summary(PEOPLE.head(0).cio.identify(dry_run=True))
    assert (found.rows, found.ok, found.line, repr(found)) == (0, True, "no rows", "no rows")


def test_a_result_without_warnings_has_no_attrs():
    assert pd.DataFrame({"user_id": ["ada"]}).cio.identify(dry_run=True).attrs == {}


@pytest.mark.parametrize("given", [pd.DataFrame({"user_id": ["ada"]}), {"status": 1}, None])
def test_what_is_no_result_is_refused(given):
    with pytest.raises(cio.FrameError, match="result frame"):
        cio.summary(given)


def test_a_stopped_delivery_has_warnings_too(sandbox):
    client = cio.Client(write_key="wrong", endpoint=sandbox.url)
    with pytest.raises(cio.AuthenticationError) as error:
        PEOPLE.cio.identify(client=client)
    assert cio.summary(error.value.result).warning_lines() == LINES
