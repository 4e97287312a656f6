"""Values of Arrow types that JSON cannot say: what stands in their place, and why."""

from __future__ import annotations

from dataclasses import dataclass

import pyarrow as pa
import pyarrow.types as pa_types


@dataclass(frozen=True, slots=True, repr=False)
class UnsupportedValue:
    """A value without a JSON form; it makes its row invalid.

    Attributes
    ----------
    reason : str
        Why, with the remedy.
    text : str
        The value as text, for files of undelivered rows.
    check : str
        The name of the check in reports.
    """

    reason: str
    text: str
    check: str = "unsupported_type"

    def __str__(self) -> str:
        return self.text

    def __repr__(self) -> str:
        # Without the text, which is a person's data.
        return f"<{type(self).__name__}: {self.reason}>"


TIME_OF_DAY = "time of day must be from 00:00:00 to 23:59:59; replace it, or send it as text or a number"
REPEATED_KEY = "two keys are the same text; rename one"
INVALID_JSON = "text is not valid JSON; repair it, or store the column as text"
_PERIOD = "period is not supported in JSON; convert it to text or a time"
_INTERVAL = "interval is not supported in JSON; send its two ends"
_TO_PLAIN = "convert it to text, numbers, lists or structs"
GEOMETRY = "geometry is not supported in JSON; convert it to text, with .to_wkt() or ST_AsText"
_REASONS = {"pandas.period": _PERIOD, "pandas.interval": _INTERVAL}


def type_not_supported(kind: pa.DataType) -> str:
    """Return why values of an Arrow type have no JSON form.

    >>> type_not_supported(pa.month_day_nano_interval())
    'interval of months and days is not supported in JSON; convert it to text or a number, such as its days'
    """
    if pa_types.is_union(kind):
        return "union is not supported in JSON; cast it to one type"
    if pa_types.is_interval(kind):
        return "interval of months and days is not supported in JSON; convert it to text or a number, such as its days"
    return f"Arrow type {kind} is not supported in JSON; {_TO_PLAIN}"


def extension_not_supported(name: str) -> str:
    """Return why values of an Arrow extension type are not sent: their storage is not what they mean.

    >>> extension_not_supported("arrow.fixed_shape_tensor")
    "Arrow extension type 'arrow.fixed_shape_tensor' is not supported; convert it to text, numbers, lists or structs"
    """
    if name.startswith(("geoarrow.", "ogc.")):
        return f"Arrow extension type {name!r}: {GEOMETRY}"
    return _REASONS.get(name) or f"Arrow extension type {name!r} is not supported; {_TO_PLAIN}"
