import inspect

import pandas as pd
import pytest

import cio_frames as cio
from cio_frames.accessor import CioAccessor

CALLS = ["identify", "track", "page", "screen", "group", "alias", "batch", "validate", "payloads"]
OPERATIONS = [
    "delete_people",
    "suppress_people",
    "unsuppress_people",
    "add_devices",
    "delete_devices",
    "delete_objects",
    "delete_relationships",
    "report_deliveries",
    "report_content",
]
METHODS = CALLS + OPERATIONS


@pytest.mark.parametrize("name", METHODS)
def test_a_method_has_the_signature_of_its_function(name):
    of_function = inspect.signature(getattr(cio, name))
    of_method = inspect.signature(getattr(CioAccessor, name))
    assert list(of_method.parameters.values())[1:] == list(of_function.parameters.values())[1:]
    assert of_method.return_annotation == of_function.return_annotation


@pytest.mark.parametrize("name", METHODS)
def test_a_method_has_its_functions_docstring_with_the_frame_in_front(name):
    doc = getattr(CioAccessor, name).__doc__
    assert "df : pandas.DataFrame" not in doc
    assert f".cio.{name}(" in doc
    assert not any(mark in doc for mark in ("{sending}", "{operating}"))
    assert "Returns" in doc


@pytest.mark.parametrize("name", METHODS)
def test_no_parameter_is_hidden_behind_stars(name):
    kinds = {parameter.kind for parameter in inspect.signature(getattr(CioAccessor, name)).parameters.values()}
    assert not kinds & {inspect.Parameter.VAR_KEYWORD, inspect.Parameter.VAR_POSITIONAL}


def test_tab_shows_the_accessor_and_its_methods():
    frame = pd.DataFrame({"user_id": ["a"]})
    assert "cio" in dir(frame)
    assert set(METHODS) <= set(dir(frame.cio))


def test_the_accessor_is_there_for_any_frame_and_says_what_it_is():
    assert repr(pd.DataFrame().cio) == "<df.cio: 0 rows, 0 columns>"
    assert repr(pd.DataFrame({"x": ["secret"]}).cio) == "<df.cio: 1 rows, 1 columns>"


def test_a_missing_column_is_an_error_of_ours_and_does_not_hide_the_accessor():
    frame = pd.DataFrame({"x": [1]})
    with pytest.raises(cio.MissingColumnsError) as error:
        frame.cio.identify(dry_run=True)
    assert not isinstance(error.value, AttributeError | KeyError)
    assert hasattr(frame, "cio")


def test_a_column_called_cio_does_not_take_the_accessors_place():
    frame = pd.DataFrame({"user_id": ["a"], "cio": [1]})
    assert list(frame.cio.identify(dry_run=True)["status"]) == ["ready"]
