"""Text in payloads."""

import json

import pandas as pd

from tests.encoding.payload_texts import dry, texts, written


def test_text_goes_out_as_it_is():
    text = 'say "hi" \\ \x00\x1f\b\f\n\r\t / \x7f \u2028\u2029 é 日本 😀 𝒳 <&>'
    for column in ([text, "plain"], pd.Series([text, 1], dtype=object), pd.Series([text, "plain"], dtype="category")):
        assert json.loads(texts(pd.DataFrame({"user_id": "u", "x": column}))[0])["traits"]["x"] == text
    assert written(pd.Series(['"\\\n\x01\u2028😀'])) == ['"\\"\\\\\\n\\u0001\u2028😀"']


def test_a_lone_surrogate_holds_only_its_own_row_back():
    frame = pd.DataFrame({"user_id": "u", "x": pd.Series(["ok", "\ud800", {"k": "\udc00"}], dtype=object)})
    result = dry(frame)
    assert result["status"].tolist() == ["ready", "invalid", "invalid"]
    assert result["reason"].iloc[1].startswith("x: text has a lone surrogate")
