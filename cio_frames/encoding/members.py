"""What is inside lists and objects, in the types that the spec asks for.

Where the spec has text, whole numbers become their digits: ``7.0`` is an id that pandas made a float of. Where it has
integers, whole floats lose their ``.0``. Everything else is left as it is: whether it fits is for validation to tell.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import orjson

from cio_frames import spec

_ANYTHING = spec.Field()
# How a number begins that is to be written in another way, by the type that the spec asks for.
_NUMBERS = {"string": r"-?[0-9]", "integer": r"-?[0-9]+[.eE]"}
_EXACT, _EXACT_NARROW = 2.0**53, 2.0**24


def of_name(field: spec.Field, name: str) -> spec.Field:
    """Return what the spec says of a member of an object; an empty Field where it says nothing."""
    return field.properties.get(name) or field.additional or _ANYTHING


def of_list(field: spec.Field) -> spec.Field:
    """Return what the spec says of the members of a list."""
    return field.items or _ANYTHING


def misfits(field: spec.Field, before: str = "^") -> Iterator[str]:
    """Yield patterns that JSON text matches where a number may have to be written in another way.

    >>> list(misfits(spec.Field(properties={"sku": spec.Field("string"), "price": spec.Field("number")})))
    ['"sku":-?[0-9]']
    """
    if field.type in _NUMBERS:
        yield before + _NUMBERS[field.type]
    for name, member in field.properties.items():
        yield from misfits(member, re.escape(orjson.dumps(name).decode()) + ":")
    if field.additional is not None:
        yield from misfits(field.additional, '":')
    if field.items is not None:
        yield from misfits(field.items, r"[\[,]")


def fitted(value: Any, field: spec.Field) -> Any:
    """Return what orjson is to write with its numbers in the types that the spec asks for.

    >>> fitted({"ids": [7.0, 7.5, "007"]}, spec.Field(properties={"ids": spec.Field(items=spec.Field("string"))}))
    {'ids': ['7', 7.5, '007']}
    """
    match value:
        case dict():
            return {name: fitted(member, of_name(field, name)) for name, member in value.items()}
        case list():
            return [fitted(member, of_list(field)) for member in value]
        case bool() | None | str():
            return value
        case _ if field.type in _NUMBERS:
            return _as_text(value) if field.type == "string" else _as_integer(value)
        case _:
            return value


def _as_text(number: Any) -> Any:
    digits = orjson.dumps(_as_integer(number)).decode()
    if not re.fullmatch("-?[0-9]+", digits):
        return number
    return digits if digits != "-0" else "0"


def _as_integer(number: Any) -> Any:
    """Return a whole float as an integer, if it is not so large that it stands for others too."""
    if isinstance(number, float):
        return int(number) if number.is_integer() and abs(number) < _EXACT else number
    # Of what is written already, only a narrow float ends so: a Decimal has no zeros at its end.
    written = orjson.dumps(number)
    return int(float(written)) if written.endswith(b".0") and abs(float(written)) < _EXACT_NARROW else number
