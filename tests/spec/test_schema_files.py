"""An error in a file under ``schemas/`` is reported with file and line."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from cio_frames import spec
from cio_frames.errors import SpecError

API = """\
regions:
  us: https://us.example
limits:
  max_call_bytes: 100
journeys:
  id_bytes: 10
edition: May 2026
"""
COMMON = """\
properties:
  messageId: {type: string}
"""
CALL = """\
endpoint: /v1/call
ids: [userId]
properties:
  userId: {type: string}
"""
EVENTS = """\
events:
  Tea Made:
    properties:
      sort: {type: string}
"""


class SchemaFiles:
    """A folder with small schemas; calling it overwrites one of its files."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __call__(self, name: str, text: str) -> Path:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return path


@pytest.fixture
def write(tmp_path: Path) -> SchemaFiles:
    files = SchemaFiles(tmp_path / "schemas")
    files("api.yaml", API)
    files("common.yaml", COMMON)
    for name in spec.CALL_NAMES:
        files(f"calls/{name}.yaml", CALL)
    files("events/tea.yaml", EVENTS)
    return files


def error_text(write: SchemaFiles, read: Callable[[Path], object]) -> str:
    """Return the text of the SpecError that reading raises."""
    with pytest.raises(SpecError) as caught:
        read(write.folder)
    return str(caught.value)


def test_small_schemas_are_read_like_the_shipped_ones(write: SchemaFiles) -> None:
    assert spec.read_api(write.folder).regions == {"us": "https://us.example"}
    assert set(spec.calls(write.folder)["page"].fields) == {"userId", "messageId"}
    assert spec.semantic_events(write.folder)["Tea Made"].family == "tea"


def test_a_typo_in_a_key_is_reported_with_file_and_line(write: SchemaFiles) -> None:
    path = write("events/tea.yaml", "events:\n  Tea Made:\n    propertys:\n      sort: {type: string}\n")
    text = error_text(write, spec.semantic_events)
    assert text.startswith(f"{path}, line 3: unknown key 'propertys'; known keys are context, description, ids,")


def test_a_typo_in_a_key_of_a_field_is_reported_with_its_line(write: SchemaFiles) -> None:
    path = write("calls/page.yaml", CALL + "  name:\n    type: string\n    max_length: 3\n")
    assert error_text(write, spec.calls).startswith(f"{path}, line 7: unknown key 'max_length'; known keys are $ref, ")


@pytest.mark.parametrize("name", ["api.yaml", "common.yaml", "calls/track.yaml", "events/tea.yaml"])
def test_an_unknown_key_at_the_top_of_a_file_is_reported(write: SchemaFiles, name: str) -> None:
    path = write(name, "# a comment\nendpoints: 3\n")
    read = {"api.yaml": spec.read_api, "events/tea.yaml": spec.semantic_events}.get(name, spec.calls)
    assert error_text(write, read).startswith(f"{path}, line 2: unknown key 'endpoints'; known keys are ")


def test_an_unknown_type_is_reported_with_the_known_ones(write: SchemaFiles) -> None:
    path = write("events/tea.yaml", EVENTS + "      cups: {type: int}\n")
    assert error_text(write, spec.semantic_events) == (
        f"{path}, line 5: unknown type 'int'; known types are array, boolean, integer, number, object, string."
    )


def test_a_list_of_types_is_reported_as_an_unknown_type(write: SchemaFiles) -> None:
    path = write("events/tea.yaml", EVENTS + "      cups: {type: [integer, string]}\n")
    assert error_text(write, spec.semantic_events).startswith(f"{path}, line 5: unknown type ['integer', 'string'];")


def test_a_ref_to_a_missing_definition_is_reported_at_the_field_that_has_it(write: SchemaFiles) -> None:
    path = write("events/tea.yaml", EVENTS + '      cup: {$ref: "#/$defs/mug"}\n')
    assert error_text(write, spec.semantic_events) == (
        f"{path}, line 5: $ref '#/$defs/mug' not found; write '#/$defs/<name>'."
    )


def test_a_ref_into_another_place_than_the_definitions_is_not_found(write: SchemaFiles) -> None:
    path = write("events/tea.yaml", "$defs:\n  mug: {type: string}\n" + EVENTS + "      cup: {$ref: mug}\n")
    assert error_text(write, spec.semantic_events).startswith(f"{path}, line 7: $ref 'mug' not found")


def test_a_ref_beside_other_keys_is_reported(write: SchemaFiles) -> None:
    defs = "$defs:\n  mug: {type: string}\n"
    path = write("events/tea.yaml", f'{defs}{EVENTS}      cup: {{$ref: "#/$defs/mug", format: date}}\n')
    assert error_text(write, spec.semantic_events) == f"{path}, line 7: $ref does not allow other keys beside it."


def test_a_ref_to_itself_is_reported(write: SchemaFiles) -> None:
    defs = '$defs:\n  cup: {type: object, properties: {inner: {$ref: "#/$defs/cup"}}}\n'
    path = write("events/tea.yaml", f'{defs}{EVENTS}      cup: {{$ref: "#/$defs/cup"}}\n')
    assert error_text(write, spec.semantic_events) == f"{path}, line 2: $ref '#/$defs/cup' is circular."


def test_a_definition_may_be_used_many_times_and_use_others(write: SchemaFiles) -> None:
    write(
        "events/tea.yaml",
        '$defs:\n  cup: {type: string}\n  cups: {type: array, items: {$ref: "#/$defs/cup"}}\n'
        'events:\n  Tea Made: {properties: {a: {$ref: "#/$defs/cups"}, b: {$ref: "#/$defs/cups"}}}\n',
    )
    properties = spec.semantic_events(write.folder)["Tea Made"].properties.properties
    assert properties["a"] == properties["b"] == spec.Field(type="array", items=spec.Field(type="string"))


def test_an_alias_repeats_what_its_anchor_holds(write: SchemaFiles) -> None:
    write(
        "events/tea.yaml",
        "events:\n  Tea Made: {properties: &tea {sort: {type: string}}}\n  Tea Drunk: {properties: *tea}\n",
    )
    found = spec.semantic_events(write.folder)
    assert found["Tea Made"].properties == found["Tea Drunk"].properties


def test_a_merge_is_reported_instead_of_becoming_a_field_of_that_name(write: SchemaFiles) -> None:
    made = "events:\n  Tea Made:\n    properties: &tea\n      sort: {type: string}\n"
    path = write("events/tea.yaml", made + "  Tea Drunk:\n    properties:\n      <<: *tea\n")
    assert error_text(write, spec.semantic_events) == (
        f"{path}, line 7: expected text; put quotes around it, and write merge keys (<<) out in full."
    )


@pytest.mark.parametrize("key", ["? [a, b]\n      ", "? {a: b}\n      ", "on", "7", "null"])
def test_a_key_that_yaml_does_not_read_as_text_is_reported(write: SchemaFiles, key: str) -> None:
    path = write("events/tea.yaml", EVENTS + f"      {key}: {{type: string}}\n")
    assert error_text(write, spec.semantic_events).startswith(f"{path}, line 5: expected text")


def test_a_value_of_an_enum_that_yaml_reads_as_a_truth_value_is_reported(write: SchemaFiles) -> None:
    path = write("events/tea.yaml", EVENTS + "      milk:\n        enum:\n          - little\n          - no\n")
    assert error_text(write, spec.semantic_events).startswith(f"{path}, line 8: expected text")


@pytest.mark.parametrize("value", ["sort", "true", "{sort: true}"])
def test_a_list_of_names_that_is_no_list_is_reported(write: SchemaFiles, value: str) -> None:
    path = write("events/tea.yaml", EVENTS + f"    required: {value}\n")
    assert error_text(write, spec.semantic_events) == f"{path}, line 5: expected a list of names."


def test_a_repeated_key_is_reported_where_it_stands_again(write: SchemaFiles) -> None:
    path = write("events/tea.yaml", EVENTS + "      milk: {type: boolean}\n      sort: {type: string}\n")
    assert error_text(write, spec.semantic_events) == f"{path}, line 6: duplicate key 'sort'."


def test_an_event_in_two_families_is_reported_with_both(write: SchemaFiles) -> None:
    path = write("events/water.yaml", EVENTS)
    assert error_text(write, spec.semantic_events) == f"{path}: duplicate event 'Tea Made'; it is also in tea.yaml."


@pytest.mark.parametrize(
    ("name", "text", "line", "missing"),
    [
        ("api.yaml", "regions: {}\njourneys: {}\nedition: May\n", 1, "limits"),
        ("api.yaml", "\nlimits: {}\njourneys: {}\nedition: May\n", 2, "regions"),
        ("common.yaml", "# nothing\n\ntitle: Common\n", 3, "properties"),
        ("calls/alias.yaml", "properties: {}\n", 1, "endpoint"),
        ("calls/alias.yaml", "# alias\nendpoint: /v1/alias\n", 2, "properties"),
        ("events/tea.yaml", "title: Tea\n", 1, "events"),
    ],
)
def test_a_missing_key_is_reported_where_its_mapping_begins(
    write: SchemaFiles, name: str, text: str, line: int, missing: str
) -> None:
    path = write(name, text)
    read = {"api.yaml": spec.read_api, "events/tea.yaml": spec.semantic_events}.get(name, spec.calls)
    assert error_text(write, read) == f"{path}, line {line}: required key '{missing}' is missing."


@pytest.mark.parametrize("text", ["", "# only a comment\n", "- a list\n", "a word\n"])
def test_a_file_that_holds_no_mapping_is_reported(write: SchemaFiles, text: str) -> None:
    path = write("events/tea.yaml", text)
    assert error_text(write, spec.semantic_events) == f"{path}, line 1: expected a mapping (key: value)."


@pytest.mark.parametrize("key", ["properties", "context"])
def test_a_part_that_is_left_empty_is_reported(write: SchemaFiles, key: str) -> None:
    path = write("events/tea.yaml", f"events:\n  Tea Made:\n    {key}:\n")
    assert error_text(write, spec.semantic_events) == f"{path}, line 3: expected a mapping (key: value)."


def test_additional_properties_are_described_by_a_schema(write: SchemaFiles) -> None:
    path = write("events/tea.yaml", EVENTS + "      cups: {type: object, additionalProperties: false}\n")
    assert error_text(write, spec.semantic_events) == f"{path}, line 5: expected a mapping (key: value)."


def test_a_file_that_is_not_yaml_is_reported_with_the_line(write: SchemaFiles) -> None:
    path = write("common.yaml", "properties:\n  messageId: {type: string\n  timestamp: {}\n")
    text = error_text(write, spec.calls)
    assert text.startswith(f"{path} is not valid YAML: ")
    assert "line 3, column 12" in text


def test_a_file_in_another_encoding_is_reported(write: SchemaFiles) -> None:
    path = write("events/tea.yaml", EVENTS)
    path.write_bytes("title: Thé\n".encode("latin-1"))
    assert error_text(write, spec.semantic_events).startswith(
        f"{path} is not valid YAML: 'utf-8' codec can't decode byte 0xe9"
    )


def test_a_missing_file_is_reported_with_what_to_do(write: SchemaFiles) -> None:
    path = write("calls/screen.yaml", CALL)
    path.unlink()
    assert error_text(write, spec.calls) == (f"Cannot read {path}: No such file or directory. Reinstall cio-frames.")


def test_a_folder_without_events_is_reported(write: SchemaFiles) -> None:
    path = write("events/tea.yaml", EVENTS)
    path.unlink()
    assert error_text(write, spec.semantic_events) == f"No events found in {path.parent}. Reinstall cio-frames."


def test_an_event_without_ids_needs_those_of_track_and_one_with_an_empty_list_needs_none(
    write: SchemaFiles,
) -> None:
    write("events/tea.yaml", "events:\n  Tea Made: {}\n  Tea Drunk:\n    ids: []\n")
    found = spec.semantic_events(write.folder)
    assert (found["Tea Made"].ids, found["Tea Drunk"].ids) == (("userId",), ())
