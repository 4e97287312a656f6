"""Arrow extension types: which are understood, and what they mean.

An extension type is a name on top of a storage type. Where nobody has registered the name, pyarrow shows the storage
and leaves the name in the metadata of the field. Storage is never sent for the value: well-known binary is not a place,
and sixteen bytes are not the text of a UUID.
"""

from __future__ import annotations

import decimal
import json
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.types as pa_types

from cio_frames.arrow.buffers import TEXT, fixed_width_text
from cio_frames.arrow.unsupported import INVALID_JSON, REPEATED_KEY, UnsupportedValue

_NAME = b"ARROW:extension:name"
_UUID_BYTES = 16
# Where the digits of a UUID stand in its text of 36 characters.
_UUID_DIGITS = np.array([place for place in range(36) if place not in (8, 13, 18, 23)])
_ANY_JSON = frozenset({"arrow.json", "google:sqlType:json"})


def extension_name(kind: pa.DataType, field: pa.Field | None = None) -> str | None:
    """Return the name of an extension type, or of one that only the field knows; None for other types.

    >>> extension_name(pa.binary(), pa.field("place", pa.binary(), metadata={"ARROW:extension:name": "geoarrow.wkb"}))
    'geoarrow.wkb'
    """
    if isinstance(kind, pa.BaseExtensionType):
        return str(kind.extension_name)
    name = (field.metadata or {}).get(_NAME) if field is not None else None
    return name.decode("utf-8", "replace") if name is not None else None


def storage_of(array: pa.Array) -> pa.Array:
    """Return the storage of an extension array, and any other array as it is."""
    return array.storage if isinstance(array.type, pa.BaseExtensionType) else array


def storage_type(kind: pa.DataType) -> pa.DataType:
    """Return the storage type of an extension type, and any other type as it is."""
    return kind.storage_type if isinstance(kind, pa.BaseExtensionType) else kind


def is_json_extension(name: str, kind: pa.DataType) -> bool:
    """Return whether an extension type is JSON text, whose values are sent as JSON and not as text."""
    storage = storage_type(kind)
    views = getattr(pa_types, "is_string_view", pa_types.is_string)
    return name in _ANY_JSON and bool(
        pa_types.is_string(storage) or pa_types.is_large_string(storage) or views(storage)
    )


def meaning_of(name: str, kind: pa.DataType) -> Callable[[pa.Array], pa.Array] | None:
    """Return what turns the storage of an extension type into values of a plain type, or None if nothing does.

    >>> to_bool = meaning_of("arrow.bool8", pa.int8())
    >>> to_bool(pa.array([0, 2, None], pa.int8())).to_pylist()
    [False, True, None]
    """
    storage, convert = _MEANINGS.get(name, (None, None))
    return convert if storage is not None and storage(storage_type(kind)) else None


def parse_json(text: str) -> Any:
    """Return the value that JSON text spells, with all digits of its numbers.

    >>> parse_json('{"total": 12.50, "items": [1]}')
    {'total': Decimal('12.50'), 'items': [1]}
    >>> parse_json("{"), parse_json('{"a": 1, "a": 2}')
    (<UnsupportedValue: text is not valid JSON; repair it, or store the column as text>,
     <UnsupportedValue: two keys are the same text; rename one>)
    """
    try:
        return json.loads(
            text, parse_float=decimal.Decimal, parse_constant=_refuse_constant, object_pairs_hook=_members
        )
    except _RepeatedKeyError:
        return UnsupportedValue(REPEATED_KEY, text, "duplicate_key")
    except (ValueError, RecursionError, decimal.DecimalException):
        return UnsupportedValue(INVALID_JSON, text, "json_text")


class _RepeatedKeyError(ValueError):
    """An object has a key twice."""


def _members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise _RepeatedKeyError
    return found


def _refuse_constant(word: str) -> Any:
    raise ValueError(word)


def _uuid_text(array: pa.Array) -> pa.Array:
    """Return UUIDs of sixteen bytes as their text.

    >>> _uuid_text(pa.array([bytes(range(16)), None], pa.binary(16))).to_pylist()
    ['00010203-0405-0607-0809-0a0b0c0d0e0f', None]
    """
    rows = len(array)
    if not rows:
        return pa.array([], TEXT)
    start = array.offset * _UUID_BYTES
    digits = memoryview(array.buffers()[1])[start : start + rows * _UUID_BYTES].hex().encode()
    text = np.full((rows, 36), ord("-"), dtype=np.uint8)
    text[:, _UUID_DIGITS] = np.frombuffer(digits, dtype=np.uint8).reshape(rows, 2 * _UUID_BYTES)
    return fixed_width_text(text.view("V36").reshape(-1), np.asarray(array.is_null()))


_Meaning = tuple[Callable[[pa.DataType], bool], Callable[[pa.Array], pa.Array]]
_MEANINGS: Mapping[str, _Meaning] = MappingProxyType(
    {
        "arrow.uuid": (
            lambda kind: pa_types.is_fixed_size_binary(kind) and kind.byte_width == _UUID_BYTES,
            _uuid_text,
        ),
        "arrow.bool8": (pa_types.is_int8, lambda array: pc.not_equal(array, pa.scalar(0, pa.int8()))),
        # BigQuery's times without a zone.
        "google:sqlType:datetime": (pa_types.is_timestamp, lambda array: array),
    }
)
