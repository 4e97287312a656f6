"""The effect of calls on people, events, objects and devices; no HTTP."""

import tracemalloc
from datetime import datetime, timedelta

import orjson
import pytest

from cio_frames.sandbox import frames
from cio_frames.sandbox.assumptions import Assumptions
from cio_frames.sandbox.parsing import AcceptedCalls
from cio_frames.sandbox.store import LogEntry, RequestLine, Store

RECEIVED = "2024-05-01T10:00:00.000Z"
ULID = "01HWT6Z5G0ABCDEFGHJKMNPQRS"


class Workspace:
    """A store that applies calls and returns frames."""

    def __init__(self, **choices):
        self.assumptions = Assumptions.from_choices(choices)
        self.store = Store(assumptions=self.assumptions)
        self.count = 0

    def receive(self, *calls, at=RECEIVED):
        payloads = []
        for call in calls:
            self.count += 1
            payloads.append(orjson.dumps({"messageId": f"m{self.count}"} | call))
        request = RequestLine(at, "/v1/batch", 200, 0, len(calls), True)
        self.store.add([LogEntry(request, AcceptedCalls(payloads), [])])
        self.store.catch_up()
        return self

    def __getattr__(self, name):
        if name == "reasons":
            return frames.problems_frame(self.store.problems())["reason"].tolist()
        extra = (self.assumptions,) if name == "events" else ()
        return getattr(frames, f"{name}_frame")(self.store, *extra)

    @property
    def ids(self):
        return self.people[["userId", "email", "anonymousId"]].to_numpy().tolist()


def identify(user_id=None, anonymous_id=None, **traits):
    found = {"type": "identify", "userId": user_id, "anonymousId": anonymous_id, "traits": traits}
    return {name: value for name, value in found.items() if value is not None}


def track(event, user_id=None, properties=None, **more):
    call = {"type": "track", "event": event, "userId": user_id, "properties": properties}
    return {name: value for name, value in (call | more).items() if value is not None}


def page_by(anonymous_id, **more):
    return {"type": "page", "anonymousId": anonymous_id, "name": "Home"} | more


def device(event, user_id, token="t1", platform="ios", **more):  # noqa: S107
    inner = {name: value for name, value in {"token": token, "type": platform}.items() if value is not None}
    return track(event, user_id, context={"device": inner} | more.pop("context", {}), **more)


def ago(days):
    return (datetime.fromisoformat(RECEIVED) - timedelta(days=days)).isoformat()


# People and their traits


def test_an_update_keeps_absent_traits_and_removes_null_and_empty_ones():
    workspace = Workspace().receive(identify("7", plan="free", city="Ulm", age=3, seen=0))
    workspace.receive(identify("7", plan="pro", city=None, age="", tags=[]))
    assert workspace.people["userId"].tolist() == ["7"]
    assert workspace.people["traits"].tolist() == [{"plan": "pro", "seen": 0, "tags": []}]


def test_with_null_traits_keep_null_and_empty_traits_are_stored():
    workspace = Workspace(null_traits="keep").receive(identify("7", plan="free"), identify("7", plan=None, city=""))
    assert workspace.people["traits"].tolist() == [{"plan": None, "city": ""}]


@pytest.mark.parametrize(
    ("traits", "created"),
    [({"createdAt": "2024-01-01"}, "2024-01-01"), ({"createdAt": "x", "created_at": 5}, 5), ({}, None)],
)
def test_created_at_in_snake_case_wins_over_camel_case(traits, created):
    assert Workspace().receive(identify("7", **traits)).people["createdAt"].tolist() == [created]


def test_ids_are_case_sensitive_and_emails_are_not():
    workspace = Workspace().receive(
        identify("Ada"), identify("ada"), identify("Ada@Example.test"), identify("ada@example.TEST")
    )
    assert workspace.ids == [["Ada", None, None], ["ada", None, None], [None, "ada@example.test", None]]


def test_a_new_id_with_a_known_email_is_attached_to_that_person():
    workspace = Workspace().receive(
        identify("ada@example.test", plan="pro"), identify("7", email="ADA@example.test", age=3)
    )
    assert workspace.ids == [["7", "ada@example.test", None]]
    assert workspace.people["traits"].tolist() == [{"plan": "pro", "email": "ADA@example.test", "age": 3}]


def test_an_email_of_another_person_is_not_changed():
    workspace = Workspace().receive(
        identify("7", email="ada@example.test"), identify("8", email="ada@example.test", plan="pro")
    )
    assert workspace.ids == [["7", "ada@example.test", None], ["8", None, None]]
    assert workspace.people["traits"].tolist() == [{"email": "ada@example.test"}, {"plan": "pro"}]
    assert workspace.reasons == ["email belongs to another person; it was not changed"]


def test_only_an_identify_by_cio_id_changes_an_email():
    workspace = Workspace().receive(
        identify("7", email="old@example.test"), identify("7", email="new@example.test", age=3)
    )
    assert workspace.ids == [["7", "old@example.test", None]]
    assert workspace.people["traits"].tolist() == [{"email": "old@example.test", "age": 3}]
    assert workspace.reasons == ["person already has another email; only an identify by cio_ id can change it"]
    workspace.receive(identify(workspace.people["cioId"][0], email="new@example.test", id="8"))
    assert workspace.ids == [["8", "new@example.test", None]]


def test_with_email_changes_allow_an_identify_by_id_changes_an_email():
    workspace = Workspace(email_changes="allow").receive(
        identify("7", email="a@example.test"), identify("7", email="b@example.test")
    )
    assert workspace.ids == [["7", "b@example.test", None]]


def test_a_person_with_an_email_gets_a_free_id_once():
    workspace = Workspace().receive(
        identify("7"), identify("ada@example.test", id="7"), identify("ada@example.test", id="8")
    )
    workspace.receive(identify("ada@example.test", id="9"))
    assert workspace.ids == [["7", None, None], ["8", "ada@example.test", None]]
    assert workspace.reasons == [
        "id belongs to another person; it was not changed",
        "person already has another id; only an identify by cio_ id can change it",
    ]


def test_a_removed_or_invalid_email_counts_as_a_change():
    workspace = Workspace().receive(identify("7", email="a@example.test"))
    for email in (None, "", "nonsense"):
        workspace.receive(identify("7", email=email))
        assert workspace.ids == [["7", "a@example.test", None]]
        assert workspace.people["traits"].tolist() == [{"email": "a@example.test"}]
    assert workspace.reasons == ["person already has another email; only an identify by cio_ id can change it"] * 3
    workspace.receive(identify(workspace.people["cioId"][0], email=None))
    assert workspace.ids == [["7", None, None]]
    assert workspace.people["traits"].tolist() == [{}]
    workspace.receive(identify("8", email="a@example.test"))
    assert workspace.ids == [["7", None, None], ["8", "a@example.test", None]]


def test_an_email_that_is_the_only_id_is_not_removed():
    workspace = Workspace().receive(identify("a@example.test", plan="pro"), identify("cio_00000001", email=None))
    assert workspace.ids == [[None, "a@example.test", None]]
    assert workspace.reasons == ["email is the person's only id; it was not removed"]
    workspace.receive(identify("cio_00000001", email=None, id="7"))
    assert workspace.ids == [["7", None, None]]


def test_a_rejected_email_and_id_are_not_traits_and_both_are_reported():
    workspace = Workspace().receive(identify("7", email="a@example.test"), identify("b@example.test"))
    workspace.receive(identify("b@example.test", id="7", email="a@example.test", plan="pro"))
    assert workspace.people["traits"].tolist() == [{"email": "a@example.test"}, {"plan": "pro"}]
    assert workspace.reasons == [
        "id belongs to another person; it was not changed; email belongs to another person; it was not changed"
    ]


@pytest.mark.parametrize("user_id", ["cio_00000009", "cio_", "cio_xyz", "cio_ffffffffffffffffff", "cio_00000001 "])
def test_an_unknown_cio_id_is_dropped(user_id):
    workspace = Workspace().receive(identify(user_id, plan="pro"), track("Seen", user_id))
    assert (len(workspace.people), len(workspace.events), len(workspace.reasons)) == (0, 0, 2)


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("id", "7", None),
        ("id", None, None),
        ("id", "8", "person already has another id; only an identify by cio_ id can change it"),
        ("id", 7, "trait id must be text; it was ignored"),
        ("cio_id", "00000009", "trait cio_id is reserved; it was ignored"),
        ("anonymous_id", "a", "trait anonymous_id is reserved; it was ignored"),
    ],
)
def test_a_reserved_trait_is_not_stored_as_a_trait(name, value, reason):
    workspace = Workspace().receive({"type": "identify", "userId": "7", "traits": {"plan": "pro", name: value}})
    assert workspace.ids == [["7", None, None]]
    assert workspace.people["traits"].tolist() == [{"plan": "pro"}]
    assert workspace.reasons == ([reason] if reason else [])


def test_an_identify_by_email_alone_is_accepted_with_an_empty_user_id():
    workspace = Workspace().receive({"type": "identify", "userId": "", "traits": {"email": "ada@example.test"}})
    assert workspace.ids == [[None, "ada@example.test", None]]


def test_events_groups_and_devices_create_the_person():
    workspace = Workspace().receive(
        page_by("a"),
        track("Seen", "7"),
        {"type": "group", "groupId": "acme", "userId": "9"},
        device("Device Created or Updated", "10"),
        track("Report Delivery Event"),
        {"type": "track", "userId": None, "anonymousId": "a", "event": "Seen"},
    )
    assert workspace.ids == [[None, None, "a"], ["7", None, None], ["9", None, None], ["10", None, None]]
    assert workspace.people["cioId"].tolist() == [None, "cio_00000002", "cio_00000003", "cio_00000004"]


def test_with_unknown_people_ignore_their_events_are_ignored():
    workspace = Workspace(unknown_people="ignore").receive(
        track("Seen", "7"), page_by("a"), identify("8"), track("Seen", "8")
    )
    assert workspace.events["userId"].tolist() == [None, "8"]
    assert workspace.reasons == ["person not found"]


# Anonymous visitors, and merging


def test_a_visitors_events_of_30_days_and_later_ones_move_to_the_person():
    workspace = Workspace().receive(
        page_by("a", timestamp=ago(31)),
        page_by("a", timestamp=ago(29)),
        identify(None, "a", plan="free", city="Ulm"),
        identify("7", plan="pro"),
        identify("7", "a"),
        page_by("a"),
    )
    assert workspace.ids == [["7", None, "a"]]
    assert workspace.people["traits"].tolist() == [{"plan": "pro", "city": "Ulm"}]
    person = workspace.people["cioId"][0]
    assert workspace.events["cioId"].tolist() == [None, person, person]


def test_an_anonymous_id_belongs_to_one_person_only():
    workspace = Workspace().receive(page_by("a"), identify("7", "a"), identify("8", "a"), page_by("a"))
    assert workspace.ids == [["7", None, "a"], ["8", None, None]]
    assert workspace.events["cioId"].nunique() == 1
    assert workspace.reasons == ["anonymousId belongs to another person; it was not changed"]


def test_a_new_anonymous_id_is_assigned_to_the_person():
    workspace = Workspace().receive(identify("7", "a"), page_by("a"))
    assert workspace.events["cioId"].tolist() == workspace.people["cioId"].tolist()


def test_a_track_call_with_both_ids_merges_nobody():
    workspace = Workspace().receive(page_by("a"), track("Seen", "7", anonymousId="a"))
    assert workspace.ids == [[None, None, "a"], ["7", None, "a"]]


def test_alias_merges_the_previous_person():
    workspace = Workspace().receive(
        identify("old", plan="free", city="Ulm", email="ada@example.test"),
        identify("new", plan="pro", city=""),
        track("Seen", "old", timestamp=ago(3)),
        track("Seen", "old", timestamp=ago(40)),
        device("Device Created or Updated", "old"),
        {"type": "group", "groupId": "acme", "userId": "old"},
        {"type": "alias", "userId": "new", "previousId": "old"},
    )
    assert workspace.ids == [["new", "ada@example.test", None]]
    assert workspace.people["traits"].tolist() == [{"plan": "pro", "city": "Ulm", "email": "ada@example.test"}]
    assert workspace.events["cioId"].tolist() == ["cio_00000002", None]
    assert workspace.devices["userId"].tolist() == workspace.relationships["userId"].tolist() == ["new"]
    workspace.receive(identify("old"))
    assert workspace.people["traits"].tolist()[1] == {}


def test_alias_of_an_anonymous_id_merges_the_visitor():
    workspace = Workspace().receive(
        page_by("a"), identify("7"), {"type": "alias", "userId": "7", "previousId": "a"}, page_by("a")
    )
    assert workspace.ids == [["7", None, None]]
    assert workspace.events["cioId"].tolist() == ["cio_00000002"] * 2


def test_ids_of_the_merged_person_do_not_become_traits():
    workspace = Workspace().receive(
        identify("old@example.test", email="old@example.test", id="old", city="Ulm"),
        identify("new@example.test", id="new"),
        identify("third"),
        {"type": "alias", "userId": "new@example.test", "previousId": "old"},
    )
    assert workspace.people["traits"].tolist() == [{"city": "Ulm"}, {}]
    workspace.receive({"type": "alias", "userId": "third", "previousId": "new"})
    assert workspace.ids == [["third", "new@example.test", None]]
    assert workspace.people["traits"].tolist() == [{"city": "Ulm"}]


@pytest.mark.parametrize(
    ("user_id", "previous_id", "reason"),
    [
        ("nobody", "7", "userId: person not found; nothing was merged"),
        ("7", "nobody", "previousId: person not found; nothing was merged"),
        ("7", "ada@example.test", "userId and previousId already belong to one person"),
    ],
)
def test_alias_without_two_people_merges_nobody(user_id, previous_id, reason):
    alias = {"type": "alias", "userId": user_id, "previousId": previous_id}
    workspace = Workspace().receive(identify("7", email="ada@example.test"), alias)
    assert workspace.ids == [["7", "ada@example.test", None]]
    assert workspace.reasons == [reason]


# Objects and relationships


def test_group_creates_objects_by_type_and_relationships():
    workspace = Workspace().receive(
        {"type": "group", "groupId": "acme", "traits": {"seats": 3, "city": "Ulm"}},
        {
            "type": "group",
            "groupId": "acme",
            "userId": "7",
            "traits": {"city": None, "relationshipAttributes": {"role": "owner"}},
        },
        {"type": "group", "groupId": "acme", "userId": "7", "traits": {"object_type_id": "2", "objectTypeId": 3}},
        {"type": "group", "groupId": "acme", "traits": {"objectTypeId": 3, "name": ""}},
    )
    assert workspace.objects.to_numpy().tolist() == [
        ["1", "acme", {"seats": 3}, 1],
        ["2", "acme", {}, 1],
        ["3", "acme", {}, 0],
    ]
    assert workspace.relationships["attributes"].tolist() == [{"role": "owner"}, {}]


@pytest.mark.parametrize(("given", "shown"), [(2, "2"), ("2", "2"), (2.0, "2"), (None, "1"), ("", "1")])
def test_an_object_type_is_an_integer_or_digits_and_its_default_is_1(given, shown):
    workspace = Workspace().receive({"type": "group", "groupId": "acme", "traits": {"object_type_id": given}})
    assert workspace.objects["objectTypeId"].tolist() == [shown]
    workspace.receive({"type": "group", "groupId": "b", "traits": {"object_type_id": None, "objectTypeId": 3}})
    assert workspace.objects["objectTypeId"].tolist() == [shown, "3"]


@pytest.mark.parametrize("given", ["x", "2x", "-1", " 2", "٣", -1, 1.5, 1e300, True, [], {}])
def test_an_invalid_object_type_leaves_objects_unchanged_and_is_reported(given):
    workspace = Workspace().receive(
        {"type": "group", "groupId": "acme", "userId": "7", "traits": {"objectTypeId": given}},
        identify("8", objectId="acme", objectTypeId=given, plan="pro"),
    )
    assert (len(workspace.objects), len(workspace.relationships)) == (0, 0)
    assert workspace.people["traits"].tolist() == [{"objectId": "acme", "plan": "pro"}]
    assert workspace.reasons == ["object type must be an integer or a string of digits"] * 2
    workspace.receive(
        {"type": "group", "groupId": "acme"},
        track("Object Deleted", None, {"objectId": "acme", "objectTypeId": given}, anonymousId="x"),
    )
    assert len(workspace.objects) == 1


def test_with_object_traits_nested_attributes_are_in_object_attributes():
    group = {"type": "group", "groupId": "acme", "traits": {"seats": 3, "objectAttributes": {"city": "Ulm"}}}
    assert Workspace(object_traits="nested").receive(group).objects["attributes"].tolist() == [{"city": "Ulm"}]
    assert Workspace().receive(group).objects["attributes"].tolist() == [{"seats": 3}]


def test_identify_with_an_object_id_creates_a_relationship():
    workspace = Workspace().receive(
        identify("7", objectId="acme", objectTypeId="2", relationshipAttributes={"role": "owner"}, plan="pro")
    )
    assert workspace.people["traits"].tolist() == [{"objectId": "acme", "plan": "pro"}]
    assert workspace.relationships[["objectTypeId", "objectId", "userId", "attributes"]].to_numpy().tolist() == [
        ["2", "acme", "7", {"role": "owner"}]
    ]


def test_relationships_and_objects_are_deleted_and_unknown_ones_reported():
    group = {"type": "group", "groupId": "acme", "userId": "7"}
    workspace = Workspace().receive(group, group | {"userId": "8"})
    workspace.receive(track("Relationship Deleted", "7", {"objectId": "acme", "objectTypeId": 1}))
    assert workspace.relationships["userId"].tolist() == ["8"]
    workspace.receive(track("Object Deleted", None, {"objectId": "acme"}, anonymousId="x"))
    assert (len(workspace.objects), len(workspace.relationships)) == (0, 0)
    workspace.receive(
        track("Group Deleted", None, {"objectId": "acme"}, anonymousId="x"),
        track("Relationship Deleted", "7", {"objectId": "acme"}),
        track("Relationship Deleted", "99", {}),
    )
    assert workspace.reasons == [
        "object not found",
        "relationship not found",
        "person not found",
    ]
    assert workspace.ids == [["7", None, None], ["8", None, None]]


# Devices


def test_devices_are_created_and_deleted_with_properties_as_attributes():
    workspace = Workspace().receive(
        device("Device Created or Updated", "7", properties={"a": 1, "b": 2}, context={"app": {"version": "1.2"}}),
        device("Device Created or Updated", "7", properties={"a": None}, timestamp="2024-04-01T00:00:00Z"),
        device("Application Opened", "7", "t2", "android"),
    )
    assert workspace.devices[["token", "type", "lastUsed", "attributes"]].to_numpy().tolist() == [
        ["t1", "ios", "2024-04-01T00:00:00Z", {"b": 2, "app_version": "1.2"}],
        ["t2", "android", RECEIVED, {}],
    ]
    workspace.receive(device("Device Deleted", "7", "t1", None), device("Application Uninstalled", "7", "t2", None))
    assert len(workspace.devices) == 0
    assert workspace.reasons == []


@pytest.mark.parametrize(
    ("call", "reason"),
    [
        (device("Device Created or Updated", "7", None), "context.device.token: required value is missing"),
        (device("Device Created or Updated", "7", platform=None), "context.device.type: required value is missing"),
        (device("Device Deleted", "7", None), "context.device.token: required value is missing"),
        (device("Device Deleted", "7", "t9"), "device not found for this person"),
        (device("Device Deleted", "8"), "person not found"),
        (
            track("Device Created or Updated", "7", context={"device": [], "app": 3}),
            "context.device.token: required value is missing",
        ),
    ],
)
def test_a_device_event_without_effect_is_reported_with_a_reason(call, reason):
    workspace = Workspace().receive(identify("7"), call)
    assert (len(workspace.devices), workspace.reasons) == (0, [reason])


def test_semantic_events_that_act_are_not_stored_as_events():
    workspace = Workspace().receive(
        device("Device Created or Updated", "7"),
        track("Application Opened", "7"),
        track("Application Uninstalled", "7"),
        track("Report Content Event", "7", {"actionType": "viewed_content"}),
        track("Order Completed", "7"),
    )
    assert workspace.events["event"].tolist() == ["Order Completed"]
    assert workspace.reasons == []


# Deletion and suppression


def test_a_deleted_person_loses_everything_and_may_be_created_again():
    workspace = Workspace().receive(
        identify("7", "a", plan="pro", email="ada@example.test"),
        track("Seen", "7"),
        device("Device Created or Updated", "7"),
        {"type": "group", "groupId": "acme", "userId": "7"},
        track("User Deleted", "ADA@example.test"),
    )
    assert (len(workspace.people), len(workspace.devices), len(workspace.relationships)) == (0, 0, 0)
    assert workspace.events[["userId", "cioId"]].to_numpy().tolist() == [["7", None]]
    workspace.receive(identify("7"), page_by("a"))
    assert workspace.ids == [["7", None, None], [None, None, "a"]]
    assert workspace.people["traits"][0] == {}


def test_calls_for_a_suppressed_person_are_ignored_and_reported():
    workspace = Workspace().receive(
        identify("7", email="ada@example.test"),
        track(" User Suppressed ", "7"),
        identify("7", plan="pro"),
        track("Seen", "Ada@example.test"),
        identify("8", email="ada@example.test"),
        {"type": "alias", "userId": "9", "previousId": "7"},
        track("User Deleted", "7"),
        track("User Suppressed", "7"),
    )
    assert (len(workspace.people), len(workspace.events)) == (0, 0)
    assert workspace.suppressed.to_numpy().tolist() == [["7", "ada@example.test", RECEIVED, 6]]
    assert workspace.reasons == ["person is suppressed; the call was ignored"] * 6
    workspace.receive(track("User Unsuppressed", "7"), track("Seen", "ada@example.test"), identify("7"))
    assert len(workspace.suppressed) == 0
    assert workspace.ids == [[None, "ada@example.test", None], ["7", None, None]]
    assert workspace.people["traits"].tolist() == [{}, {}]


def test_a_trait_cannot_assign_a_suppressed_id():
    workspace = Workspace().receive(identify("b@example.test"), track("User Suppressed", "7"))
    workspace.receive(identify("b@example.test", id="7"), identify(workspace.people["cioId"][0], id="7"))
    assert workspace.ids == [[None, "b@example.test", None]]
    assert workspace.reasons == ["person is suppressed; the call was ignored"] * 2


def test_an_unknown_id_can_be_suppressed_and_only_a_suppressed_one_unsuppressed():
    workspace = Workspace().receive(track("User Suppressed", "7"), track("User Unsuppressed", "8"), identify("7"))
    assert workspace.suppressed["userId"].tolist() == ["7"]
    assert workspace.reasons == ["person is not suppressed", "person is suppressed; the call was ignored"]


# Repeats and times


@pytest.mark.parametrize(
    ("repeats", "message_id", "events"),
    [("ulid", ULID, 1), ("ulid", "m-1", 3), ("all", "m-1", 1), ("all", "m\0-1", 1), ("none", ULID, 3)],
)
def test_a_repeated_message_id_is_counted_and_its_event_ignored_by_assumption(repeats, message_id, events):
    again = track("Seen", "7", messageId=message_id)
    workspace = Workspace(repeats=repeats).receive(again, again).receive(again)
    assert len(workspace.events) == events
    assert workspace.reasons == ["message id was received before; the event was ignored"] * (3 - events)
    assert workspace.store.read("SELECT message_id, times_received FROM message_ids") == [(message_id, 3)]
    assert workspace.store.read("SELECT repeats FROM progress") == [(2,)]


def test_a_repeated_identify_is_applied_again():
    workspace = Workspace().receive(identify("7", plan="pro") | {"messageId": ULID}, identify("7", plan="x"))
    workspace.receive(identify("7", plan="pro") | {"messageId": ULID})
    assert workspace.people["traits"].tolist() == [{"plan": "pro"}]


@pytest.mark.parametrize(("future_times", "shown"), [("keep", "2030-01-01T00:00:00Z"), ("clamp", RECEIVED)])
def test_a_time_in_the_future_is_kept_or_clamped(future_times, shown):
    workspace = Workspace(future_times=future_times).receive(track("Seen", "7", timestamp="2030-01-01T00:00:00Z"))
    assert workspace.events["timestamp"].tolist() == [shown]


@pytest.mark.parametrize("timestamp", ["0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59", "2024-01-01T00:00"])
def test_extreme_timestamps_are_applied(timestamp):
    assert len(Workspace().receive(track("Seen", "7", timestamp=timestamp)).events) == 1


def test_a_problem_has_the_position_in_the_batch_as_sent():
    workspace = Workspace()
    kept = AcceptedCalls([orjson.dumps(track("Seen", "cio_1", messageId=f"m{n}")) for n in range(2)], [3, 5])
    workspace.store.add([LogEntry(RequestLine(RECEIVED, "/v1/batch", 200, 0, 6, False), kept, [])])
    workspace.store.catch_up()
    assert frames.problems_frame(workspace.store.problems())["item"].tolist() == [3, 5]


def test_memory_does_not_grow_with_the_number_of_calls(tmp_path):
    store = Store(tmp_path / "calls.db", person_cache_size=1_000)
    used = []
    tracemalloc.start()
    for number in range(40):
        calls = [track("Seen", f"{number}-{n}", messageId=f"{number}-{n}") for n in range(300)]
        request = RequestLine(RECEIVED, "/v1/batch", 200, 0, 300, True)
        store.add([LogEntry(request, AcceptedCalls([orjson.dumps(call) for call in calls]), [])])
        store.catch_up()
        del calls
        used.append(tracemalloc.get_traced_memory()[0])
    tracemalloc.stop()
    assert max(used[20:]) - max(used[:20]) < 200_000


def test_an_error_within_a_request_rolls_back_all_of_it():
    workspace = Workspace().receive(identify("7"))
    with pytest.raises(KeyError):
        # The parser rejects such a type, so only a damaged file has one.
        workspace.receive(identify("8"), {"type": "nonsense"})
    assert workspace.ids == [["7", None, None]]
    assert len(workspace.reasons) == 0
