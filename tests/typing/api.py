"""Never run: mypy and pyright read it, and the typed functions must satisfy both."""

from pathlib import Path

import pandas as pd

import cio_frames as cio

frame = pd.DataFrame({"user_id": ["ada"]})
client = cio.Client(write_key="secret", region="eu", strict=True)
version: str = cio.__version__
orders: pd.DataFrame = cio.sample("orders")


def use_functions() -> None:
    """Use every function that is typed."""
    result: pd.DataFrame = cio.track(
        frame,
        "Order Completed",
        user_id="user_id",
        timestamp="at",
        properties={"total": "value"},
        context={"ip": "0.0.0.0"},
        integrations={"All": False},
        client=client,
        on_invalid="raise",
        nulls="send",
        timezone="Europe/Berlin",
        progress=False,
    )
    people: pd.DataFrame = cio.identify(frame, traits=["plan"], dry_run=True)
    views: pd.DataFrame = cio.page(frame, name="title", schema=None)
    screens: pd.DataFrame = cio.screen(frame, name="title", schema="plan.yaml")
    companies: pd.DataFrame = cio.group(frame, group_id="company", schema=Path("plan.yaml"))
    merges: pd.DataFrame = cio.alias(frame, previous_id="old")
    mixed: pd.DataFrame = cio.batch(frame, type_column="kind", event_column="what")
    report: cio.ValidationReport = cio.validate(frame, "track", "Order Completed", schema=cio.schema("track"))
    texts: "pd.Series[str]" = cio.payloads(frame, "identify")
    fields: pd.DataFrame = cio.events()
    deleted: pd.DataFrame = cio.delete_people(frame, confirm=1, audit=Path("audit.jsonl"))
    devices: pd.DataFrame = cio.add_devices(frame, token="token", properties=["app"])
    plan: cio.Plan = cio.plan(frame, "identify", state="people.sqlite", removed="report", max_changed="5%")
    applied: cio.SyncResult = cio.apply_plan("people.plan.parquet", max_age="12h", client=client)
    claimed: pd.DataFrame = cio.baseline(frame, "identify", state="people.sqlite", confirm=3)


def use_methods() -> None:
    """Use the accessor as pandas would construct it; pandas-stubs hides ``df.cio``."""
    accessor = cio.CioAccessor(frame)
    result: pd.DataFrame = accessor.track("Order Completed", user_id="user_id", client=client, on_invalid="raise")
    people: pd.DataFrame = accessor.identify(traits={"plan": "level"}, schema=cio.schema("identify"))
    report: cio.ValidationReport = accessor.validate("track", "Order Completed")
    texts: "pd.Series[str]" = accessor.payloads("identify", nulls="send")
    deleted: pd.DataFrame = accessor.delete_people(user_id="id", confirm=1)
    plan: cio.Plan = accessor.plan("identify", state=Path("people.sqlite"), cleared="null")
    synced: pd.DataFrame = accessor.sync(
        "identify", state="people.sqlite", removed={"active": False}, returned={"active": True}, complete=True
    )
