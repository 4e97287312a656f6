"""Message ids that Customer.io will not use as they are meant: warnings, since nothing is refused."""

from __future__ import annotations

from collections.abc import Hashable, Iterator

import numpy as np
import pandas as pd
import pyarrow as pa

from cio_frames import spec
from cio_frames.columns import Columns
from cio_frames.validation.checks import CHECKS, NO_ULID
from cio_frames.validation.column_reader import ColumnReader, matches
from cio_frames.validation.failures import failure_cases
from cio_frames.validation.warning_counts import ColumnWarning

# Events with such an id are known to be ignored when they are sent again: see messageId in schemas/common.yaml.
# Events that act are not kept as events, and are not known to be ignored when they are sent again.
_ACTING_FAMILY = "customerio"


def no_ulid_warnings(reader: ColumnReader, columns: Columns) -> Iterator[ColumnWarning]:
    """Yield a warning about events whose message id is not a ULID: mostly this is so of all ids of a source.

    >>> from cio_frames.columns import ColumnMapping, resolve
    >>> orders = pd.DataFrame({"user_id": ["ada"], "message_id": ["order-7"]})
    >>> columns = resolve(orders.columns, spec.calls()["track"], ColumnMapping(), "Tea Ordered")
    >>> [(found.check, found.rows.tolist()) for found in no_ulid_warnings(ColumnReader(orders), columns)]
    [('no_ulid', [True])]
    """
    source = columns.source(spec.MESSAGE_ID)
    acts = columns.event is not None and columns.event.family == _ACTING_FAMILY
    if source is None or acts or columns.call.name not in spec.EVENT_CALLS:
        return
    is_ulid = matches(reader.texts(source), f"^{spec.ULID_PATTERN}$", reader.rows, ignore_case=True)
    rows = reader.filled(source) & ~is_ulid
    if rows.any():
        yield ColumnWarning(NO_ULID, source.label, rows, CHECKS[NO_ULID])


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
