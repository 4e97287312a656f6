"""Kinds of Arrow types that pyarrow names one by one, and which whole numbers floats can hold exactly."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.types as pa_types

# A 64-bit float holds every whole number below this exactly. Many programs read a number in JSON as a 64-bit float.
EXACT_BELOW = 2**53


def is_text(kind: pa.DataType) -> bool:
    """Return whether a type holds text.

    >>> is_text(pa.large_string()), is_text(pa.binary())
    (True, False)
    """
    return bool(pa_types.is_string(kind) or pa_types.is_large_string(kind))


def is_number(kind: pa.DataType) -> bool:
    """Return whether a type holds integers, floats or decimals.

    >>> is_number(pa.decimal128(9, 2)), is_number(pa.bool_())
    (True, False)
    """
    return bool(pa_types.is_integer(kind) or pa_types.is_floating(kind) or pa_types.is_decimal(kind))


def is_list(kind: pa.DataType) -> bool:
    """Return whether a type holds lists, of any or of one length.

    >>> is_list(pa.list_(pa.int64(), 2))
    True
    """
    return bool(pa_types.is_list(kind) or pa_types.is_large_list(kind) or pa_types.is_fixed_size_list(kind))


def is_object(kind: pa.DataType) -> bool:
    """Return whether a type is an object in JSON: a struct or a map.

    >>> is_object(pa.map_(pa.string(), pa.int64()))
    True
    """
    return bool(pa_types.is_struct(kind) or pa_types.is_map(kind))


def value_type(kind: pa.DataType) -> pa.DataType:
    """Return the type of the values of a dictionary type, and any other type as it is.

    >>> value_type(pa.dictionary(pa.int8(), pa.string()))
    DataType(string)
    """
    return kind.value_type if pa_types.is_dictionary(kind) else kind


def exact_below(dtype: np.dtype[Any]) -> float:
    """Return below which number a numpy float type holds every whole number exactly, 2**53 at most.

    >>> exact_below(np.dtype("float32")) == 2**24
    True
    """
    return 2.0 ** min(np.finfo(dtype).nmant + 1, 53)
