"""Reports made by hand, for the tests of what is shown of them."""

from types import SimpleNamespace

import numpy as np
import pandas as pd

from cio_frames.report import ColumnFacts, Facts

SCRIPT = "<script>console.error('ran')</script>"


def cases(*rows):
    """Failure cases: position, column, check, severity, value, and the reason without its column; no index is set."""
    frame = pd.DataFrame(rows, columns=["position", "column", "check", "severity", "value", "reason"])
    said = [
        reason if column is None else f"{column}: {reason}"
        for column, reason in zip(frame["column"], frame["reason"], strict=True)
    ]
    frame["reason"] = pd.Series(said, index=frame.index, dtype=object)
    frame["column"] = frame["column"].astype(object)
    frame.insert(1, "index", frame["position"])
    return frame


def facts(**other):
    """Facts of a small frame of orders."""
    known = {
        "column_facts": (
            ColumnFacts("customer_id", "userId", "str", "string", 98),
            ColumnFacts(
                "ordered_on", "timestamp", "datetime64[ns, UTC]", "time", 100, (("nanoseconds cut to milliseconds", 3),)
            ),
            ColumnFacts("total", "properties.total", "float64", "number", 100),
            ColumnFacts("city", "properties.city", "category", "string", 60),
        ),
        "call_bytes": np.array([300] * 97 + [900, 2_000, 33_188]),
        "max_call_bytes": 32_000,
        "max_body_bytes": 475_000,
        "bodies": np.array([20_000, 75_000]),
        "earliest": pd.Timestamp("2026-01-02 10:00", tz="UTC"),
        "latest": pd.Timestamp("2026-11-24 14:00", tz="UTC"),
        "untimed": 1,
        "recent": {"Order Refunded": 4, "Order Completed": 28},
        "checked_at": pd.Timestamp("2026-11-24 17:03", tz="UTC"),
    }
    return Facts(**{**known, **other})


def report(failures=None, *, rows=100, **other):
    """A report of orders; bad rows of every kind if not said otherwise."""
    if failures is None:
        failures = cases(
            (1, "customer_id", "not_nullable", "error", None, "required value is missing"),
            (2, "customer_id", "not_nullable", "error", None, "required value is missing"),
            (2, "total", "number", "error", "free", "must be a number"),
            (3, "total", "number", "error", SCRIPT, "must be a number"),
            (10, "total", "number", "error", "a secret", "must be a number"),
            (10, "city", "known", "warning", "Atlantis", "is not known to Customer.io"),
            (11, "city", "known", "warning", "Lemuria", "is not known to Customer.io"),
            (99, None, "max_call_bytes", "error", None, "call is 33,188 bytes; the limit is 32,000"),
        )
    told = {
        "what": "track 'Order Completed'",
        "against": "Customer.io’s spec of August 2025",
        "facts": facts(),
        "warnings": (),
        "source": "orders.csv",
        "source_changed": pd.Timestamp("2026-11-20 10:00", tz="UTC"),
        "destination": "Customer.io EU",
        "version": "1.2.3",
        "parts": (),
    }
    return SimpleNamespace(rows=rows, failure_cases=failures, **{"tallies": None, **told, **other})
