"""Never run: mypy and pyright read it, and the typed functions must please both."""

import pandas as pd

import cio_frames as cio


def reads_well() -> None:
    """Use everything public that is typed."""
    frame = pd.DataFrame({"user_id": ["ada"]})
    client = cio.Client(write_key="secret", region="eu", strict=True)

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
    views: pd.DataFrame = cio.page(frame, name="title")
    screens: pd.DataFrame = cio.screen(frame, name="title")
    companies: pd.DataFrame = cio.group(frame, group_id="company")
    merges: pd.DataFrame = cio.alias(frame, previous_id="old")
    mixed: pd.DataFrame = cio.batch(frame, type_column="kind", event_column="what")
    report: cio.ValidationReport = cio.validate(frame, "track", "Order Completed", schema=cio.schema("track"))
    texts: "pd.Series[str]" = cio.payloads(frame, "identify")
    fields: pd.DataFrame = cio.events()
