"""What calls do, told call by call; no HTTP."""

import tracemalloc
from datetime import datetime, timedelta

import orjson
import pytest

from cio_frames.sandbox import frames, people
from cio_frames.sandbox.assumptions import Assumed
from cio_frames.sandbox.intake import Kept
from cio_frames.sandbox.store import Receipt, Request, Store

RECEIVED = "2024-05-01T10:00:00.000Z"
ULID = "01HWT6Z5G0ABCDEFGHJKMNPQRS"


class World:
    """A store that is told calls one by one and asked for frames."""

    def __init__(self, **assumed):
        self.assumed = Assumed.of(assumed)
        self.store = Store(assumed=self.assumed)
        self.count = 0

    def tell(self, *calls, at=RECEIVED):
        payloads = []
        for call in calls:
            self.count += 1
            payloads.append(orjson.dumps({"messageId": f"m{self.count}"} | call))
        request = Request(at, "/v1/batch", 200, 0, len(calls), True)
        self.store.add([Receipt(request, Kept(payloads), [])])
        self.store.catch_up()
        return self

    def __getattr__(self, name):
        if name == "reasons":
            return frames.problems_frame(self.store.problems())["reason"].tolist()
        extra = (self.assumed,) if name == "events" else ()
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


def seen_by(anonymous_id, **more):
    return {"type": "page", "anonymousId": anonymous_id, "name": "Home"} | more


def device(event, user_id, token="t1", platform="ios", **more):  # noqa: S107
    inner = {name: value for name, value in {"token": token, "type": platform}.items() if value is not None}
    return track(event, user_id, context={"device": inner} | more.pop("context", {}), **more)


def ago(days):
    return (datetime.fromisoformat(RECEIVED) - timedelta(days=days)).isoformat()


# People and their traits


def test_an_update_keeps_absent_traits_and_erases_null_and_empty_ones():
    world = World().tell(identify("7", plan="free", city="Ulm", age=3, seen=0))
    world.tell(identify("7", plan="pro", city=None, age="", tags=[]))
    assert world.people["userId"].tolist() == ["7"]
    assert world.people["traits"].tolist() == [{"plan": "pro", "seen": 0, "tags": []}]


def test_null_and_empty_traits_are_kept_where_that_is_assumed():
    world = World(null_traits="keep").tell(identify("7", plan="free"), identify("7", plan=None, city=""))
    assert world.people["traits"].tolist() == [{"plan": None, "city": ""}]


@pytest.mark.parametrize(
    ("traits", "created"),
    [({"createdAt": "2024-01-01"}, "2024-01-01"), ({"createdAt": "x", "created_at": 5}, 5), ({}, None)],
)
def test_created_at_is_shown_the_snake_first(traits, created):
    assert World().tell(identify("7", **traits)).people["createdAt"].tolist() == [created]


def test_ids_are_told_apart_by_case_and_emails_are_not():
    world = World().tell(identify("Ada"), identify("ada"), identify("Ada@Example.test"), identify("ada@example.TEST"))
    assert world.ids == [["Ada", None, None], ["ada", None, None], [None, "ada@example.test", None]]


def test_a_new_id_with_a_known_email_is_given_to_that_person():
    world = World().tell(identify("ada@example.test", plan="pro"), identify("7", email="ADA@example.test", age=3))
    assert world.ids == [["7", "ada@example.test", None]]
    assert world.people["traits"].tolist() == [{"plan": "pro", "email": "ADA@example.test", "age": 3}]


def test_an_email_of_another_person_with_an_id_is_not_taken_from_them():
    world = World().tell(identify("7", email="ada@example.test"), identify("8", email="ada@example.test", plan="pro"))
    assert world.ids == [["7", "ada@example.test", None], ["8", None, None]]
    assert world.people["traits"].tolist() == [{"email": "ada@example.test"}, {"plan": "pro"}]
    assert world.reasons == ["the email is another person's, so it was not changed"]


def test_a_set_email_changes_by_cio_id_alone():
    world = World().tell(identify("7", email="old@example.test"), identify("7", email="new@example.test", age=3))
    assert world.ids == [["7", "old@example.test", None]]
    assert world.people["traits"].tolist() == [{"email": "old@example.test", "age": 3}]
    assert world.reasons == ["the person has another email, which only a cio_ id may change"]
    world.tell(identify(world.people["cioId"][0], email="new@example.test", id="8"))
    assert world.ids == [["8", "new@example.test", None]]


def test_a_set_email_changes_by_id_where_that_is_assumed():
    world = World(email_changes="allow").tell(
        identify("7", email="a@example.test"), identify("7", email="b@example.test")
    )
    assert world.ids == [["7", "b@example.test", None]]


def test_a_person_known_by_email_gets_an_id_that_nobody_has_and_keeps_it():
    world = World().tell(identify("7"), identify("ada@example.test", id="7"), identify("ada@example.test", id="8"))
    world.tell(identify("ada@example.test", id="9"))
    assert world.ids == [["7", None, None], ["8", "ada@example.test", None]]
    assert world.reasons == [
        "the id is another person's, so it was not changed",
        "the person has another id, which only a cio_ id may change",
    ]


def test_erasing_a_set_email_is_a_change_of_it_and_so_is_one_that_is_none():
    world = World().tell(identify("7", email="a@example.test"))
    for email in (None, "", "nonsense"):
        world.tell(identify("7", email=email))
        assert world.ids == [["7", "a@example.test", None]]
        assert world.people["traits"].tolist() == [{"email": "a@example.test"}]
    assert world.reasons == ["the person has another email, which only a cio_ id may change"] * 3
    world.tell(identify(world.people["cioId"][0], email=None))
    assert world.ids == [["7", None, None]]
    assert world.people["traits"].tolist() == [{}]
    world.tell(identify("8", email="a@example.test"))
    assert world.ids == [["7", None, None], ["8", "a@example.test", None]]


def test_an_email_that_is_somebodys_only_id_is_not_erased():
    world = World().tell(identify("a@example.test", plan="pro"), identify("cio_00000001", email=None))
    assert world.ids == [[None, "a@example.test", None]]
    assert world.reasons == ["the person has no other id, so the email was not erased"]
    world.tell(identify("cio_00000001", email=None, id="7"))
    assert world.ids == [["7", None, None]]


def test_where_email_and_id_are_both_refused_neither_is_a_trait_and_both_are_told():
    world = World().tell(identify("7", email="a@example.test"), identify("b@example.test"))
    world.tell(identify("b@example.test", id="7", email="a@example.test", plan="pro"))
    assert world.people["traits"].tolist() == [{"email": "a@example.test"}, {"plan": "pro"}]
    assert world.reasons == [
        "the id is another person's, so it was not changed; the email is another person's, so it was not changed"
    ]


@pytest.mark.parametrize("user_id", ["cio_00000009", "cio_", "cio_xyz", "cio_ffffffffffffffffff", "cio_00000001 "])
def test_an_unknown_cio_id_is_dropped(user_id):
    world = World().tell(identify(user_id, plan="pro"), track("Seen", user_id))
    assert (len(world.people), len(world.events), len(world.reasons)) == (0, 0, 2)


def test_an_identify_by_email_alone_is_taken_with_an_empty_user_id():
    world = World().tell({"type": "identify", "userId": "", "traits": {"email": "ada@example.test"}})
    assert world.ids == [[None, "ada@example.test", None]]


def test_events_groups_and_devices_make_the_person():
    world = World().tell(
        seen_by("a"),
        track("Seen", "7"),
        {"type": "group", "groupId": "acme", "userId": "9"},
        device("Device Created or Updated", "10"),
        track("Report Delivery Event"),
        {"type": "track", "userId": None, "anonymousId": "a", "event": "Seen"},
    )
    assert world.ids == [[None, None, "a"], ["7", None, None], ["9", None, None], ["10", None, None]]
    assert world.people["cioId"].tolist() == [None, "cio_00000002", "cio_00000003", "cio_00000004"]


def test_events_of_unknown_people_are_ignored_where_that_is_assumed():
    world = World(unknown_people="ignore").tell(track("Seen", "7"), seen_by("a"), identify("8"), track("Seen", "8"))
    assert world.events["userId"].tolist() == [None, "8"]
    assert world.reasons == ["nobody is known by this id"]


# Anonymous visitors, and merging


def test_a_visitors_events_of_30_days_and_later_ones_become_the_persons():
    world = World().tell(
        seen_by("a", timestamp=ago(31)),
        seen_by("a", timestamp=ago(29)),
        identify(None, "a", plan="free", city="Ulm"),
        identify("7", plan="pro"),
        identify("7", "a"),
        seen_by("a"),
    )
    assert world.ids == [["7", None, "a"]]
    assert world.people["traits"].tolist() == [{"plan": "pro", "city": "Ulm"}]
    person = world.people["cioId"][0]
    assert world.events["cioId"].tolist() == [None, person, person]


def test_an_anonymous_id_joins_one_person_only():
    world = World().tell(seen_by("a"), identify("7", "a"), identify("8", "a"), seen_by("a"))
    assert world.ids == [["7", None, "a"], ["8", None, None]]
    assert world.events["cioId"].nunique() == 1
    assert world.reasons == ["the anonymous id is another person's already"]


def test_an_anonymous_id_never_seen_before_is_the_persons_from_then_on():
    world = World().tell(identify("7", "a"), seen_by("a"))
    assert world.events["cioId"].tolist() == world.people["cioId"].tolist()


def test_a_track_call_with_both_ids_joins_nothing():
    world = World().tell(seen_by("a"), track("Seen", "7", anonymousId="a"))
    assert world.ids == [[None, None, "a"], ["7", None, "a"]]


def test_alias_merges_the_previous_person_away():
    world = World().tell(
        identify("old", plan="free", city="Ulm", email="ada@example.test"),
        identify("new", plan="pro", city=""),
        track("Seen", "old", timestamp=ago(3)),
        track("Seen", "old", timestamp=ago(40)),
        device("Device Created or Updated", "old"),
        {"type": "group", "groupId": "acme", "userId": "old"},
        {"type": "alias", "userId": "new", "previousId": "old"},
    )
    assert world.ids == [["new", "ada@example.test", None]]
    assert world.people["traits"].tolist() == [{"plan": "pro", "city": "Ulm", "email": "ada@example.test"}]
    assert world.events["cioId"].tolist() == ["cio_00000002", None]
    assert world.devices["userId"].tolist() == world.relationships["userId"].tolist() == ["new"]
    world.tell(identify("old"))
    assert world.people["traits"].tolist()[1] == {}


def test_alias_of_an_anonymous_id_makes_the_visitor_the_person():
    world = World().tell(seen_by("a"), identify("7"), {"type": "alias", "userId": "7", "previousId": "a"}, seen_by("a"))
    assert world.ids == [["7", None, None]]
    assert world.events["cioId"].tolist() == ["cio_00000002"] * 2


def test_the_ids_of_one_who_is_merged_away_fill_no_traits_where_the_other_has_ids():
    world = World().tell(
        identify("old@example.test", email="old@example.test", id="old", city="Ulm"),
        identify("new@example.test", id="new"),
        identify("third"),
        {"type": "alias", "userId": "new@example.test", "previousId": "old"},
    )
    assert world.people["traits"].tolist() == [{"id": "new", "city": "Ulm"}, {}]
    world.tell({"type": "alias", "userId": "third", "previousId": "new"})
    assert world.ids == [["third", "new@example.test", None]]
    assert world.people["traits"].tolist() == [{"city": "Ulm"}]


@pytest.mark.parametrize(
    ("user_id", "previous_id", "reason"),
    [
        ("nobody", "7", "nobody is known by this userId, so nobody was merged"),
        ("7", "nobody", "nobody is known by this previousId, so nobody was merged"),
        ("7", "ada@example.test", "both ids are one person's already"),
    ],
)
def test_alias_does_nothing_where_there_are_not_two_people(user_id, previous_id, reason):
    alias = {"type": "alias", "userId": user_id, "previousId": previous_id}
    world = World().tell(identify("7", email="ada@example.test"), alias)
    assert world.ids == [["7", "ada@example.test", None]]
    assert world.reasons == [reason]


# Objects and relationships


def test_group_makes_objects_by_type_and_relationships():
    world = World().tell(
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
    assert world.objects.to_numpy().tolist() == [
        ["1", "acme", {"seats": 3}, 1],
        ["2", "acme", {}, 1],
        ["3", "acme", {}, 0],
    ]
    assert world.relationships["attributes"].tolist() == [{"role": "owner"}, {}]


@pytest.mark.parametrize(("given", "shown"), [(2, "2"), ("2", "2"), (2.0, "2"), (None, "1"), ("", "1")])
def test_an_object_type_is_an_integer_or_a_string_of_digits_and_1_if_absent(given, shown):
    world = World().tell({"type": "group", "groupId": "acme", "traits": {"object_type_id": given}})
    assert world.objects["objectTypeId"].tolist() == [shown]
    world.tell({"type": "group", "groupId": "b", "traits": {"object_type_id": None, "objectTypeId": 3}})
    assert world.objects["objectTypeId"].tolist() == [shown, "3"]


@pytest.mark.parametrize("given", ["x", "2x", "-1", " 2", "٣", -1, 1.5, 1e300, True, [], {}])
def test_with_an_object_type_that_is_none_nothing_happens_to_objects_and_that_is_told(given):
    world = World().tell(
        {"type": "group", "groupId": "acme", "userId": "7", "traits": {"objectTypeId": given}},
        identify("8", objectId="acme", objectTypeId=given, plan="pro"),
    )
    assert (len(world.objects), len(world.relationships)) == (0, 0)
    assert world.people["traits"].tolist() == [{"objectId": "acme", "plan": "pro"}]
    assert world.reasons == ["the object type is neither an integer nor a string of digits"] * 2
    world.tell(
        {"type": "group", "groupId": "acme"},
        track("Object Deleted", None, {"objectId": "acme", "objectTypeId": given}, anonymousId="x"),
    )
    assert len(world.objects) == 1


def test_object_attributes_may_be_assumed_to_be_nested():
    group = {"type": "group", "groupId": "acme", "traits": {"seats": 3, "objectAttributes": {"city": "Ulm"}}}
    assert World(object_traits="nested").tell(group).objects["attributes"].tolist() == [{"city": "Ulm"}]
    assert World().tell(group).objects["attributes"].tolist() == [{"seats": 3}]


def test_identify_with_an_object_id_makes_a_relationship():
    world = World().tell(
        identify("7", objectId="acme", objectTypeId="2", relationshipAttributes={"role": "owner"}, plan="pro")
    )
    assert world.people["traits"].tolist() == [{"objectId": "acme", "plan": "pro"}]
    assert world.relationships[["objectTypeId", "objectId", "userId", "attributes"]].to_numpy().tolist() == [
        ["2", "acme", "7", {"role": "owner"}]
    ]


def test_relationships_and_objects_are_deleted_and_unknown_ones_are_named():
    group = {"type": "group", "groupId": "acme", "userId": "7"}
    world = World().tell(group, group | {"userId": "8"})
    world.tell(track("Relationship Deleted", "7", {"objectId": "acme", "objectTypeId": 1}))
    assert world.relationships["userId"].tolist() == ["8"]
    world.tell(track("Object Deleted", None, {"objectId": "acme"}, anonymousId="x"))
    assert (len(world.objects), len(world.relationships)) == (0, 0)
    world.tell(
        track("Group Deleted", None, {"objectId": "acme"}, anonymousId="x"),
        track("Relationship Deleted", "7", {"objectId": "acme"}),
        track("Relationship Deleted", "99", {}),
    )
    assert world.reasons == [
        "there is no such object",
        "there is no such relationship",
        "nobody is known by this id",
    ]
    assert world.ids == [["7", None, None], ["8", None, None]]


# Devices


def test_devices_come_and_go_and_properties_are_their_attributes():
    world = World().tell(
        device("Device Created or Updated", "7", properties={"a": 1, "b": 2}, context={"app": {"version": "1.2"}}),
        device("Device Created or Updated", "7", properties={"a": None}, timestamp="2024-04-01T00:00:00Z"),
        device("Application Opened", "7", "t2", "android"),
    )
    assert world.devices[["token", "type", "lastUsed", "attributes"]].to_numpy().tolist() == [
        ["t1", "ios", "2024-04-01T00:00:00Z", {"b": 2, "app_version": "1.2"}],
        ["t2", "android", RECEIVED, {}],
    ]
    world.tell(device("Device Deleted", "7", "t1", None), device("Application Uninstalled", "7", "t2", None))
    assert len(world.devices) == 0
    assert world.reasons == []


@pytest.mark.parametrize(
    ("call", "reason"),
    [
        (device("Device Created or Updated", "7", None), "context.device.token is missing"),
        (device("Device Created or Updated", "7", platform=None), "context.device.type is missing"),
        (device("Device Deleted", "7", None), "context.device.token is missing"),
        (device("Device Deleted", "7", "t9"), "the person has no device with this token"),
        (device("Device Deleted", "8"), "nobody is known by this id"),
        (track("Device Created or Updated", "7", context={"device": [], "app": 3}), "context.device.token is missing"),
    ],
)
def test_a_device_event_that_does_nothing_says_why(call, reason):
    world = World().tell(identify("7"), call)
    assert (len(world.devices), world.reasons) == (0, [reason])


def test_customer_ios_own_events_act_and_are_no_events():
    world = World().tell(
        device("Device Created or Updated", "7"),
        track("Application Opened", "7"),
        track("Application Uninstalled", "7"),
        track("Report Content Event", "7", {"actionType": "viewed_content"}),
        track("Order Completed", "7"),
    )
    assert world.events["event"].tolist() == ["Order Completed"]
    assert world.reasons == []


# Deletion and suppression


def test_a_deleted_person_is_gone_with_what_they_had_and_may_come_back():
    world = World().tell(
        identify("7", "a", plan="pro", email="ada@example.test"),
        track("Seen", "7"),
        device("Device Created or Updated", "7"),
        {"type": "group", "groupId": "acme", "userId": "7"},
        track("User Deleted", "ADA@example.test"),
    )
    assert (len(world.people), len(world.devices), len(world.relationships)) == (0, 0, 0)
    assert world.events[["userId", "cioId"]].to_numpy().tolist() == [["7", None]]
    world.tell(identify("7"), seen_by("a"))
    assert world.ids == [["7", None, None], [None, None, "a"]]
    assert world.people["traits"][0] == {}


def test_calls_for_a_suppressed_person_are_ignored_and_listed_until_freed():
    world = World().tell(
        identify("7", email="ada@example.test"),
        track(" User Suppressed ", "7"),
        identify("7", plan="pro"),
        track("Seen", "Ada@example.test"),
        identify("8", email="ada@example.test"),
        {"type": "alias", "userId": "9", "previousId": "7"},
        track("User Deleted", "7"),
        track("User Suppressed", "7"),
    )
    assert (len(world.people), len(world.events)) == (0, 0)
    assert world.suppressed.to_numpy().tolist() == [["7", "ada@example.test", RECEIVED, 6]]
    assert world.reasons == ["the person is suppressed"] * 6
    world.tell(track("User Unsuppressed", "7"), track("Seen", "ada@example.test"), identify("7"))
    assert len(world.suppressed) == 0
    assert world.ids == [[None, "ada@example.test", None], ["7", None, None]]
    assert world.people["traits"].tolist() == [{}, {}]


def test_nobody_gets_a_suppressed_id_by_way_of_a_trait():
    world = World().tell(identify("b@example.test"), track("User Suppressed", "7"))
    world.tell(identify("b@example.test", id="7"), identify(world.people["cioId"][0], id="7"))
    assert world.ids == [[None, "b@example.test", None]]
    assert world.reasons == ["the person is suppressed"] * 2


def test_an_id_of_nobody_can_be_suppressed_and_a_free_one_not_freed():
    world = World().tell(track("User Suppressed", "7"), track("User Unsuppressed", "8"), identify("7"))
    assert world.suppressed["userId"].tolist() == ["7"]
    assert world.reasons == ["the id is not suppressed", "the person is suppressed"]


# Repeats and times


@pytest.mark.parametrize(
    ("assumed", "message_id", "events"),
    [("ulid", ULID, 1), ("ulid", "m-1", 3), ("all", "m-1", 1), ("all", "m\0-1", 1), ("none", ULID, 3)],
)
def test_a_repeated_message_id_is_counted_and_its_event_perhaps_ignored(assumed, message_id, events):
    again = track("Seen", "7", messageId=message_id)
    world = World(repeats=assumed).tell(again, again).tell(again)
    assert len(world.events) == events
    assert world.reasons == ["the message id was seen before, so the event is ignored"] * (3 - events)
    assert world.store.read("SELECT message_id, times FROM message_ids") == [(message_id, 3)]
    assert world.store.read("SELECT repeats FROM applied") == [(2,)]


def test_a_repeated_identify_is_applied_again():
    world = World().tell(identify("7", plan="pro") | {"messageId": ULID}, identify("7", plan="x"))
    world.tell(identify("7", plan="pro") | {"messageId": ULID})
    assert world.people["traits"].tolist() == [{"plan": "pro"}]


@pytest.mark.parametrize(("assumed", "shown"), [("keep", "2030-01-01T00:00:00Z"), ("clamp", RECEIVED)])
def test_a_time_in_the_future_is_kept_or_clamped(assumed, shown):
    world = World(future_times=assumed).tell(track("Seen", "7", timestamp="2030-01-01T00:00:00Z"))
    assert world.events["timestamp"].tolist() == [shown]


@pytest.mark.parametrize("timestamp", ["0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59", "2024-01-01T00:00"])
def test_every_time_that_is_taken_can_be_applied(timestamp):
    assert len(World().tell(track("Seen", "7", timestamp=timestamp)).events) == 1


def test_each_problem_names_its_place_in_the_batch_as_it_was_sent():
    world = World()
    kept = Kept([orjson.dumps(track("Seen", "cio_1", messageId=f"m{n}")) for n in range(2)], [3, 5])
    world.store.add([Receipt(Request(RECEIVED, "/v1/batch", 200, 0, 6, False), kept, [])])
    world.store.catch_up()
    assert frames.problems_frame(world.store.problems())["item"].tolist() == [3, 5]


def test_memory_stays_the_same_however_much_is_received(tmp_path, monkeypatch):
    monkeypatch.setattr(people, "_REMEMBERED", 1_000)
    store = Store(tmp_path / "calls.db")
    used = []
    tracemalloc.start()
    for number in range(40):
        calls = [track("Seen", f"{number}-{n}", messageId=f"{number}-{n}") for n in range(300)]
        request = Request(RECEIVED, "/v1/batch", 200, 0, 300, True)
        store.add([Receipt(request, Kept([orjson.dumps(call) for call in calls]), [])])
        store.catch_up()
        del calls
        used.append(tracemalloc.get_traced_memory()[0])
    tracemalloc.stop()
    assert max(used[20:]) - max(used[:20]) < 200_000


def test_a_failure_halfway_leaves_the_state_as_it_was_and_is_told(monkeypatch):
    world = World().tell(identify("7"))
    monkeypatch.setattr(world.store.state, "_write_happened", lambda: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        world.tell(identify("8"))
    monkeypatch.undo()
    assert world.ids == [["7", None, None]]
    world.store.catch_up()
    assert world.ids == [["7", None, None], ["8", None, None]]
