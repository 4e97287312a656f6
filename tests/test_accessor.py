import inspect

import pandas as pd
import pytest

import cio_frames as cio
from cio_frames.accessor import CioAccessor

CALLS = ["identify", "track", "page", "screen", "group", "alias", "batch", "validate", "payloads"]
SYNCING = ["plan", "sync", "baseline"]
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
METHODS = CALLS + SYNCING + OPERATIONS


@pytest.mark.parametrize("name", METHODS)
def test_a_method_has_the_signature_of_its_function(name):
    of_function = inspect.signature(getattr(cio, name))
    of_method = inspect.signature(getattr(CioAccessor, name))
    assert next(iter(of_method.parameters)) == "self"
    assert list(of_method.parameters.values())[1:] == list(of_function.parameters.values())[1:]
    assert of_method.return_annotation == of_function.return_annotation


@pytest.mark.parametrize("name", METHODS)
def test_a_method_has_the_docstring_of_its_function_with_the_frame_in_front(name):
    doc = getattr(CioAccessor, name).__doc__
    assert "df : pandas.DataFrame" not in doc
    assert f".cio.{name}(" in doc
    assert "{" not in doc.partition("Examples")[0].replace('{"', "").replace("{column: field}", "")
    assert "Returns" in doc


@pytest.mark.parametrize("name", METHODS)
def test_a_method_is_named_after_its_class_in_tracebacks(name):
    method = getattr(CioAccessor, name)
    assert (method.__name__, method.__qualname__, method.__module__) == (
        name,
        f"CioAccessor.{name}",
        "cio_frames.accessor",
    )


@pytest.mark.parametrize("name", METHODS)
def test_no_signature_hides_parameters_behind_stars(name):
    kinds = {parameter.kind for parameter in inspect.signature(getattr(CioAccessor, name)).parameters.values()}
    assert not kinds & {inspect.Parameter.VAR_KEYWORD, inspect.Parameter.VAR_POSITIONAL}


def test_every_function_that_takes_a_frame_is_a_method():
    functions = [getattr(cio, name) for name in cio.__all__ if inspect.isfunction(getattr(cio, name))]
    first = {function.__name__: next(iter(inspect.signature(function).parameters), None) for function in functions}
    assert {name for name, parameter in first.items() if parameter == "df"} == set(METHODS)


def test_dir_shows_the_accessor_and_its_methods_and_nothing_else():
    frame = pd.DataFrame({"user_id": ["a"]})
    assert "cio" in dir(frame)
    assert {name for name in dir(frame.cio) if not name.startswith("_")} == set(METHODS)


def test_the_accessor_exists_for_any_frame_and_shows_no_cell_in_its_repr():
    assert repr(pd.DataFrame().cio) == "<df.cio: 0 rows, 0 columns>"
    assert repr(pd.DataFrame({"x": ["secret"]}).cio) == "<df.cio: 1 rows, 1 columns>"


def test_a_missing_column_is_an_error_that_does_not_hide_the_accessor():
    frame = pd.DataFrame({"x": [1]})
    with pytest.raises(cio.MissingColumnsError) as error:
        frame.cio.identify(dry_run=True)
    assert not isinstance(error.value, AttributeError | KeyError)
    assert hasattr(frame, "cio")


def test_a_column_called_cio_does_not_replace_the_accessor():
    frame = pd.DataFrame({"user_id": ["a"], "cio": [1]})
    assert list(frame.cio.identify(dry_run=True)["status"]) == ["ready"]


def test_a_method_takes_event_names_by_position_and_refuses_a_second_one():
    frame = pd.DataFrame({"user_id": ["a"]})
    assert list(frame.cio.track("Seen", dry_run=True)["status"]) == ["ready"]
    with pytest.raises(TypeError, match="positional"):
        frame.cio.track("Seen", "user_id", dry_run=True)
