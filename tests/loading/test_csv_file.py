import csv
import io
import json
from decimal import Decimal

import pandas as pd
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

import cio_frames as cio
from cio_frames.errors import render
from cio_frames.loading.csv.file import CsvFile
from cio_frames.loading.csv.options import CsvOptions, csv_options_from


class Read:
    """A CSV file that was read whole."""

    def __init__(self, content, types=None, **options):
        content = content.encode() if isinstance(content, str) else content
        self.file = CsvFile(lambda: io.BytesIO(content), "rows.csv", CsvOptions(**options))
        self.survey = self.file.survey(lambda labels: types or {})
        self.frame = pd.concat(
            [*self.file.frames(self.survey, 3 if len(content) < 10_000 else 200_000)]
            or [pd.DataFrame(columns=self.file.labels())]
        )
        self.warnings = [render(each, "command line") for each in self.survey.warnings]

    def cells(self, name):
        return [None if cell is None or cell is pd.NA else cell for cell in self.frame[name]]


def refusal(content, types=None, **options):
    with pytest.raises(cio.FrameError) as error:
        Read(content, types, **options)
    return error.value.text("command line")


# Quotes


@pytest.mark.parametrize(
    ("content", "line", "words"),
    [
        (
            'user_id,note\nu1,"big\nu2,b\nu3,"small\nu4,d\n',
            4,
            "more text after a closing quote that was opened in line 2",
        ),
        ('user_id,note\nu1,"Bo" Derek\n', 2, "more text after a closing quote"),
        ('user_id,note\nu1,5" disk\n', 2, "a quote inside a cell that does not begin with one"),
        ('user_id,note\nu0,"a\nb"\nu1, "a, b"\n', 4, "a quote after a space"),
        ('user_id,note\nu1,""a""\n', 2, "more text after a closing quote"),
        ('user_id,note\r\nu1,a\r\nu2,"b\r\n', 3, "opens in line 3 is never closed"),
        ('user_id,note\ru1,a\ru2,"b" \r', 3, "more text after a closing quote"),
    ],
)
def test_a_stray_quote_is_refused_with_its_line(content, line, words):
    text = refusal(content)
    assert words in text
    assert f"line {line}" in text


def test_a_quote_escaped_by_a_backslash_names_the_option_for_it():
    assert "line 2 has a quote with a backslash before it" in refusal('user_id,note\nu1,"say \\"hi\\" now"\n')
    assert "--escape-char '\\'" in refusal('user_id,note\nu1,"say \\"hi\\" now"\n')


def test_spark_and_redshift_escape_quotes_by_a_backslash():
    content = 'user_id,note\nu1,"say \\"hi\\", \\\\ now"\nu2,C:\\dir\nu3,"C:\\dir, x"\nu4,"ends in \\\\"\n'
    assert Read(content, escape_char="\\").cells("note") == ['say "hi", \\ now', "C:\\dir", "C:\\dir, x", "ends in \\"]


@pytest.mark.parametrize("cell", ["a\\,b", "a\\\\b", 'a\\"b', "a\\"])
def test_an_escape_outside_quotes_is_refused_since_programs_read_it_in_different_ways(cell):
    assert "line 3 has an escape in a cell without quotes" in refusal(f"a,b\n1,2\n{cell},2\n", escape_char="\\")


cells = st.text(st.sampled_from(list("ab ,;\"'\n\r\\\té1.-")), max_size=6)


@settings(max_examples=300, deadline=None)
@given(
    rows=st.lists(st.lists(cells, min_size=2, max_size=2), min_size=1, max_size=6),
    line_end=st.sampled_from(["\n", "\r\n", "\r"]),
    delimiter=st.sampled_from([",", ";", "\t"]),
    block=st.sampled_from([1, 3, 8_000_000]),
)
@example(rows=[["", '"'], ["\r", "\n"]], line_end="\r\n", delimiter=",", block=1)
def test_what_pythons_csv_module_writes_is_read_as_it_was(rows, line_end, delimiter, block):
    out = io.StringIO()
    writer = csv.writer(out, lineterminator=line_end, delimiter=delimiter, quoting=csv.QUOTE_ALL)
    writer.writerows([["left", "right"], *rows])

    class Slow(io.BytesIO):
        def read(self, size=-1):
            return super().read(block)

    file = CsvFile(lambda: Slow(out.getvalue().encode()), "rows.csv", CsvOptions(delimiter=delimiter))
    survey = file.survey(lambda labels: dict.fromkeys(labels, "string"))
    frame = pd.concat(file.frames(survey, rows=2))
    assert [[left or None, right or None] for left, right in rows] == [
        [None if cell is pd.NA else cell for cell in row] for row in frame.itertuples(index=False)
    ]


@settings(max_examples=200, deadline=None)
@given(st.lists(st.lists(cells, min_size=2, max_size=2), min_size=1, max_size=6))
def test_what_spark_writes_is_read_as_it_was(rows):
    def written(cell):
        quoted = cell.replace("\\", "\\\\").replace('"', '\\"')
        return f'"{quoted}"' if any(mark in cell for mark in ',"\n\r') or cell.endswith("\\") else cell

    plain = [[cell.replace("\\\\", "/").strip(' "\t') + "." for cell in row] for row in rows]
    content = "left,right\n" + "".join(f"{written(left)},{written(right)}\n" for left, right in plain)
    read = Read(content, {"left": "string", "right": "string"}, escape_char="\\")
    assert [*zip(read.cells("left"), read.cells("right"), strict=True)] == [tuple(row) for row in plain]


# Rows


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("a,b\nsecret,1\nsecret,2,3\n", "line 3 has 3 fields, expected 2"),
        ("a,b,c\nsecret,1,2\nsecret,1\n", "line 3 has 2 fields, expected 3"),
        ("a,b,c\nsecret,1,2\nsecret", "line 3 has 1 field"),
        ('a,b\n"two\nlines",1\n\nsecret\n', "line 5 has 1 field"),
        ("user_id,v\n1,2,3\n4,5,6\n", "line 2 has 3 fields"),
        ("", "is empty"),
        ("\n \n", "is empty"),
    ],
)
def test_a_ragged_file_is_refused_with_its_line_and_without_its_cells(content, words):
    text = refusal(content)
    assert words in text
    assert "secret" not in text


def test_blank_lines_are_not_rows():
    read = Read("\na,b\n1,\n\n  \n2,3\n\n")
    assert read.cells("a") == [1, 2]
    assert read.cells("b") == [None, 3]
    assert Read("user_id\nada\n\n \ngrace\n").cells("user_id") == ["ada", "grace"]


def test_lines_that_repeat_the_header_are_counted_and_are_not_rows():
    read = Read('user_id,plan\nu1,a\nuser_id,plan\nuser_id,team\n"user_id","plan"\nu2,b\n\ufeffuser_id,plan\n')
    assert read.cells("user_id") == ["u1", "user_id", "u2"]
    assert read.survey.repeated_headers == 3
    assert read.survey.rows == 3
    assert Read("user_id\nu1\nuser_id\n").cells("user_id") == ["u1"]


def test_a_line_number_counts_what_is_not_a_row_too():
    assert "in line 9" in Read("id,n\n\n" + "a,1\n" * 4 + '"a\nb",2\nx,n/a\nid,n\n').warnings[0]


# The first line


@pytest.mark.parametrize("mark", [";", "\t", "|"])
def test_another_separator_is_refused_and_never_guessed(mark):
    content = f"user_id{mark}price\nu1{mark}2,50\n"
    assert f"probably separated by {mark!r}" in refusal(content)
    assert Read(content, delimiter=mark, decimal=",").cells("price") == [2.5]


def test_a_separator_that_was_named_is_taken_as_it_is():
    assert Read("a;b\n1\n", delimiter=",").cells("a;b") == [1]


@pytest.mark.parametrize("first", ["ada@example.com,Ada,1815-12-10", "1,2,3", "u1,Ada,10.12.1815", "7,Ada,1.5"])
def test_a_first_line_that_looks_like_data_is_refused_and_not_repeated(first):
    text = refusal(f"{first}\nbob@example.com,Bob,1816-01-01\n")
    assert "its first line looks like data, not column names" in text
    assert not any(cell in text for cell in first.split(",") if len(cell) > 1)


def test_columns_named_by_years_are_names():
    assert Read("user_id,plan,2023\nu1,a,5\n").cells("2023") == [5]


@pytest.mark.parametrize("header", ["user_id,a,a", 'a,"a",user_id', "\ufeffa,user_id,a"])
def test_a_name_that_stands_twice_is_refused(header):
    assert "the header has the column 'a' 2 times" in refusal(f"{header}\n1,2,3\n")


def test_columns_that_nobody_named_are_left_out_and_counted():
    read = Read(",user_id,,Unnamed: 7,a\n0,u1,x,y,1\n")
    assert list(read.frame.columns) == ["user_id", "a"]
    assert read.file.nameless() == 3


# Encodings


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be"])
def test_utf_16_is_told_and_read(encoding):
    content = "user_id,name\nu1,ada\n".encode(encoding)
    text = refusal(content)
    assert "UTF-16" in text
    assert f"--encoding {'utf-16' if encoding == 'utf-16' else encoding}" in text
    assert Read(content, encoding=encoding).cells("name") == ["ada"]


def test_another_encoding_is_told_with_its_line_and_read():
    content = "user_id,name\nu1,x\nu2,José\n".encode("cp1252")
    text = refusal(content)
    assert "not UTF-8 text (line 3)" in text
    assert "--encoding cp1252" in text
    assert Read(content, encoding="cp1252").cells("name") == ["x", "José"]


def test_a_byte_order_mark_is_not_part_of_the_first_name():
    assert list(Read("\ufeffuser_id\nada\n").frame.columns) == ["user_id"]
    assert list(Read("\ufeffuser_id\nada\n", encoding="utf-8-sig").frame.columns) == ["user_id"]


def test_text_that_is_not_of_the_encoding_named_is_refused():
    assert "is not shift_jis text" in refusal(b"user_id\nu1\n\x81\n\xff\n", encoding="shift_jis")


# What columns hold


def test_a_column_holds_numbers_if_all_of_its_cells_are_numbers():
    read = Read("id,n,x,flag,mixed,phone\n007,1,1.5,true,1,+49 30\n8,,2,False,x,1\n")
    assert [str(read.frame[name].dtype) for name in ("n", "x", "flag")] == [
        "int64[pyarrow]",
        "double[pyarrow]",
        "bool[pyarrow]",
    ]
    assert read.cells("id") == ["007", "8"]
    assert read.cells("mixed") == ["1", "x"]
    assert read.cells("phone") == ["+49 30", "1"]
    assert read.cells("n") == [1, None]


def test_what_a_column_holds_is_decided_over_the_whole_file():
    rows = "".join(f"u{n},{n},{n}\n" for n in range(400_000))
    read = Read(f"user_id,n,code\n{rows}x,0.5,007\n")
    assert read.survey.kinds["n"] == "number"
    assert read.survey.kinds["code"] == "text"
    assert read.cells("code")[:2] == ["0", "1"]


def test_columns_that_are_text_by_the_spec_stay_text():
    read = Read("id,phone\n1e5,491701234567\n10.0,1\n", {"id": "string", "phone": "string"})
    assert read.cells("id") == ["1e5", "10.0"]
    assert read.cells("phone") == ["491701234567", "1"]


def test_only_an_empty_cell_is_missing_unless_words_are_named():
    content = "country,n\nNA,1\n,2\nnull,N/A\nnan,4\n"
    assert Read(content).cells("country") == ["NA", None, "null", "nan"]
    read = Read(content, null_values=["null", "N/A"])
    assert read.cells("country") == ["NA", None, None, "nan"]
    assert read.cells("n") == [1, 2, None, 4]
    assert not read.warnings


def test_a_stray_word_among_numbers_draws_a_warning_with_counts_and_line():
    read = Read("user_id,logins\n" + "".join(f"u{n},{n}\n" for n in range(1_000)) + "x,n/a\n")
    assert read.warnings == [
        "logins: 1,000 of 1,001 cells are numbers, 1 is text ('n/a' in line 1002), so all are sent as text. If these "
        "cells are missing values, pass --null-values 'n/a'; if they are mistakes, pass --type logins=number."
    ]
    assert read.cells("logins")[0] == "0"


@pytest.mark.parametrize("cell", ["Ada", "1,5", "12 %", "ada@example.com"])
def test_a_stray_cell_that_may_be_anybodys_data_is_not_shown(cell):
    read = Read("n;x\n" + "1;2\n" * 9 + f"1;{cell}\n", delimiter=";")
    assert "(the first in line 11)" in read.warnings[0]
    assert cell not in read.warnings[0]


def test_a_stray_word_among_truth_values_draws_a_warning():
    assert "9 of 10 cells are true or false" in Read("f,n\n" + "true,1\n" * 9 + "unknown,1\n").warnings[0]


@pytest.mark.parametrize("column", [["007", *"123456789"], ["+49", *"123456789"], ["x", "y", "z", "1"]])
def test_codes_and_text_draw_no_warning(column):
    assert not Read("code,n\n" + "".join(f"{cell},1\n" for cell in column)).warnings


@pytest.mark.parametrize(
    ("column", "kind", "cells"),
    [
        (["1", "x", "", "2.5"], "number", [1, "x", None, 2.5]),
        (["true", "1", "", "FALSE"], "boolean", [True, "1", None, False]),
        (["1", "", "2"], "text", ["1", None, "2"]),
        (["1", "2"], "boolean", ["1", "2"]),
        (["x", "y"], "number", ["x", "y"]),
    ],
)
def test_a_type_settles_what_a_column_holds(column, kind, cells):
    read = Read("n,other\n" + "".join(f"{cell},1\n" for cell in column), types={"n": kind})
    assert not read.warnings


def test_one_bad_cell_does_not_make_text_of_the_numbers_beside_it():
    types = {"total": "number", "flag": "boolean"}
    read = Read("total,flag,own\n1.5,true,1\nx,yes,x\n,,\n7,False,2\n", types)
    assert read.cells("total") == [1.5, "x", None, 7]
    assert read.cells("flag") == [True, "yes", None, False]
    assert read.cells("own") == ["1", "x", None, "2"]


@pytest.mark.parametrize(
    "cell", ["1234567890.12345678901", "9007199254740993", "0.1000000000000000055", "123456789012345678"]
)
def test_a_number_keeps_all_of_its_digits_whatever_is_beside_it(cell):
    assert [Decimal(str(each)) for each in Read(f"n\n{cell}\n0.5\n").cells("n")] == [Decimal(cell), Decimal("0.5")]


def test_floats_in_their_shortest_form_are_floats():
    cells = [0.1, 1 / 3, 2**53 + 0.0, 1e-7, 1.5e22, 0.30000000000000004, 123456789.123456789]
    read = Read("n\n" + "".join(f"{cell!r}\n" for cell in cells))
    assert read.cells("n") == cells
    assert str(read.frame["n"].dtype) == "double[pyarrow]"


@pytest.mark.parametrize("cell", ["007", "+5", "12345678901234567890", ".5", "1.", "0x10", "1_000", " 1", "٣", "1e999"])
def test_what_a_spreadsheet_would_change_stays_text(cell):
    assert Read(f"n\n{cell}\n1\n").cells("n") == [cell, "1"]


def test_a_decimal_comma():
    read = Read("id;price;n\na;2,50;1\nb;-0,5;2\n", delimiter=";", decimal=",")
    assert read.cells("price") == [2.5, -0.5]
    assert read.cells("n") == [1, 2]
    # A point may separate thousands there.
    assert Read("id;price\na;1.500\n", delimiter=";", decimal=",").cells("price") == ["1.500"]


def test_ids_that_pandas_wrote_as_floats_are_counted_and_lose_what_it_added():
    read = Read("user_id,v\n1001.0,x\n,y\n007.0,z\n9007199254740993.0,q\n1001,r\n0.0,s\n", {"user_id": "id"})
    assert read.cells("user_id") == ["1001", None, "007.0", "9007199254740993.0", "1001", "0"]
    assert read.survey.float_ids == {"user_id": 2}
    assert Read("user_id,v\n1001.0,x\n", {"user_id": "string"}).cells("user_id") == ["1001.0"]


# Times


def test_times_in_a_form_that_is_named_are_iso_8601():
    read = Read("t,v\n31/12/2024 10:00,1\n,2\nsoon,3\n", {"t": "date-time"}, time_format="%d/%m/%Y %H:%M")
    assert read.cells("t") == ["2024-12-31 10:00:00.000000", None, "soon"]
    zoned = Read("t,v\n31/12/2024 +0100,1\n", {"t": "date-time"}, time_format="%d/%m/%Y %z")
    assert zoned.cells("t") == ["2024-12-30 23:00:00.000000Z"]


@pytest.mark.parametrize("cell", ["01/02/2024", "31.12.24 10:00", "1-2-2024"])
def test_day_and_month_in_unknown_order_are_refused_with_the_option_that_settles_it(cell):
    assert "--time-format '%d/%m/%Y'" in refusal(f"t,v\n{cell},1\n", {"t": "date-time"})


def test_one_cell_of_another_iso_form_is_refused_since_day_and_month_could_change_places():
    text = refusal("t,v\n2024-31-12,1\n2024-01-12,2\n2024-12-31,3\n", {"t": "date-time"}, time_format="%Y-%d-%m")
    assert "line 4 has a time in 't' that is ISO 8601" in text


# Options


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"delimiter": ",,"}, "--delimiter must be one ASCII character"),
        ({"delimiter": '"'}, "--delimiter must be one ASCII character"),
        ({"encoding": "utf-99"}, "--encoding must be an encoding that Python knows"),
        ({"encoding": "base64"}, "--encoding must be an encoding that Python knows"),
        ({"decimal": ";"}, "--decimal must be '.' or ','"),
        ({"escape_char": '"'}, "--escape-char must be one ASCII character"),
        ({"delimiter": "\\", "escape_char": "\\"}, "--escape-char must be one ASCII character"),
        ({"time_format": "dd/mm/yyyy"}, "--time-format must say where day, month and year are"),
        ({"time_format": "%H:%M"}, "--time-format must say where day, month and year are"),
        ({"null_values": "n/a"}, "--null-values must be a list of texts"),
        ({"types": {"n": "float"}}, "must be one of text, number, boolean, got 'float'"),
        ({"types": ["n"]}, "--type must be a mapping"),
        ({"delimeter": ";"}, "csv has no option 'delimeter'. Did you mean 'delimiter'?"),
    ],
)
def test_an_option_that_is_not_valid_is_refused(options, words):
    with pytest.raises(cio.FrameError) as error:
        csv_options_from(options)
    assert words in error.value.text("command line")


def test_options_that_differ_from_their_defaults_are_plain_json():
    options = CsvOptions(delimiter="tab", null_values=["n/a"], types={"n": "number"})
    assert json.loads(json.dumps(options.as_dict())) == {
        "delimiter": "\t",
        "null_values": ["n/a"],
        "types": {"n": "number"},
    }
    assert csv_options_from(options.as_dict()) == options
