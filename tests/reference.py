"""The encoder once more: slow, plain, one cell at a time, and written from the rules alone.

``calls`` turns a frame into what each row must say. Numbers are compared as they are written: an int by its digits, a
Decimal by its digits, a float by the value that its text has. ``read`` reads a payload so that this can be done.
"""

import datetime as dt
import decimal
import enum
import json
import re
import uuid
from collections.abc import Mapping
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pyarrow as pa

WIRE = {
    "user_id": "userId",
    "anonymous_id": "anonymousId",
    "previous_id": "previousId",
    "group_id": "groupId",
    "event": "event",
    "name": "name",
    "timestamp": "timestamp",
    "message_id": "messageId",
    "context": "context",
    "integrations": "integrations",
}
FIELDS = {
    "identify": ["user_id", "anonymous_id"],
    "track": ["user_id", "anonymous_id", "event"],
    "page": ["user_id", "anonymous_id", "name"],
    "screen": ["user_id", "anonymous_id", "name"],
    "group": ["user_id", "anonymous_id", "group_id"],
    "alias": ["user_id", "previous_id"],
}
BAG = {
    "identify": "traits",
    "track": "properties",
    "page": "properties",
    "screen": "properties",
    "group": "traits",
    "alias": None,
}
NEEDED = {
    "identify": [{"userId", "anonymousId"}],
    "track": [{"userId", "anonymousId"}, {"event"}],
    "page": [{"userId", "anonymousId"}],
    "screen": [{"userId", "anonymousId"}],
    "group": [{"groupId"}],
    "alias": [{"userId"}, {"previousId"}],
}
IDS = {"userId", "anonymousId", "previousId", "groupId", "messageId", "event"}
# What the spec says of the fields that the tests use; nothing is said of any other.
TYPES = {
    **dict.fromkeys([*((wire,) for wire in IDS), ("name",), ("context", "ip"), ("context", "app", "version")], "text"),
    ("timestamp",): "time",
    ("identify", "traits", "email"): "text",
    ("identify", "traits", "createdAt"): "time",
    ("group", "traits", "object_type_id"): "text",
    ("page", "properties", "title"): "text",
    ("Video Playback Started", "properties", "position"): "integer",
    ("Video Playback Started", "properties", "content_asset_ids", "[]"): "text",
    **{("context", "campaign", name): "text" for name in ("name", "*")},
    **{("Order Completed", "properties", "products", "[]", name): "text" for name in ("product_id", "sku", "coupon")},
    ("Order Completed", "properties", "products", "[]", "quantity"): "integer",
}


class NoForm(Exception):  # noqa: N818 -- a finding about a cell
    """What JSON, or the field, cannot say."""


class Digits(str):
    """A number that must be written in just these digits."""


class Faulty(set):
    """The labels of the columns that hold a row back."""


def calls(frame, call, event=None, *, timezone="UTC", nulls="omit"):
    """Return the dict of each row's call, or a Faulty with the columns to blame."""
    columns = [(label, *_place(label, call, event), Cells(frame.iloc[:, at])) for at, label in enumerate(frame.columns)]
    return [_row(row, columns, call, event, Zone(timezone), nulls == "send") for row in range(len(frame))]


def _place(label, call, event):
    """Return where a column goes, and what the spec says of the field there."""
    bag = BAG[call]
    parts = str(label).split(".") if all(str(label).split(".")) else [str(label)]
    if label in [*FIELDS[call], "timestamp", "message_id", "context", "integrations"]:
        path = (WIRE[label],)
    elif parts[0] in ("context", "integrations") and len(parts) > 1:
        path = tuple(parts)
    else:
        path = (bag, *parts) if bag else None
    return path, path and (path if path[0] in (*IDS, "name", "timestamp", "context") else (event or call, *path))


def _row(row, columns, call, event, zone, send):
    body = {"type": call} | ({"event": event} if event else {})
    faulty = Faulty()
    if BAG[call]:
        body[BAG[call]] = {}
    for label, path, where, cells in columns:
        if path is None:
            continue
        in_bag = path[0] == BAG[call]
        try:
            value = field(cells[row], where, zone, send and in_bag)
        except NoForm:
            faulty.add(label)
            continue
        if path[0] in IDS and isinstance(value, str) and not value.strip():
            value = None
        if value is not None or (send and in_bag):
            _plant(body, path, value)
    lacking = [wires for wires in NEEDED[call] if not wires & body.keys()]
    fed = {path[0]: label for label, path, _, _ in columns if path}
    for wires in lacking:
        faulty |= {fed[wire] for wire in wires if wire in fed}
    return faulty or body


def _plant(body, path, value):
    for name in path[:-1]:
        body = body.setdefault(name, {})
    body[path[-1]] = value


class Cells:
    """A column's cells, one by one, as Arrow scalars or Python objects."""

    def __init__(self, series):
        self._series = series
        self._arrow = pa.chunked_array(series.array.__arrow_array__()) if _is_arrow(series) else None

    def __getitem__(self, row):
        dtype = self._series.dtype
        if self._arrow is not None:
            return self._arrow[row]
        if dtype.kind == "M":
            count = self._series.array.asi8[row]
            if count == pd.NaT.value:
                return None
            return Moment(int(count), self._series.dt.unit, self._series.dt.tz is not None)
        return self._series.iloc[row]


def _is_arrow(series):
    return isinstance(series.dtype, pd.ArrowDtype)


class Moment:
    """A time as a number of units since 1970."""

    def __init__(self, count, unit, zoned):
        self.us = count * 10**6 // {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}[unit]
        self.zoned = zoned

    def as_datetime(self):
        try:
            found = dt.datetime(1970, 1, 1) + dt.timedelta(microseconds=self.us)
        except OverflowError:
            raise NoForm from None
        return found.replace(tzinfo=dt.UTC) if self.zoned else found


class Zone:
    """The zone in which naive times are read."""

    def __init__(self, name):
        self._zone = ZoneInfo(name)

    def instant(self, moment):
        """Return a datetime in UTC."""
        try:
            if moment.tzinfo is not None:
                return moment.astimezone(dt.UTC)
            readings = {moment.replace(tzinfo=self._zone, fold=fold).astimezone(dt.UTC) for fold in (0, 1)}
            there = [
                reading for reading in readings if reading.astimezone(self._zone).replace(tzinfo=None, fold=0) == moment
            ]
        except OverflowError:
            raise NoForm from None
        if len(there) != 1:
            raise NoForm
        return there[0]

    def written(self, moment):
        """Return a datetime as text."""
        utc = self.instant(_plain(moment))
        date = f"{utc.year:04}-{utc.month:02}-{utc.day:02}"
        return f"{date}T{utc.hour:02}:{utc.minute:02}:{utc.second:02}.{utc.microsecond // 1000:03}Z"


def _plain(moment):
    """Return a datetime or Timestamp as a datetime; what comes after microseconds is cut."""
    day, clock = (moment.year, moment.month, moment.day), (moment.hour, moment.minute, moment.second)
    fold = moment.fold if moment.tzinfo is not None else 0
    return dt.datetime(*day, *clock, moment.microsecond, tzinfo=moment.tzinfo, fold=fold)


def field(cell, where, zone, send):
    """Return what the field at a place says; None where it says nothing."""
    kind = TYPES.get(where)
    cell = bare(cell)
    if cell is None:
        return None
    match kind:
        case "text":
            return _as_text(cell)
        case "time":
            return as_time(cell, zone)
        case _:
            return value(cell, zone, send, where)


def _suited(cell, kind):
    """Return a cell inside a list or an object with its number as the spec has it, where that can be."""
    if isinstance(cell, np.float16):
        cell = np.float32(cell)
    narrow = isinstance(cell, np.float32)
    match cell:
        case bool() | Day() | Clock():
            return cell
        case int() | decimal.Decimal() if kind == "text":
            try:
                return _as_text(cell)
            except NoForm:
                return cell
        case float() | np.floating() if kind == "text" and abs(float(cell)) < 2 ** (24 if narrow else 53):
            return str(int(cell)) if cell == int(cell) else cell
        case _:
            return cell


def bare(cell):
    """Return a cell without the wrappings that make no difference; None for nulls of every kind."""
    if isinstance(cell, pa.Scalar):
        return _bare_scalar(cell)
    if isinstance(cell, enum.Enum):
        return bare(cell.value)
    if cell is None or cell is pd.NA or cell is pd.NaT:
        return None
    if isinstance(cell, (np.datetime64, np.timedelta64)) and np.isnat(cell):
        return None
    if isinstance(cell, decimal.Decimal) and cell.is_nan():
        return None
    if isinstance(cell, (float, np.floating)) and np.isnan(cell):
        return None
    if isinstance(cell, np.bool_):
        return bool(cell)
    if isinstance(cell, np.integer) and not isinstance(cell, np.timedelta64):
        return int(cell)
    return cell


def _bare_scalar(scalar):
    kind = scalar.type
    if not scalar.is_valid:
        return None
    if pa.types.is_dictionary(kind):
        return bare(scalar.value)
    if pa.types.is_timestamp(kind):
        return Moment(scalar.value, kind.unit, kind.tz is not None)
    if pa.types.is_date(kind):
        return Day(scalar.value if pa.types.is_date32(kind) else scalar.value // 86_400_000)
    if pa.types.is_time(kind):
        return Clock(scalar.value * 1000 // {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}[kind.unit])
    if pa.types.is_float16(kind):
        return bare(np.float16(scalar.as_py()))
    if pa.types.is_float32(kind):
        return bare(np.float32(scalar.as_py()))
    if pa.types.is_nested(kind):
        return scalar
    return bare(scalar.as_py())


class Day(int):
    """Days since 1970."""

    def as_date(self):
        try:
            return dt.date(1970, 1, 1) + dt.timedelta(days=int(self))
        except OverflowError:
            raise NoForm from None


class Clock(int):
    """Milliseconds since midnight."""


def _as_text(cell):
    match cell:
        case str() | uuid.UUID():
            return _sound(str(cell))
        case bool() | Day() | Clock():
            raise NoForm
        case int():
            return str(cell)
        case float() | np.floating() if cell == np.floor(cell) and abs(float(cell)) < 2.0 ** _exact_bits(cell):
            return str(int(cell))
        case decimal.Decimal() if cell.is_finite() and cell == int(cell):
            return str(int(cell))
        case _:
            raise NoForm


def _exact_bits(number):
    return {np.float16: 11, np.float32: 24}.get(type(number), 53)


_ISO = re.compile(
    r"(\d{4}-\d\d-\d\d|\d{8})([T ]\d\d(:?\d\d(:?\d\d([.,]\d+)?)?)?(Z|[+-]\d\d(:?\d\d)?)?)?", flags=re.ASCII
)


def as_time(cell, zone):
    match cell:
        case str():
            text = cell.upper().replace(" +", "+").replace(" -", "-").replace(" Z", "Z")
            if not _ISO.fullmatch(text):
                raise NoForm
            try:
                return zone.written(dt.datetime.fromisoformat(text))
            except (ValueError, OverflowError):
                raise NoForm from None
        case Moment() | dt.datetime() | np.datetime64():
            return value(cell, zone, False, ())
        case Day():
            return as_time(cell.as_date(), zone)
        case dt.date():
            return zone.written(dt.datetime(cell.year, cell.month, cell.day))
        case _:
            raise NoForm


def value(cell, zone, send, where=(), depth=0):
    """Return the cell at a place as JSON has it; None for nulls."""
    cell = bare(cell)
    if depth > 100:
        raise NoForm
    match cell:
        case None | bool():
            return cell
        case str():
            return _sound(str(cell))
        case Moment():
            return zone.written(cell.as_datetime())
        case Day():
            return cell.as_date().isoformat()
        case Clock():
            seconds, ms = divmod(int(cell), 1000)
            return f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}.{ms:03}"
        case int():
            return int(cell)
        case float() | np.floating():
            return _float(cell)
        case decimal.Decimal():
            return _decimal(cell)
        case pd.Timedelta() | dt.timedelta() | np.timedelta64():
            raise NoForm
        case np.datetime64():
            return _datetime64(cell, zone)
        case dt.datetime():
            return zone.written(cell)
        case dt.date():
            return f"{cell.year:04}-{cell.month:02}-{cell.day:02}"
        case dt.time():
            return f"{cell.hour:02}:{cell.minute:02}:{cell.second:02}.{cell.microsecond // 1000:03}"
        case uuid.UUID():
            return str(cell)
        case pa.Scalar():
            return _nested(cell, zone, send, where, depth)
        case Mapping():
            return _object(cell.items(), zone, send, where, depth)
        case set() | frozenset():
            return [_suited(one, TYPES.get((*where, "[]"))) for one in sorted(value(one, zone, send) for one in cell)]
        case list() | tuple() | np.ndarray():
            return _list(cell, zone, send, where, depth)
        case _:
            raise NoForm


def _nested(scalar, zone, send, where, depth):
    kind = scalar.type
    if pa.types.is_struct(kind):
        return _object([(name.name, scalar[name.name]) for name in kind], zone, send, where, depth)
    if pa.types.is_map(kind):
        entries = scalar.values
        return _object(zip(entries.field(0), entries.field(1), strict=True), zone, send, where, depth)
    return _list(scalar.values, zone, send, where, depth)


def _list(members, zone, send, where, depth):
    where = (*where, "[]")
    return [value(_suited(bare(member), TYPES.get(where)), zone, send, where, depth + 1) for member in members]


def _object(items, zone, send, where, depth):
    found = {}
    for name, member in items:
        name = bare(name)
        if isinstance(name, bool) or not isinstance(name, (str, int)):
            raise NoForm
        name = _sound(str(name))
        if name in found:
            raise NoForm
        below = (*where, name) if (*where, name) in TYPES or (*where, "*") not in TYPES else (*where, "*")
        found[name] = value(_suited(bare(member), TYPES.get(below)), zone, send, below, depth + 1)
    return {name: member for name, member in found.items() if send or member is not None}


def _sound(text):
    if any("\ud800" <= character <= "\udfff" for character in text):
        raise NoForm
    return text


def _float(number):
    if np.isinf(number):
        raise NoForm
    if float(number).is_integer() and abs(float(number)) < 2**53:
        return int(number)
    if isinstance(number, (np.float16, np.float32)):
        return float(str(np.float32(number)))
    return float(number)


def _decimal(number):
    if number.is_infinite():
        raise NoForm
    sign, digits, exponent = number.as_tuple()
    text = "".join(map(str, digits))
    if exponent >= 0:
        text = (text + "0" * exponent).lstrip("0") or "0"
        return Digits("-" * sign + text if number else "0")
    text = text.rjust(1 - exponent, "0")
    whole, fraction = text[:exponent].lstrip("0") or "0", text[exponent:].rstrip("0")
    return Digits("-" * (sign and bool(number)) + whole + ("." + fraction if fraction else ""))


def _datetime64(cell, zone):
    unit, per = np.datetime_data(cell.dtype)
    assert per == 1
    if unit in ("Y", "M", "W", "D", "h", "m"):
        cell, unit = cell.astype("datetime64[s]"), "s"
    return zone.written(Moment(int(cell.astype(np.int64)), unit, False).as_datetime())


class Number(str):
    """A number as it is written."""


def read(payload):
    """Read strict JSON; numbers are kept as written, repeated keys and NaN are refused."""

    def members(pairs):
        assert len(dict(pairs)) == len(pairs), f"a key stands twice in {payload}"
        return dict(pairs)

    def refused(word):
        raise AssertionError(f"{word} in {payload}")

    text = payload.encode("utf-8").decode("utf-8")
    return json.loads(text, parse_float=Number, parse_int=Number, parse_constant=refused, object_pairs_hook=members)


def says(found, expected):
    """Return whether what was read is what was expected, number by number."""
    if isinstance(expected, dict):
        same = isinstance(found, dict) and found.keys() == expected.keys()
        return same and all(says(found[name], member) for name, member in expected.items())
    if isinstance(expected, list):
        same = isinstance(found, list) and len(found) == len(expected)
        return same and all(says(one, other) for one, other in zip(found, expected, strict=True))
    if isinstance(expected, Digits):
        return isinstance(found, Number) and str(found) == str(expected)
    if isinstance(expected, bool) or expected is None:
        return found is expected
    if isinstance(expected, int):
        return isinstance(found, Number) and str(found) == str(expected)
    if isinstance(expected, float):
        written = isinstance(found, Number) and not re.fullmatch(r"-?\d+", found)
        return written and repr(float(found)) == repr(expected)
    return type(found) is str and found == expected
