import io

import pandas as pd
import pytest

import cio_frames as cio
from cio_frames.loading.json_lines import JsonLinesFile


def read(content, rows=2):
    file = JsonLinesFile(lambda: io.BytesIO(content if isinstance(content, bytes) else content.encode()), "rows.jsonl")
    return pd.concat([*file.frames(rows)] or [pd.DataFrame(columns=file.labels())])


def test_a_cell_is_what_its_line_says_whatever_is_in_other_lines():
    lines = '{"id":"007","n":9007199254740993,"a":{"b":[1,2.5]}}\n\n{"n":0.5,"id":null}\r\n{"extra":true}'
    frame = read(lines)
    assert list(frame.columns) == ["id", "n", "a", "extra"]
    assert frame.to_dict("list") == {
        "id": ["007", None, None],
        "n": [9007199254740993, 0.5, None],
        "a": [{"b": [1, 2.5]}, None, None],
        "extra": [None, None, True],
    }
    assert isinstance(frame["n"].iloc[0], int)


def test_names_are_those_of_the_whole_file():
    file = JsonLinesFile(lambda: io.BytesIO(b'{"a":1}\n' * 2_000_000 + b'{"b":1}\n'), "rows.jsonl")
    assert file.labels() == ["a", "b"]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ('{"a":"secret"}\n\n{"a":\n', "line 3 is not valid JSON"),
        ('{"a":1}\n["secret"]\n', "line 2 is not a JSON object"),
        ('{"a":1}\n{"a":2},{"a":3}\n', "line 2 is not valid JSON"),
        ('[{"a":1}]', "line 1 is not a JSON object"),
        ('{\n"a": 1\n}', "line 1 is not valid JSON"),
        (b'{"a":1}\n{"a":"Jos\xe9"}\n', "line 2 is not valid JSON"),
        ('{"a":NaN}', "line 1 is not valid JSON"),
    ],
)
def test_a_line_that_is_not_one_object_is_refused_with_its_number(content, words):
    with pytest.raises(cio.FrameError) as error:
        read(content)
    assert words in str(error.value)
    assert "secret" not in str(error.value)


def test_a_file_without_lines_has_no_columns():
    assert read("").empty


def test_rows_come_in_chunks_of_one_size():
    file = JsonLinesFile(lambda: io.BytesIO(b'{"a":1}\n' * 5), "rows.jsonl")
    assert [len(frame) for frame in file.frames(2)] == [2, 2, 1]
