import pyarrow.fs as pafs
import pytest

import cio_frames as cio
from cio_frames.loading.folder import FolderListing, left_out_sentence, list_folder, refuse_twins, select_files
from cio_frames.loading.table_formats import table_above, tables_below


@pytest.fixture
def folder(tmp_path):
    def make(*files, links=()):
        for name in files:
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).write_text("user_id\nada\n")
        for link, target in links:
            (tmp_path / link).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / link).symlink_to(target)
        return tmp_path.as_posix()

    return make


def listed(folder):
    listing = list_folder(pafs.LocalFileSystem(), folder)
    return [path.removeprefix(f"{folder}/") for path in listing.paths], listing.broken_links


def test_a_file_that_links_lead_to_as_well_is_listed_once_under_its_own_name(folder):
    top = folder("2024-01-02/o.csv", "z.csv", links=[("latest", "2024-01-02"), ("a.csv", "z.csv")])
    assert listed(top) == (["2024-01-02/o.csv", "z.csv"], 0)


def test_links_in_a_circle_end(folder):
    top = folder("x/o.csv", links=[("x/up", ".."), ("x/self", "."), ("a", "b"), ("b", "a"), ("x/y", "../x")])
    assert listed(top) == (["x/o.csv"], 2)


def test_links_out_of_the_folder_are_followed(folder, tmp_path_factory):
    other = tmp_path_factory.mktemp("elsewhere")
    (other / "o.csv").write_text("user_id\nada\n")
    top = folder("a.csv", links=[("there", other), ("one.csv", other / "o.csv"), ("gone.csv", "nowhere")])
    assert listed(top) == (["a.csv", "one.csv"], 1) or listed(top) == (["a.csv", "there/o.csv"], 1)


def test_a_folder_named_by_a_link_is_read(folder):
    top = folder("2024-01-02/o.csv", links=[("latest", "2024-01-02")])
    assert listed(f"{top}/latest") == (["o.csv"], 0)


def test_files_are_left_out_by_kind():
    names = [
        "1.csv", "2.tsv", "3.csv.zst", "4.CSV.GZ", "5.jsonl", "6.ndjson.gz", "7.parquet", "8.pq", "x.txt", "y.csv.zip",
        "z.csv.bz2", "q.parquet.gz", "part-00001", "m.json", "_SUCCESS", ".crc", "_tmp/9.csv", "_src=web/4.csv",
        "a.load/results/part-00000.parquet", "report.2024.01.txt",
    ]  # fmt: skip
    found = select_files(FolderListing([f"e/{name}" for name in names], 1), "e", ".load")
    assert [path.removeprefix("e/") for path in found.paths] == [*names[:8], "_src=web/4.csv"]
    assert dict(found.left_out) == {
        ".txt": 2,
        ".csv.zip": 1,
        ".csv.bz2": 1,
        ".parquet.gz": 1,
        "without extension": 1,
        ".json": 1,
        "hidden": 1,
        "broken link": 1,
    }
    assert "9 files were left out: 2 .txt, " in left_out_sentence(found.left_out)


def test_json_files_are_read_if_their_extension_was_named():
    assert select_files(FolderListing(["e/m.json"]), "e", ".load", by_name=True).paths == ["e/m.json"]


@pytest.mark.parametrize("twins", [("o.csv", "o.csv.gz"), ("o.csv.gz", "o.csv.zst"), ("o.csv", "o.parquet")])
def test_one_file_in_two_forms_is_refused(twins):
    with pytest.raises(cio.FrameError, match="have the same name, so that they may hold the same rows"):
        refuse_twins([f"e/{name}" for name in twins])
    refuse_twins(["e/1/o.csv", "e/2/o.csv.gz"])


@pytest.mark.parametrize(
    ("mark", "kind"),
    [
        ("_delta_log/00000000000000000000.json", "Delta"),
        ("metadata/v1.metadata.json", "Iceberg"),
        (".hoodie/hoodie.properties", "Hudi"),
    ],
)
def test_a_table_is_known_by_its_log_from_above_inside_and_below(folder, mark, kind):
    top = folder(f"lake/people/{mark}", "lake/people/day=1/p.parquet", "lake/other/metadata/notes.json")
    system = pafs.LocalFileSystem()
    for inside in ("lake/people", "lake/people/day=1", "lake/people/day=1/p.parquet"):
        table = table_above(system, f"{top}/{inside}")
        assert (table.path, table.kind) == (f"{top}/lake/people", kind)
    assert table_above(system, f"{top}/lake/other") is None
    below = tables_below(list_folder(system, f"{top}/lake").paths)
    assert [(table.path, table.kind) for table in below] == [(f"{top}/lake/people", kind)]
