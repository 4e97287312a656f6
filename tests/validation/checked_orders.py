"""Orders to validate, and the reasons of their failures."""

import decimal

import numpy as np
import pandas as pd
import pytest

import cio_frames as cio


def reasons(frame, event="Order Completed", **options):
    cases = cio.validate(frame, "track", event, **options).failure_cases
    return list(zip(cases["position"], cases["reason"], strict=True))


def orders(**columns):
    rows = len(next(iter(columns.values())))
    return pd.DataFrame({"user_id": [f"u{row}" for row in range(rows)], **columns})


def refused(schema, frame=None):
    with pytest.raises(cio.FrameError) as refusal:
        reasons(orders(total_eur=[1], total_usd=[2]) if frame is None else frame, "Mine", schema=schema)
    return str(refusal.value)


NULLS = [None, float("nan"), pd.NaT, pd.NA, decimal.Decimal("NaN"), decimal.Decimal("sNaN"), np.datetime64("NaT"),
         np.timedelta64("NaT"), np.float32("nan")]  # fmt: skip
