"""What a call or an event requires, and what happens if the frame does not have it."""

import pandas as pd
import pandera.pandas as pandera
import pytest

import cio_frames as cio
from tests.validation.checked_orders import orders, reasons


def test_a_property_that_the_event_cannot_do_without_must_be_a_column():
    with pytest.raises(cio.MissingColumnsError, match=r"requires column 'email_id'.*Did you mean 'email_ids'"):
        cio.validate(orders(email_ids=["a"]), "track", "Email Opened")


def test_a_property_that_the_event_cannot_do_without_must_be_in_every_row():
    assert reasons(orders(email_id=["a", None]), "Email Opened") == [(1, "email_id: required value is missing")]


def test_a_column_that_is_sent_under_another_name_or_not_at_all_is_not_checked_by_its_own():
    frame = orders(total=["free"], discount=["none"])
    assert reasons(frame, properties={"total": "price_tag"}) == []
    assert frame.cio.track("Order Completed", properties={"total": "x"}, dry_run=True)["status"].tolist() == ["ready"]


def test_a_property_that_an_event_needs_and_no_column_has_is_told_with_what_to_do():
    opened = pd.DataFrame({"user_id": ["ada"], "letter": ["m-1"]})
    with pytest.raises(cio.MissingColumnsError) as error:
        opened.cio.track("Email Opened", dry_run=True)
    assert str(error.value) == (
        "Email Opened requires column 'email_id', which is missing. Columns found: 'user_id', 'letter'. "
        "Add it, or rename yours: frame.rename(columns={'your_column': 'email_id'})."
    )
    assert opened.rename(columns={"letter": "email_id"}).cio.track("Email Opened", dry_run=True)["status"][0] == "ready"


def test_where_a_column_names_events_only_the_rows_of_one_suffer_from_its_missing_column():
    done = pd.DataFrame({"user_id": ["ada", "bob", "eve"], "action": ["Email Opened", "Signed Up", "Email Opened"]})
    result = done.cio.track(event_column="action", dry_run=True)
    assert result["status"].tolist() == ["invalid", "ready", "invalid"]
    assert result["reason"].tolist()[0] == "Email Opened requires column email_id, which is missing"
    opened = done[done["action"] == "Email Opened"]
    assert opened.cio.track(event_column="action", dry_run=True)["status"].tolist() == ["invalid", "invalid"]
    report = done.cio.validate("track", event_column="action")
    assert report.invalid(done).index.tolist() == [0, 2]


def test_among_mixed_calls_only_the_rows_of_one_suffer_from_its_missing_column():
    mixed = pd.DataFrame({"type": ["alias", "identify", "group"], "userId": ["ada", "bob", "eve"]})
    result = mixed.cio.batch(dry_run=True)
    assert result["status"].tolist() == ["invalid", "ready", "invalid"]
    assert result["reason"].tolist()[::2] == [
        "alias requires column previous_id, which is missing",
        "group requires column group_id, which is missing",
    ]


@pytest.mark.parametrize("rows", [0, 2])
def test_where_cells_decide_and_no_call_has_its_columns_the_frame_is_refused(rows):
    mixed = pd.DataFrame({"type": ["identify", "track"], "customer": ["ada", "bob"]}).head(rows)
    with pytest.raises(cio.MissingColumnsError, match="requires column 'user_id' or 'anonymous_id'"):
        mixed.cio.batch(dry_run=True)
    done = pd.DataFrame({"customer": ["ada", "bob"], "action": ["Signed Up", "Email Opened"]}).head(rows)
    with pytest.raises(cio.MissingColumnsError, match="requires column 'user_id' or 'anonymous_id'"):
        done.cio.track(event_column="action", dry_run=True)


def test_a_column_that_is_named_for_mixed_calls_and_is_not_there_is_refused():
    mixed = pd.DataFrame({"type": ["identify"], "userId": ["ada"]})
    with pytest.raises(cio.MissingColumnsError, match="'old'"):
        mixed.cio.batch(previous_id="old", dry_run=True)


def test_a_column_that_a_schema_of_one_s_own_needs_is_needed_whatever_events_there_are():
    done = pd.DataFrame({"user_id": ["ada"], "action": ["Signed Up"]})
    own = pandera.DataFrameSchema({"plan": pandera.Column(str)})
    with pytest.raises(cio.MissingColumnsError, match="'plan'"):
        done.cio.track(event_column="action", schema=own, dry_run=True)
