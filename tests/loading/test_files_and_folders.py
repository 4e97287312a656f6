"""What a path stands for, and what of it is sent."""

import datetime as dt
import gzip
import json
import os
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest

import cio_frames as cio
from tests.loading.helpers import environment_for


@pytest.fixture(autouse=True)
def folder(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def load(sandbox, tmp_path_factory):
    def run(source, call="identify", event=None, **options):
        defaults = {"output": tmp_path_factory.mktemp("out") / "load", "allow_campaigns": True, "progress": False}
        return cio.load(source, call, event, client=sandbox.client, **(defaults | options))

    return run


def write(folder, name, content="user_id\nada\n"):
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def traits(sandbox):
    return sandbox.calls()["traits"].tolist()


def refusal(load, source, sandbox, **options):
    with pytest.raises(cio.CioFramesError) as error:
        load(source, **options)
    assert sandbox.calls().empty
    return error.value.text("command line")


# Partitions


@pytest.mark.parametrize(
    "named", ["h", "h/country=de", "h/country=de/_src=web", "h/country=de/_src=web/p.csv", "h/*/*/p.csv", "**/p.csv"]
)
@pytest.mark.parametrize("absolute", [True, False])
def test_partitions_are_the_folders_directly_above_a_file_whichever_way_it_is_named(
    load, sandbox, folder, named, absolute
):
    write(folder, "h/country=de/_src=web/p.csv")
    loaded = load(folder / named if absolute else named)
    assert traits(sandbox) == [{"country": "de", "_src": "web"}]
    assert list(loaded.notes.partitions) == ["country", "_src"]


def test_partitions_can_be_left_out(load, sandbox, folder):
    write(folder, "h/country=de/p.csv")
    assert not load("h", partitions=False).notes.partitions
    assert traits(sandbox) == [{}]


def test_a_value_in_a_folders_name_is_decoded_and_may_be_missing(load, sandbox, folder):
    write(folder, "h/city=K%C3%B6ln%2FBonn/p.csv", "user_id\na\n")
    write(folder, "h/city=__HIVE_DEFAULT_PARTITION__/p.csv", "user_id\nb\n")
    write(folder, "x=1/plain/p.csv", "user_id\nc\n")
    load("h")
    load("x=1")
    assert traits(sandbox) == [{"city": "Köln/Bonn"}, {}, {}]


# What exists is not a pattern


@pytest.mark.parametrize("name", ["data[1]", "a?b", "x*y"])
def test_a_name_that_exists_is_not_a_pattern(load, sandbox, folder, name):
    write(folder, f"{name}/p.csv")
    write(folder, f"{name}/q.csv")
    assert load(name).statuses == {"delivered": 2}
    assert load(f"{name}/p.csv").statuses == {"delivered": 1}
    assert load(f"{name}/*.csv").statuses == {"delivered": 2}


# Files that are left out, links, twins


def test_files_that_are_left_out_are_counted_in_every_account(load, folder):
    for name in ("e/1.csv", "e/2.txt", "e/3.csv.zip", "e/_tmp/4.csv"):
        write(folder, name)
    (folder / "e/5.csv").symlink_to("nowhere")
    for loaded in (load("e"), load("e", dry_run=True)):
        assert loaded.as_dict()["left_out"] == {".txt": 1, ".csv.zip": 1, "hidden": 1, "broken link": 1}
        assert "4 files were left out" in loaded.notes.sentences()[0]
        loaded.to_report("report.html")
        assert "4 files were left out" in (folder / "report.html").read_text(encoding="utf-8")


def test_a_file_that_a_link_leads_to_as_well_is_sent_once(load, sandbox, folder):
    write(folder, "exports/2024-01-02/o.csv", "user_id,timestamp\nu1,2024-01-02\n")
    (folder / "exports/latest").symlink_to("2024-01-02")
    (folder / "exports/2024-01-02/up").symlink_to("..")
    load("exports", "track", "Seen")
    load("exports/latest", "track", "Seen again")
    assert len(sandbox.calls()) == 2


@pytest.mark.parametrize("source", ["in", "in/o*"])
def test_one_file_in_two_forms_is_refused(load, sandbox, folder, source):
    write(folder, "in/o.csv")
    write(folder, "in/o.csv.gz", gzip.compress(b"user_id\nada\n"))
    assert "o.csv and o.csv.gz have the same name" in refusal(load, source, sandbox)


def test_empty_files_are_named_before_anything_is_sent(load, sandbox, folder):
    pq.write_table(pa.table({"user_id": ["u1"]}), folder / "a.parquet")
    write(folder, "b.parquet", b"")
    assert "b.parquet is empty (0 bytes)" in refusal(load, folder, sandbox)


def test_a_malformed_file_is_refused_before_rows_of_others_are_sent(load, sandbox, folder):
    write(folder, "in/a.csv", "user_id\nu1\n")
    write(folder, "in/b.csv", 'user_id\n"u2"x\n')
    assert "in/b.csv: line 2" in refusal(load, "in", sandbox)


def test_a_folder_may_have_more_files_than_a_process_may_open(sandbox, folder):
    for number in range(100):
        write(folder, f"in/{number:03}.csv", f"user_id\nu{number}\n")
        pq.write_table(pa.table({"user_id": [f"p{number}"]}), folder / f"in/p{number:03}.parquet")
    program = "import cio_frames as cio; print(cio.load('in', 'identify', output='out', progress=False))"
    done = subprocess.run(
        ["sh", "-c", f'ulimit -n 64; exec "{sys.executable}" -c "{program}"'],
        env=environment_for(sandbox), capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert "200 delivered" in done.stdout, done.stderr


# Tables that are folders


def test_a_delta_table_is_its_current_rows_and_the_ledger_has_its_version(load, sandbox, folder):
    deltalake = pytest.importorskip("deltalake")
    deltalake.write_deltalake("people", pa.table({"user_id": ["u1", "u2"], "plan": ["a", "b"]}))
    deltalake.DeltaTable("people").delete("user_id = 'u2'")
    loaded = load("people", output="out")
    assert sandbox.calls()["userId"].tolist() == ["u1"]
    assert loaded.as_dict()["delta_version"] == 1
    assert load("people", output="out").statuses == {"delivered": 1}
    assert len(sandbox.calls()) == 1
    deltalake.write_deltalake("people", pa.table({"user_id": ["u3"], "plan": ["c"]}), mode="append")
    with pytest.raises(cio.ConfigurationError, match="delta_version 1 -> 2"):
        load("people", output="out")


@pytest.mark.parametrize("source", ["lake", "lake/people/*.parquet", "lake/*/*.parquet", "lake/people/p.parquet"])
def test_files_of_a_delta_table_are_not_read_one_by_one(load, sandbox, folder, source):
    write(folder, "lake/people/_delta_log/00000000000000000000.json", "{}")
    pq.write_table(pa.table({"user_id": ["u1"]}), folder / "lake/people/p.parquet")
    assert "a Delta table" in refusal(load, source, sandbox)


@pytest.mark.parametrize("mark", ["metadata/v1.metadata.json", ".hoodie/hoodie.properties"])
@pytest.mark.parametrize("source", ["table", "table/data", "table/data/*.parquet", "table/data/p.parquet", "."])
def test_tables_without_a_reader_are_refused_from_wherever_they_are_named(load, sandbox, folder, mark, source):
    write(folder, f"table/{mark}", "{}")
    (folder / "table/data").mkdir()
    pq.write_table(pa.table({"user_id": ["u1"]}), folder / "table/data/p.parquet")
    text = refusal(load, source, sandbox)
    assert ("Iceberg" if "metadata" in mark else "Hudi") in text
    assert "Read it with" in text


def test_a_delta_table_without_its_reader_names_the_package(load, sandbox, folder, monkeypatch):
    write(folder, "people/_delta_log/00000000000000000000.json", "{}")
    monkeypatch.setitem(sys.modules, "deltalake", None)
    assert "pip install 'cio-frames[delta]'" in refusal(load, "people", sandbox)


# Parquet


def test_broken_pandas_metadata_does_not_matter(load, sandbox, folder):
    for number, metadata in enumerate(
        ["{not json", "{}", '{"index_columns": ["gone"], "columns": [{"name": "gone"}]}']
    ):
        table = pa.table({"user_id": [f"u{number}"]}).replace_schema_metadata({"pandas": metadata})
        pq.write_table(table, f"m{number}.parquet")
        assert load(f"m{number}.parquet").statuses == {"delivered": 1}


def test_a_named_index_is_a_column_and_one_without_a_name_is_not(load, sandbox, folder):
    pd.DataFrame({"plan": ["a"]}, index=pd.Index(["u1"], name="user_id")).to_parquet("named.parquet")
    pd.DataFrame({"user_id": ["u2"]}, index=[7]).to_parquet("plain.parquet")
    pq.write_table(pa.table({"user_id": ["u3"], "__index_level_0__": [0]}), "rewritten.parquet")
    notes = [load(f"{name}.parquet").notes.nameless_columns for name in ("named", "plain", "rewritten")]
    assert sandbox.calls()["userId"].tolist() == ["u1", "u2", "u3"]
    assert traits(sandbox) == [{"plan": "a"}, {}, {}]
    assert notes == [0, 1, 1]


def test_a_column_that_pandas_named_is_read_if_the_caller_names_it(load, sandbox, folder):
    pd.DataFrame({"plan": ["a"]}, index=["u1"]).to_csv("u.csv")
    load("u.csv", user_id="Unnamed: 0")
    assert sandbox.calls()[["userId", "traits"]].to_numpy().tolist() == [["u1", {"plan": "a"}]]


def test_lists_of_categories_in_several_row_groups_are_read(load, sandbox, folder):
    pl = pytest.importorskip("polars")
    frame = pl.DataFrame({"user_id": ["a", "b"], "tags": [["x"], ["y", "x"]]})
    frame.with_columns(pl.col("tags").cast(pl.List(pl.Categorical))).write_parquet("t.parquet", row_group_size=1)
    load("t.parquet")
    assert traits(sandbox) == [{"tags": ["x"]}, {"tags": ["y", "x"]}]


@pytest.mark.parametrize(
    ("metadata", "instant"),
    [({"org.apache.spark.version": "3.5.0"}, "2024-06-01T10:00"), ({}, "2024-06-01T08:00")],
)
def test_int96_of_spark_is_utc_whatever_the_timezone_is(load, sandbox, folder, metadata, instant):
    times = pa.array([dt.datetime(2024, 6, 1, 10), dt.datetime(9999, 12, 31)], pa.timestamp("us"))
    table = pa.table({"user_id": ["u1", "u2"], "seen": times, "n": [1, 2]}).replace_schema_metadata(metadata)
    pq.write_table(table, "i.parquet", use_deprecated_int96_timestamps=True)
    loaded = load("i.parquet", timezone="Europe/Berlin", traits=["seen"])
    assert traits(sandbox)[0]["seen"].startswith(instant)
    assert traits(sandbox)[1]["seen"].startswith("9999-12-3")
    assert list(loaded.notes.utc_columns) == (["seen"] if metadata else [])


# CSV


def test_options_of_csv_are_part_of_what_a_load_is_tied_to(load, folder):
    write(folder, "p.csv", "user_id;price\nu1;1,5\nu2;\n")
    options = {"csv": {"delimiter": ";", "decimal": ","}, "output": "out"}
    assert load("p.csv", **options).statuses == {"delivered": 2}
    assert load("p.csv", **options).statuses == {"delivered": 2}
    with pytest.raises(cio.ConfigurationError, match="csv"):
        load("p.csv", csv={"delimiter": ";"}, output="out")


def test_a_type_of_a_column_that_no_file_has_is_refused(load, sandbox, folder):
    write(folder, "p.csv", "user_id,logins\nu1,1\n")
    text = refusal(load, "p.csv", sandbox, csv={"types": {"login": "number"}})
    assert "column 'login' not found in p.csv. Did you mean 'logins'?" in text


def test_what_a_csv_file_has_in_it_is_told_by_the_load(load, sandbox, folder):
    rows = "".join(f"{1000 + n}.0,{n}\n" for n in range(9))
    write(folder, "p.csv", f"user_id,logins\n{rows}user_id,logins\n,n/a\n")
    loaded = load("p.csv")
    assert loaded.statuses == {"delivered": 9, "invalid": 1}
    assert sandbox.calls()["userId"].tolist()[0] == "1000"
    text = "\n".join(loaded.notes.sentences("command line"))
    assert "1 line that repeats the first line is not a row" in text
    assert "user_id: 9 ids end in .0 and are sent without it" in text
    assert "logins: 9 of 10 cells are numbers" in text
    assert json.loads(json.dumps(loaded.as_dict()))["repeated_headers"] == 1


def test_an_id_of_pandas_in_a_call_that_cannot_be_undone_is_refused(load, sandbox, folder):
    write(folder, "p.csv", "user_id,previous_id\nu1,x\nu2,1001.0\n")
    text = refusal(load, "p.csv", sandbox, call="alias")
    assert "line 3 has an id in 'previous_id' that ends in .0" in text


def test_ids_that_are_meant_as_they_stand_keep_what_pandas_writes(load, sandbox, folder):
    write(folder, "p.csv", "user_id,previous_id\nu1,1001.0\n")
    assert load("p.csv", "alias", exact_ids=True).statuses == {"delivered": 1}
    assert sandbox.calls()["previousId"].tolist() == ["1001.0"]


def test_times_of_a_form_that_is_named(load, sandbox, folder):
    write(folder, "p.csv", "user_id,timestamp,bought\nu1,31/12/2024,01/02/2024\n")
    assert "--time-format '%d/%m/%Y'" in refusal(load, "p.csv", sandbox, call="track", event="Bought")
    load("p.csv", "track", "Bought", csv={"time_format": "%d/%m/%Y"})
    sent = sandbox.calls().iloc[0]
    assert sent["timestamp"].startswith("2024-12-31")
    assert sent["properties"] == {"bought": "01/02/2024"}


def test_a_dataset_of_csv_files_draws_a_warning(load, sandbox, folder):
    write(folder, "p.csv", "user_id,zip\nu1,007\n")
    loaded = load(ds.dataset("p.csv", format="csv"))
    assert "Pass the path of the files" in loaded.notes.sentences()[0]


# Standard input


def test_rows_come_from_standard_input_and_cannot_come_again(sandbox, folder):
    program = "import cio_frames as cio; print(cio.load('-', 'identify', output='out').notes.sentences())"
    environment = environment_for(sandbox) | {"TMPDIR": os.curdir}

    def run():
        command = [sys.executable, "-c", program]
        return subprocess.run(
            command, input="user_id\nada\n", env=environment, capture_output=True, text=True, check=False
        )

    assert "Standard input is not resumable" in run().stdout
    assert "Standard input is not resumable. To send its rows, start over with fresh=True" in run().stderr
    assert sandbox.calls()["userId"].tolist() == ["ada"]
    assert not [*folder.glob("cio-frames-*")]


@pytest.mark.skipif(sys.platform != "linux", reason="names of files are Unicode elsewhere")
@pytest.mark.parametrize("named", ["file", "folder", "output"])
def test_a_name_that_is_not_utf_8_is_refused_in_words(tmp_path, sandbox, named):
    odd = Path(os.fsdecode(os.fsencode(tmp_path) + b"/x/\xff.csv"))
    odd.parent.mkdir()
    (tmp_path / "people.csv").write_text("user_id\nada\n")
    odd.write_text("user_id\nada\n")
    source, output = {
        "file": (odd, tmp_path / "out"),
        "folder": (odd.parent, tmp_path / "out"),
        "output": (tmp_path / "people.csv", odd.with_suffix(".load")),
    }[named]
    with pytest.raises(cio.FrameError, match=r"not UTF-8: .*\\xff"):
        cio.load(source, "identify", client=sandbox.client, output=output)
