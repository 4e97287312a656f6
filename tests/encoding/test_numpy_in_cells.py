"""numpy's arrays and records in cells: masked cells are missing, records keep their names, units are not dropped."""

import json

import numpy as np
import pandas as pd
import pyarrow.parquet as pq

import cio_frames as cio

RECORDS = np.array([(1, 2.5), (3, 4.0)], dtype=[("n", "i4"), ("price", "f8")])


class Quantity(np.ndarray):
    """An array with a unit."""


Quantity.__module__ = "physics"


def column(*cells):
    found = np.empty(len(cells), dtype=object)
    for row, cell in enumerate(cells):
        found[row] = cell
    return pd.DataFrame({"user_id": [f"u{row}" for row in range(len(cells))], "x": found})


def sent(*cells):
    return [json.loads(text)["traits"].get("x") for text in cio.payloads(column(*cells), "identify").tolist()]


def test_masked_cells_are_missing():
    numbers = np.ma.array([1, 2, 3], mask=[0, 1, 0])
    assert sent(numbers, np.ma.masked, [np.ma.masked, 1], {"a": np.ma.masked, "b": numbers}, np.ma.array(5, mask=True)) == [
        [1, None, 3], None, [None, 1], {"b": [1, None, 3]}, None,
    ]  # fmt: skip


def test_a_masked_id_is_missing():
    frame = pd.DataFrame({"user_id": column("ada", np.ma.masked)["x"]})
    assert cio.identify(frame, dry_run=True)["status"].tolist() == ["ready", "invalid"]


def test_records_keep_the_names_of_their_fields():
    masked = np.ma.array(RECORDS, mask=[(0, 1), (0, 0)])
    first, second = {"n": 1, "price": 2.5}, {"n": 3, "price": 4}
    assert sent(RECORDS[0], RECORDS, [RECORDS[1]], masked) == [first, [first, second], [second], [{"n": 1}, second]]


def test_records_are_objects_for_the_checks():
    products = np.array([("p-1", "free")], dtype=[("product_id", "U3"), ("price", "U4")])
    frame = column(products).rename(columns={"x": "products"})
    cases = cio.validate(frame, "track", "Order Completed").failure_cases
    assert cases["reason"].tolist() == ["products[0].price: must be a number"]


def test_an_array_with_more_than_its_numbers_is_refused_by_name():
    result = cio.identify(column(np.arange(2.0).view(Quantity), np.void(b"ab")), dry_run=True)
    assert result["status"].tolist() == ["invalid", "invalid"]
    assert result["reason"].str.contains("Quantity|bytes").all()


def test_undelivered_rows_keep_masks_and_names(sandbox, tmp_path):
    frame = column(np.ma.array([1, 2], mask=[0, 1]), RECORDS[0], np.ma.masked).assign(user_id=None)
    result = cio.load(frame, "identify", client=sandbox.client, output=tmp_path / "out")
    assert pq.read_table(result.undelivered)["x"].to_pylist() == ["[1, null]", '{"n": 1, "price": 2.5}', None]


class Place:
    """A geometry, as shapely has them."""

    @property
    def __geo_interface__(self):
        return {"type": "Point", "coordinates": (7.0, 50.0)}


def test_a_geometry_is_refused_with_the_remedy():
    reason = cio.identify(column(Place()), dry_run=True)["reason"][0]
    assert reason == "x: geometry is not supported in JSON; convert it to text, with .to_wkt() or ST_AsText"
