import json
import os
import signal
import subprocess
import sys
import threading
from collections import defaultdict
from decimal import Decimal
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

import cio_frames as cio
from tests.faults import Answer, FaultServer
from tests.loading.helpers import environment_for

WIRE = ["type", "event", "userId", "anonymousId", "timestamp", "properties", "context"]


def sent(sandbox):
    """Return what arrived, as the fields that were there."""
    calls = sandbox.calls()[WIRE].to_dict("records")
    return [{name: value for name, value in call.items() if value is not None} for call in calls]


@pytest.mark.parametrize(
    ("operation", "event"),
    [
        ("delete_people", "User Deleted"),
        ("suppress_people", "User Suppressed"),
        ("unsuppress_people", "User Unsuppressed"),
    ],
)
def test_an_operation_on_people_sends_their_id_and_nothing_else(sandbox, operation, event):
    people = pd.DataFrame({"user_id": ["ada"], "plan": ["free"]})
    confirm = {} if operation == "unsuppress_people" else {"confirm": 1}
    result = getattr(people.cio, operation)(client=sandbox.client, **confirm)
    assert list(result["status"]) == ["delivered"]
    assert sent(sandbox) == [{"type": "track", "event": event, "userId": "ada", "properties": {}}]


def test_a_device_goes_into_the_context_and_other_columns_become_its_attributes(sandbox):
    devices = pd.DataFrame(
        {"user_id": ["ada"], "token": ["t-1"], "device_type": ["ios"], "app": ["2.0"], "timestamp": ["2026-01-01"]}
    )
    devices.cio.add_devices(client=sandbox.client)
    assert sent(sandbox) == [
        {
            "type": "track",
            "event": "Device Created or Updated",
            "userId": "ada",
            "timestamp": "2026-01-01T00:00:00.000Z",
            "properties": {"app": "2.0"},
            "context": {"device": {"token": "t-1", "type": "ios"}},
        }
    ]


def test_a_device_of_an_unknown_type_or_without_a_token_is_held_back():
    devices = pd.DataFrame({"user_id": ["a", "b"], "token": ["t", None], "device_type": ["windows", "ios"]})
    result = devices.cio.add_devices(dry_run=True)
    assert list(result["reason"]) == ["device_type: must be one of ios, android", "token: required value is missing"]


def test_a_deleted_device_needs_its_token_only(sandbox):
    devices = pd.DataFrame({"who": ["ada"], "token": ["t-1"]})
    devices.cio.delete_devices(user_id="who", confirm=1, client=sandbox.client)
    assert sent(sandbox) == [
        {
            "type": "track",
            "event": "Device Deleted",
            "userId": "ada",
            "properties": {},
            "context": {"device": {"token": "t-1"}},
        }
    ]


def test_a_deleted_object_has_its_id_its_type_and_a_placeholder_for_a_person(sandbox):
    companies = pd.DataFrame({"object_id": ["acme"], "name": ["Acme"]})
    companies.cio.delete_objects(confirm=1, client=sandbox.client)
    assert sent(sandbox) == [
        {
            "type": "track",
            "event": "Object Deleted",
            "anonymousId": "cio_frames",
            "properties": {"objectId": "acme", "objectTypeId": 1},
        }
    ]


def test_an_ended_relationship_names_person_object_and_type(sandbox):
    left = pd.DataFrame({"user_id": ["ada"], "company": [7.0], "object_type_id": [2.0]})
    left.cio.delete_relationships(object_id="company", confirm=1, client=sandbox.client)
    assert sent(sandbox) == [
        {
            "type": "track",
            "event": "Relationship Deleted",
            "userId": "ada",
            "properties": {"objectId": "7", "objectTypeId": 2},
        }
    ]


def test_a_delivery_is_reported_without_a_person(sandbox):
    metrics = pd.DataFrame({"delivery_id": ["d-1"], "metric": ["clicked"], "href": ["https://example.com"]})
    metrics.cio.report_deliveries(client=sandbox.client)
    assert sent(sandbox) == [
        {
            "type": "track",
            "event": "Report Delivery Event",
            "properties": {"deliveryId": "d-1", "metric": "clicked", "href": "https://example.com"},
        }
    ]


def test_content_is_reported_by_what_was_done_with_it(sandbox):
    seen = pd.DataFrame({"action_type": ["viewed_content"], "content_id": [7.0]})
    seen.cio.report_content(client=sandbox.client)
    assert sent(sandbox) == [
        {
            "type": "track",
            "event": "Report Content Event",
            "properties": {"actionType": "viewed_content", "contentId": 7},
        }
    ]


CONFIRMED = ["delete_people", "suppress_people", "delete_devices", "delete_objects", "delete_relationships"]
EVERYTHING = pd.DataFrame({"user_id": ["a", "b", None], "token": ["t", "u", None], "object_id": ["x", "y", None]})


@pytest.mark.parametrize("operation", CONFIRMED)
@pytest.mark.parametrize("confirm", [None, 0, 1, 3, -1, -2, True, 2.0, "2", "", [2], Decimal(2), np.float64(2), np.nan])
def test_a_deletion_without_the_right_count_is_refused_and_nothing_is_sent(sandbox, operation, confirm):
    with pytest.raises(cio.FrameError, match=rf"{operation} affects 2 rows.*confirm=2"):
        getattr(EVERYTHING.cio, operation)(confirm=confirm, client=sandbox.client)
    assert len(sandbox.requests()) == 0


@pytest.mark.parametrize("operation", CONFIRMED)
@pytest.mark.parametrize("confirm", [True, 1.0, -1, np.True_])
def test_confirm_for_one_row_is_an_int_and_no_other_type(sandbox, operation, confirm):
    with pytest.raises(cio.FrameError, match=rf"{operation} affects 1 rows.*confirm=1"):
        getattr(EVERYTHING.head(1).cio, operation)(confirm=confirm, client=sandbox.client)
    assert len(sandbox.requests()) == 0


@pytest.mark.parametrize("operation", CONFIRMED)
def test_a_deletion_is_sent_with_the_number_of_rows_that_a_dry_run_counts(sandbox, operation):
    method = getattr(EVERYTHING.cio, operation)
    rows = int(method(dry_run=True)["status"].eq("ready").sum())
    result = method(confirm=rows, client=sandbox.client)
    assert list(result["status"]) == ["delivered", "delivered", "invalid"]


def test_confirm_may_be_the_numpy_integer_of_a_sum_in_pandas(sandbox):
    rows = EVERYTHING["user_id"].notna().sum()
    assert isinstance(rows, np.integer)
    assert EVERYTHING.cio.delete_people(confirm=rows, client=sandbox.client)["status"].eq("delivered").sum() == 2


@pytest.mark.parametrize(
    "operation", sorted({name for name in cio.__all__ if name.startswith(("un", "add_", "report_"))})
)
def test_an_operation_that_does_not_delete_has_no_confirm_parameter(operation):
    with pytest.raises(TypeError, match="confirm"):
        getattr(EVERYTHING.cio, operation)(confirm=2, dry_run=True)


def test_a_missing_column_of_an_operation_is_named():
    with pytest.raises(cio.MissingColumnsError, match=r"add_devices requires column 'token'.*token='token_ref'"):
        pd.DataFrame({"user_id": ["a"]}).cio.add_devices(dry_run=True)


def audit_lines(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_the_audit_file_has_a_line_before_a_row_leaves_and_one_with_its_outcome_and_never_the_key(sandbox, tmp_path):
    audit_file = tmp_path / "audit_file.jsonl"
    # A line that a kill has cut stays alone.
    earlier = '{"time":"2026-11-01T09:00:00.000Z","operation":"delete_people"}'
    audit_file.write_text(f'{earlier}\n{{"cut": tr')
    result = EVERYTHING.cio.delete_relationships(confirm=2, audit=audit_file, client=sandbox.client)
    before, cut, *texts = audit_file.read_text().splitlines()
    lines = [json.loads(text) for text in texts]
    assert (before, cut) == (earlier, '{"cut": tr')
    assert [{key: value for key, value in line.items() if key != "time"} for line in lines] == [
        {
            "operation": "delete_relationships",
            "id": who,
            "object_id": what,
            "message_id": message_id,
            "status": status,
            "http_status": http_status,
        }
        for status, http_status in (("sending", None), ("delivered", 200))
        for who, what, message_id in zip("ab", "xy", result["message_id"], strict=False)
    ]
    assert all(pd.Timestamp(line["time"]).tzinfo is not None for line in lines)
    assert sandbox.client.write_key not in audit_file.read_text()


@pytest.mark.skipif(os.name != "posix", reason="Windows has other permissions")
@pytest.mark.parametrize("umask", [0o000, 0o022])
def test_only_the_owner_may_read_a_new_audit_file_and_an_existing_one_keeps_its_mode(sandbox, tmp_path, umask):
    new, existing = tmp_path / "new", tmp_path / "existing"
    existing.touch()
    existing.chmod(0o640)
    before = os.umask(umask)
    try:
        for path in (new, existing):
            EVERYTHING.cio.delete_people(confirm=2, audit=path, client=sandbox.client)
    finally:
        os.umask(before)
    assert [oct(path.stat().st_mode & 0o777) for path in (new, existing)] == ["0o600", "0o640"]


def test_the_audit_file_is_written_if_the_api_rejects_the_key(sandbox, tmp_path):
    audit_file = tmp_path / "audit_file.jsonl"
    wrong = cio.Client(write_key="wrong", endpoint=sandbox.url)
    with pytest.raises(cio.AuthenticationError):
        EVERYTHING.cio.delete_people(confirm=2, audit=audit_file, client=wrong)
    assert [(line["id"], line["status"], line["http_status"]) for line in audit_lines(audit_file)] == [
        ("a", "sending", None),
        ("b", "sending", None),
        ("a", "unsent", 401),
        ("b", "unsent", 401),
    ]


KILLED_OPERATION = """
import os, signal, sys
import pandas as pd
import cio_frames as cio
from tests.faults import Answer, FaultServer
from tests.loading.helpers import environment_for
people = pd.DataFrame({"user_id": [f"u{row}" for row in range(300)]})
client = cio.Client.from_env(max_body_bytes=4_000, max_call_bytes=1_000, workers=3)
people.cio.delete_people(client=client, confirm=300, audit="trail.jsonl")
"""


@pytest.mark.skipif(os.name != "posix", reason="Windows has no SIGKILL")
def test_after_a_kill_the_audit_file_names_everyone_who_may_be_gone(tmp_path):
    killed = threading.Event()

    def answer(request):
        if request.number == 6:
            os.kill(process.pid, signal.SIGKILL)
            killed.set()
        return Answer(after_seconds=0.0 if request.number < 6 else 0.2)

    with FaultServer(answer) as server:
        process = subprocess.Popen([sys.executable, "-c", KILLED_OPERATION], cwd=tmp_path, env=environment_for(server))
        process.communicate(timeout=60)
        assert killed.is_set()
        arrived = {call["userId"] for request in server.received if request.body for call in request.calls}
    by_status = defaultdict(set)
    for line in audit_lines(tmp_path / "trail.jsonl"):
        by_status[line["status"]].add(line["id"])
    assert set(by_status) == {"sending", "delivered"}
    assert by_status["delivered"] < arrived <= by_status["sending"]
    assert 0 < len(by_status["delivered"]) < 300


def test_an_audit_file_that_is_not_writable_stops_the_call_before_anything_is_sent(sandbox, tmp_path):
    with pytest.raises(
        cio.ConfigurationError, match=r"Cannot write the audit file.*No such file.*Nothing was sent\. .*audit="
    ):
        EVERYTHING.cio.delete_people(confirm=2, audit=tmp_path / "none" / "audit_file", client=sandbox.client)
    assert len(sandbox.requests()) == 0


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
def test_a_full_disk_under_the_audit_file_stops_an_operation_before_it_sends(sandbox):
    with pytest.raises(
        cio.DeliveryError,
        match=r"^Cannot write the audit file /dev/full .*No space left.* The rows of this batch were not sent\.",
    ) as error:
        EVERYTHING.cio.delete_people(confirm=2, audit="/dev/full", client=sandbox.client)
    assert error.value.result["status"].tolist()[:2] == ["unsent"] * 2
    assert len(sandbox.requests()) == 0


@pytest.mark.skipif(os.name != "posix", reason="Windows cannot limit the size of a process's files")
def test_an_audit_file_that_is_full_in_the_middle_stops_an_operation_whose_result_is_right(tmp_path):
    program = """
import resource, signal
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
try:
    exec(sys.argv[1])
except cio.DeliveryError as error:
    print(error.result["status"].value_counts().loc[["delivered", "unsent"]].tolist())
"""
    with cio.Sandbox() as sandbox:
        program = "import sys\nimport cio_frames as cio\n" + program
        command = [sys.executable, "-c", program, KILLED_OPERATION.replace("import os, signal, sys", "")]
        done = subprocess.run(
            command, cwd=tmp_path, env=environment_for(sandbox), capture_output=True, text=True, check=False
        )
        arrived = len(sandbox.calls())
    delivered, unsent = json.loads(done.stdout)
    assert (delivered, delivered + unsent) == (arrived, 300)
    assert 0 < delivered < 300


def test_a_dry_run_writes_no_audit_file(tmp_path):
    EVERYTHING.cio.delete_people(audit=tmp_path / "audit_file", dry_run=True)
    assert list(tmp_path.iterdir()) == []


SPELLED = ["1", "20", "01", "x", "1\n", "1.0", "", None]
DICTIONARY = pa.array(SPELLED).dictionary_encode()
KINDS_OF_TEXT = {
    "text": pd.Series(SPELLED, dtype="string[python]"),
    "arrow-backed text": pd.Series(SPELLED, dtype="string[pyarrow]"),
    "categorical": pd.Categorical(SPELLED),
    "arrow": pd.array(SPELLED, dtype=pd.ArrowDtype(pa.large_string())),
    "arrow dictionary": pd.array(DICTIONARY, dtype=pd.ArrowDtype(DICTIONARY.type)),
    "objects": pd.Series([*SPELLED[:-1], 7], dtype=object)[:-1].reindex(range(len(SPELLED))),
    "objects of several kinds": pd.Series([1.0, 20, *SPELLED[2:]], dtype=object),
}


@pytest.mark.parametrize("kind", KINDS_OF_TEXT)
def test_the_type_of_an_object_may_be_digits_whatever_holds_them(sandbox, kind):
    gone = pd.DataFrame({"object_id": [f"o{row}" for row in range(len(SPELLED))], "kind": KINDS_OF_TEXT[kind]})
    result = gone.cio.delete_objects(object_type_id="kind", confirm=2, client=sandbox.client)
    held_back = ["kind: must be a whole number"] * 5
    assert result["reason"].dropna().tolist() == [*held_back, "kind: required value is missing"]
    assert result["status"].tolist() == ["delivered"] * 2 + ["invalid"] * 6
    assert [call["properties"] for call in sent(sandbox)] == [
        {"objectId": "o0", "objectTypeId": 1},
        {"objectId": "o1", "objectTypeId": 20},
    ]


def test_an_object_without_a_type_is_invalid_rather_than_deleted_from_the_default_type():
    gone = pd.DataFrame(
        {"user_id": ["ada", "ada"], "object_id": ["o", "p"], "objectTypeId": pd.array([2, None], "Int64")}
    )
    for delete in (gone.cio.delete_objects, gone.cio.delete_relationships):
        result = delete(dry_run=True)
        assert result["status"].tolist() == ["ready", "invalid"]
        assert result["reason"].tolist()[1] == "objectTypeId: required value is missing"


def test_the_type_of_an_ended_relationship_may_be_digits_too(sandbox):
    left = pd.DataFrame({"user_id": ["ada"], "object_id": ["o"], "object_type_id": ["2"]})
    left.cio.delete_relationships(confirm=1, client=sandbox.client)
    assert sent(sandbox)[0]["properties"] == {"objectId": "o", "objectTypeId": 2}


def test_digits_are_the_type_of_an_object_and_no_other_number():
    frame = pd.DataFrame({"user_id": ["ada"], "contentId": ["7"], "actionType": ["viewed_content"]})
    result = frame.cio.track("Report Content Event", dry_run=True)
    assert result["reason"].tolist() == ["contentId: must be a whole number"]


def test_a_person_who_came_back_is_deleted_again_and_the_trail_has_two_calls(tmp_path):
    person, trail = pd.DataFrame({"user_id": ["u1"]}), tmp_path / "trail.jsonl"
    with cio.Sandbox() as sandbox:
        for _ in range(2):
            person.cio.identify(client=sandbox.client)
            person.cio.delete_people(client=sandbox.client, confirm=1, audit=trail)
        assert sandbox.people().empty
    assert len({json.loads(line)["message_id"] for line in trail.read_text().splitlines()}) == 2


def test_a_device_that_is_added_again_is_there():
    device = pd.DataFrame({"user_id": ["u1"], "token": ["t-1"], "device_type": ["ios"]})
    with cio.Sandbox() as sandbox:
        device.cio.add_devices(client=sandbox.client)
        device.cio.delete_devices(client=sandbox.client, confirm=1)
        assert sandbox.devices().empty
        device.cio.add_devices(client=sandbox.client)
        assert sandbox.devices()["token"].tolist() == ["t-1"]


def test_a_person_is_suppressed_freed_and_suppressed_again():
    person = pd.DataFrame({"user_id": ["u1"]})
    with cio.Sandbox() as sandbox:
        for _ in range(2):
            person.cio.suppress_people(client=sandbox.client, confirm=1)
            assert len(sandbox.suppressed()) == 1
            person.cio.unsuppress_people(client=sandbox.client)
            assert sandbox.suppressed().empty


def test_an_operation_with_the_same_as_of_repeats_its_ids(sandbox):
    people = pd.DataFrame({"user_id": ["u1", "u2"]})
    given = {"client": sandbox.client, "confirm": 2, "as_of": "2026-11-27"}
    first, again = (people.cio.delete_people(**given)["message_id"].tolist() for _ in range(2))
    assert first == again
