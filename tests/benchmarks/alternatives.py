"""Other ways from a frame to request bodies, each as fast as its author could make it.

All of them get the message ids in the column ``message_id``; cio_frames makes its own. They may write a time in any
form of ISO 8601 and a number in any form of JSON, and need not keep a person's calls in one lane. They must omit
missing values, also inside products, and stay within the limits.
"""

import json
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

import duckdb
import msgspec
import numpy as np
import orjson
import pandas as pd
import polars as pl
import pyarrow as pa

MAX_CALL_BYTES = 32_000
MAX_BODY_BYTES = 475_000
CHUNK = 20_000
ORJSON = orjson.OPT_UTC_Z | orjson.OPT_NAIVE_UTC
HEAD, TAIL = b'{"batch":[', b"]}"
EVENT = "Order Completed"

Bodies = Iterator[bytes]


def bodies_of(payloads: Sequence[bytes]) -> Iterator[bytes]:
    """Join payloads into as few bodies as fit."""
    ends = np.cumsum(np.fromiter(map(len, payloads), dtype=np.int64, count=len(payloads)) + 1)
    start, before = 0, 0
    while start < len(payloads):
        stop = int(np.searchsorted(ends, before + MAX_BODY_BYTES - len(HEAD) - len(TAIL) + 1, side="right"))
        group = payloads[start:stop]
        yield HEAD + b",".join(group) + TAIL
        start, before = stop, int(ends[stop - 1])


def bodies_of_text(texts: pa.Array) -> Iterator[bytes]:
    """Cut bodies out of the buffer of an Arrow text array whose texts end with a comma."""
    offsets = np.frombuffer(texts.buffers()[1], dtype=np.int64)[texts.offset : texts.offset + len(texts) + 1]
    content = memoryview(texts.buffers()[2])
    start = 0
    while start < len(texts):
        furthest = offsets[start] + MAX_BODY_BYTES - len(HEAD) - len(TAIL) + 1
        stop = int(np.searchsorted(offsets, furthest, side="right")) - 1
        yield b"".join((HEAD, content[offsets[start] : offsets[stop] - 1], TAIL))
        start = stop


# ---- one call as Python objects, from one row as a dict ----


def _missing(value: Any) -> bool:
    return value is None or value is pd.NaT or value is pd.NA or (isinstance(value, float) and value != value)


def _person(row: dict[str, Any], time: Callable[[Any], Any]) -> dict[str, Any]:
    traits = {
        name: row[name]
        for name in ("email", "first_name", "last_name", "plan", "logins", "balance", "subscribed", "landing_page")
        if not _missing(row[name])
    }
    traits["created_at"] = time(row["created_at"])
    address = {name: row[f"address.{name}"] for name in ("city", "country") if not _missing(row[f"address.{name}"])}
    if address:
        traits["address"] = address
    return {"type": "identify", "userId": row["user_id"], "traits": traits, "messageId": row["message_id"]}


def _order(row: dict[str, Any], time: Callable[[Any], Any]) -> dict[str, Any]:
    products = [{name: value for name, value in product.items() if value is not None} for product in row["products"]]
    return {
        "type": "track",
        "event": EVENT,
        "userId": row["user_id"],
        "timestamp": time(row["ordered_at"]),
        "properties": {
            "order_id": row["order_id"],
            "total": row["total"],
            "currency": row["currency"],
            "products": products,
        },
        "messageId": row["message_id"],
    }


CALL = {"people": _person, "orders": _order}


def iterrows_json(frame: pd.DataFrame, kind: str) -> Bodies:
    call = CALL[kind]
    rows = (json.dumps(call(dict(row), lambda t: t.isoformat()), separators=(",", ":"), ensure_ascii=False,
                       default=lambda number: number.item()) for _, row in frame.iterrows())  # fmt: skip
    return bodies_of([text.encode() for text in rows])


def to_dict_orjson(frame: pd.DataFrame, kind: str) -> Bodies:
    call = CALL[kind]
    rows = frame.to_dict("records")
    return bodies_of([orjson.dumps(call(row, datetime.isoformat), option=orjson.OPT_SERIALIZE_NUMPY) for row in rows])


# ---- lists of columns, and orjson or msgspec on what zip makes of them, a chunk at a time ----


def _plain(column: pa.Array | pa.ChunkedArray) -> list[Any]:
    """Return a column as text, numbers, naive datetimes, and None; much faster than Arrow's own to_pylist."""
    if pa.types.is_timestamp(column.type):
        return column.to_numpy().astype("datetime64[us]").tolist()
    if pa.types.is_boolean(column.type) or column.null_count:
        return column.to_numpy(zero_copy_only=False).astype(object).tolist()
    return column.to_numpy(zero_copy_only=False).tolist()


def _lists(frame: pd.DataFrame) -> dict[str, list[Any]]:
    table = pa.Table.from_pandas(frame, preserve_index=False)
    return {name: _plain(table.column(name)) for name in table.column_names}


def _products(frame: pd.DataFrame) -> tuple[list[int], Any]:
    """Return where each order's products start, and their columns as lists."""
    lists = pa.array(frame["products"])
    lists = lists.combine_chunks() if isinstance(lists, pa.ChunkedArray) else lists
    counts = np.asarray(lists.value_lengths())
    columns = [_plain(column) for column in lists.flatten().flatten()]
    return [0, *np.cumsum(counts).tolist()], zip(*columns, strict=True)


def _chunks(frame: pd.DataFrame) -> Iterator[pd.DataFrame]:
    for start in range(0, len(frame), CHUNK):
        yield frame.iloc[start : start + CHUNK]


def _people_of_lists(chunk: pd.DataFrame) -> Iterator[dict[str, Any]]:
    columns = _lists(chunk)
    for user, email, first, last, created, plan, logins, balance, subscribed, city, country, page, message in zip(
        *columns.values(), strict=True
    ):
        traits = {
            "email": email,
            "first_name": first,
            "last_name": last,
            "created_at": created,
            "plan": plan,
            "logins": logins,
            "balance": balance,
            "subscribed": subscribed,
            "address": {"country": country} if city is None else {"city": city, "country": country},
        }
        if page is not None:
            traits["landing_page"] = page
        yield {"type": "identify", "userId": user, "traits": traits, "messageId": message}


def _orders_of_lists(chunk: pd.DataFrame) -> Iterator[dict[str, Any]]:
    columns = _lists(chunk.drop(columns="products"))
    offsets, cells = _products(chunk)
    products = [
        {"product_id": sku, "name": name, "price": price, "quantity": quantity}
        if coupon is None
        else {"product_id": sku, "name": name, "price": price, "quantity": quantity, "coupon": coupon}
        for sku, name, price, quantity, coupon in cells
    ]
    for user, ordered, order, total, currency, message, start, stop in zip(
        *columns.values(), offsets, offsets[1:], strict=False
    ):
        yield {
            "type": "track",
            "event": EVENT,
            "userId": user,
            "timestamp": ordered,
            "properties": {
                "order_id": order,
                "total": total,
                "currency": currency,
                "products": products[start:stop],
            },
            "messageId": message,
        }


OF_LISTS = {"people": _people_of_lists, "orders": _orders_of_lists}


def lists_orjson(frame: pd.DataFrame, kind: str) -> Bodies:
    for chunk in _chunks(frame):
        yield from bodies_of([orjson.dumps(call, option=ORJSON) for call in OF_LISTS[kind](chunk)])


class Address(msgspec.Struct, omit_defaults=True):
    country: str
    city: str | None = None


class Traits(msgspec.Struct, omit_defaults=True):
    email: str
    first_name: str
    last_name: str
    created_at: datetime
    plan: str
    logins: int
    balance: float
    subscribed: bool
    address: Address
    landing_page: str | None = None


class Person(msgspec.Struct, tag_field="type", tag="identify", rename="camel"):
    user_id: str
    traits: Traits
    message_id: str


class Product(msgspec.Struct, omit_defaults=True):
    product_id: str
    name: str
    price: float
    quantity: int
    coupon: str | None = None


class Bought(msgspec.Struct):
    order_id: str
    total: float
    currency: str
    products: list[Product]


class Order(msgspec.Struct, tag_field="type", tag="track", rename="camel"):
    event: str
    user_id: str
    timestamp: datetime
    properties: Bought
    message_id: str


def _people_of_structs(chunk: pd.DataFrame) -> Iterator[Person]:
    columns = _lists(chunk)
    for user, email, first, last, created, plan, logins, balance, subscribed, city, country, page, message in zip(
        *columns.values(), strict=True
    ):
        when, address = created.replace(tzinfo=UTC), Address(country, city)
        traits = Traits(email, first, last, when, plan, logins, balance, subscribed, address, page)
        yield Person(user, traits, message)


def _orders_of_structs(chunk: pd.DataFrame) -> Iterator[Order]:
    columns = _lists(chunk.drop(columns="products"))
    offsets, cells = _products(chunk)
    products = [Product(*values) for values in cells]
    for user, ordered, order, total, currency, message, start, stop in zip(
        *columns.values(), offsets, offsets[1:], strict=False
    ):
        yield Order(
            EVENT, user, ordered.replace(tzinfo=UTC), Bought(order, total, currency, products[start:stop]), message
        )


OF_STRUCTS = {"people": _people_of_structs, "orders": _orders_of_structs}


def msgspec_structs(frame: pd.DataFrame, kind: str) -> Bodies:
    encode = msgspec.json.Encoder().encode
    for chunk in _chunks(frame):
        yield from bodies_of(list(map(encode, OF_STRUCTS[kind](chunk))))


# ---- polars and DuckDB: text functions over whole columns ----


def _text(column: pl.Expr) -> pl.Expr:
    for raw, escaped in (("\\", "\\\\"), ('"', '\\"'), ("\n", "\\n")):
        column = column.str.replace_all(raw, escaped, literal=True)
    return column


def _member(name: str, value: pl.Expr) -> pl.Expr:
    """Return a member with a comma before it, null where its value is."""
    return pl.concat_str(pl.lit(f',"{name}":'), value)


def _quoted(name: str, value: pl.Expr) -> pl.Expr:
    return pl.concat_str(pl.lit(f',"{name}":"'), value, pl.lit('"'))


def _iso(name: str) -> pl.Expr:
    return pl.col(name).dt.strftime("%Y-%m-%dT%H:%M:%S%.3fZ")


def _polars_people(frame: pl.DataFrame) -> pl.Expr:
    return pl.concat_str(
        pl.lit('{"type":"identify","userId":"'),
        _text(pl.col("user_id")),
        pl.lit('","traits":{"email":"'),
        _text(pl.col("email")),
        pl.lit('"'),
        *(_quoted(name, _text(pl.col(name))) for name in ("first_name", "last_name", "plan", "landing_page")),
        pl.lit(',"created_at":"'),
        _iso("created_at"),
        pl.lit('"'),
        *(_member(name, pl.col(name).cast(pl.String)) for name in ("logins", "balance", "subscribed")),
        pl.lit(',"address":{"country":"'),
        _text(pl.col("address.country")),
        pl.lit('"'),
        _quoted("city", _text(pl.col("address.city"))),
        pl.lit('}},"messageId":"'),
        pl.col("message_id"),
        pl.lit('"},'),
        ignore_nulls=True,
    )


def _polars_orders(frame: pl.DataFrame) -> pl.Expr:
    flat = frame.select(pl.col("products").explode()).unnest("products")
    each = flat.select(
        pl.concat_str(
            pl.lit('{"product_id":"'),
            _text(pl.col("product_id")),
            pl.lit('","name":"'),
            _text(pl.col("name")),
            pl.lit('","price":'),
            pl.col("price").cast(pl.String),
            pl.lit(',"quantity":'),
            pl.col("quantity").cast(pl.String),
            _quoted("coupon", _text(pl.col("coupon"))),
            pl.lit("}"),
            ignore_nulls=True,
        )
    ).to_series()
    counts = frame["products"].list.len()
    offsets = np.concatenate([[0], np.cumsum(counts.to_numpy())]).astype(np.int64)
    values = each.to_arrow(compat_level=pl.CompatLevel.oldest())
    products = pl.Series(pl.from_arrow(pa.LargeListArray.from_arrays(pa.array(offsets), values)))
    return pl.concat_str(
        pl.lit('{"type":"track","event":"Order Completed","userId":"'),
        _text(pl.col("user_id")),
        pl.lit('","timestamp":"'),
        _iso("ordered_at"),
        pl.lit('","properties":{"order_id":"'),
        _text(pl.col("order_id")),
        pl.lit('","total":'),
        pl.col("total").cast(pl.String),
        pl.lit(',"currency":"'),
        _text(pl.col("currency")),
        pl.lit('","products":['),
        pl.lit(products).list.join(","),
        pl.lit(']},"messageId":"'),
        pl.col("message_id"),
        pl.lit('"},'),
        ignore_nulls=True,
    )


POLARS = {"people": _polars_people, "orders": _polars_orders}
POLARS_CHUNK = 50_000


def polars_concat(frame: pd.DataFrame, kind: str) -> Bodies:
    whole = pl.from_arrow(pa.Table.from_pandas(frame, preserve_index=False))
    for start in range(0, len(whole), POLARS_CHUNK):
        chunk = whole.slice(start, POLARS_CHUNK)
        texts = chunk.select(POLARS[kind](chunk)).to_series().to_arrow(compat_level=pl.CompatLevel.oldest())
        yield from bodies_of_text(texts)


def _sql_text(name: str) -> str:
    return f"to_json({name})"


DUCKDB = {
    "people": """
        '{"type":"identify","userId":' || to_json(user_id) || ',"traits":{"email":' || to_json(email)
        || ',"first_name":' || to_json(first_name) || ',"last_name":' || to_json(last_name)
        || ',"plan":' || to_json(plan) || coalesce(',"landing_page":' || to_json(landing_page), '')
        || ',"created_at":"' || strftime(created_at AT TIME ZONE 'UTC', '%Y-%m-%dT%H:%M:%S.%gZ')
        || '","logins":' || logins || ',"balance":' || balance || ',"subscribed":' || subscribed
        || ',"address":{"country":' || to_json("address.country")
        || coalesce(',"city":' || to_json("address.city"), '') || '}},"messageId":"' || message_id || '"},'
    """,
    "orders": """
        '{"type":"track","event":"Order Completed","userId":' || to_json(user_id)
        || ',"timestamp":"' || strftime(ordered_at AT TIME ZONE 'UTC', '%Y-%m-%dT%H:%M:%S.%gZ')
        || '","properties":{"order_id":' || to_json(order_id) || ',"total":' || total
        || ',"currency":' || to_json(currency) || ',"products":['
        || array_to_string(list_transform(products, lambda p:
             '{"product_id":' || to_json(p.product_id) || ',"name":' || to_json(p.name) || ',"price":' || p.price
             || ',"quantity":' || p.quantity || coalesce(',"coupon":' || to_json(p.coupon), '') || '}'), ',')
        || ']},"messageId":"' || message_id || '"},'
    """,
}


def duckdb_concat(frame: pd.DataFrame, kind: str, *, threads: int = 1) -> Bodies:
    database = duckdb.connect(config={"threads": threads})
    database.execute("SET TimeZone = 'UTC'")
    database.register("frame", pa.Table.from_pandas(frame, preserve_index=False))
    found = database.sql(f"SELECT {DUCKDB[kind]} AS call FROM frame").to_arrow_reader(50_000)  # noqa: S608
    for batch in found:
        yield from bodies_of_text(batch.column(0).cast(pa.large_string()))


def floor(calls: list[dict[str, Any]]) -> bytes:
    """Write one list that is there already: no columns to read, no bodies to cut."""
    return orjson.dumps(calls, option=ORJSON)


ALTERNATIVES: dict[str, Callable[[pd.DataFrame, str], Bodies]] = {
    "polars": polars_concat,
    "DuckDB": duckdb_concat,
    "msgspec": msgspec_structs,
    "lists + orjson": lists_orjson,
    "to_dict + orjson": to_dict_orjson,
    "iterrows + json": iterrows_json,
}
