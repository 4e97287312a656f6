"""INT96, the old timestamps of Parquet: in UTC if Spark or one of its kin has written them."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pyarrow as pa
import pyarrow.parquet as pq
import pyarrow.types as kinds

_WRITES_UTC = re.compile(r"parquet-mr|spark|photon", re.IGNORECASE)


def utc_schema(parquet: pq.ParquetFile) -> tuple[pa.Schema, list[str]]:
    """Return a file's schema with the zone of its INT96 columns, and the names of these columns.

    Spark, Hive and others write instants in UTC as INT96, without saying so in the column. Of other programs it is not
    known what they mean, so that these times are read as all times without a zone.
    """
    schema: pa.Schema = parquet.schema_arrow
    leaves = (parquet.schema.column(place).physical_type == "INT96" for place in range(len(parquet.schema.names)))
    flags = list(leaves)
    if not any(flags) or not _written_in_utc(parquet.metadata):
        return schema, []
    places = iter(flags)
    fields = [field.with_type(_with_zone(field.type, places)) for field in schema]
    changed = [field.name for field, new in zip(schema, fields, strict=True) if field.type != new.type]
    return pa.schema(fields, metadata=schema.metadata), changed


def _written_in_utc(metadata: pq.FileMetaData) -> bool:
    texts = [metadata.created_by or ""]
    texts += [key.decode(errors="replace") for key in metadata.metadata or {}]
    return any(_WRITES_UTC.search(text) for text in texts)


def _with_zone(kind: pa.DataType, is_int96: Iterator[bool]) -> pa.DataType:
    """Return a type whose INT96 leaves are in UTC; a file's leaves come in the order of its nested types."""
    if kinds.is_struct(kind):
        return pa.struct([field.with_type(_with_zone(field.type, is_int96)) for field in kind])
    if kinds.is_map(kind):
        return pa.map_(_with_zone(kind.key_type, is_int96), _with_zone(kind.item_type, is_int96))
    if kinds.is_large_list(kind):
        return pa.large_list(kind.value_field.with_type(_with_zone(kind.value_type, is_int96)))
    if kinds.is_list(kind):
        return pa.list_(kind.value_field.with_type(_with_zone(kind.value_type, is_int96)))
    return pa.timestamp(kind.unit, "UTC") if next(is_int96) and kinds.is_timestamp(kind) else kind
