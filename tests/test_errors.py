import pickle

import pandas as pd
import pytest

import cio_frames as cio
from cio_frames.results import Outcomes


def result():
    return Outcomes(2).frame(pd.RangeIndex(2))


def report():
    return cio.validate(pd.DataFrame({"user_id": [None, "a"]}), "identify")


ERRORS = [
    cio.ConfigurationError("no key"),
    cio.SpecError("a.yaml, line 3: x"),
    cio.FrameError("no"),
    cio.MissingColumnsError("track", ["user_id"], ["userid"], "Name yours."),
    cio.MissingColumnsError("track", ["user_id"], ["userid"]).at("orders.parquet"),
    cio.InvalidRowsError(report()),
    cio.DeliveryError("Stopped.", result()),
    cio.AuthenticationError("Wrong key.", result()),
    cio.InterruptedLoad("Stopped.", result()),
]


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
def test_every_error_survives_pickling_with_its_words(error):
    copy = pickle.loads(pickle.dumps(error))
    assert type(copy) is type(error)
    assert str(copy) == str(error)


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
        "Stopped. Rows: 2 unsent. What became of each is on this error as .result."
    )


def test_an_invalid_rows_error_names_both_ways_out():
    assert str(cio.InvalidRowsError(report())) == (
        "1 of 2 rows cannot be sent, and nothing was. See .report, mend the rows, or pass "
        "on_invalid='skip' to send the others."
    )
