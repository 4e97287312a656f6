"""Every public parameter reaches the CallSpec or the options of the run, and there is one place where it does."""

import inspect
from dataclasses import fields

import pandas as pd
import pytest
from pandera.pandas import DataFrameSchema

import cio_frames as cio
from cio_frames.client import Client
from cio_frames.columns import ColumnMapping
from cio_frames.functions import ENGINE_OPTIONS, RUN_OPTIONS
from cio_frames.operations import OPERATIONS
from cio_frames.pipeline import build_call_spec, running

CLIENT = Client(write_key="secret")
CALLS = ["identify", "track", "page", "screen", "group", "alias", "batch"]
REPORTS = ["validate", "payloads"]
# The parameters that are not columns, with a value other than the default.
VALUES = {
    "as_of": "2026-11-27",
    "audit": None,
    "client": CLIENT,
    "confirm": 1,
    "context": {"ip": "10.0.0.1"},
    "dry_run": True,
    "exact_ids": True,
    "integrations": {"All": False},
    "nulls": "send",
    "on_invalid": "raise",
    "progress": False,
    "properties": ["chosen"],
    "schema": None,
    "strict_schema": True,
    "timezone": "Europe/Berlin",
    "traits": ["chosen"],
}
# The columns without which an operation refuses the frame.
FRAME = pd.DataFrame(
    {name: ["x"] for name in ("token", "device_type", "object_id", "delivery_id", "metric", "action_type")}
)


@pytest.fixture
def runs(monkeypatch):
    """The runs that functions ask the pipeline for, instead of running them."""
    recorded = []

    def record(df, call_spec, **options):
        recorded.append((call_spec, options))
        return pd.DataFrame({"status": ["ready"]})

    for name in ("run_call", "build_report", "encode_payloads"):
        monkeypatch.setattr(running, name, record)
    return recorded


def parameters(name):
    others = ("df", "call", "event", *ENGINE_OPTIONS)
    return [each for each in inspect.signature(getattr(cio, name)).parameters if each not in others]


def call(name, /, **given):
    leading = {"track": ["Seen"], "validate": ["identify"], "payloads": ["identify"]}.get(name, [])
    if "event_column" in given and name == "track":
        leading = []
    if name in REPORTS and given.keys() & {"event_column", "type_column"}:
        leading = ["batch"]
    confirm = {"confirm": 1} if name in OPERATIONS and OPERATIONS[name].needs_confirm else {}
    return getattr(cio, name)(FRAME, *leading, **(confirm | {"client": CLIENT} | given))


@pytest.mark.parametrize(
    ("name", "parameter"), [(name, each) for name in [*CALLS, *REPORTS, *OPERATIONS] for each in parameters(name)]
)
def test_every_public_parameter_reaches_the_call_spec_or_the_options_of_the_run(runs, name, parameter):
    value = VALUES.get(parameter, f"my {parameter}")
    call(name, **{parameter: value})
    call_spec, options = runs[-1]
    if parameter in RUN_OPTIONS:
        assert options[parameter] is value
    elif parameter in ("schema", "strict_schema", "exact_ids"):
        assert getattr(call_spec, parameter) is value
    elif parameter == "nulls":
        assert call_spec.options.send_nulls
    elif parameter == "timezone":
        assert call_spec.options.timezone == value
    elif parameter == "event_column":
        assert call_spec.mapping.event == value
    elif name in OPERATIONS and parameter in OPERATIONS[name].fields:
        assert call_spec.mapping.fields[OPERATIONS[name].fields[parameter]] == value
    elif parameter not in ("confirm", "audit"):  # tests/test_operations.py
        assert getattr(call_spec.mapping, parameter) == value


@pytest.mark.parametrize("name", [*CALLS, *OPERATIONS])
@pytest.mark.parametrize("parameter", ENGINE_OPTIONS)
def test_a_parameter_of_engines_is_refused_for_a_frame_of_pandas(runs, name, parameter):
    with pytest.raises(cio.FrameError, match=f"{parameter}= is supported for Dask and Spark frames only"):
        call(name, **{parameter: 2})
    assert runs == []


@pytest.mark.parametrize("name", CALLS)
def test_a_function_asks_for_its_own_call(runs, name):
    call(name)
    assert runs[-1][0].call == name
    assert runs[-1][0].event == ("Seen" if name == "track" else None)


@pytest.mark.parametrize("name", REPORTS)
def test_a_report_is_of_the_call_and_event_that_are_passed(runs, name):
    getattr(cio, name)(FRAME, "track", "Signed Up")
    assert (runs[-1][0].call, runs[-1][0].event) == ("track", "Signed Up")


@pytest.mark.parametrize("name", list(OPERATIONS))
def test_an_operation_is_a_track_call_with_its_event(runs, name):
    call(name)
    assert (runs[-1][0].call, runs[-1][0].event) == ("track", OPERATIONS[name].event)


def test_every_parameter_of_the_mapping_is_one_of_build_call_spec():
    expected = {field.name: {"x": field.name} for field in fields(ColumnMapping)}
    given = {"event_column" if name == "event" else name: value for name, value in expected.items()}
    mapping = build_call_spec("batch", **given).mapping
    assert {name: getattr(mapping, name) for name in expected} == expected


@pytest.mark.parametrize("unknown", ["userid", "colour", "event_name"])
def test_an_unknown_parameter_is_refused_by_its_name(unknown):
    with pytest.raises(TypeError, match=unknown):
        build_call_spec("track", "Seen", **{unknown: "x"})
    for name in [*CALLS, *OPERATIONS]:
        with pytest.raises(TypeError, match=unknown):
            getattr(cio, name)(FRAME, **{unknown: "x"})


def test_the_type_column_is_for_batch_only():
    assert build_call_spec("batch").mapping.type_column == "type"
    assert build_call_spec("identify", type_column="kind").mapping.type_column is None


@pytest.mark.parametrize("path_type", [str, lambda path: path])
def test_a_schema_that_is_a_path_is_a_tracking_plan_on_top_of_the_spec(tmp_path, path_type):
    plan = tmp_path / "plan.yaml"
    plan.write_text("events:\n  Tea Brewed:\n    properties:\n      tea: {type: string}\n")
    call_spec = build_call_spec("track", "Tea Brewed", schema=path_type(plan))
    assert call_spec.schema == "spec"
    assert call_spec.tracking_plan.title == "plan.yaml"


def test_a_pandera_schema_is_kept_as_it_is():
    schema = DataFrameSchema()
    assert build_call_spec("identify", schema=schema).schema is schema
