"""What the API accepts and Journeys, the store behind it, then drops or cuts: warnings, since nothing is refused.

Limits and their source are in ``schemas/api.yaml``. They count bytes of UTF-8 in text; how Journeys measures lists and
objects is not known, so those are not checked.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import orjson
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from cio_frames import spec
from cio_frames.columns import Columns, FieldSource, Path
from cio_frames.validation.column_reader import ColumnReader
from cio_frames.validation.failures import failure_cases
from cio_frames.validation.warning_counts import ColumnWarning

_ID_PATHS: frozenset[Path] = frozenset(
    {
        (spec.USER_ID,),
        (spec.ANONYMOUS_ID,),
        (spec.PREVIOUS_ID,),
        (spec.GROUP_ID,),
        ("properties", spec.OBJECT_ID),
    }
)


def limit_warnings(reader: ColumnReader, columns: Columns) -> Iterator[pd.DataFrame | ColumnWarning]:
    """Yield failure cases of severity ``warning``, and warnings about columns: what Journeys will not keep as it is.

    >>> from cio_frames.columns import ColumnMapping, resolve
    >>> people = pd.DataFrame({"user_id": ["ada", "bob"], "bio": ["", "b" * 1001]})
    >>> columns = resolve(people.columns, spec.calls()["identify"], ColumnMapping())
    >>> [cases["reason"].tolist() for cases in limit_warnings(ColumnReader(people), columns)]
    [['bio: attribute value is longer than the 1,000 bytes that Journeys keeps']]
    """
    limits = spec.read_api().journeys
    for source in columns.sources:
        if source.path in _ID_PATHS:
            yield from _long_values(reader, source, limits["id_bytes"], "id")
        elif source.path == (spec.EVENT,):
            yield from _long_values(reader, source, limits["event_name_bytes"], "event name")
        elif source.path[0] == "traits" and len(source.path) == 2:
            yield from _long_values(reader, source, limits["attribute_value_bytes"], "attribute value")
            yield from _long_attribute_name(reader, source, limits["attribute_name_bytes"])
    yield from _long_event_name(reader, columns, limits["event_name_bytes"])
    yield from _many_attributes(reader, columns, limits["attributes"])


def _long_values(reader: ColumnReader, source: FieldSource, limit: int, what: str) -> Iterator[pd.DataFrame]:
    texts = reader.texts(source)
    if texts is None:
        return
    sizes = pc.binary_length(texts)
    if (pc.max(sizes).as_py() or 0) <= limit:
        return
    rows = np.flatnonzero(np.asarray(pc.fill_null(sizes, 0)) > limit)
    reason = f"{source.label}: {_longer_than(what, limit)}"
    values = reader.values(source, rows)
    yield failure_cases(rows, source.label, "journeys_bytes", reason, severity="warning", values=values)


def _longer_than(what: str, limit: int) -> str:
    return f"{what} is longer than the {limit:,} bytes that Journeys keeps"


def _long_attribute_name(reader: ColumnReader, source: FieldSource, limit: int) -> Iterator[ColumnWarning]:
    if len(source.path[1].encode("utf-8", "replace")) > limit:
        sentence = _longer_than("attribute name", limit)
        yield ColumnWarning("journeys_name_bytes", source.label, reader.filled(source), sentence)


def _long_event_name(reader: ColumnReader, columns: Columns, limit: int) -> Iterator[ColumnWarning]:
    name = columns.constants.get((spec.EVENT,))
    if isinstance(name, str) and len(name.encode("utf-8", "replace")) > limit:
        rows = np.ones(reader.rows, dtype=bool)
        yield ColumnWarning("journeys_bytes", spec.EVENT, rows, _longer_than("event name", limit))


def _many_attributes(reader: ColumnReader, columns: Columns, limit: int) -> Iterator[pd.DataFrame]:
    """Count the attributes of each row, if there are enough columns to exceed the limit."""
    owners: dict[str, list[FieldSource]] = {}
    for source in columns.sources:
        if source.path[0] == "traits":
            owners.setdefault(source.path[1], []).append(source)
    if len(owners) <= limit:
        return
    counts = np.zeros(reader.rows, dtype=np.int64)
    for sources in owners.values():
        counts += np.any([reader.filled(source) for source in sources], axis=0)
    rows = np.flatnonzero(counts > limit)
    if len(rows):
        reason = f"call has more than the {limit:,} attributes that Journeys keeps"
        yield failure_cases(rows, None, "journeys_attributes", reason, severity="warning")


def event_data_warnings(payloads: pa.Array, start: int) -> Iterator[pd.DataFrame]:
    """Yield failure cases for track calls with larger properties than Journeys keeps, among calls that large.

    Payloads have a comma after them; ``start`` is the position of the first.
    """
    limit = spec.read_api().journeys["event_data_bytes"]
    large = np.flatnonzero(np.asarray(pc.fill_null(pc.greater(pc.binary_length(payloads), limit), False)))
    sizes = {row: len(orjson.dumps(_track_properties(payloads[int(row)].as_py()))) for row in large}
    rows = np.array([row for row, size in sizes.items() if size > limit], dtype=np.int64)
    if len(rows):
        reason = f"properties are larger than the {limit:,} bytes that Journeys keeps"
        yield failure_cases(start + rows, None, "journeys_event_bytes", reason, severity="warning")


def _track_properties(payload: str) -> object:
    call = orjson.loads(payload[:-1])
    return call.get("properties") if call[spec.TYPE] == "track" else None
