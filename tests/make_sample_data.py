"""Makes sample_data/ anew from the real orders: run it with the path of cdnow_orders.csv after changing it."""

import sys
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

SAMPLE_DATA = Path(__file__).parent.parent / "sample_data"


def write(frame, name, **types):
    fields = [(column, types[column]) for column in frame.columns]
    table = pa.Table.from_pandas(frame, pa.schema(fields), preserve_index=False).replace_schema_metadata(None)
    pq.write_table(table, SAMPLE_DATA / name, compression="zstd")


def main(source):
    orders = pd.read_csv(source, dtype={"customer_id": str}, parse_dates=["ordered_on"])
    by_customer = orders.groupby("customer_id", as_index=False)
    customers = by_customer.agg(
        created_at=("ordered_on", "min"),
        last_order_on=("ordered_on", "max"),
        orders=("ordered_on", "size"),
        items=("items", "sum"),
        total_spent=("total", "sum"),
    )
    customers["total_spent"] = customers["total_spent"].round(2)
    bad_orders = pd.DataFrame(
        [
            {"customer_id": None, "ordered_on": "1998-07-01", "items": 1, "total": 14.99},
            {"customer_id": "  ", "ordered_on": "1998-07-01", "items": 2, "total": 29.98},
            {"customer_id": "00004", "ordered_on": "1998-06-31", "items": 1, "total": 14.99},
            {"customer_id": "00004", "ordered_on": "last week", "items": 1, "total": 14.99},
            {"customer_id": "00021", "ordered_on": "1998-07-02", "items": 1, "total": float("inf")},
            {"customer_id": "00021", "ordered_on": "1998-07-02", "items": 1, "total": 14.99, "discount": "10 %"},
            {"customer_id": "00050", "ordered_on": "1998-07-03", "items": 1, "total": 14.99, "note": "la " * 11_000},
        ]
    )
    day, text = pa.date32(), pa.string()
    order = {"customer_id": text, "ordered_on": day, "items": pa.int64(), "total": pa.float64()}
    write(orders, "orders.parquet", **order)
    write(bad_orders, "bad_orders.parquet", **(order | {"ordered_on": text, "discount": text, "note": text}))
    totals = {"orders": pa.int64(), "items": pa.int64(), "total_spent": pa.float64()}
    write(customers, "customers.parquet", customer_id=text, created_at=day, last_order_on=day, **totals)
    (SAMPLE_DATA / "orders.csv").write_bytes(Path(source).read_bytes())


if __name__ == "__main__":
    main(sys.argv[1])
