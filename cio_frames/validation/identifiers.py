"""Message ids that Customer.io will not use as they are meant: warnings, since nothing is refused."""

from __future__ import annotations

from collections.abc import Hashable, Iterator

import numpy as np
import pandas as pd
import pyarrow as pa

from cio_frames import spec
from cio_frames.columns import Columns
from cio_frames.validation.checks import CHECKS, NO_ULID
from cio_frames.validation.failures import failure_cases, rows_with_value
from cio_frames.validation.text_columns import matches_pattern

# Events with such an id are known to be ignored when they are sent again: see messageId in schemas/common.yaml.
# Events that act and are not kept as events: done twice, they have the same effect.
_ACTING_FAMILY = "customerio"


def no_ulid_warnings(frame: pd.DataFrame, columns: Columns) -> Iterator[pd.DataFrame]:
    """Yield failure cases of severity ``warning`` for events whose message id is not a ULID.

    >>> from cio_frames.columns import ColumnMapping, resolve
    >>> orders = pd.DataFrame({"user_id": ["ada"], "message_id": ["order-7"]})
    >>> columns = resolve(orders.columns, spec.calls()["track"], ColumnMapping(), "Tea Ordered")
    >>> [cases["check"].tolist() for cases in no_ulid_warnings(orders, columns)]
    [['no_ulid']]
    """
    source = columns.source(spec.MESSAGE_ID)
    acts = columns.event is not None and columns.event.family == _ACTING_FAMILY
    if source is None or acts or columns.call.name not in spec.EVENT_CALLS:
        return
    column = frame.iloc[:, source.position]
    rows = np.flatnonzero(rows_with_value(frame, source) & ~matches_pattern(column, f"^{spec.ULID_PATTERN}$"))
    if len(rows):
        values = column.iloc[rows].to_numpy(dtype=object)
        reason = f"{source.label}: {CHECKS[NO_ULID]}"
        yield failure_cases(rows, source.label, NO_ULID, reason, severity="warning", values=values)


def repeated_id_warnings(ids: pa.Array, label: Hashable) -> Iterator[pd.DataFrame]:
    """Yield failure cases for the rows whose message id an earlier row has too; null is not an id.

    >>> [cases["position"].tolist() for cases in repeated_id_warnings(pa.array(["a", None, "b", "a", None]), "id")]
    [[3]]
    """
    codes = pd.Series(ids.dictionary_encode().indices.fill_null(-1).to_numpy())
    rows = np.flatnonzero(codes.duplicated() & codes.ge(0))
    if len(rows):
        check = "repeated_message_id"
        values = ids.take(pa.array(rows)).to_numpy(zero_copy_only=False)
        yield failure_cases(rows, label, check, f"{label}: {CHECKS[check]}", severity="warning", values=values)
