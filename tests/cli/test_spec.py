"""``cio-frames events`` and ``schema``; ``spec check`` is in tests/spec/test_drift.py."""

import json

import cio_frames as cio


def test_events_of_a_family_are_listed(run):
    done = run("events", "ecommerce", "--json")
    found = json.loads(done.stdout)
    assert len({row["event"] for row in found}) == 28
    assert {"event", "family", "field", "type", "required", "format", "enum"} <= set(found[0])
    assert "products[].price" in run("events", "ecommerce").stdout


def test_an_event_is_described_and_one_without_fields_has_no_table(run):
    lines = run("events", "mobile_app").stdout.splitlines()
    assert lines[:2] == ["Application Installed (mobile_app)", "  A person installed an app."]
    at = lines.index("Application Backgrounded (mobile_app)")
    assert lines[at + 1 : at + 3] == ["  An app went into the background.", "Application Foregrounded (mobile_app)"]


def test_every_event_has_a_description_of_its_own():
    described = cio.events().drop_duplicates("event")["description"]
    assert described.str.fullmatch(r"[A-Z].*\.").all()
    assert described.is_unique


def test_a_table_is_not_cut_without_a_terminal(run):
    lines = run("events").stdout.splitlines()
    names = {row["field"] for row in json.loads(run("events", "--json").stdout)}
    assert max(map(len, names)) >= 25
    assert [name for name in names if not any(name in line for line in lines)] == []
    assert all("\u2026" not in line for line in lines)


def test_the_schema_of_an_event_and_of_a_call_is_shown(run):
    assert "total" in run("schema", "Order Completed").stdout
    fields = {row["field"] for row in json.loads(run("schema", "identify", "--json").stdout)}
    assert {"userId", "traits.email", "context.ip"} <= fields


def test_an_unknown_event_or_family_exits_with_2_and_names_a_close_one(ends):
    status, printed = ends("schema", "Order Complete")
    assert (status, printed.out) == (2, "")
    assert "'Order Complete' not found in the spec. Did you mean 'Order Completed'?" in printed.err
    status, printed = ends("events", "ecommerc")
    assert (status, printed.out) == (2, "")
    assert (
        "'ecommerc' not found. Did you mean 'ecommerce'? The families are ab_test, customerio, ecommerce" in printed.err
    )
