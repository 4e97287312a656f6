"""Hypothesis strategies for columns of every dtype, with what is awkward in each."""

import datetime as dt
import decimal
import enum
import uuid
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pyarrow as pa
from hypothesis import strategies as st

ZONES = ("UTC", "Europe/Berlin", "America/New_York")
UNITS = ("s", "ms", "us", "ns")
PER_SECOND = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}


class TrackingPlan(enum.Enum):
    FREE = "free"
    TEAM = 7
    NONE = None


class Level(enum.IntEnum):
    LOW = 1


class Word(str, enum.Enum):  # noqa: UP042 -- as in code written before StrEnum
    YES = "yes"


class Whole(int):
    """An int that is not just an int."""


# --- text

awkward = st.sampled_from(
    [
        '"',
        "\\",
        "\\n",
        "null",
        "\x00",
        "\x1f",
        "\t",
        "\n",
        "\r",
        "\x7f",
        "\x85",
        "\u2028",
        "\ufeff",
        "é",
        "日本",
        "😀",
        "𝒳",
    ]
)
words = st.sampled_from(["", " ", "007", "ada", "a.b", "[{", "}", "1", "1.0", "true", "NaN"])
texts = st.lists(awkward | words | st.text(max_size=3), max_size=3).map("".join)
surrogates = st.sampled_from(["\ud800", "a\udfff", "\udc00b"])
ids = st.sampled_from(["ada", "grace", "007", "7", " ", "", "\n", "\u2003\t", 'q"', "😀"]) | texts

# --- times

# On either side of what can go wrong: years 1 and 9999, 1970, the hours when clocks are turned.
seconds = st.sampled_from(
    [
        -62_135_596_800, -62_135_596_799, 253_402_300_799, 253_402_214_400, -62_135_596_801, 253_402_300_800,
        -1, 0, 1, 1_774_747_800, 1_774_749_600, 1_792_891_800, 1_792_895_400, 1_772_937_000, 2_540_203_200,
        -2_422_051_200,
    ]
) | st.integers(-4_000_000_000, 8_000_000_000)  # fmt: skip


def counts(unit):
    """Return times as a number of units since 1970 that 64 bits can hold."""
    per = PER_SECOND[unit]
    whole = st.tuples(seconds, st.integers(0, per - 1) | st.sampled_from([0, per - 1])).map(lambda t: t[0] * per + t[1])
    return whole.filter(lambda count: -(2**63) < count < 2**63)


datetimes = st.builds(
    lambda second, us: dt.datetime(1970, 1, 1) + dt.timedelta(seconds=second, microseconds=us),
    seconds.filter(lambda second: -62_135_596_800 <= second <= 253_402_300_799),
    st.integers(0, 999_999),
)
offsets = st.integers(-14, 14).map(lambda hours: dt.timezone(dt.timedelta(hours=hours)))
aware = st.builds(
    lambda moment, zone: moment.replace(tzinfo=zone),
    datetimes,
    offsets | st.sampled_from(ZONES).map(ZoneInfo),
)
timestamps = st.builds(pd.Timestamp, st.integers(-(2**61), 2**61)) | st.builds(
    lambda ns, zone: pd.Timestamp(ns, tz=zone), st.integers(-(2**61), 2**61), st.sampled_from(ZONES)
)
datetime64s = st.sampled_from(UNITS).flatmap(lambda unit: counts(unit).map(lambda count: np.datetime64(count, unit)))
dates = st.dates()
clocks = st.times()


def _written(moment, date, separator, fraction, zone):
    text = moment.strftime("%H:%M:%S") + fraction
    year = f"{moment.year:04}"
    day = f"{year}{moment.month:02}{moment.day:02}" if date == "basic" else f"{year}-{moment.month:02}-{moment.day:02}"
    return {"date": day, "minutes": f"{day}{separator}{text[:5]}{zone}"}.get(date, f"{day}{separator}{text}{zone}")


time_texts = st.builds(
    _written,
    datetimes,
    st.sampled_from(["full", "date", "minutes", "basic"]),
    st.sampled_from(["T", " ", "t"]),
    st.sampled_from(["", ".5", ".123456", ".999999999", ",25"]),
    st.sampled_from(["", "Z", "z", "+02:00", "-0530", "+14", " -03:00"]),
) | st.sampled_from(
    ["", "soon", "now", "2026-02-29", "2024-02-29", "2026-13-01", "2026-01-01T24:00", "2026-01-01T10:60", "10:00",
     "2026-01-01T10:00+25:00", "2026/01/01", "1767225600", "0000-01-01", "2026-01-01T10:00:00.\n", "2026-01",
     "2026-03-29T02:30", "2026-10-25T02:30:00"]
)  # fmt: skip

# --- numbers

integers = st.sampled_from([0, 1, -1, 7, 2**53 - 1, 2**53 + 1, 2**63 - 1, -(2**63)]) | st.integers(-(2**63), 2**63 - 1)
floats = (
    st.sampled_from(
        [0.0, -0.0, 1.0, 7.0, 0.1, 1e16, 1e-7, 2.0**53, 2.0**53 - 1, 5e-324, float("nan"), float("inf"), float("-inf")]
    )
    | st.floats()
)
decimals = st.sampled_from(
    [
        "0",
        "-0.00",
        "12.50",
        "100",
        "1E+3",
        "1E-20",
        "7.0",
        "NaN",
        "sNaN",
        "Infinity",
        "123456789012345678901234567890.10",
    ]
).map(decimal.Decimal) | st.decimals(allow_nan=False, allow_infinity=False, places=3, min_value=-1000, max_value=1000)

# --- Python objects

nulls = st.sampled_from(
    [None, float("nan"), pd.NaT, pd.NA, np.datetime64("NaT"), np.timedelta64("NaT"), np.float32("nan")]
)
numpy_scalars = st.sampled_from(
    [np.int8(-5), np.uint64(2**64 - 1), np.float32(0.1), np.float32(1e30), np.float32(7), np.float16(0.1),
     np.float64(1e16), np.bool_(True), np.str_("np"), np.longdouble(0.5)]
)  # fmt: skip
odd = st.sampled_from(
    [uuid.UUID(int=5), *TrackingPlan, Level.LOW, Word.YES, Whole(3), 2**64, -(2**70), True, False]
)  # fmt: skip
formless = st.sampled_from(
    [b"bytes", bytearray(b"b"), dt.timedelta(1), pd.Timedelta(1, "s"), np.timedelta64(1, "s"), pd.Period("2026-01"),
     pd.Interval(0, 1), 1j, np.complex64(1j), object()]
)  # fmt: skip
fine = st.one_of(texts, integers, floats, decimals, numpy_scalars, odd, nulls)
fine_times = st.one_of(datetimes, aware, timestamps, datetime64s, dates, clocks)
leaves = st.one_of(fine, fine, fine, fine_times, surrogates, formless)
keys = st.one_of(texts, st.sampled_from(["a", "a.b", "null", 'k"', 1, np.int64(2), Level.LOW]))
odd_keys = st.sampled_from([1.5, None, True, ("a",), "\ud800"])


def _containers(members):
    return st.one_of(
        st.lists(members, max_size=3),
        st.lists(members, max_size=2).map(tuple),
        st.dictionaries(keys, members, max_size=3),
        st.dictionaries(odd_keys, members, max_size=1),
        st.sets(st.integers(-3, 12), max_size=3),
        st.frozensets(texts, max_size=3),
        st.lists(st.integers(0, 9), max_size=3).map(lambda found: np.array(found, dtype=np.int16)),
        st.lists(floats, max_size=3).map(np.array),
    )


objects = st.recursive(leaves, _containers, max_leaves=6)
mappings = st.dictionaries(st.sampled_from(["ip", "app", "a.b", "n"]), objects, max_size=3) | nulls

# --- Arrow

_FLAT = [
    pa.string(), pa.large_string(), pa.int8(), pa.uint64(), pa.int64(), pa.float16(), pa.float32(), pa.float64(),
    pa.bool_(), pa.decimal128(10, 2), pa.decimal128(38, 20), pa.decimal128(5, -2), pa.decimal256(40, 30), pa.date32(),
    pa.date64(), pa.time32("s"), pa.time32("ms"), pa.time64("us"), pa.time64("ns"), pa.null(), pa.binary(),
    pa.duration("ms"), *(pa.timestamp(unit) for unit in UNITS), pa.timestamp("us", "Europe/Berlin"),
    pa.timestamp("s", "UTC"), pa.dictionary(pa.int8(), pa.string()), pa.dictionary(pa.int32(), pa.int64()),
    pa.dictionary(pa.int32(), pa.float64()),
]  # fmt: skip
_TAME = [kind for kind in _FLAT if not (pa.types.is_binary(kind) or pa.types.is_duration(kind))]
flat_types = st.sampled_from(_FLAT)


def _nested_types(members):
    structs = st.lists(
        st.tuples(st.sampled_from(["a", "b", 'q"', "c.d"]), members), max_size=3, unique_by=lambda f: f[0]
    )
    key_types = st.sampled_from([pa.string(), pa.int32(), pa.large_string()])
    return st.one_of(
        members.map(pa.list_),
        members.map(pa.large_list),
        members.map(lambda kind: pa.list_(kind, 2)),
        structs.map(pa.struct),
        structs.map(pa.struct).map(pa.list_),
        st.builds(pa.map_, key_types, members),
    )


nested_types = st.recursive(st.sampled_from(_TAME), _nested_types, max_leaves=3)


def arrow_cells(kind):
    """Return the cells of an Arrow type, as what pa.array takes for it."""
    return st.none() | _arrow_cells(kind)


def _arrow_cells(kind):
    is_ = pa.types
    if is_.is_string(kind) or is_.is_large_string(kind):
        return texts
    if is_.is_integer(kind):
        low = 0 if is_.is_unsigned_integer(kind) else -(2 ** (kind.bit_width - 1))
        high = 2**kind.bit_width + low - 1
        return st.sampled_from([low, high, 7]) | st.integers(low, high)
    if is_.is_floating(kind):
        return {16: st.floats(width=16).map(np.float16), 32: st.floats(width=32) | st.just(0.5)}.get(
            kind.bit_width, floats
        )
    if is_.is_boolean(kind):
        return st.booleans()
    if is_.is_decimal(kind):
        unscaled = st.sampled_from([0, 1, -1, 10, 1200]) | st.integers(
            -(10 ** (kind.precision - 1)), 10**kind.precision - 1
        )
        wide = decimal.Context(prec=100)
        return unscaled.map(lambda number: decimal.Decimal(number).scaleb(-kind.scale, wide))
    if is_.is_date(kind):
        return dates
    if is_.is_time(kind):
        return _clock_counts(kind)
    if is_.is_timestamp(kind):
        return counts(kind.unit)
    if is_.is_binary(kind):
        return st.binary(max_size=2)
    if is_.is_duration(kind):
        return st.integers(0, 9)
    if is_.is_dictionary(kind):
        return _arrow_cells(kind.value_type)
    if is_.is_struct(kind):
        return st.fixed_dictionaries({member.name: arrow_cells(member.type) for member in kind})
    if is_.is_map(kind):
        keys = st.sampled_from(["product_id", "price"]) if is_.is_string(kind.key_type) else _arrow_cells(kind.key_type)
        pairs = st.tuples(_arrow_cells(kind.key_type) | keys, arrow_cells(kind.item_type))
        return st.lists(pairs, max_size=2)
    if is_.is_fixed_size_list(kind):
        return st.lists(arrow_cells(kind.value_type), min_size=kind.list_size, max_size=kind.list_size)
    if is_.is_nested(kind):
        return st.lists(arrow_cells(kind.value_type), max_size=3)
    return st.none()


def _clock_counts(kind):
    last = 86_400 * PER_SECOND[kind.unit] - 1
    return st.sampled_from([0, last]) | st.integers(0, last)


def arrow_columns(count, types):
    """Return Arrow-backed columns, in one chunk or two, whole or cut out of a longer one."""

    def built(kind, cells, cut, chunked):
        before = pa.array(cells[:2], kind)
        whole = pa.array(cells, kind)
        array = (
            pa.concat_arrays([before, whole]).slice(len(before)) if cut and not pa.types.is_dictionary(kind) else whole
        )
        chunks = [array.slice(0, count // 2), array.slice(count // 2)] if chunked else [array]
        return pd.Series(pd.arrays.ArrowExtensionArray(pa.chunked_array(chunks, kind)))

    return types.flatmap(
        lambda kind: st.builds(built, st.just(kind), _many(arrow_cells(kind), count), st.booleans(), st.booleans())
    )


# --- columns


def _many(cells, count):
    return st.lists(cells, min_size=count, max_size=count)


def _series(cells, count, dtype):
    return _many(cells, count).map(lambda found: pd.Series(found, dtype=dtype))


def object_columns(count, cells):
    """Return object columns, and those that hold the very objects given."""

    def built(found):
        array = np.empty(len(found), dtype=object)
        for row, cell in enumerate(found):
            array[row] = cell
        return pd.Series(array, dtype=object)

    return _many(cells, count).map(built)


def numpy_columns(count):
    """Return columns of numpy's own dtypes."""
    whole = [np.int8, np.int16, np.int32, np.int64, np.uint8, np.uint32, np.uint64]
    limits = {kind: np.iinfo(kind) for kind in whole}
    return st.one_of(
        *(_series(st.integers(int(limits[kind].min), int(limits[kind].max)), count, kind) for kind in whole),
        _series(floats, count, np.float64),
        _series(st.floats(width=32) | st.just(0.1).map(np.float32), count, np.float32),
        _series(st.floats(width=16), count, np.float16),
        _series(st.booleans(), count, bool),
        _series(st.just(1j), count, np.complex128),
        _series(st.integers(0, 9).map(lambda s: np.timedelta64(s, "s")) | st.just(pd.NaT), count, "timedelta64[ns]"),
    )


def datetime_columns(count):
    """Return datetime64 columns of every unit, naive and with a zone."""

    def built(cells, unit, zone):
        numbers = np.array([np.iinfo(np.int64).min if cell is None else cell for cell in cells], dtype=np.int64)
        naive = pd.Series(numbers.view(f"datetime64[{unit}]"))
        if zone is None:
            return naive
        return pd.Series(pd.array(naive.array.tz_localize("UTC")).astype(f"datetime64[{unit}, {zone}]"))

    def of_unit(unit):
        near = counts(unit).filter(lambda count: abs(count // PER_SECOND[unit]) < 8_000_000_001)
        zoned = st.builds(built, _many(near | st.none(), count), st.just(unit), st.sampled_from(ZONES))
        return zoned | st.builds(built, _many(counts(unit) | st.none(), count), st.just(unit), st.none())

    return st.sampled_from(UNITS).flatmap(of_unit)


def pandas_columns(count):
    """Return columns of pandas' own extension dtypes."""
    nullable = [("Int64", integers), ("UInt8", st.integers(0, 255)), ("Float64", floats), ("boolean", st.booleans())]
    return st.one_of(
        *(_series(cells | st.none(), count, dtype) for dtype, cells in nullable),
        _series(st.floats(width=32) | st.none(), count, "Float32"),
        *(_series(texts | st.none(), count, dtype) for dtype in ("string[python]", "string[pyarrow]", "str")),
        _series(st.integers(0, 99).map(lambda n: pd.Period(ordinal=n, freq="M")) | st.none(), count, "period[M]"),
        _series(st.just(pd.Interval(0.0, 1.0)) | st.none(), count, "interval[float64, right]"),
        _series(floats, count, pd.SparseDtype(float)),
    )


def categories(count):
    """Return categories of several kinds; some categories no row has."""
    kinds = st.sampled_from(
        [
            ["ada", "grace", 'q"', ""], [1, 2, 2**60], [1.0, 2.5, float("inf")], [7.0, 8.0], [True, False],
            ["ada", 1, 2.5], [dt.date(2026, 1, 1), dt.date(1, 1, 1)], [decimal.Decimal("1.50"), decimal.Decimal(2)],
            list(pd.to_datetime(["2026-01-01", "1969-12-31T23:59:59.999999"], format="ISO8601")),
            list(pd.to_datetime(["2026-01-01", "2026-07-01"]).tz_localize("Europe/Berlin")),
            [pd.Interval(0, 1), pd.Interval(1, 2)], ["2026-01-01", "soon", "2026-01-01T10:00Z"], [b"a", b"b"],
        ]
    )  # fmt: skip
    return kinds.flatmap(
        lambda values: _many(st.integers(-1, len(values) - 1), count).map(
            lambda codes: pd.Series(pd.Categorical.from_codes(codes, categories=pd.Index(values)))
        )
    )


def columns(count):
    """Return columns of any dtype."""
    return st.one_of(
        object_columns(count, objects),
        object_columns(count, objects),
        object_columns(count, fine),
        object_columns(count, fine_times | nulls),
        object_columns(count, integers | nulls),
        object_columns(count, texts | nulls),
        numpy_columns(count),
        datetime_columns(count),
        pandas_columns(count),
        categories(count),
        arrow_columns(count, flat_types),
        arrow_columns(count, nested_types),
    )


def product_columns(count):
    """Return columns of lists of objects, as people have them, and some that they should not have."""
    numbers = st.sampled_from(
        [7, 7.0, -0.0, 2.5, 2.0**53, 2.0**53 - 1, 2**64, np.float32(7), np.float32(2**24), np.float16(2), np.uint8(7),
         decimal.Decimal("7.00"), decimal.Decimal("7.00000000000000000000000001"), decimal.Decimal("-0"), Level.LOW]
    )  # fmt: skip
    members = st.one_of(numbers, numbers, ids, nulls, objects)
    names = st.sampled_from(["product_id", "sku", "quantity", "price", "own", "a.b"])
    products = st.dictionaries(names, members, max_size=4)
    flat = st.sampled_from([*_TAME, pa.float64(), pa.int64(), pa.float32(), pa.decimal128(10, 2), pa.float16()])
    structs = st.lists(st.tuples(names, flat), max_size=4, unique_by=lambda f: f[0]).map(pa.struct)
    maps = st.builds(pa.map_, st.just(pa.string()), flat)
    return st.one_of(
        object_columns(count, st.lists(products, max_size=3)),
        object_columns(count, st.one_of(st.lists(products, max_size=2).map(tuple), objects)),
        object_columns(count, st.lists(members, max_size=3) | st.sets(st.integers(-3, 12))),
        arrow_columns(count, structs.map(pa.list_)),
        arrow_columns(count, maps.map(pa.list_)),
        arrow_columns(count, flat.map(pa.list_)),
    )


def id_columns(count):
    """Return columns such as people put their ids in, and some that they should not."""
    whole = st.sampled_from([7.0, 8.0, 2.0**53, 1.5, -0.0, float("nan")])
    mixed = st.one_of(ids, integers, whole, st.just(True), decimals, odd, nulls, numpy_scalars, surrogates)
    arrow = st.sampled_from([pa.string(), pa.int64(), pa.float64(), pa.decimal128(38, 0), pa.decimal128(10, 2)])
    return st.one_of(
        object_columns(count, ids),
        object_columns(count, mixed),
        _series(ids | st.none(), count, "string"),
        _series(whole, count, "float64"),
        _series(integers, count, "int64"),
        arrow_columns(count, arrow),
        arrow_columns(count, flat_types),
        categories(count),
    )


def time_columns(count):
    """Return columns such as people put their times in, and some that they should not."""
    return st.one_of(
        datetime_columns(count),
        object_columns(count, time_texts | st.none()),
        object_columns(count, st.one_of(time_texts, fine_times, nulls)),
        _series(time_texts | st.none(), count, "string"),
        arrow_columns(count, flat_types),
        categories(count),
        columns(count),
    )


def storable_columns(count):
    """Return columns of the dtypes that Parquet keeps, cell for cell."""
    return st.one_of(
        object_columns(count, texts | st.none()),
        object_columns(count, integers | st.none()),
        object_columns(count, st.booleans() | st.none()),
        object_columns(count, dates | st.none()),
        object_columns(count, clocks | st.none()),
        object_columns(count, st.decimals(allow_nan=False, allow_infinity=False, places=3, min_value=-9, max_value=9)),
        object_columns(count, st.lists(integers | st.none(), max_size=3)),
        object_columns(count, st.lists(floats, max_size=3)),
        object_columns(count, st.dictionaries(st.sampled_from(["a", "b"]), floats | st.none(), max_size=2)),
        numpy_columns(count),
        datetime_columns(count),
        pandas_columns(count),
        categories(count),
        arrow_columns(count, flat_types),
        arrow_columns(count, nested_types),
    )


def csv_columns(count):
    """Return columns that a CSV file can say: numbers, true and false, and text that is none of these and not empty."""
    words = st.sampled_from(["ada", "grace", 'say "hi"', "a,b", "two\nlines", "München", "x"])
    return st.one_of(
        _series(words | st.none(), count, "string"),
        _series(words, count, "category"),
        _series(st.integers(-(2**53), 2**53), count, "int64"),
        _series(st.integers(-(2**53) + 1, 2**53 - 1) | st.none(), count, "Int64"),
        _series(st.floats(allow_nan=False, allow_infinity=False, width=32) | st.just(7.0), count, "float64"),
        _series(st.sampled_from([7.0, 0.5, -0.0, 1e15, None]), count, "float64"),
        _series(st.booleans(), count, bool),
        _series(st.booleans() | st.none(), count, "boolean"),
    )
