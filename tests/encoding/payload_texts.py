"""What the payloads of a frame say, for the tests of encoding."""

import enum
import json

import pandas as pd
import pyarrow as pa
from hypothesis import HealthCheck, settings

import cio_frames as cio
from cio_frames import spec
from cio_frames.columns import ColumnMapping, resolve
from cio_frames.encoding import EncodeOptions, Encoder
from tests import reference


class Level(enum.IntEnum):
    EIGHT = 8


class Kind(enum.Enum):
    NONE = None
    FREE = "free"


def examples(count):
    return settings(
        max_examples=count,
        deadline=None,
        derandomize=True,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.large_base_example, HealthCheck.data_too_large],
    )


def dry(frame, call="identify", event=None, **options):
    events = [event] if call == "track" else []
    return getattr(cio, call)(frame, *events, schema=None, dry_run=True, **options)


def texts(frame, call="identify", event=None, **options):
    return cio.payloads(frame, call, event, schema=None, **options).tolist()


def one(cell, label="x", call="identify", event=None, **options):
    """The payload's field for one cell of an object column, or the reason why there is none."""
    column = cell if isinstance(cell, pd.Series) else pd.Series([None, cell], dtype=object).iloc[1:]
    return field(column, label, call, event, **options)


def field(column, label="x", call="identify", event=None, row=-1, **options):
    frame = pd.DataFrame({"user_id": "u", label: column})
    reason = dry(frame, call, event, **options)["reason"].iloc[row]
    if not pd.isna(reason):
        return reason
    read = json.loads(texts(frame, call, event, **options)[row])
    bag = reference.BAG[call]
    return read.get(reference.WIRE.get(label, label), read[bag].get(label))


def written(column, **options):
    """The JSON text of each row's ``x``; None where it is left out."""
    found = texts(pd.DataFrame({"user_id": "u", "x": column, "message_id": "m"}), **options)
    start, end = '{"type":"identify","userId":"u","traits":{', '},"messageId":"m"}'
    inner = [text.removeprefix(start).removesuffix(end) for text in found]
    return [text.removeprefix('"x":') or None for text in inner]


def arrow(cells, kind):
    return pd.Series(pd.arrays.ArrowExtensionArray(pa.chunked_array([pa.array(cells, kind)])))


def encoded_in_slices(frame, call="identify", event=None, size=1, *, timezone="UTC", nulls="omit"):
    """The calls of a frame that is encoded slice by slice, and the reasons of each row that has an error."""
    columns = resolve(list(frame.columns), spec.calls()[call], ColumnMapping(), spec.semantic_event(event) or event)
    encoder = Encoder(frame, columns, EncodeOptions(timezone, nulls == "send"))
    texts, reasons = [], {}
    for start in range(0, len(frame), size):
        calls = encoder.calls(start, min(start + size, len(frame)))
        texts += calls.texts.to_pylist()
        for error in calls.encode_errors:
            for row in error.rows.tolist():
                reasons.setdefault(start + row, []).append(error.reason)
    return texts, {row: sorted(found) for row, found in reasons.items()}
