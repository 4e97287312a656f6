"""What is inside lists and objects, in the types of the spec.

Where the spec has text, whole numbers become their digits. Everything else stays as it is; validation reports what does
not fit.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import orjson

from cio_frames import spec
from cio_frames.encoding.json_values import InexactInteger

_ANY_FIELD = spec.Field()


def member_field(field: spec.Field, name: str) -> spec.Field:
    """Return the field of an object's member; an empty Field where the spec has none."""
    return field.properties.get(name) or field.additional or _ANY_FIELD


def item_field(field: spec.Field) -> spec.Field:
    """Return the field of a list's items."""
    return field.items or _ANY_FIELD


def coercion_patterns(field: spec.Field, before: str = "^") -> Iterator[str]:
    """Yield patterns that match JSON text in which a number may need another form.

    >>> list(coercion_patterns(spec.Field(properties={"sku": spec.Field("string"), "price": spec.Field("number")})))
    ['"sku":-?[0-9]']
    """
    if field.type == "string":
        yield f"{before}-?[0-9]"
    for name, member in field.properties.items():
        yield from coercion_patterns(member, re.escape(orjson.dumps(name).decode()) + ":")
    if field.additional is not None:
        yield from coercion_patterns(field.additional, '":')
    if field.items is not None:
        yield from coercion_patterns(field.items, r"[\[,]")


def coerced(value: Any, field: spec.Field) -> Any:
    """Return a value for orjson with its whole numbers as text where the spec has text.

    >>> coerced({"ids": [7, 7.5, "007"]}, spec.Field(properties={"ids": spec.Field(items=spec.Field("string"))}))
    {'ids': ['7', 7.5, '007']}
    """
    match value:
        case dict():
            return {name: coerced(member, member_field(field, name)) for name, member in value.items()}
        case list():
            return [coerced(item, item_field(field)) for item in value]
        case bool() | None | str():
            return value
        case _ if field.type == "string" and not isinstance(value, InexactInteger):
            return _number_as_text(value)
        case _:
            return value


def _number_as_text(number: Any) -> Any:
    digits = orjson.dumps(number).decode()
    return digits if re.fullmatch("-?[0-9]+", digits) else number
