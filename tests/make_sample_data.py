"""Write sample_data/: run it after a change here.

The customers are totals of the real orders in orders.csv, which it does not change. Everything else is made up, from a
seed.
"""

import random
import unicodedata
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

SAMPLE_DATA = Path(__file__).parent.parent / "sample_data"
SEED = 1997
# These distinguish made-up people from real ones, and no mail to them arrives anywhere.
PREFIX, DOMAIN = "sample-", "example.com"

TEXT, NUMBER, INTEGER, FLAG = pa.string(), pa.float64(), pa.int64(), pa.bool_()
DAY, TIME = pa.date32(), pa.timestamp("ms", tz="UTC")

FIRST_NAMES = "Ada Björn Chloé Daichi Élodie Fatima Grace Hugo İpek José Katrin Lucía Mei Noor Olek Priya Quentin Rosa"
LAST_NAMES = "Almeida Brandt Çelik Duarte Eriksen Fournier García Haddad Ito Jansen Kowalski López Müller Nguyễn Okafor"
CITIES = [("Lisboa", "PT"), ("København", "DK"), ("München", "DE"), ("Québec", "CA"), ("東京", "JP"), ("Ulm", "DE")]
PAGES = [
    ("/", "Start"),
    ("/pricing", "Pricing"),
    ("/records/kind-of-blue", "Kind of Blue"),
    ("/records/blue-train", "Blue Train"),
    ("/help/shipping", "Shipping"),
]
RECORDS = [("R-1", "Kind of Blue", 14.99), ("R-2", "Blue Train", 11.49), ("R-3", "Mingus Ah Um", 13.99)]


class Dice(random.Random):
    """Draws by random() only, which returns the same numbers in every version of Python."""

    def below(self, number):
        return int(self.random() * number)

    def one_of(self, values):
        return values[self.below(len(values))]

    def time(self, first=datetime(2025, 1, 1, tzinfo=UTC), days=150):
        return first + timedelta(seconds=self.below(days * 86_400))


def user_id(number):
    return f"{PREFIX}{number:04}"


def people(dice, count=240):
    rows = []
    for number in range(1, count + 1):
        first, last, (city, country) = (
            dice.one_of(FIRST_NAMES.split()),
            dice.one_of(LAST_NAMES.split()),
            dice.one_of(CITIES),
        )
        plain = unicodedata.normalize("NFKD", f"{first}.{last}").encode("ascii", "ignore").decode().lower()
        rows.append(
            {
                "user_id": user_id(number),
                "email": f"{plain}.{number}@{DOMAIN}",
                "first_name": first,
                "last_name": last,
                "created_at": dice.time(),
                "plan": dice.one_of(["free", "free", "team", "business"]),
                "logins": None if dice.below(8) == 0 else dice.below(200),
                "unsubscribed": dice.below(20) == 0,
                "languages": ["en", "pt", "de"][: dice.below(4)],
                "address": {"city": city, "country": country},
            }
        )
    address = pa.struct({"city": TEXT, "country": TEXT})
    types = {"created_at": TIME, "logins": INTEGER, "unsubscribed": FLAG, "languages": pa.list_(TEXT)}
    return table(rows, **types, address=address)


def flat(people):
    """Return people as a CSV file has them: addresses under dotted names, and no lists."""
    frame = people.to_pandas().drop(columns="languages")
    address = pd.DataFrame(frame.pop("address").tolist()).add_prefix("address.")
    frame["created_at"] = frame["created_at"].dt.strftime("%Y-%m-%dT%H:%M:%SZ")
    return pd.concat([frame.astype({"logins": "Int64"}), address], axis=1)


def bad_people():
    """Return one row for each way in which a person cannot be sent, between two that can be."""
    good = {"email": f"nobody@{DOMAIN}", "plan": "free", "updated_at": "2025-06-01T12:00:00Z"}
    rows = [
        {"user_id": user_id(901), **good},
        {"user_id": None, **good},
        {"user_id": "   ", **good},
        {"user_id": user_id(902), **good, "updated_at": "yesterday"},
        {"user_id": user_id(903), **good, "email": "nobody at example"},
        {"user_id": user_id(904), **good, "unsubscribed": "maybe"},
        {"user_id": user_id(905), **good, "bio": "la " * 11_000},
        {"user_id": user_id(906), **good},
    ]
    return pd.DataFrame(rows)


def companies(dice):
    names = ["Acme", "Blaupunkt & Söhne", "Cajón", "Dry Dock", "Éclair", "Fjord", "Gamelan", "Harbour"]
    rows = [
        {
            "company_id": f"{PREFIX}company-{number}",
            "name": name,
            "industry": dice.one_of(["music", "shipping", "software"]),
            "employees": 5 + dice.below(500),
            "founded_on": date(1950 + dice.below(70), 1 + dice.below(12), 1 + dice.below(28)),
            "address": dict(zip(("city", "country"), dice.one_of(CITIES), strict=True)),
        }
        for number, name in enumerate(names, 1)
    ]
    return table(rows, employees=INTEGER, founded_on=DAY, address=pa.struct({"city": TEXT, "country": TEXT}))


def memberships(dice, count=60):
    rows = [
        {
            "user_id": user_id(1 + 2 * number),
            "company_id": f"{PREFIX}company-{1 + dice.below(8)}",
            "role": dice.one_of(["owner", "buyer", "guest"]),
            "since": dice.time().date(),
        }
        for number in range(count)
    ]
    return table(rows, since=DAY)


def page_views(dice, count=400):
    """Return page views by visitors, some of whom have signed in, in the order of time."""
    rows = []
    for at in sorted(dice.time() for _ in range(count)):
        visitor, (path, title) = 1 + dice.below(40), dice.one_of(PAGES)
        campaign = {"name": "spring", "source": "newsletter"} if dice.below(4) == 0 else None
        rows.append(
            {
                "anonymous_id": f"{PREFIX}visitor-{visitor:02}",
                "user_id": user_id(visitor) if dice.below(3) == 0 else None,
                "viewed_at": at,
                "title": title,
                "url": f"https://shop.{DOMAIN}{path}",
                "path": path,
                "referrer": dice.one_of([None, f"https://search.{DOMAIN}/"]),
                "context": {
                    "ip": f"192.0.2.{visitor}",
                    "locale": dice.one_of(["en-GB", "pt-PT"]),
                    "campaign": campaign,
                },
            }
        )
    campaign = pa.struct({"name": TEXT, "source": TEXT})
    return table(rows, viewed_at=TIME, context=pa.struct({"ip": TEXT, "locale": TEXT, "campaign": campaign}))


def screens(dice, count=200):
    rows = [
        {
            "user_id": user_id(1 + dice.below(60)),
            "shown_at": at,
            "name": dice.one_of(["Home", "Search", "Record", "Cart"]),
            "seconds": round(dice.random() * 90, 1),
            "context": {
                "app": {"name": "Record Shop", "version": dice.one_of(["2.0.1", "2.1.0"])},
                "os": {"name": dice.one_of(["iOS", "Android"])},
            },
        }
        for at in sorted(dice.time() for _ in range(count))
    ]
    app = pa.struct({"name": TEXT, "version": TEXT})
    return table(rows, shown_at=TIME, seconds=NUMBER, context=pa.struct({"app": app, "os": pa.struct({"name": TEXT})}))


def devices(dice, count=80):
    rows = [
        {
            "user_id": user_id(1 + dice.below(60)),
            "token": f"{PREFIX}token-{number:03}",
            "device_type": dice.one_of(["ios", "android"]),
            "last_used_at": dice.time().strftime("%Y-%m-%dT%H:%M:%SZ"),
            "app_version": dice.one_of(["2.0.1", "2.1.0"]),
        }
        for number in range(count)
    ]
    return pd.DataFrame(rows)


def bad_devices(devices):
    """Return two devices that can be added, and one for each way in which one cannot."""
    return pd.concat([devices.head(2), devices.head(3).assign(token=[None, "t-1", "t-2"])], ignore_index=True).assign(
        device_type=lambda rows: rows["device_type"].where(rows["token"].ne("t-1"), "blackberry"),
        user_id=lambda rows: rows["user_id"].where(rows["token"].ne("t-2")),
    )


def aliases(count=20):
    """Return the visitors who turned out to be people."""
    ids = range(1, count + 1)
    return pd.DataFrame({"previous_id": [f"{PREFIX}visitor-{each:02}" for each in ids], "user_id": map(user_id, ids)})


def events(dice, count=6):
    """Return events of all families, and one that no family has, by a few people: rows in the order of time."""
    rows = []
    for number in range(1, count + 1):
        who, at = user_id(number), dice.time()
        (sku, title, price), quantity = dice.one_of(RECORDS), 1 + dice.below(3)
        product = {"product_id": sku, "name": title, "price": price, "quantity": quantity}
        order = {
            "order_id": f"O-{number}",
            "total": round(price * quantity, 2),
            "currency": "EUR",
            "products": [product],
        }
        story = [
            (
                "Experiment Viewed",
                {"experiment_name": "checkout", "variation_name": dice.one_of(["one page", "steps"])},
            ),
            ("Application Opened", {"version": "2.1.0", "from_background": dice.below(2) == 0}),
            ("Products Searched", {"query": title.lower()}),
            ("Product Viewed", {key: product[key] for key in ("product_id", "name", "price")}),
            ("Video Playback Started", {"session_id": f"S-{number}", "total_length": 90 + dice.below(120)}),
            ("Product Added", product),
            ("Order Completed", order),
            ("Live Chat Conversation Started", {"conversation_id": f"C-{number}", "agent_name": "Rosa"}),
            ("Email Opened", {"email_id": f"E-{number}", "email_subject": "Your records are on their way"}),
            ("Gift Wrapped", {"order_id": f"O-{number}", "paper": dice.one_of(["stars", "plain"])}),
        ]
        for minutes, (event, properties) in enumerate(story):
            rows.append({"event": event, "user_id": who, "happened_at": at + timedelta(minutes=minutes), **properties})
    product = pa.struct({"product_id": TEXT, "name": TEXT, "price": NUMBER, "quantity": INTEGER})
    types = {"happened_at": TIME, "from_background": FLAG, "total_length": INTEGER, "products": pa.list_(product)}
    numbers = {"price": NUMBER, "quantity": INTEGER, "total": NUMBER}
    return table(sorted(rows, key=lambda row: row["happened_at"]), **types, **numbers)


def mixed_calls():
    """Return calls of all six kinds, as in the log of a sign-up, and two that are invalid."""
    who, visitor = user_id(950), f"{PREFIX}visitor-50"
    rows = [
        {"type": "page", "anonymous_id": visitor, "name": "Start", "url": f"https://shop.{DOMAIN}/"},
        {"type": "identify", "user_id": who, "email": f"mixed@{DOMAIN}", "plan": "free"},
        {"type": "alias", "user_id": who, "previous_id": visitor},
        {"type": "track", "user_id": who, "event": "Signed Up", "plan": "free"},
        {"type": "group", "user_id": who, "group_id": f"{PREFIX}company-1"},
        {"type": "screen", "user_id": who, "name": "Home"},
        {"type": "track", "user_id": who},
        {"type": "identity", "user_id": who},
    ]
    frame = pd.DataFrame(rows)
    frame.insert(1, "happened_at", [f"2025-06-01T12:{minute:02}:00Z" for minute in range(len(rows))])
    return frame


def customers(orders):
    totals = orders.groupby("customer_id", as_index=False).agg(
        created_at=("ordered_on", "min"),
        last_order_on=("ordered_on", "max"),
        orders=("ordered_on", "size"),
        items=("items", "sum"),
        total_spent=("total", "sum"),
    )
    totals["total_spent"] = totals["total_spent"].round(2)
    return table(totals, created_at=DAY, last_order_on=DAY, orders=INTEGER, items=INTEGER, total_spent=NUMBER)


def bad_orders():
    """Return one order for each reason why an order cannot be sent."""
    rows = [
        {"customer_id": None, "ordered_on": "1998-07-01", "items": 1, "total": 14.99},
        {"customer_id": "  ", "ordered_on": "1998-07-01", "items": 2, "total": 29.98},
        {"customer_id": "00004", "ordered_on": "1998-06-31", "items": 1, "total": 14.99},
        {"customer_id": "00004", "ordered_on": "last week", "items": 1, "total": 14.99},
        {"customer_id": "00021", "ordered_on": "1998-07-02", "items": 1, "total": float("inf")},
        {"customer_id": "00021", "ordered_on": "1998-07-02", "items": 1, "total": 14.99, "discount": "10 %"},
        {"customer_id": "00050", "ordered_on": "1998-07-03", "items": 1, "total": 14.99, "note": "la " * 11_000},
    ]
    return table(rows, items=INTEGER, total=NUMBER)


def table(rows, **types):
    """Return rows as an Arrow table; columns without a type are text."""
    frame = rows if isinstance(rows, pd.DataFrame) else pd.DataFrame(rows, dtype=object)
    fields = [(column, types.get(column, TEXT)) for column in frame.columns]
    return pa.Table.from_pandas(frame, pa.schema(fields), preserve_index=False).replace_schema_metadata(None)


def make_files(real_orders):
    """Return all files except orders.csv, by name: tables for Parquet, frames for CSV."""
    dice = Dice(SEED)
    orders = pd.read_csv(real_orders, dtype={"customer_id": str}, parse_dates=["ordered_on"])
    all_people, all_devices = people(dice), devices(dice)
    return {
        "orders.parquet": table(orders, ordered_on=DAY, items=INTEGER, total=NUMBER),
        "customers.parquet": customers(orders),
        "bad_orders.parquet": bad_orders(),
        "people.parquet": all_people,
        "people.csv": flat(all_people),
        "bad_people.csv": bad_people(),
        "companies.parquet": companies(dice),
        "memberships.parquet": memberships(dice),
        "page_views.parquet": page_views(dice),
        "screens.parquet": screens(dice),
        "devices.csv": all_devices,
        "bad_devices.csv": bad_devices(all_devices),
        "aliases.csv": aliases(),
        "events.parquet": events(dice),
        "mixed_calls.csv": mixed_calls(),
    }


def main():
    for name, content in make_files(SAMPLE_DATA / "orders.csv").items():
        if isinstance(content, pa.Table):
            pq.write_table(content, SAMPLE_DATA / name, compression="zstd")
        else:
            content.to_csv(SAMPLE_DATA / name, index=False, lineterminator="\n")


if __name__ == "__main__":
    main()
