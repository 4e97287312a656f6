import pandas as pd
import pytest

import cio_frames as cio


def statuses(frame, call="identify", **options):
    return cio.identify(frame, dry_run=True, **options) if call == "identify" else cio.alias(frame, dry_run=True)


@pytest.mark.parametrize("cell", ["4.91701E+11", "1e+16", "5E+05"])
@pytest.mark.parametrize("dtype", [object, "string", "category", "string[pyarrow]"])
@pytest.mark.parametrize("column", ["user_id", "anonymous_id", "phone"])
def test_an_id_or_a_phone_number_in_scientific_notation_is_held_back(cell, dtype, column):
    frame = pd.DataFrame({"user_id": ["ada", "bob"], "anonymous_id": ["a", "b"], "phone": ["1", "2"]})
    frame[column] = pd.Series([cell, "x"], dtype=dtype)
    result = statuses(frame)
    assert result["status"].tolist() == ["invalid", "ready"]
    assert f"{column}: written as a number such as 4.9E+11" in result["reason"][0]


@pytest.mark.parametrize("cell", ["1e5", "+491701234567", "4.9", "E+11", "a1E+11"])
def test_other_ids_and_phone_numbers_are_sent(cell):
    frame = pd.DataFrame({"user_id": [cell], "phone": [cell]})
    assert statuses(frame)["status"].tolist() == ["ready"]


def test_other_traits_may_be_text_of_this_form():
    frame = pd.DataFrame({"user_id": ["ada"], "gain": ["4.91701E+11"]})
    assert statuses(frame)["status"].tolist() == ["ready"]


def test_an_id_that_is_merged_away_is_held_back_too():
    frame = pd.DataFrame({"user_id": ["ada"], "previous_id": ["4.91701E+11"]})
    assert statuses(frame, "alias")["status"].tolist() == ["invalid"]
