"""Made-up frames of any length: people with 12 columns, orders with 1 to 4 nested products.

Some cells are missing, also inside products, and one name in a thousand holds a quote, a backslash and a line break:
whoever does not mind those writes wrong calls, and is not faster.
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
    """Return people, each of them once."""
    chance = np.random.default_rng(start)
    number = np.arange(start, start + rows)
    digits = pa.array(number).cast(pa.string())
    first = chance.choice(NAMES, rows).astype(object)
    first[number % 1000 == 0] = TRICKY
    return pa.table(
        {
            "user_id": _joined("customer-", digits),
            "email": _joined("someone.", digits, "@mail.example.com"),
            "first_name": pa.array(first, pa.string()),
            "last_name": _chosen(FAMILIES, chance, rows),
            "created_at": pa.array(_moments(chance, rows), pa.timestamp("ms", "UTC")),
            "plan": _chosen(PLANS, chance, rows),
            "logins": pa.array(chance.integers(0, 5_000, rows)),
            "balance": pa.array(np.round(chance.normal(250, 100, rows), 2)),
            "subscribed": pa.array(chance.random(rows) < 0.7),
            "address.city": _some(_chosen(CITIES, chance, rows), chance, 0.2),
            "address.country": _chosen(COUNTRIES, chance, rows),
            "landing_page": _some(_joined("https://www.shop.example.com/autumn/offers?campaign=", digits), chance, 0.1),
        }
    )


def orders(rows: int, *, start: int = 0) -> pa.Table:
    """Return orders of customers who come back about four times."""
    chance = np.random.default_rng(start)
    number = np.arange(start, start + rows)
    customer = pa.array(chance.integers(0, max(rows // 4, 1), rows)).cast(pa.string())
    counts = chance.integers(1, 5, rows)
    offsets = np.concatenate([[0], np.cumsum(counts)])
    count = int(offsets[-1])
    products = pa.StructArray.from_arrays(
        [
            _joined("sku-", pa.array(chance.integers(10_000, 99_999, count)).cast(pa.string())),
            _chosen(WARES, chance, count),
            pa.array(np.round(chance.gamma(2, 8, count), 2)),
            pa.array(chance.integers(1, 12, count)),
            _some(_chosen(np.array(["AUTUMN"]), chance, count), chance, 0.8),
        ],
        names=["product_id", "name", "price", "quantity", "coupon"],
    )
    return pa.table(
        {
            "user_id": _joined("customer-", customer),
            "ordered_at": pa.array(_moments(chance, rows), pa.timestamp("ms", "UTC")),
            "order_id": _joined("order-", pa.array(number).cast(pa.string())),
            "total": pa.array(np.round(chance.gamma(3, 20, rows), 2)),
            "currency": _chosen(np.array(["GBP", "EUR"]), chance, rows),
            "products": pa.ListArray.from_arrays(pa.array(offsets, pa.int32()), products),
        }
    )


MADE = {"people": people, "orders": orders}


def frame_of(table: pa.Table, kind: str) -> pd.DataFrame:
    """Return a table as people have it in pandas: its own dtypes, but Arrow's where there is something nested."""
    return table.to_pandas(types_mapper=pd.ArrowDtype) if kind == "orders" else table.to_pandas()


def _moments(chance, rows):
    return FIRST_DAY + chance.integers(0, 700 * 86_400_000, rows).astype("timedelta64[ms]")


def _chosen(words, chance, count):
    return pa.array(words).take(pa.array(chance.integers(0, len(words), count)))


def _joined(*pieces):
    return pc.binary_join_element_wise(*pieces, "")


def _some(array, chance, missing):
    return pc.if_else(pa.array(chance.random(len(array)) < missing), pa.scalar(None, pa.string()), array)
