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
    cio.CampaignsError(3, 2, ("a", 1), 4),
    *(
        kind("Stopped.", so_far)
        for kind in (cio.DeliveryError, cio.AuthenticationError, cio.InterruptedLoad, cio.UndeliveredError)
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


def test_the_attributes_of_an_error_survive_pickling():
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
    assert len(kinds) >= 10
    assert all(kind.__name__ in errors.__doc__ for kind in kinds)


def test_an_error_with_the_name_of_its_file_keeps_its_class_and_attributes():
    error = pickle.loads(pickle.dumps(cio.MissingColumnsError("track", ["user_id"], ["total"]).at("orders.parquet")))
    assert (error.missing, error.present, error.where) == (["user_id"], ["total"], "orders.parquet")
    assert str(error).startswith("orders.parquet: track requires column 'user_id', which is missing.")
    assert type(cio.FrameError("no").at("orders.parquet")) is cio.FrameError


def test_a_delivery_error_says_how_many_rows_have_which_status():
    assert str(cio.DeliveryError("Stopped.", result())) == (
        "Stopped. Rows: 2 unsent. See .result for the status of each row. Retry the unsent rows: "
        "frame[error.result['status'].eq('unsent')]."
    )


def test_a_delivery_error_without_unsent_rows_suggests_no_retry():
    delivered = result().assign(status="delivered")
    assert str(cio.DeliveryError("Stopped.", delivered)).endswith("See .result for the status of each row.")


def test_the_error_of_a_load_leaves_it_to_its_message_how_to_resume():
    assert str(cio.InterruptedLoad("Stopped. Call it again to resume.", loaded())) == (
        "Stopped. Call it again to resume. Rows: 1 invalid, 1 ready. See .result for the status of each row."
    )


def test_the_error_on_the_command_line_names_no_attribute_of_python():
    assert cio.DeliveryError("Stopped.", result()).text("command line") == "Stopped. Rows: 2 unsent."


def test_an_invalid_rows_error_says_the_top_reasons_and_both_remedies():
    assert str(cio.InvalidRowsError(report())) == (
        "1 of 2 rows cannot be sent, and nothing was. Top reasons: user_id: required value is missing (1). "
        "See .report. Fix the rows, or use on_invalid='skip' to send the others."
    )


def test_a_campaigns_error_speaks_the_words_of_its_door():
    error = cio.CampaignsError(1_200, 34, "happened at")
    assert (error.rows, error.young, error.untimed, error.time_column) == (1_234, 1_200, 34, "happened at")
    assert str(error) == (
        "1,234 rows are events that can start campaigns, that is, send mail to real people: 1,200 younger than 72 "
        "hours, 34 without a timestamp ('happened at' looks like one; pass timestamp='happened at'). Nothing was sent. "
        "Allow it with allow_campaigns=True, or name the column with the time of the event with timestamp=."
    )
    assert "set --timestamp 'happened at'). Nothing was sent. Allow it with --allow-campaigns" in error.text(
        "command line"
    )
    assert "set timestamp: happened at). Nothing was sent. Allow it with allow_campaigns: true" in error.text(
        "job file"
    )


def test_a_campaigns_error_of_young_events_says_nothing_about_a_column():
    assert "timestamp" not in str(cio.CampaignsError(2))
    assert "2 younger than 72 hours. Nothing was sent. Allow it with allow_campaigns=True." in str(
        cio.CampaignsError(2)
    )


def test_a_missing_columns_error_names_the_option_on_the_command_line():
    with pytest.raises(cio.MissingColumnsError) as error:
        cio.identify(pd.DataFrame({"email": ["ada@example.com"]}), dry_run=True)
    assert error.value.text("command line").endswith("to identify people by email address: --user-id email.")


@pytest.mark.parametrize(("mark", "word"), [(";", "semicolons"), ("\t", "tabs"), ("|", "vertical bars")])
def test_one_column_with_separators_in_its_name_is_reported_as_another_separator(mark, word):
    text = str(cio.MissingColumnsError("identify", ["user_id"], [f"user_id{mark}plan"]))
    assert f"This one column has {word} in its name" in text
    assert f"sep={mark!r}" in text
