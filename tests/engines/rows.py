"""Tables for tests of engines, and what a server may see of them."""

import numpy as np
import pandas as pd


def repeated_orders(rows=3_000, people=200, seed=7):
    """Return events of people who come back, some of them alike to the last byte."""
    chance = np.random.default_rng(seed)
    minutes = np.sort(chance.integers(0, rows, rows))
    frame = pd.DataFrame(
        {
            "customer": [f"u{number}" for number in chance.integers(0, people, rows)],
            "at": pd.Timestamp("2024-05-01", tz="UTC") + pd.to_timedelta(minutes, unit="min"),
            "total": chance.integers(100, 10_000, rows) / 100,
            "order": np.arange(rows),
        }
    )
    # One row in ten repeats an earlier one.
    again = chance.choice(rows, rows // 10, replace=False)
    return pd.concat([frame, frame.iloc[again]], ignore_index=True).sort_values("at", kind="stable", ignore_index=True)


def people_out_of_order(calls):
    """Return the people of whom a call arrived after one with a later timestamp."""
    arrived = calls[~calls["messageId"].duplicated()]
    times = pd.to_datetime(arrived["timestamp"])
    return sorted({who for who, each in times.groupby(arrived["userId"]) if not each.is_monotonic_increasing})
