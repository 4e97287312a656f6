import pickle
from pathlib import Path

import pandas as pd
import pytest

import cio_frames as cio
from cio_frames.results import Outcomes


def result():
    return Outcomes(2).frame(pd.RangeIndex(2))


def report():
    return cio.validate(pd.DataFrame({"user_id": [None, "a"]}), "identify")


def loaded():
    frame = pd.DataFrame({"user_id": [None, "a"], "timestamp": "2024-02-29"})
    return cio.load(frame, "track", "Signed Up", dry_run=True)


ERRORS = [
    cio.ConfigurationError("no key"),
    cio.SpecError("a.yaml, line 3: x"),
    cio.FrameError("no"),
    cio.MissingColumnsError("track", ["user_id"], ["userid"], "Name yours."),
    cio.MissingColumnsError("track", ["0"], [0, pd.Timestamp(0)]),
    cio.MissingColumnsError("track", ["user_id"], ["userid"]).at("orders.parquet"),
    cio.InvalidRowsError(report()),
    cio.CampaignsError(3),
    cio.CampaignsError(3, 2),
    *(
        kind("Stopped.", so_far)
        for kind in (cio.DeliveryError, cio.AuthenticationError, cio.InterruptedLoad)
        for so_far in (result(), loaded())
    ),
    cio.InvalidRowsError(loaded()),
    cio.SpecError("a.yaml, line 3: x", path=Path("a.yaml"), line=3),
    cio.ConfigurationError("job.yaml, line 3: x", path=Path("job.yaml"), line=3),
]


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
def test_every_error_survives_pickling_with_its_words(error):
    copy = pickle.loads(pickle.dumps(error))
    assert type(copy) is type(error)
    assert str(copy) == str(error)
    assert vars(copy).keys() == vars(error).keys()


def test_what_an_error_knows_survives_pickling():
    copy = pickle.loads(pickle.dumps(cio.SpecError("a.yaml, line 3: x", path=Path("a.yaml"), line=3)))
    assert (str(copy), copy.path, copy.line) == ("a.yaml, line 3: x", Path("a.yaml"), 3)
    copy = pickle.loads(pickle.dumps(cio.InterruptedLoad("Stopped.", loaded())))
    assert copy.result.reasons == loaded().reasons
    copy = pickle.loads(pickle.dumps(cio.DeliveryError("Stopped.", result())))
    pd.testing.assert_frame_equal(copy.result, result())


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
def test_every_error_is_one_of_ours_and_none_that_pandas_or_dicts_would_swallow(error):
    assert isinstance(error, cio.CioFramesError)
    assert not isinstance(error, AttributeError | KeyError)


def test_every_error_is_in_the_tree_that_the_docstring_draws():
    from cio_frames import errors

    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, Exception)]
    assert len(kinds) == 10
    assert all(kind.__name__ in errors.__doc__ for kind in kinds)


def test_an_error_that_is_told_with_its_file_keeps_its_class_and_its_facts():
    error = pickle.loads(pickle.dumps(cio.MissingColumnsError("track", ["user_id"], ["total"]).at("orders.parquet")))
    assert (error.missing, error.present, error.where) == (["user_id"], ["total"], "orders.parquet")
    assert str(error).startswith("orders.parquet: track needs column 'user_id', and this frame has 'total'.")
    assert type(cio.FrameError("no").at("orders.parquet")) is cio.FrameError


def test_a_delivery_error_says_how_many_rows_have_which_status():
    assert str(cio.DeliveryError("Stopped.", result())) == (
        "Stopped. Rows: 2 unsent. What became of each is on this error as .result. Send once more what is unsent: "
        "frame[error.result['status'].eq('unsent')]."
    )


def test_a_delivery_error_tells_to_send_nothing_once_more_where_all_was_sent():
    delivered = result().assign(status="delivered")
    assert str(cio.DeliveryError("Stopped.", delivered)).endswith("What became of each is on this error as .result.")


def test_the_error_of_a_load_leaves_to_its_message_how_to_go_on():
    assert str(cio.InterruptedLoad("Stopped. Run the same again to go on.", loaded())) == (
        "Stopped. Run the same again to go on. Rows: 1 invalid, 1 ready. What became of each is on this error as "
        ".result."
    )


def test_an_invalid_rows_error_names_both_ways_out():
    assert str(cio.InvalidRowsError(report())) == (
        "1 of 2 rows cannot be sent, and nothing was. See .report, mend the rows, or pass "
        "on_invalid='skip' to send the others."
    )
