"""What is inside lists and objects has the types of the spec."""

import decimal
import json
import re

import numpy as np
import orjson
import pandas as pd
import pyarrow as pa
import pytest

from cio_frames import spec
from cio_frames.encoding.members import coercion_patterns
from tests.encoding.payload_texts import Level, arrow, texts

PRODUCTS = [
    {"product_id": 7.0, "sku": 8, "coupon": "007", "price": 7.0, "quantity": 2.0, "own": 7.0},
    {"product_id": 7.5, "sku": 2.0**53, "coupon": True, "price": 1, "quantity": 2.5, "own": "x"},
]


def products_of(column):
    """The JSON text of each row's products."""
    found = texts(pd.DataFrame({"user_id": "u", "products": column, "message_id": "m"}), "track", "Order Completed")
    return [text.partition('"products":')[2].partition('},"messageId"')[0] for text in found]


def test_ids_and_counts_of_products_in_cells_are_in_the_types_of_the_spec():
    first = '{"product_id":"7","sku":"8","coupon":"007","price":7,"quantity":2,"own":7}'
    second = '{"product_id":7.5,"sku":9007199254740992.0,"coupon":true,"price":1,"quantity":2.5,"own":"x"}'
    cells = [PRODUCTS[:1], tuple(PRODUCTS), np.array(PRODUCTS[:1]), [*PRODUCTS[:1], None]]
    column = pd.Series(cells, dtype=object)
    assert products_of(column) == [f"[{first}]", f"[{first},{second}]", f"[{first}]", f"[{first},null]"]
    for odd in (np.int16(8), np.float32(8), decimal.Decimal("8.00"), Level.EIGHT):
        assert products_of(pd.Series([[{"sku": odd, "quantity": odd}]], dtype=object)) == ['[{"sku":"8","quantity":8}]']


@pytest.mark.parametrize("ids", [pa.int64(), pa.float64(), pa.float32(), pa.decimal128(10, 2), "words", "numbers"])
def test_ids_and_counts_of_products_in_arrow_columns_are_in_the_types_of_the_spec(ids):
    dictionary = {"words": pa.string(), "numbers": pa.float64()}.get(ids)
    kind = ids if dictionary is None else pa.dictionary(pa.int8(), dictionary)
    cast = {"words": str, "numbers": float}.get(ids, int)
    rows = [[{"product_id": cast(7), "price": 7.0, "quantity": 2.0}], [{"product_id": None}], None]
    arrow_kind = pa.list_(pa.struct([("product_id", kind), ("price", pa.float64()), ("quantity", pa.float64())]))
    assert products_of(arrow(rows, arrow_kind))[:2] == ['[{"product_id":"7","price":7,"quantity":2}]', "[{}]"]


def test_a_map_is_an_object_with_the_types_of_the_spec():
    kind = pa.list_(pa.map_(pa.string(), pa.float64()))
    rows = [[[("product_id", 7.0), ("price", 7.0), ("quantity", 7.0), ("sku", 7.5)]], [[("price", 1.0)], None]]
    assert products_of(arrow(rows, kind)) == [
        '[{"product_id":"7","price":7,"quantity":7,"sku":7.5}]',
        '[{"price":1},null]',
    ]


def test_a_list_of_ids_is_a_list_of_text():
    cells = [[7.0, 8], ["007", None], []]
    for column in (pd.Series(cells, dtype=object), arrow([[7.0, 8.0], [None], []], pa.list_(pa.float64()))):
        frame = pd.DataFrame({"user_id": "u", "content_asset_ids": column})
        assert '"content_asset_ids":["7","8"]}' in texts(frame, "track", "Video Playback Started")[0]


def test_a_context_has_the_types_of_the_spec_in_cells_and_for_all_rows():
    context = {"ip": 7.0, "app": {"version": 2}, "campaign": {"own": 3.0}, "own": 4.0}
    expected = '"context":{"ip":"7","app":{"version":"2"},"campaign":{"own":"3"},"own":4}'
    assert expected in texts(pd.DataFrame({"user_id": ["u"], "context": [context]}))[0]
    assert expected in texts(pd.DataFrame({"user_id": ["u"]}), context=context)[0]


def test_text_that_looks_like_a_member_is_left_alone():
    text = 'say "product_id":7 and ,7.0'
    column = pd.Series([[{"own": text}], [{"own": {text: 7.0}}]], dtype=object)
    found = [json.loads(each) for each in products_of(column)]
    assert found == [[{"own": text}], [{"own": {text: 7.0}}]]


def test_the_patterns_of_numbers_to_coerce_match_no_cell_in_the_types_of_the_spec():
    field = spec.semantic_event("Order Completed").properties.properties["products"]
    patterns = "|".join(coercion_patterns(field))
    typed = [{"product_id": "7", "price": 7.0, "quantity": 2}]
    assert re.search(patterns, orjson.dumps(typed).decode()) is None
    assert re.search(patterns, orjson.dumps([{"product_id": 7}]).decode()) is not None
