"""Ids that are nobody's: words for a missing value, white space around an id, several forms of one id."""

import decimal

import pandas as pd
import pyarrow as pa
import pytest

import cio_frames as cio

WORDS = ["nan", "NaN", "None", "NULL", "null", "<NA>", "\\N", "undefined", "NaT", "n/a", "#N/A", "nil", "NA"]
SPACED = ["u1 ", " u1", "u1\u00a0", "u1\u200b", "\ufeffu1", "u1\n", "u1\r\n", "\tu1", "u1\u3000", "\u2060u1"]
TEXT_DTYPES = [object, "str", "string", "category", pd.ArrowDtype(pa.string()), pd.ArrowDtype(pa.large_string())]


def found(frame, call="identify", event=None, **options):
    """The findings about rows: check, severity, positions."""
    cases = cio.validate(frame, call, event, **options).failure_cases
    grouped = cases.groupby(["check", "severity"], sort=False)["position"].agg(list)
    return [(check, severity, positions) for (check, severity), positions in grouped.items()]


def ids(*cells, dtype=object, label="user_id", **columns):
    return pd.DataFrame({label: pd.Series(list(cells), dtype=dtype), **columns})


@pytest.mark.parametrize("word", WORDS)
def test_an_id_that_is_a_word_for_a_missing_value_has_a_warning(word):
    assert found(ids("ada", word)) == [("id_word", "warning", [1])]


@pytest.mark.parametrize("dtype", TEXT_DTYPES)
def test_words_and_white_space_are_found_in_every_dtype_of_text(dtype):
    frame = ids("ada", "nan", "bob ", None, "cy", dtype=dtype)
    missing = ("not_nullable", "error", [3])
    assert found(frame) == [("id_word", "warning", [1]), ("id_white_space", "warning", [2]), missing]


def test_words_are_found_in_any_case_of_letters_and_with_white_space_around():
    frame = ids("NAN", "nOnE", "Undefined", " null ", "\u00a0NaN\u200b")
    assert found(frame) == [("id_word", "warning", [0, 1, 2, 3, 4]), ("id_white_space", "warning", [3, 4])]


@pytest.mark.parametrize("id_", ["nancy", "none@example.com", "Nullsoft", "na", "N", "<ada>", "undefined-7", "0", "-"])
def test_an_id_that_only_contains_such_a_word_is_fine(id_):
    assert found(ids(id_)) == []


def test_an_object_may_be_called_na_and_a_person_is_not():
    assert found(ids("ada", group_id=["NA"]), "group") == []
    assert found(ids("NA", group_id=["acme"]), "group") == [("id_word", "warning", [0])]


@pytest.mark.parametrize("spaced", SPACED)
def test_white_space_around_an_id_has_a_warning(spaced):
    assert found(ids("u1", spaced)) == [("id_white_space", "warning", [1])]


@pytest.mark.parametrize(
    "id_", ["a b", "a\u00a0b", "\u00e9", "\u6771\u4eac", "ada\U0001f600", "\u00c9va", "\u200dx".strip("\u200d")]
)
def test_white_space_inside_and_other_letters_are_fine(id_):
    assert found(ids(id_)) == []


def test_a_blank_id_is_a_missing_one_and_nothing_else():
    assert found(ids("  ", "\u00a0")) == [("not_nullable", "error", [0, 1])]


@pytest.mark.parametrize(
    ("call", "event", "frame"),
    [
        ("identify", None, ids("nan")),
        ("identify", None, ids("nan", label="anonymous_id")),
        ("track", "Seen", ids("nan")),
        ("page", None, ids("nan")),
        ("screen", None, ids("nan")),
        ("group", None, ids("ada", group_id=["nan"])),
    ],
)
def test_calls_that_can_be_corrected_warn_of_every_kind_of_id(call, event, frame):
    assert found(frame, call, event) == [("id_word", "warning", [0])]


FINAL = [
    ("alias", ids("nan", previous_id=["u1"]), {}),
    ("alias", ids("u1", previous_id=["nan"]), {}),
    ("delete_people", ids("nan"), {}),
    ("suppress_people", ids("nan"), {}),
    ("unsuppress_people", ids("nan"), {}),
    ("add_devices", ids("nan", token=["t"], device_type=["ios"]), {}),
    ("add_devices", ids("u1", token=["nan"], device_type=["ios"]), {}),
    ("delete_devices", ids("u1", token=["nan"]), {}),
    ("delete_objects", ids("nan", label="object_id"), {}),
    ("delete_relationships", ids("u1", object_id=["nan"]), {}),
]


@pytest.mark.parametrize(("function", "frame", "options"), FINAL)
@pytest.mark.parametrize("id_", ["nan", "u9 ", "\ufeffu9"])
def test_calls_that_cannot_be_taken_back_hold_the_row_back_unless_ids_are_exact(function, frame, options, id_):
    frame = frame.replace("nan", id_)
    call = getattr(cio, function)
    result = call(frame, dry_run=True, **options)
    assert result["status"].tolist() == ["invalid"]
    assert "with exact_ids it is sent as it is" in result["reason"][0]
    exact = call(frame, dry_run=True, exact_ids=True, **options)
    assert (exact["status"].tolist(), exact["warning"].isna().all()) == (["ready"], True)


def test_a_semantic_event_that_acts_is_held_back_by_its_name_too():
    frame = ids("nan", "u1", event=["User Deleted", "Signed Up"])
    assert frame.cio.track(dry_run=True)["status"].tolist() == ["invalid", "ready"]
    mixed = ids("nan", "nan", type=["identify", "alias"], previous_id=[None, "u1"])
    assert mixed.cio.batch(dry_run=True)["status"].tolist() == ["ready", "invalid"]


def test_exact_ids_are_sent_as_they_stand(sandbox):
    ids("nan", "u1 ").cio.identify(client=sandbox.client, exact_ids=True)
    assert sandbox.calls()["userId"].tolist() == ["nan", "u1 "]


@pytest.mark.parametrize("door", ["python", "command line", "job file"])
def test_every_door_has_exact_ids(door, sandbox, tmp_path, monkeypatch):
    from typer.testing import CliRunner

    from cio_frames.cli.app import app

    monkeypatch.chdir(tmp_path)
    ids("u1", previous_id=["nan"]).to_parquet("aliases.parquet")
    job = "source: aliases.parquet\ncall: alias\n"
    statuses = []
    for exact in (False, True):
        if door == "python":
            loaded = cio.load("aliases.parquet", "alias", dry_run=True, exact_ids=exact)
            statuses.append(loaded.statuses)
            continue
        (tmp_path / "job.yaml").write_text(f"{job}exact_ids: true\n" if exact else job)
        command = ["load", "aliases.parquet", "--call", "alias", *(["--exact-ids"] if exact else [])]
        command = command if door == "command line" else ["run", "job.yaml"]
        printed = CliRunner().invoke(app, [*command, "--dry-run"]).stdout
        statuses.append({"ready" if "1 ready" in printed else "invalid": 1})
    assert statuses == [{"invalid": 1}, {"ready": 1}]


FORMS = [
    ["1", "001", "7"],
    ["1", "1.0", "7"],
    ["01", "001", "7"],
    ["1.00", "0001", "seven"],
]


@pytest.mark.parametrize("cells", FORMS)
@pytest.mark.parametrize("dtype", TEXT_DTYPES)
def test_one_number_in_several_forms_has_a_warning(cells, dtype):
    assert found(ids(*cells, dtype=dtype)) == [("id_forms", "warning", [0, 1])]


@pytest.mark.parametrize(
    ("cells", "rows"),
    [
        ([1, "1", "b"], [0, 1]),
        ([1, "001", 2], [0, 1]),
        ([1.0, "1", 7.0], [0, 1]),
        ([1, 1.0, 2], []),
        ([decimal.Decimal(1), "1", "b"], [0, 1]),
        ([1, "2", None], []),
    ],
)
def test_numbers_among_texts_are_forms_too(cells, rows):
    wanted = [("id_forms", "warning", rows)] if rows else []
    missing = [("not_nullable", "error", [2])] if None in cells else []
    assert found(ids(*cells)) == wanted + missing


@pytest.mark.parametrize("cells", [["00004", "00005", "12345"], ["10", "100", "1000"], ["1.5", "15", "a.0"], [1, 2, 3]])
def test_numbers_of_one_form_are_fine(cells):
    assert found(ids(*cells)) == []


def test_several_forms_stop_a_deletion():
    frame = ids("1", "001", "7")
    result = frame.cio.delete_people(dry_run=True)
    assert result["status"].tolist() == ["invalid", "invalid", "ready"]
    assert frame.cio.delete_people(dry_run=True, exact_ids=True)["status"].tolist() == ["ready"] * 3


def test_an_alias_onto_itself_and_in_a_circle_is_held_back():
    frame = ids("a", "b", "c", "d", "e", previous_id=["a", "c", "b", "x", "d"])
    result = frame.cio.alias(dry_run=True)
    assert result["status"].tolist() == ["invalid", "invalid", "invalid", "ready", "ready"]
    assert "nothing to merge" in result["reason"][0]
    assert "circle" in result["reason"][1]


@pytest.mark.parametrize(
    "frame",
    [
        ids(1, previous_id=pd.Series(["1"], dtype=object)),
        ids(7.0, dtype="float64", previous_id=[7]),
        ids("a", dtype=pd.ArrowDtype(pa.string()), previous_id=pd.Series(["a"], dtype="category")),
    ],
)
def test_an_alias_onto_itself_is_found_whatever_holds_the_ids(frame):
    assert "alias_itself" in [check for check, _, _ in found(frame, "alias")]


def test_a_long_chain_of_aliases_is_no_circle_until_it_is_closed():
    count = 500
    people = [f"u{number}" for number in range(count)]
    chain = ids(*people[1:], previous_id=people[:-1])
    assert found(chain, "alias") == []
    circle = ids(*people[1:], people[0], previous_id=people)
    assert found(circle, "alias") == [("alias_circle", "error", list(range(count)))]


def test_with_exact_ids_a_circle_is_a_warning():
    frame = ids("a", "b", previous_id=["b", "a"])
    assert found(frame, "alias", exact_ids=True) == [("alias_circle", "warning", [0, 1])]


@pytest.mark.parametrize("cells", [["company", "1"], ["1x", "2"], [" 1", 2]])
def test_a_type_of_object_that_is_no_number_has_a_warning(cells):
    frame = ids("ada", "bob", group_id=["g", "h"], object_type_id=cells)
    assert found(frame, "group") == [("object_type", "warning", [0])]
    renamed = frame.rename(columns={"object_type_id": "objectTypeId"})
    assert found(renamed, "group") == [("object_type", "warning", [0])]


def test_without_a_schema_nothing_is_said_of_ids():
    assert found(ids("nan", "u1 "), schema=None) == []


def test_no_reason_holds_an_id():
    frame = ids("secret ", "secret-9", previous_id=["secret-9", "secret "])
    texts = cio.validate(frame, "alias").failure_cases["reason"]
    assert not texts.str.contains("secret").any()
