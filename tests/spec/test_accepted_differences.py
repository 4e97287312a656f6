"""Where this spec and the vendor's file differ on purpose."""

import shutil

import pytest

from cio_frames import spec
from cio_frames.errors import SpecError
from cio_frames.spec.package_data import package_folder


def test_an_accepted_difference_has_the_form_of_a_change():
    accepted = spec.accepted_differences().differences
    assert ("changed", "event Object Deleted", "objectId required yes -> no") in accepted
    assert ("added", "call screen", "receivedAt (string, date-time)") in accepted
    assert all(
        what.endswith(")") == (kind != "changed") and (" -> " in what) == (kind == "changed")
        for kind, _, what in accepted
    )


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("names: {}\nnot_events: []\n", 1, "required key 'differences' is missing"),
        ("names: {x: Order Complete}\nnot_events: []\ndifferences: []\n", 1, "unknown call or event 'Order Complete'"),
        ("names: {}\nnot_events:\n- schemas: [x]\ndifferences: []\n", 3, "required key 'reason' is missing"),
        ("names: {}\nnot_events: {}\ndifferences: []\n", 2, "expected a list"),
        (
            "names: {}\nnot_events: []\ndifferences:\n- reason: x\n  where: [call sing]\n  added: [x (any)]\n",
            5,
            "unknown call or event 'call sing'",
        ),
    ],
)
def test_an_error_in_the_file_of_accepted_differences_is_reported_with_its_line(tmp_path, text, line, words):
    folder = tmp_path / "schemas"
    shutil.copytree(package_folder("schemas"), folder)
    path = folder / "accepted_differences.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(SpecError) as error:
        spec.accepted_differences(folder)
    assert str(error.value) == f"{path}, line {line}: {words}."
