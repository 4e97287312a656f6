"""Each check has a stable name, and its sentence stands in one table."""

import datetime as dt
import decimal
import re
import subprocess
import sys

import numpy as np
import pandas as pd
import pandera.pandas as pandera
import pytest

import cio_frames as cio
from cio_frames.validation import CHECKS


def names(frame, call="track", event="Mine", **options):
    """The names of the checks that a frame breaks."""
    return set(cio.validate(frame, call, event if call == "track" else None, **options).summary()["check"])


def cell(value, label="x"):
    return pd.DataFrame({"user_id": ["ada"], label: pd.Series([value], dtype=object)})


def nested(levels):
    value = 1
    for _ in range(levels):
        value = [value]
    return value


@pytest.mark.parametrize("name", sorted(CHECKS))
def test_a_name_is_a_snake_case_identifier_and_its_sentence_is_not(name):
    assert re.fullmatch(r"[a-z][a-z0-9]*(_[a-z0-9]+)*", name)
    assert " " in CHECKS[name]


def people(call="identify", **columns):
    return pd.DataFrame(columns), {"call": call}


BROKEN = {
    "alias_circle": people("alias", user_id=["a", "b"], previous_id=["b", "a"]),
    "alias_itself": people("alias", user_id=["a"], previous_id=["a"]),
    "ambiguous_time": (cell(dt.datetime(2026, 3, 29, 2, 30)), {"timezone": "Europe/Berlin"}),
    "array": (cell("a", "products"), {"event": "Order Completed"}),
    "boolean": (cell("maybe", "unsubscribed"), {"call": "identify"}),
    "bounds": (cell(101, "sound"), {"event": "Video Playback Started"}),
    "column_in_dataframe": (pd.DataFrame({"type": ["alias", "identify"], "userId": ["a", "b"]}), {"call": "batch"}),
    "created_at": people(user_id=["ada"], created_at=[1_700_000_000_000]),
    "date_time": (cell("soon", "timestamp"), {}),
    "day_month_year": people(user_id=["ada"], birthday=["05/12/1995"]),
    "decimal_comma": people(user_id=["ada"], price=["12,50"]),
    "dtype": (cell("a"), {"schema": pandera.DataFrameSchema({"x": pandera.Column(float, coerce=True)})}),
    "duplicate_key": (cell({1: "a", "1": "b"}), {}),
    "duplicate_people": people(user_id=["ada", "ada"]),
    "email": (cell("nonsense", "email"), {"call": "identify"}),
    "email_of_two_ids": people(user_id=["ada", "bob"], email=["a@example.com", "A@example.com"]),
    "enum": (
        pd.DataFrame({"user_id": ["ada"], "context.device.token": ["t"], "context.device.type": ["fridge"]}),
        {"event": "Device Created or Updated"},
    ),
    "field_uniqueness": (
        pd.DataFrame({"user_id": ["ada", "bob"], "x": [1, 1]}),
        {"schema": pandera.DataFrameSchema({"x": pandera.Column(unique=True)})},
    ),
    "id_forms": people(user_id=["1", "001"]),
    "id_white_space": people(user_id=["ada "]),
    "id_word": people(user_id=["nan"]),
    "index_name": (pd.DataFrame({"user_id": ["ada"]}, index=pd.Index(["x"], name="timestamp")), {}),
    "infinity": (cell(float("inf")), {}),
    "integer": (cell("a", "position"), {"event": "Video Playback Started"}),
    "journeys_attributes": (
        pd.DataFrame({"user_id": ["ada"], **{f"t{number}": [1] for number in range(301)}}),
        {"call": "identify"},
    ),
    "journeys_bytes": (cell("b" * 1001, "bio"), {"call": "identify"}),
    "journeys_event_bytes": (cell("b" * 101_000), {"client": cio.Client(write_key="k", max_call_bytes=200_000)}),
    "journeys_name_bytes": (cell(1, "n" * 151), {"call": "identify"}),
    "key_type": (cell({1.5: 1}), {}),
    "lone_surrogate": (cell("\ud800"), {}),
    "max_call_bytes": (cell("b" * 33_000), {}),
    "members": (cell([{"price": "free"}], "products"), {"event": "Order Completed"}),
    "misspelled_name": (cell("ada@example.com", "E-mail"), {"call": "identify"}),
    "mixed_types": people(user_id=["ada", "bob"], news=["yes", True]),
    "multiple_fields_uniqueness": (
        pd.DataFrame({"user_id": ["ada", "bob"], "x": [1, 1], "y": [2, 2]}),
        {"schema": pandera.DataFrameSchema({}, unique=["x", "y"])},
    ),
    "nesting_limit": (cell(nested(101)), {}),
    "no_ulid": (cell("order-7", "message_id"), {}),
    "not_nullable": (pd.DataFrame({"user_id": ["ada", None]}), {"call": "identify"}),
    "null_text": people(user_id=["ada"], plan=["\\N"]),
    "number": (cell("free", "total"), {"event": "Order Completed"}),
    "number_digits": (cell(decimal.Decimal("1E+1000001")), {}),
    "object": (cell("a", "context"), {}),
    "object_type": people("group", user_id=["ada"], group_id=["acme"], object_type_id=["company"]),
    "private_name": people(user_id=["ada"], _margin=[1]),
    "repeated_message_id": (
        pd.DataFrame({"user_id": ["ada", "bob"], "message_id": ["01ARZ3NDEKTSV4RRFFQ69G5FAV"] * 2}),
        {},
    ),
    "reserved_trait": people(user_id=["ada"], id=[5]),
    "scientific_notation": (cell("4.91701E+11", "phone"), {"call": "identify"}),
    "string": (cell(7.5, "user_id"), {"call": "identify", "schema": None}),
    "type": (pd.DataFrame({"type": ["sing", "identify"], "user_id": ["a", "b"]}), {"call": "batch"}),
    "unknown_event": (cell(1), {"event": "order completed"}),
    "unknown_property": (cell(1, "order_ID"), {"event": "Order Completed"}),
    "unnamed_column": (cell(1, "Unnamed: 0"), {}),
    "unsupported_type": (cell(b"x"), {}),
    "year_range": (pd.DataFrame({"user_id": ["ada"], "x": np.array(["10000-01-01"], dtype="datetime64[s]")}), {}),
}


@pytest.mark.parametrize("name", sorted(BROKEN))
def test_a_broken_check_is_reported_by_its_name(name):
    frame, options = BROKEN[name]
    assert name in names(frame, **options)


def test_the_table_has_every_check_that_can_be_broken():
    assert set(BROKEN) | {"uri"} == set(CHECKS)


@pytest.mark.parametrize(
    ("check", "name"),
    [
        (pandera.Check.ge(0, error="must not be negative"), "greater_than_or_equal_to"),
        (pandera.Check(lambda series: series > 0), "lambda"),
        (pandera.Check(lambda series: series > 0, name="is Positive!", error="must be positive"), "is_positive"),
    ],
)
def test_a_users_own_check_keeps_panderas_name_in_snake_case(check, name):
    frame = pd.DataFrame({"user_id": ["ada"], "x": [-1]})
    assert names(frame, schema=pandera.DataFrameSchema({"x": pandera.Column(checks=check)})) >= {name}


def test_importing_validation_does_not_import_pandera():
    code = "import sys, cio_frames.validation; print('pandera' in sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "False"
