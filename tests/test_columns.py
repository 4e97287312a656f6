import pandas as pd
import pytest

import cio_frames as cio
from cio_frames import spec
from cio_frames.columns import ColumnMapping, resolve


def fields(labels, call="track", event="Signed Up", **mapping):
    columns = resolve(
        labels,
        spec.calls()[call],
        ColumnMapping(**mapping),
        (spec.semantic_event(event) or event) if call == "track" and event else None,
    )
    return {".".join(source.path): source.label for source in columns.sources}


def test_a_field_is_fed_by_the_column_its_parameter_names():
    assert fields(["customer", "total"], user_id="customer") == {"userId": "customer", "properties.total": "total"}


@pytest.mark.parametrize("label", ["user_id", "userId"])
def test_a_field_without_a_parameter_is_looked_up_by_both_of_its_names(label):
    assert fields([label]) == {"userId": label}


def test_the_snake_case_name_comes_first_and_the_other_becomes_a_property():
    assert fields(["userId", "user_id"]) == {"userId": "user_id", "properties.userId": "userId"}


def test_every_other_column_becomes_a_trait_or_a_property():
    assert fields(["user_id", "plan"], "identify") == {"userId": "user_id", "traits.plan": "plan"}
    assert fields(["user_id", "plan"], "screen") == {"userId": "user_id", "properties.plan": "plan"}


def test_a_list_narrows_what_is_sent():
    assert fields(["user_id", "a", "b"], properties=["b"]) == {"userId": "user_id", "properties.b": "b"}


def test_a_mapping_renames_and_nests():
    found = fields(["user_id", "town", "sum"], properties={"town": "address.city", "sum": "total"})
    assert found == {"userId": "user_id", "properties.address.city": "town", "properties.total": "sum"}


def test_a_column_used_as_an_id_can_be_sent_as_a_property_too():
    found = fields(["customer"], user_id="customer", properties=["customer"])
    assert found == {"userId": "customer", "properties.customer": "customer"}


def test_dotted_names_nest_and_context_goes_to_the_context():
    found = fields(["user_id", "address.city", "context.ip", "integrations.All"])
    assert found == {
        "userId": "user_id",
        "properties.address.city": "address.city",
        "context.ip": "context.ip",
        "integrations.All": "integrations.All",
    }


def test_a_name_with_an_empty_part_does_not_nest():
    assert fields(["user_id", "a..b", ".c", "d."]) == {
        "userId": "user_id",
        "properties.a..b": "a..b",
        "properties..c": ".c",
        "properties.d.": "d.",
    }


@pytest.mark.parametrize(("label", "field"), [("type", "type"), ("cio", "cio"), (0, "0"), (1.5, "1.5"), (True, "True")])
def test_a_column_may_have_any_label(label, field):
    columns = resolve(["user_id", label], spec.calls()["track"], ColumnMapping(), "Seen")
    assert columns.sources[1].path == ("properties", field)
    assert fields(["user_id", label]) == {"userId": "user_id", f"properties.{field}": label}


def test_a_property_of_the_event_wins_over_a_field_of_the_same_name():
    found = fields(["user_id", "message_id"], event="Live Chat Message Sent")
    assert found == {"userId": "user_id", "properties.message_id": "message_id"}


def test_an_alias_sends_its_ids_and_nothing_else():
    assert fields(["user_id", "previous_id", "note"], "alias") == {"userId": "user_id", "previousId": "previous_id"}


def test_a_missing_column_is_named_with_those_present_and_a_close_match():
    with pytest.raises(cio.MissingColumnsError) as error:
        fields(["customer_id", "total"], user_id="costumer_id")
    assert str(error.value) == (
        "track requires column 'costumer_id', which is missing. Columns found: 'customer_id', 'total'. "
        "Did you mean 'customer_id'?"
    )
    assert (error.value.missing, error.value.present) == (["costumer_id"], ["customer_id", "total"])


@pytest.mark.parametrize(
    ("labels", "given", "said"),
    [
        ([0, 1], "0", "'0', which is missing. Columns found: 0, 1. Did you mean 0? Then write 0 and not '0'."),
        (["0"], 0, "0, which is missing. Columns found: '0'. Did you mean '0'? Then write '0' and not 0."),
        ([0, 1], 2, "2, which is missing. Columns found: 0, 1. Name one of these, or add the column."),
        ([], "id", "'id', which is missing. The frame has no columns. Add it."),
    ],
)
def test_a_label_that_is_not_text_is_shown_as_it_must_be_written(labels, given, said):
    with pytest.raises(cio.MissingColumnsError) as error:
        fields(labels, "identify", user_id=given)
    assert str(error.value) == f"identify requires column {said}"
    assert error.value.missing == [str(given)]
    assert error.value.present == [str(label) for label in labels]


def test_the_example_in_an_error_names_a_label_that_is_not_text_as_it_must_be_written():
    with pytest.raises(cio.MissingColumnsError, match=r"found: 7, 8\. Name the column, for example user_id=7\."):
        fields([7, 8], "identify")
    with pytest.raises(cio.MissingColumnsError, match=r"found: 7, 'plan'\. .* user_id='user_ref'\."):
        fields([7, "plan"], "identify")


@pytest.mark.parametrize(
    ("label", "given"), [("id", "Id"), ("customer_id", "customer_ID"), ("Customer ID", "customer_id"), ("ID", "i.d.")]
)
def test_a_name_that_differs_by_case_or_separators_only_is_suggested(label, given):
    with pytest.raises(cio.MissingColumnsError, match=f"Did you mean {label!r}"):
        fields(["total", label], user_id=given)


@pytest.mark.parametrize(("labels", "meant"), [(["User ID"], "User ID"), (["USERID", "id"], "USERID"), (["ID"], "ID")])
def test_the_closest_column_for_an_id_is_suggested_with_its_parameter(labels, meant):
    with pytest.raises(cio.MissingColumnsError, match=f"Did you mean {meant!r}.* user_id={meant!r}"):
        fields([*labels, "plan"], "identify")


def test_the_id_of_something_else_is_not_suggested_for_a_person():
    with pytest.raises(cio.MissingColumnsError) as error:
        fields(["order_id", "total"])
    assert "Did you mean" not in str(error.value)


def test_an_id_alone_may_be_anything_in_other_calls():
    with pytest.raises(cio.MissingColumnsError, match="for example user_id='user_ref'"):
        fields(["id", "total"])


def test_a_frame_without_any_id_is_refused_with_the_parameter_to_give():
    with pytest.raises(
        cio.MissingColumnsError, match=r"requires column 'user_id' or 'anonymous_id'.*user_id='user_ref'"
    ):
        fields(["customer"])


def test_the_error_for_a_frame_with_emails_only_says_how_to_use_them_as_ids():
    with pytest.raises(cio.MissingColumnsError, match="user_id='email'"):
        fields(["email"], "identify")


def test_the_error_for_a_track_without_an_event_names_both_parameters():
    with pytest.raises(cio.MissingColumnsError, match=r"track\('Order Completed'\).*event_column='action'"):
        fields(["user_id"], event=None)


def test_a_group_needs_a_group_id_and_no_person():
    assert fields(["group_id", "name"], "group") == {"groupId": "group_id", "traits.name": "name"}
    with pytest.raises(cio.MissingColumnsError, match="'group_id'"):
        fields(["user_id"], "group")


def test_a_frame_of_thousands_of_columns_is_not_listed_in_full():
    with pytest.raises(cio.MissingColumnsError, match="and 980 more"):
        fields([f"column_{number}" for number in range(1000)])


def test_the_error_for_a_frame_without_columns_says_so():
    with pytest.raises(cio.MissingColumnsError, match="The frame has no columns"):
        fields([])


def test_a_repeated_label_is_refused_as_a_named_column():
    with pytest.raises(cio.FrameError, match="ambiguous: 2 columns have this label"):
        fields(["user_id", "user_id"])


def test_a_repeated_label_is_refused_as_a_property():
    with pytest.raises(cio.FrameError, match=r"both feed properties.a"):
        fields(["user_id", "a", "a"])


def test_a_repeated_label_is_accepted_if_it_is_not_sent():
    assert fields(["user_id", "a", "a", "b"], properties=["b"]) == {"userId": "user_id", "properties.b": "b"}


def test_the_number_zero_and_the_text_zero_are_one_field_and_refused():
    with pytest.raises(cio.FrameError, match=r"column 0 and column '0' both feed properties.0"):
        fields(["user_id", 0, "0"])


@pytest.mark.parametrize("labels", [["user_id", "a", "a.b"], ["user_id", "a.b", "a"], ["user_id", "a.b.c", "a.b"]])
def test_a_dotted_column_that_collides_with_a_plain_one_is_refused(labels):
    with pytest.raises(cio.FrameError, match="inside it"):
        fields(labels)


def test_a_constant_and_a_column_for_one_field_are_refused():
    with pytest.raises(cio.FrameError, match=r"context= and column 'context.ip' both feed context.ip"):
        fields(["user_id", "context.ip"], context={"ip": "0.0.0.0"})


@pytest.mark.parametrize("label", [float("nan"), pd.NA, pd.NaT, None], ids=repr)
def test_a_column_without_a_name_is_refused(label):
    with pytest.raises(cio.FrameError, match="no name"):
        fields(["user_id", label])


@pytest.mark.parametrize("label", [float("nan"), pd.NA, pd.NaT, None], ids=repr)
def test_a_column_without_a_name_is_accepted_if_it_is_not_sent(label):
    assert fields([label, "user_id", "a"], properties=["a"]) == {"userId": "user_id", "properties.a": "a"}
    frame = pd.DataFrame([["x", "ada", 1]], columns=pd.Index([label, "user_id", "a"], dtype=object))
    assert frame.cio.track("Seen", properties=["a"], dry_run=True)["status"].tolist() == ["ready"]


def test_labels_of_several_levels_are_refused_with_how_to_flatten_them():
    frame = pd.DataFrame([[1, 2]], columns=pd.MultiIndex.from_tuples([("a", "b"), ("a", "c")]))
    with pytest.raises(cio.FrameError, match="Flatten"):
        fields(["user_id", *frame.columns])


def test_text_in_place_of_a_list_of_columns_is_refused():
    with pytest.raises(cio.FrameError, match=r"properties=\['total'\]"):
        fields(["user_id", "total"], properties="total")


def test_a_list_in_place_of_a_column_is_refused():
    with pytest.raises(cio.FrameError, match="A column label is required, got a list"):
        fields(["user_id"], user_id=["user_id"])


@pytest.mark.parametrize("given", [pd.Series(["secret"], name="customer"), ["secret"], {"secret": 1}])
def test_cells_in_the_place_of_a_columns_name_are_refused_and_not_repeated(given):
    with pytest.raises(cio.FrameError, match="Pass the name of a column") as error:
        fields(["customer"], user_id=given)
    assert "secret" not in str(error.value)
    assert type(given).__name__ in str(error.value)


@pytest.mark.parametrize(
    "chosen", [{}, {"traits": ["\ud800"]}, {"traits": {"plan": "\ud800"}}, {"message_id": "\ud800"}]
)
def test_a_label_with_half_a_surrogate_pair_is_refused_in_printable_text(chosen):
    with pytest.raises(cio.FrameError, match=r"half a surrogate pair.*Rename it") as error:
        fields(["user_id", "plan", "\ud800"], call="identify", **chosen)
    str(error.value).encode()


@pytest.mark.parametrize("chosen", [{}, {"user_id": "user_id"}, {"user_id": "id"}])
def test_no_label_with_several_levels_is_suggested(chosen):
    frame = pd.DataFrame([["ada", 1]], columns=pd.MultiIndex.from_tuples([("user_id", ""), ("x", "y")]))
    with pytest.raises(cio.FrameError, match="Flatten them first") as error:
        fields(list(frame.columns), **chosen)
    assert "['.'.join(filter(None, map(str, label))) for label in frame.columns]" in str(error.value)
    assert [".".join(filter(None, map(str, label))) for label in frame.columns] == ["user_id", "x.y"]
    assert "Did you mean" not in str(error.value)
