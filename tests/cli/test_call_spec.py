"""Options of the command line and keys of a job file make the same call spec as Python's parameters."""

import json
from dataclasses import fields, replace

import pytest

import cio_frames as cio
from cio_frames.cli.job_file import COLUMN_KEYS, CSV_KEYS, KEYS, read_job
from cio_frames.cli.load import LoadOptions
from cio_frames.cli.mistakes import Mistakes
from cio_frames.cli.operations import OPERATION_COLUMNS
from cio_frames.cli.options import CallOptions, ReadingOptions
from cio_frames.cli.validate import ValidateOptions
from cio_frames.columns import ColumnMapping
from cio_frames.loading.csv import CsvOptions, csv_options_from
from cio_frames.loading.read_options import ReadOptions
from cio_frames.pipeline.call_spec import build_call_spec

# One value for each option, and the mapping or the settings that Python makes of it.
COLUMNS = {
    "user_id": ColumnMapping(user_id="x"),
    "anonymous_id": ColumnMapping(anonymous_id="x"),
    "previous_id": ColumnMapping(previous_id="x"),
    "group_id": ColumnMapping(group_id="x"),
    "name": ColumnMapping(name="x"),
    "timestamp": ColumnMapping(timestamp="x"),
    "message_id": ColumnMapping(message_id="x"),
    "event_column": ColumnMapping(event="x"),
}
SELECTIONS = {
    "traits": ColumnMapping(traits={"a": "a", "b": "c"}),
    "properties": ColumnMapping(properties={"a": "a", "b": "c"}),
}
SETTINGS = {
    "event": ("Order Completed", {"event": "Order Completed"}),
    "timezone": ("Europe/Berlin", {"timezone": "Europe/Berlin"}),
    "nulls": ("send", {"nulls": "send"}),
    "strict_schema": (True, {"strict_schema": True}),
    "exact_ids": (True, {"exact_ids": True}),
}
BATCH = {"type_column": ColumnMapping(type_column="x")}


def expected(call="track", mapping=None, **settings):
    given = {"schema": "spec", "nulls": "omit", "timezone": "UTC"} | settings
    return replace(build_call_spec(call, **given), mapping=mapping or ColumnMapping())


def from_options(**options):
    mistakes = Mistakes()
    found = CallOptions(**options).call_spec(mistakes)
    mistakes.raise_all()
    return found


def from_job(tmp_path, text):
    path = tmp_path / "job.yaml"
    path.write_text(f"source: rows.csv\n{text}", encoding="utf-8")
    return read_job(path)


@pytest.mark.parametrize("option", COLUMNS)
def test_a_column_reaches_the_call_spec(tmp_path, option):
    wanted = expected(mapping=COLUMNS[option])
    assert from_options(call="track", **{option: "x"}) == wanted
    assert from_job(tmp_path, f"call: track\ncolumns: {{{option}: x}}\n").call_spec == wanted


@pytest.mark.parametrize("option", SELECTIONS)
def test_a_selection_reaches_the_call_spec(tmp_path, option):
    wanted = expected(mapping=SELECTIONS[option])
    assert from_options(call="track", **{option: ["a", "b=c"]}) == wanted
    assert from_job(tmp_path, f"call: track\ncolumns: {{{option}: {{a: a, b: c}}}}\n").call_spec == wanted
    listed = replace(SELECTIONS[option], **{option: ["a", "b"]})
    assert from_job(tmp_path, f"call: track\ncolumns: {{{option}: [a, b]}}\n").call_spec == expected(mapping=listed)


@pytest.mark.parametrize("option", SETTINGS)
def test_a_setting_reaches_the_call_spec(tmp_path, option):
    value, settings = SETTINGS[option]
    wanted = expected(**settings)
    assert from_options(call="track", **{option: value}) == wanted
    assert from_job(tmp_path, f"call: track\n{option}: {value}\n").call_spec == wanted


@pytest.mark.parametrize("call", ["identify", "track", "page", "screen", "group", "alias", "batch"])
def test_the_call_reaches_the_call_spec(tmp_path, call):
    wanted = expected(call, ColumnMapping(type_column="type" if call == "batch" else None))
    assert from_options(call=call) == wanted
    assert from_job(tmp_path, f"call: {call}\n").call_spec == wanted


def test_the_type_column_reaches_the_call_spec(tmp_path):
    wanted = expected("batch", ColumnMapping(type_column="x"))
    assert from_options(call="batch", type_column="x") == wanted
    assert from_job(tmp_path, "call: batch\ncolumns: {type_column: x}\n").call_spec == wanted


def test_the_schema_reaches_the_call_spec(tmp_path, tracking_plan):
    wanted = expected(schema=tracking_plan).tracking_plan
    assert from_options(call="track", schema=tracking_plan).tracking_plan.title == wanted.title
    assert from_job(tmp_path, "call: track\nschema: plan.yaml\n").call_spec.tracking_plan.title == wanted.title
    assert wanted.title != expected().tracking_plan.title
    assert from_options(call="track", no_schema=True).schema is None
    assert from_job(tmp_path, "call: track\nschema: null\n").call_spec.schema is None


@pytest.mark.parametrize("key", ["context", "integrations"])
def test_objects_of_a_job_file_reach_the_call_spec(tmp_path, key):
    wanted = expected(mapping=ColumnMapping(**{key: {"All": False}}))
    assert from_job(tmp_path, f"call: track\ncolumns: {{{key}: {{All: false}}}}\n").call_spec == wanted


def test_every_option_and_every_key_is_tested_here():
    columns = {*COLUMNS, *SELECTIONS, "type_column"}
    assert {field.name for field in fields(CallOptions)} == {*columns, *SETTINGS, "call", "schema", "no_schema"}
    # Those of operations are tested in test_operation_files.
    assert {*columns, "context", "integrations", *OPERATION_COLUMNS} == COLUMN_KEYS
    of_the_load = {"source", "columns", "client", "on_invalid", "allow_campaigns", "ledger", "output", "report"}
    of_the_load |= {"as_of", "csv", "max_undelivered", "partitions"}
    # Tested in test_sync.
    of_a_sync = {"state"}
    # Tested in test_operation_files and test_undelivered_csv.
    of_others = {"max_rows", "audit", "undelivered_csv"}
    assert {*SETTINGS, "call", "schema", *of_the_load, *of_a_sync, *of_others} == KEYS


def test_the_other_keys_of_a_job_file_reach_the_load(tmp_path):
    job = from_job(
        tmp_path,
        "call: track\nclient: {workers: 2}\non_invalid: raise\nas_of: 2026-11-27\nallow_campaigns: true\n"
        "ledger: a.sqlite\noutput: b\nreport: c.html\npartitions: false\ncsv: {delimiter: ';', types: {n: number}}\n",
    )
    assert (job.source, job.client, job.report) == (str(tmp_path / "rows.csv"), {"workers": 2}, tmp_path / "c.html")
    assert job.options == {
        "on_invalid": "raise",
        "as_of": "2026-11-27",
        "allow_campaigns": True,
        "ledger": tmp_path / "a.sqlite",
        "output": tmp_path / "b",
        "read_options": ReadOptions(CsvOptions(delimiter=";", types={"n": "number"}), partitions=False),
    }


READING = {
    "--delimiter": (";", {"delimiter": ";"}),
    "--encoding": ("cp1252", {"encoding": "cp1252"}),
    "--decimal": (",", {"decimal": ","}),
    "--null-values": ("n/a,NULL", {"null_values": ["n/a", "NULL"]}),
    "--time-format": ("%d/%m/%Y", {"time_format": "%d/%m/%Y"}),
    "--escape-char": ("\\", {"escape_char": "\\"}),
    "--type": ("n=number", {"types": {"n": "number"}}),
}


@pytest.mark.parametrize("option", READING)
def test_an_option_and_a_key_of_csv_say_the_same(tmp_path, option):
    value, csv = READING[option]
    name = option.removeprefix("--").replace("-", "_")
    options = ReadingOptions(**{name: [value] if name == "type" else value})
    mistakes = Mistakes()
    job = from_job(tmp_path, f"call: identify\ncsv: {json.dumps(csv)}\n")
    assert options.read_options(mistakes) == job.options["read_options"] == ReadOptions(csv_options_from(csv))
    assert not mistakes
    assert {*(each.name for each in fields(ReadingOptions)), "types"} - {"type", "partitions"} == CSV_KEYS


def test_a_wrong_key_of_csv_is_reported_with_its_line(tmp_path):
    with pytest.raises(cio.ConfigurationError) as error:
        from_job(tmp_path, "call: identify\ncsv:\n  delimiter: ';;'\n  decimall: ','\n")
    text = error.value.text("job file")
    assert "line 4: csv: {delimiter: ...} must be one ASCII character" in text
    assert "line 5: unknown key 'decimall', did you mean 'decimal'?" in text


@pytest.mark.parametrize("options", [LoadOptions, ValidateOptions])
def test_commands_have_all_options_of_a_call(options):
    assert {field.name for field in fields(CallOptions)} <= {field.name for field in fields(options)}


@pytest.mark.parametrize("command", ["load", "validate"])
def test_an_unknown_option_is_refused(ends, command):
    status, printed = ends(command, "rows.csv", "--call", "track", "--userid", "x")
    assert (status, printed.out) == (2, "")
    assert "--userid" in printed.err


@pytest.mark.parametrize(
    ("text", "line"),
    [("call: track\nuser_id: x\n", 3), ("call: track\ncolumns:\n  user_id: x\n  event: y\n", 5)],
)
def test_an_unknown_key_is_refused_with_its_line(tmp_path, text, line):
    with pytest.raises(cio.ConfigurationError, match=rf"line {line}: unknown key") as error:
        from_job(tmp_path, text)
    assert error.value.line == line
