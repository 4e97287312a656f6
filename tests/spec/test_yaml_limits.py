"""YAML that is small and never ends, or that PyYAML cannot read, is told with its line."""

import pandas as pd
import pytest

import cio_frames as cio
from cio_frames.cli.app import main

DOORS = {
    "plan": "title: Tea\nproperties:\n  traits:\n    type: object\n    default:\n      x: VALUE\n",
    "job": "source: people.parquet\ncall: identify\ncolumns:\n  context:\n    # a remark\n    x: VALUE\n",
}
LAUGHS = "[" + ", ".join(["&a0 [lol]"] + [f"&a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 12)]) + "]"
MISTAKES = {
    "no such day": ("2024-13-45", "not a valid timestamp"),
    "no integer": ("!!int x", "not a valid int"),
    "no number": ("!!float abc", "not a valid float"),
    "no time": ("!!timestamp soon", "not a valid timestamp"),
    "5,000 digits": ("9" * 5_000, "not a valid int"),
    "a list as a key": ("{[1, 2]: 3}", "found unhashable key"),
    "a mapping as a key": ("{{a: 1}: 3}", "found unhashable key"),
    "a Python object": ("!!python/object/apply:os.getcwd []", "could not determine a constructor"),
    "a tag nobody knows": ("!tea green", "could not determine a constructor"),
    "a list that contains itself": ("&a [*a]", "refers to a node that contains it"),
    "a mapping that contains itself": ("&a {b: {c: *a}}", "refers to a node that contains it"),
    "aliases that multiply": (LAUGHS, "stands for more than 50,000 nodes"),
    "400 levels": ("[" * 400 + "]" * 400, "nested more than 100 levels deep"),
    "2,000 levels": ("{a: " * 2_000 + "1" + "}" * 2_000, "nested more than 100 levels deep"),
    "braces that only open": ("{" * 5_000, "nested more than 100 levels deep"),
    "NUL": ("a\0b", "special characters are not allowed"),
    "no character": ('"\\UFFFFFFFF"', "is not valid YAML"),
    "an alias of nothing": ("*nobody", "found undefined alias"),
}


@pytest.fixture(autouse=True)
def folder(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    pd.DataFrame({"user_id": ["ada"]}).to_parquet("people.parquet")
    return tmp_path


def run(capsys, arguments):
    with pytest.raises(SystemExit) as end:
        main(arguments)
    return end.value.code, "".join(capsys.readouterr())


@pytest.mark.parametrize("mistake", MISTAKES)
@pytest.mark.parametrize("door", DOORS)
def test_what_yaml_cannot_say_is_told_with_its_line(folder, monkeypatch, capsys, door, mistake):
    monkeypatch.setenv("CIO_WRITE_KEY", "sandbox")
    value, words = MISTAKES[mistake]
    path = folder / f"{door}.yaml"
    path.write_text(DOORS[door].replace("VALUE", value))
    plan = ["validate", "people.parquet", "--call", "identify", "--schema", str(path)]
    status, printed = run(capsys, plan if door == "plan" else ["run", str(path), "--dry-run"])
    assert status == 2, printed
    assert words in printed
    assert "line 6" in printed
    assert "Traceback" not in printed


def test_a_nul_character_in_a_path_is_told_with_its_line(folder, monkeypatch, capsys):
    monkeypatch.setenv("CIO_WRITE_KEY", "sandbox")
    (folder / "job.yaml").write_text('call: identify\nsource: "a\\0.parquet"\n')
    status, printed = run(capsys, ["run", "job.yaml"])
    assert status == 2
    assert "line 2: text must not contain a NUL character" in printed


def plan_of_refs(levels, width):
    lines = ["$defs:"]
    for level in range(levels):
        inside = ", ".join(f'f{n}: {{$ref: "#/$defs/d{level + 1}"}}' for n in range(width))
        lines.append(f"  d{level}: {{type: object, properties: {{{inside}}}}}")
    lines += [f"  d{levels}: {{type: string}}", "properties:", "  traits:", "    type: object"]
    return "\n".join([*lines, '    properties: {x: {$ref: "#/$defs/d0"}}', ""])


def test_references_of_a_tracking_plan_that_multiply_are_refused(folder):
    (folder / "plan.yaml").write_text(plan_of_refs(20, 8))
    with pytest.raises(cio.SpecError, match=r"plan\.yaml, line 26: .*more than 20,000 fields; use fewer \$refs"):
        pd.DataFrame({"user_id": ["ada"]}).cio.validate("identify", schema="plan.yaml")


def test_a_definition_may_be_used_many_times(folder):
    (folder / "plan.yaml").write_text(plan_of_refs(3, 8))
    report = pd.DataFrame({"user_id": ["ada"], "x": [{"f0": {"f1": {"f2": 7.5}}}]}).cio.validate(
        "identify", schema="plan.yaml"
    )
    assert report.failure_cases["reason"].str.contains("x.f0.f1.f2").any()


def test_a_definition_of_a_tracking_plan_that_contains_itself_is_refused(folder):
    (folder / "plan.yaml").write_text(
        'properties:\n  traits:\n    type: object\n    properties: {x: {$ref: "#/$defs/tea"}}\n'
        '$defs:\n  tea: {type: object, properties: {leaf: {$ref: "#/$defs/tea"}}}\n'
    )
    with pytest.raises(cio.SpecError, match=r"line 6: \$ref '#/\$defs/tea' is circular"):
        pd.DataFrame({"user_id": ["ada"]}).cio.validate("identify", schema="plan.yaml")
