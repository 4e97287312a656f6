"""What is inside lists and objects, in the types of the spec.

Where the spec has text, whole numbers become their digits: ``7.0`` is an id that pandas made a float of. Where it has
integers, whole floats lose their ``.0``. Everything else stays as it is; validation reports what does not fit.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import orjson

from cio_frames import spec
from cio_frames.arrow.kinds import EXACT_BELOW, EXACT_BELOW_FLOAT32

_ANY_FIELD = spec.Field()
# How a number begins that may need another form, by the type of the spec.
_COERCIBLE_NUMBERS = {"string": r"-?[0-9]", "integer": r"-?[0-9]+[.eE]"}


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
    if field.type in _COERCIBLE_NUMBERS:
        yield before + _COERCIBLE_NUMBERS[field.type]
    for name, member in field.properties.items():
        yield from coercion_patterns(member, re.escape(orjson.dumps(name).decode()) + ":")
    if field.additional is not None:
        yield from coercion_patterns(field.additional, '":')
    if field.items is not None:
        yield from coercion_patterns(field.items, r"[\[,]")


def coerced(value: Any, field: spec.Field) -> Any:
    """Return a value for orjson with its numbers in the types of the spec.

    >>> coerced({"ids": [7.0, 7.5, "007"]}, spec.Field(properties={"ids": spec.Field(items=spec.Field("string"))}))
    {'ids': ['7', 7.5, '007']}
    """
    match value:
        case dict():
            return {name: coerced(member, member_field(field, name)) for name, member in value.items()}
        case list():
            return [coerced(item, item_field(field)) for item in value]
        case bool() | None | str():
            return value
        case _ if field.type in _COERCIBLE_NUMBERS:
            return _number_as_text(value) if field.type == "string" else _whole_as_integer(value)
        case _:
            return value


def _number_as_text(number: Any) -> Any:
    digits = orjson.dumps(_whole_as_integer(number)).decode()
    if not re.fullmatch("-?[0-9]+", digits):
        return number
    return digits if digits != "-0" else "0"


def _whole_as_integer(number: Any) -> Any:
    """Return a whole float as an integer, unless it is so large that it stands for others too."""
    if isinstance(number, float):
        return int(number) if number.is_integer() and abs(number) < EXACT_BELOW else number
    # Of fragments, only a narrow float ends so: a Decimal has no zeros at its end.
    written = orjson.dumps(number)
    return int(float(written)) if written.endswith(b".0") and abs(float(written)) < EXACT_BELOW_FLOAT32 else number
