"""What validation costs: beside a schema of the same checks written by hand, and where every row is bad.

``python -m tests.benchmarks.checks ROWS WAY`` measures one way and prints JSON.
"""

import json
import sys

import pandas as pd
import pandera.pandas as pandera

import cio_frames as cio
from cio_frames import spec, validation
from cio_frames.columns import ColumnMapping, resolve

from . import datasets, measure

PLANS = datasets.PLANS.tolist()
BY_HAND, ALL_VALID = "pandera, by hand", "cio_frames, all good"
BAD, WHOLE_GOOD, WHOLE_BAD = "cio_frames, all bad", "cio.validate, all good", "cio.validate, all bad"
WAYS = [BY_HAND, ALL_VALID, BAD, WHOLE_GOOD, WHOLE_BAD]


def frame_of(rows: int, *, good: bool) -> pd.DataFrame:
    """Return people with ten typed columns, an email address and an enum among them."""
    frame = datasets.to_frame(datasets.people(rows), "people").drop(columns=["landing_page", "address.city"])
    if not good:
        frame["email"] = frame["email"].str.replace("@", " at ")
        frame["plan"] = "none"
        frame["logins"] = -1
    return frame


def by_hand() -> pandera.DataFrameSchema:
    """Return the checks as one would write them in pandera."""
    text = [pandera.Check(lambda series: pd.api.types.is_string_dtype(series.dtype), error="must be text")]
    return pandera.DataFrameSchema(
        {
            "user_id": pandera.Column(checks=text, nullable=False),
            "email": pandera.Column(checks=[*text, pandera.Check.str_matches(r"^[^@\s]+@[^@\s]+$")], nullable=True),
            **{name: pandera.Column(checks=text, nullable=True) for name in ("first_name", "last_name")},
            "created_at": pandera.Column("datetime64[ms, UTC]", nullable=True),
            "plan": pandera.Column(checks=[*text, pandera.Check.isin(PLANS)], nullable=True),
            "logins": pandera.Column(int, pandera.Check.ge(0), nullable=True),
            "balance": pandera.Column(float, nullable=True),
            "subscribed": pandera.Column(bool, nullable=True),
            "address.country": pandera.Column(checks=text, nullable=True),
        }
    )


def spec_schema() -> pandera.DataFrameSchema:
    """Return the schema of the spec with the checks that it does not have."""
    own = by_hand().columns
    known = cio.schema("identify")
    return known.add_columns({name: column for name, column in own.items() if name not in known.columns})


def measure_one(rows: str, way: str) -> dict[str, float]:
    """Measure one way."""
    good = way in (BY_HAND, ALL_VALID, WHOLE_GOOD)
    frame = frame_of(int(rows), good=good)
    # Not measured: what a process does once.
    cio.validate(frame.head(100), "identify", schema=spec_schema())
    by_hand().validate(frame_of(100, good=True), lazy=True)
    if way == BY_HAND:
        schema = by_hand()
        found, figures = measure.measure(lambda: len(schema.validate(frame, lazy=True)))
        assert found == len(frame)
    elif way in (ALL_VALID, BAD):
        columns = resolve(list(frame.columns), spec.calls()["identify"], ColumnMapping(), None)
        schema = spec_schema()
        failures, figures = measure.measure(lambda: validation.failures_of(frame, columns, schema))
        assert failures["position"].nunique() == (0 if good else len(frame))
    else:
        schema = spec_schema()
        report, figures = measure.measure(lambda: cio.validate(frame, "identify", schema=schema))
        assert report.rows_held_back == (0 if good else len(frame))
    return {"us": figures["seconds"] / int(rows) * 1e6, "peak_mb": figures["peak_bytes"] / 1e6}


def tasks(rows: int) -> dict[str, list[str]]:
    """Return what to run for each way."""
    return {way: [__name__, str(rows), way] for way in WAYS}


def format_table(found: dict[str, dict[str, float]]) -> str:
    """Return the figures as a table."""
    against = {
        BY_HAND: BY_HAND,
        ALL_VALID: BY_HAND,
        BAD: ALL_VALID,
        WHOLE_GOOD: BY_HAND,
        WHOLE_BAD: WHOLE_GOOD,
    }
    rows = [
        [
            way,
            f"{run['us']:.2f}",
            f"{run['us'] / found[against[way]]['us']:.2f} x {against[way]}",
            f"{run['peak_mb']:,.0f}",
        ]
        for way, run in found.items()
    ]
    return measure.markdown_table(["checks", "us/row", "time", "peak MB"], rows)


if __name__ == "__main__":
    print(json.dumps(measure_one(*sys.argv[1:])))
