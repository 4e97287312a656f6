"""What a load reads: files, folders, patterns, addresses, frames and tables."""

import gzip
import sys
from pathlib import Path
from types import SimpleNamespace

import pandas as pd
import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest

import cio_frames as cio
from cio_frames.loading import file_systems, loads_in
from cio_frames.loading.sources import source_of
from tests.loading.helpers import load_rows as load


@pytest.fixture(autouse=True)
def folder(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def people(rows, first=0):
    numbers = range(first, first + rows)
    return pd.DataFrame({"user_id": [f"u{number}" for number in numbers], "plan": "free", "n": list(numbers)})


def ids(sandbox):
    return sorted(sandbox.calls()["userId"])


@pytest.mark.parametrize("groups", [3, 10, 7, 100])
def test_rows_are_the_same_however_a_file_is_cut_into_row_groups(sandbox, groups):
    people(35).to_parquet("people.parquet", row_group_size=groups)
    answers = load("people.parquet", sandbox.client).frame()
    assert answers["row"].tolist() == list(range(35))
    assert ids(sandbox) == sorted(people(35)["user_id"])


def test_a_folder_is_loaded_with_what_its_folders_say(sandbox, folder):
    for country, year, first in (("de", 2025, 0), ("fr", 2026, 5)):
        path = folder / f"in/country={country}/year={year}"
        path.mkdir(parents=True)
        people(5, first).to_parquet(path / "part.parquet")
    (folder / "in/_SUCCESS").touch()
    (folder / "in/.hidden.parquet").touch()
    (folder / "in/notes.txt").touch()
    result = load(folder / "in", sandbox.client)
    assert result.statuses == {"delivered": 10}
    traits = {call["userId"]: call["traits"] for call in sandbox.calls().to_dict("records")}
    assert traits["u0"] == {"plan": "free", "n": 0, "country": "de", "year": 2025}
    assert traits["u5"]["country"] == "fr"


@pytest.mark.parametrize("ledger", [None, "elsewhere.sqlite"])
def test_answers_of_an_earlier_load_inside_a_source_are_no_data(sandbox, folder, ledger):
    (folder / "in").mkdir()
    people(3).to_parquet("in/people.parquet")
    cio.load("in/people.parquet", "identify", client=sandbox.client, output="in/answers", ledger=ledger)
    if ledger is None:
        (folder / "in/answers/undelivered.parquet").write_bytes(b"")
    else:
        (folder / "in/answers/undelivered.parquet").mkdir()
        (folder / "in/answers/undelivered.parquet/part-00000.parquet").write_bytes(b"")
    people(2, first=3).to_parquet("in/answers/more.parquet")
    assert cio.load("in", "identify", dry_run=True).rows == 5
    assert cio.load("in/**/*.parquet", "identify", dry_run=True).rows == 5
    assert cio.load("in/*/results/part-00000.parquet", "identify", user_id="message_id", dry_run=True).rows == 3


def test_a_folder_of_a_name_like_ours_is_data(folder):
    (folder / "in/results").mkdir(parents=True)
    people(3).to_parquet("in/results/part-00000.parquet")
    assert cio.load("in", "identify", dry_run=True).rows == 3


@pytest.mark.parametrize("output", ["in", "."])
def test_a_source_that_is_all_where_the_answers_go_is_refused_with_the_cause(sandbox, folder, output):
    (folder / "in").mkdir()
    people(3).to_parquet("in/people.parquet")
    with pytest.raises(cio.FrameError, match=r"in .*the folder for the results of this load.*output="):
        cio.load("in", "identify", client=sandbox.client, output=output)


def test_a_folder_with_nothing_but_answers_is_refused_with_the_cause(sandbox, folder):
    people(3).to_parquet("people.parquet")
    load("people.parquet", sandbox.client)
    with pytest.raises(cio.FrameError, match="except the results of an earlier load"):
        cio.load("out", "identify", dry_run=True)


def test_a_pattern_is_loaded(sandbox, folder):
    (folder / "in/deep").mkdir(parents=True)
    people(2).to_parquet("in/a.parquet")
    people(2, 2).to_csv("in/deep/b.csv", index=False)
    people(2, 4).to_csv("in/deep/c.csv.gz", index=False)
    assert load("in/*.parquet", sandbox.client).rows == 2
    result = cio.load("in/**/*.csv*", "identify", client=sandbox.client, output="other")
    assert result.statuses == {"delivered": 4}
    assert set(result.frame()["file"]) == {"in/deep/b.csv", "in/deep/c.csv.gz"}


def test_a_csv_column_is_one_kind_in_all_chunks(sandbox):
    rows = [f"u{row},{row},{row}.5,true" for row in range(15)] + ["u15,007,x,maybe"]
    with gzip.open("people.csv.gz", "wt") as file:
        file.write("\n".join(["user_id,code,size,flag", *rows]))
    load("people.csv.gz", sandbox.client)
    traits = {call["userId"]: call["traits"] for call in sandbox.calls().to_dict("records")}
    assert traits["u0"] == {"code": "0", "size": "0.5", "flag": "true"}


def test_an_address_of_another_file_system_is_loaded(sandbox):
    import fsspec

    with fsspec.open("memory://bucket/in/people.parquet", "wb") as file:
        people(3).to_parquet(file)
    assert load("memory://bucket/in/", sandbox.client).statuses == {"delivered": 3}


def test_an_unsupported_url_scheme_is_refused_with_the_remedy(sandbox):
    with pytest.raises(cio.ConfigurationError, match=r"Unsupported URL scheme 'xyz://'\. Install fsspec"):
        load("xyz://bucket/in/", sandbox.client)


@pytest.mark.parametrize(
    ("scheme", "module", "words"),
    [("abfs", "adlfs", "Install adlfs"), ("sftp", "paramiko", 'requires "paramiko" to be installed')],
)
def test_what_is_missing_for_an_address_is_named(sandbox, monkeypatch, scheme, module, words):
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(cio.ConfigurationError, match=f"Unsupported URL scheme '{scheme}://'.*{words}"):
        load(f"{scheme}://bucket/in/", sandbox.client)


def test_where_arrow_was_built_without_s3_what_is_missing_is_named(sandbox, monkeypatch):
    def without_s3(address):
        raise pa.ArrowNotImplementedError("Got S3 URI but Arrow compiled without S3 support")

    monkeypatch.setattr(file_systems.pafs, "FileSystem", SimpleNamespace(from_uri=without_s3))
    for scheme, package in (("s3", "s3fs"), ("gs", "gcsfs")):
        monkeypatch.setitem(sys.modules, package, None)
        with pytest.raises(
            cio.ConfigurationError, match=rf"Unsupported URL scheme '{scheme}://'\. .*[iI]nstall {package}"
        ):
            load(f"{scheme}://bucket/in/", sandbox.client)


def test_googles_storage_is_not_tried_for_a_quarter_of_an_hour(sandbox, monkeypatch):
    asked = []

    def from_uri(address):
        asked.append(address)
        raise OSError("google::cloud::Status(UNAVAILABLE: no credentials.)")

    monkeypatch.setattr(file_systems.pafs, "FileSystem", SimpleNamespace(from_uri=from_uri))
    with pytest.raises(cio.FrameError, match=r"Cannot reach gs://bucket/in/: google.*no credentials.*Check"):
        load("gs://bucket/in/", sandbox.client)
    assert asked == ["gs://bucket/in/?retry_limit_seconds=60"]


@pytest.mark.parametrize("kind", ["dataset", "table", "frame", "frames", "generator"])
def test_frames_and_tables_are_loaded(sandbox, kind):
    people(6).to_parquet("people.parquet")
    source = {
        "dataset": lambda: ds.dataset("people.parquet"),
        "table": lambda: pq.read_table("people.parquet"),
        "frame": lambda: people(6),
        "frames": lambda: [people(3), people(3, 3)],
        "generator": lambda: (people(3, first) for first in (0, 3)),
    }[kind]()
    result = load(source, sandbox.client)
    assert result.statuses == {"delivered": 6}
    assert result.frame()["row"].tolist() == list(range(6))


def test_only_the_columns_that_are_sent_are_read(sandbox, monkeypatch):
    people(5).assign(notes="long").to_parquet("people.parquet")
    read = []
    original = pq.ParquetFile.iter_batches

    def iter_batches(self, **options):
        read.append(options["columns"])
        return original(self, **options)

    monkeypatch.setattr(pq.ParquetFile, "iter_batches", iter_batches)
    load("people.parquet", sandbox.client, traits=["plan"])
    assert read == [["user_id", "plan"]]


def test_a_column_missing_in_the_third_file_only_is_reported_before_anything_is_sent(sandbox, folder):
    (folder / "in").mkdir()
    for number in range(3):
        frame = people(3).rename(columns={"user_id": "id"})
        (frame if number < 2 else frame.drop(columns="id")).to_parquet(f"in/{number}.parquet")
    with pytest.raises(cio.FrameError, match=r"in/2.parquet: identify requires column 'id'"):
        load("in", sandbox.client, user_id="id")
    assert len(sandbox.calls()) == 0


def test_files_may_differ_in_columns_and_types(sandbox, folder):
    (folder / "in").mkdir()
    people(1).to_parquet("in/a.parquet")
    people(1, 1).assign(n="many").drop(columns="plan").to_parquet("in/b.parquet")
    assert load("in", sandbox.client).ok
    traits = sandbox.calls().set_index("userId")["traits"].to_dict()
    assert traits == {"u0": {"plan": "free", "n": 0}, "u1": {"n": "many"}}


def test_a_file_that_cannot_be_read_is_refused_before_anything_is_sent(sandbox, folder):
    (folder / "in").mkdir()
    people(3).to_parquet("in/a.parquet")
    (folder / "in/b.parquet").write_bytes(b"no parquet")
    with pytest.raises(cio.FrameError, match=r"in/b\.parquet is plain text, not Parquet"):
        load("in", sandbox.client)
    assert len(sandbox.calls()) == 0


def test_a_file_that_is_damaged_in_the_middle_stops_the_load(sandbox, folder):
    people(40).to_parquet("people.parquet", row_group_size=10, compression="zstd")
    whole = (folder / "people.parquet").read_bytes()
    start = pq.ParquetFile("people.parquet").metadata.row_group(2).column(0).data_page_offset
    (folder / "people.parquet").write_bytes(whole[:start] + b"\xff" * 40 + whole[start + 40 :])
    with pytest.raises(cio.FrameError, match=r"Cannot read people.parquet"):
        load("people.parquet", sandbox.client)
    assert loads_in(Path("out/ledger.sqlite"))["phase"].tolist() == ["stopped"]
    assert len(sandbox.calls()) == 20


def test_a_file_that_changes_while_it_is_read_is_refused(sandbox, folder):
    people(30).to_parquet("people.parquet", row_group_size=10)
    source = source_of("people.parquet", chunk_rows=10)
    chunks = source.chunks()
    next(chunks)
    people(31).to_parquet("people.parquet")
    with pytest.raises(cio.FrameError, match="has changed since this load started"):
        list(chunks)


@pytest.mark.parametrize("given", [7, None, object()])
def test_an_unsupported_source_is_refused(given):
    with pytest.raises(cio.FrameError, match="source must be a path"):
        cio.load(given, "identify", dry_run=True)


def test_an_iterable_of_something_else_is_refused(sandbox):
    with pytest.raises(cio.FrameError, match="number 0 is a dict"):
        load([{"user_id": 1}], sandbox.client)


def test_empty_sources_come_to_nothing(sandbox):
    people(0).to_parquet("people.parquet")
    assert load("people.parquet", sandbox.client).rows == 0
    Path("none.csv").write_text("user_id,plan\n")
    assert cio.load("none.csv", "identify", client=sandbox.client, output="other").rows == 0


@pytest.mark.parametrize("address", ["abfs://people@account.invalid/a.parquet", "abfss://people@account/a.csv"])
def test_a_storage_that_refuses_or_is_not_found_is_an_error_of_the_tree(monkeypatch, address):
    def refuse(path):
        raise pa.ArrowException("Failed to get token from DefaultAzureCredential")

    system = SimpleNamespace(get_file_info=refuse)
    monkeypatch.setattr(file_systems.pafs, "FileSystem", SimpleNamespace(from_uri=lambda source: (system, "people/a")))
    with pytest.raises(
        cio.FrameError, match=r"Cannot reach .*DefaultAzureCredential\. Check its name, its permissions"
    ):
        cio.load(address, "identify", dry_run=True)
