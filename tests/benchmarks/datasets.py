"""Generated tables of any length: people with 12 columns, orders with 1 to 4 nested products.

Some cells are missing, also inside products, and one name in a thousand has a quote, a backslash, and a line break:
code that ignores these makes wrong calls, so it is not faster.
"""

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

FIRST_DAY = np.datetime64("2024-01-01T00:00:00.000")
PLANS = np.array(["free", "team", "business", "enterprise"])
COUNTRIES = np.array(["GB", "DE", "FR", "ES", "PT", "PL", "US", "BR", "JP", "IN"])
CITIES = np.array(["London", "München", "Lyon", "Sevilla", "Coimbra", "Łódź", "Austin", "São Paulo", "東京", "Pune"])
NAMES = np.array(["Ada", "Grace", "Alan", "Barbara", "Edsger", "Margaret", "Donald", "Frances", "Tony", "Radia"])
FAMILIES = np.array(["Lovelace", "Hopper", "Turing", "Liskov", "Dijkstra", "Hamilton", "Knuth", "Allen", "Hoare"])
WARES = np.array(
    ["Paper craft clock", "Jumbo bag red", "Lunch box, I love London", "White hanging heart", "Ribbon reel"]
)
TRICKY = 'Robert "Bob"\\\n'


def people(rows: int, *, start: int = 0) -> pa.Table:
    """Return people with distinct ids."""
    random = np.random.default_rng(start)
    number = np.arange(start, start + rows)
    digits = pa.array(number).cast(pa.string())
    first = random.choice(NAMES, rows).astype(object)
    first[number % 1000 == 0] = TRICKY
    return pa.table(
        {
            "user_id": _join("customer-", digits),
            "email": _join("someone.", digits, "@mail.example.com"),
            "first_name": pa.array(first, pa.string()),
            "last_name": _choices(FAMILIES, random, rows),
            "created_at": pa.array(_timestamps(random, rows), pa.timestamp("ms", "UTC")),
            "plan": _choices(PLANS, random, rows),
            "logins": pa.array(random.integers(0, 5_000, rows)),
            "balance": pa.array(np.round(random.normal(250, 100, rows), 2)),
            "subscribed": pa.array(random.random(rows) < 0.7),
            "address.city": _with_missing(_choices(CITIES, random, rows), random, 0.2),
            "address.country": _choices(COUNTRIES, random, rows),
            "landing_page": _with_missing(
                _join("https://www.shop.example.com/autumn/offers?campaign=", digits), random, 0.1
            ),
        }
    )


def orders(rows: int, *, start: int = 0) -> pa.Table:
    """Return orders of customers who come back about four times."""
    random = np.random.default_rng(start)
    number = np.arange(start, start + rows)
    customer = pa.array(random.integers(0, max(rows // 4, 1), rows)).cast(pa.string())
    counts = random.integers(1, 5, rows)
    offsets = np.concatenate([[0], np.cumsum(counts)])
    count = int(offsets[-1])
    products = pa.StructArray.from_arrays(
        [
            _join("sku-", pa.array(random.integers(10_000, 99_999, count)).cast(pa.string())),
            _choices(WARES, random, count),
            pa.array(np.round(random.gamma(2, 8, count), 2)),
            pa.array(random.integers(1, 12, count)),
            _with_missing(_choices(np.array(["AUTUMN"]), random, count), random, 0.8),
        ],
        names=["product_id", "name", "price", "quantity", "coupon"],
    )
    return pa.table(
        {
            "user_id": _join("customer-", customer),
            "ordered_at": pa.array(_timestamps(random, rows), pa.timestamp("ms", "UTC")),
            "order_id": _join("order-", pa.array(number).cast(pa.string())),
            "total": pa.array(np.round(random.gamma(3, 20, rows), 2)),
            "currency": _choices(np.array(["GBP", "EUR"]), random, rows),
            "products": pa.ListArray.from_arrays(pa.array(offsets, pa.int32()), products),
        }
    )


DATASETS = {"people": people, "orders": orders}


def to_frame(table: pa.Table, kind: str) -> pd.DataFrame:
    """Return a table as people have it in pandas: its own dtypes, but Arrow's where there is something nested."""
    return table.to_pandas(types_mapper=pd.ArrowDtype) if kind == "orders" else table.to_pandas()


def _timestamps(random, rows):
    return FIRST_DAY + random.integers(0, 700 * 86_400_000, rows).astype("timedelta64[ms]")


def _choices(words, random, count):
    return pa.array(words).take(pa.array(random.integers(0, len(words), count)))


def _join(*pieces):
    return pc.binary_join_element_wise(*pieces, "")


def _with_missing(array, random, missing):
    return pc.if_else(pa.array(random.random(len(array)) < missing), pa.scalar(None, pa.string()), array)
