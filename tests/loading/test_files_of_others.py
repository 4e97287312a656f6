"""Files that a load did not write are left alone, and what it reads is never written; what it writes is private."""

import os
from pathlib import Path

import pandas as pd
import pytest

import cio_frames as cio
from cio_frames.cli.app import main
from tests.loading.helpers import load_rows as load


@pytest.fixture(autouse=True)
def folder(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture(autouse=True)
def people():
    frame = pd.DataFrame({"user_id": ["ada", "bob", None]})
    frame.to_parquet("people.parquet")
    return frame


def contents(folder="."):
    return {path: path.read_bytes() for path in sorted(Path(folder).rglob("*")) if path.is_file()}


FOREIGN = [
    "results/part-00000-7c1b.snappy.parquet",
    "results/part-00000.parquet",
    "undelivered.parquet",
    "undelivered.parquet/part-00000.parquet",
    "undelivered.parquet/notes.txt",
    ".undelivered/part-00003.parquet",
]


@pytest.mark.parametrize("fresh", [False, True])
@pytest.mark.parametrize("name", FOREIGN)
def test_a_folder_with_files_of_others_where_results_go_is_refused_and_left_alone(sandbox, people, name, fresh):
    path = Path("model", name)
    path.parent.mkdir(parents=True)
    people.to_parquet(path)
    before = contents("model")
    with pytest.raises(
        cio.ConfigurationError, match=r"was not written by this version .* move the files away"
    ) as error:
        load("people.parquet", sandbox.client, output="model", fresh=fresh)
    assert str(path) in str(error.value)
    assert before.items() <= contents("model").items()
    assert len(sandbox.requests()) == 0


@pytest.mark.parametrize("name", ["rejects.parquet", "results/readme.txt", "scores.parquet", ".undelivered/x.parquet"])
def test_other_files_in_the_folder_of_results_are_left_alone_by_a_load_that_starts_over(sandbox, people, name):
    load("people.parquet", sandbox.client)
    path = Path("out", name)
    path.parent.mkdir(exist_ok=True)
    people.to_parquet(path)
    before = path.read_bytes()
    for fresh in (True, False):
        load("people.parquet", sandbox.client, fresh=fresh)
        assert path.read_bytes() == before


def test_a_load_that_starts_over_removes_its_own_results(sandbox, people):
    pd.concat([people] * 10).to_parquet("people.parquet")
    load("people.parquet", sandbox.client)
    people.dropna().to_parquet("people.parquet")
    load("people.parquet", sandbox.client, fresh=True)
    assert [path.name for path in Path("out/results").iterdir()] == ["part-00000.parquet"]
    assert not Path("out/undelivered.parquet").exists()


CLASHES = {
    "the ledger is the source": {"ledger": "people.parquet"},
    "the ledger's journal is the source": {"source": "l-wal.parquet", "ledger": "l-wal.parquet"},
    "the ledger is in the results": {"ledger": "out/results/ledger.sqlite", "output": "out"},
    "the ledger is the undelivered rows": {"ledger": "out/undelivered.parquet", "output": "out"},
    "the source is the undelivered rows": {"source": "out/undelivered.parquet", "output": "out"},
    "the source is in the results": {"source": "out/results/part-00000.parquet", "output": "out"},
    "the source is in the results of a link": {"source": "out/results/part-00000.parquet", "output": "link"},
}


@pytest.mark.parametrize("fresh", [False, True])
@pytest.mark.parametrize("clash", CLASHES)
def test_a_load_writes_nothing_that_it_reads(sandbox, people, clash, fresh):
    options = dict(CLASHES[clash])
    source = Path(options.pop("source", "people.parquet"))
    source.parent.mkdir(parents=True, exist_ok=True)
    Path("link").symlink_to("out")
    people.to_parquet(source)
    before = contents()
    with pytest.raises(cio.ConfigurationError, match=r"would (overwrite|write).* Nothing was sent\. Name another path"):
        load(str(source), sandbox.client, fresh=fresh, **options)
    assert contents() == before
    assert len(sandbox.requests()) == 0


COMMANDS = {
    "load --report": ["load", "people.parquet", "--call", "identify", "--report", "people.parquet"],
    "load --report in a dry run": [
        "load", "people.parquet", "--call", "identify", "--dry-run", "--report", "./people.parquet"
    ],
    "load --report through a link": ["load", "people.parquet", "--call", "identify", "--report", "link.parquet"],
    "load --report of a folder's file": ["load", ".", "--call", "identify", "--report", "people.parquet"],
    "load --report of a pattern's file": ["load", "*.parquet", "--call", "identify", "--report", "people.parquet"],
    "load --report is the ledger": ["load", "people.parquet", "--call", "identify", "--ledger", "l", "--report", "l"],
    "load --report is the default ledger": [
        "load", "people.parquet", "--call", "identify", "--output", "o", "--report", "o/ledger.sqlite"
    ],
    "load --report is the undelivered rows": [
        "load", "people.parquet", "--call", "identify", "--output", "o", "--report", "o/undelivered.parquet"
    ],
    "load --ledger": ["load", "people.parquet", "--call", "identify", "--ledger", "people.parquet"],
    "validate --report": ["validate", "people.parquet", "--call", "identify", "--report", "people.parquet"],
    "validate --failures": ["validate", "people.parquet", "--call", "identify", "--failures", "people.parquet"],
    "validate with one path for both": [
        "validate", "people.parquet", "--call", "identify", "--failures", "x.parquet", "--report", "x.parquet"
    ],
    "validate --report of a tracking plan": [
        "validate", "people.parquet", "--call", "identify", "--schema", "plan.yaml", "--report", "plan.yaml"
    ],
    "run of a job whose report is the job": ["run", "job.yaml"],
}  # fmt: skip


def run(capsys, arguments):
    """Return the exit status and what was printed."""
    with pytest.raises(SystemExit) as end:
        main(arguments)
    return end.value.code, "".join(capsys.readouterr())


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_that_would_write_what_it_reads_ends_with_2_before_anything_is_read(
    sandbox, monkeypatch, capsys, command
):
    monkeypatch.setenv("CIO_WRITE_KEY", "sandbox")
    monkeypatch.setenv("CIO_ENDPOINT", sandbox.url)
    Path("link.parquet").symlink_to("people.parquet")
    Path("plan.yaml").write_text("properties:\n  traits:\n    type: object\n")
    Path("job.yaml").write_text("source: people.parquet\ncall: identify\nreport: job.yaml\n")
    before = contents()
    status, printed = run(capsys, COMMANDS[command])
    assert status == 2, printed
    assert "would overwrite a file" in printed or "would write the same file" in printed, printed
    assert contents() == before
    assert len(sandbox.requests()) == 0


@pytest.mark.parametrize("name", ["cases.csv", "cases.html", "cases"])
def test_failure_cases_are_parquet_or_the_name_is_refused(capsys, name):
    status, printed = run(capsys, ["validate", "people.parquet", "--call", "identify", "--failures", name])
    assert status == 2
    assert f"--failures {name}: failure cases are written as Parquet" in printed
    assert not Path(name).exists()


def test_the_report_of_validation_is_what_its_name_says(capsys):
    for name in ("report.html", "report.json"):
        assert run(capsys, ["validate", "people.parquet", "--call", "identify", "--report", name])[0] == 1
    assert Path("report.html").read_text().lstrip().startswith("<!")
    assert pd.read_json("report.json", typ="series")["rows"] == 3


@pytest.mark.skipif(os.name != "posix", reason="Windows has other permissions")
@pytest.mark.parametrize("umask", [0o000, 0o022])
def test_only_the_owner_may_read_what_holds_people_s_data(sandbox, people, umask):
    before = os.umask(umask)
    try:
        load("people.parquet", sandbox.client)
        report = people.cio.validate("identify")
        report.to_html("values.html", show_values=True)
        report.to_parquet("values.parquet", show_values=True)
    finally:
        os.umask(before)
    modes = {
        path: path.stat().st_mode & 0o777 for path in [Path("out"), *Path("out").rglob("*"), *Path().glob("values.*")]
    }
    assert {str(path): oct(mode) for path, mode in modes.items() if mode != (0o700 if path.is_dir() else 0o600)} == {}
    assert len(modes) >= 7


@pytest.mark.skipif(os.name != "posix", reason="Windows has other permissions")
def test_a_page_with_values_is_made_private_also_in_place_of_one_that_was_not(people):
    report = people.cio.validate("identify")
    report.to_html("page.html")
    Path("page.html").chmod(0o644)
    report.to_html("page.html", show_values=True)
    assert oct(Path("page.html").stat().st_mode & 0o777) == "0o600"


WRITERS = {
    "LoadResult.to_report to a page": lambda people, path: cio.load(people, "identify", dry_run=True).to_report(path),
    "LoadResult.to_report to JSON": lambda people, path: cio.load(people, "identify", dry_run=True).to_report(path),
    "ValidationReport.to_html": lambda people, path: people.cio.validate("identify").to_html(path),
    "ValidationReport.to_html with values": lambda people, path: people.cio.validate("identify").to_html(
        path, show_values=True
    ),
    "ValidationReport.to_json": lambda people, path: people.cio.validate("identify").to_json(path),
    "ValidationReport.to_parquet": lambda people, path: people.cio.validate("identify").to_parquet(path),
    "Plan.to_html": lambda people, path: people.cio.plan("identify", state="state.sqlite").to_html(path),
    "Plan.to_json": lambda people, path: people.cio.plan("identify", state="state.sqlite").to_json(path),
    "Plan.to_parquet": lambda people, path: people.cio.plan("identify", state="state.sqlite").to_parquet(path),
    "cio-frames state export": lambda people, path: main(["state", "export", "state.sqlite", path]),
}


def write(writer, people, path):
    try:
        WRITERS[writer](people, path)
    except SystemExit as end:
        if end.code:
            raise


@pytest.fixture
def state(people, sandbox):
    people.dropna().cio.sync("identify", state="state.sqlite", client=sandbox.client)


@pytest.mark.usefixtures("state")
@pytest.mark.parametrize("writer", WRITERS)
def test_a_file_that_is_written_replaces_only_one_of_its_own_kind(people, writer):
    ending = ".parquet" if "parquet" in writer or "export" in writer else ".html" if "html" in writer else ".json"
    for path in (f"new{ending}", f"empty{ending}"):
        Path(path).touch() if path.startswith("empty") else None
        write(writer, people, path)
        written = Path(path).read_bytes()
        write(writer, people, path)
        assert len(Path(path).read_bytes()) == pytest.approx(len(written), abs=20)


@pytest.mark.usefixtures("state")
@pytest.mark.parametrize("writer", WRITERS)
def test_a_file_of_others_is_never_replaced(people, capsys, writer):
    Path("people.json").write_text('{"user_id": "ada"}\n')
    Path("people.csv").write_text("user_id\nada\n")
    Path("link.json").symlink_to("people.json")
    Path("hard.csv").hardlink_to("people.csv")
    sources = [path for path in contents() if path.suffix in (".parquet", ".json", ".csv")]
    before = [(path.read_bytes(), path.stat().st_mode) for path in sources]
    for path in ("people.parquet", "./people.parquet", "link.json", "hard.csv"):
        with pytest.raises((cio.ConfigurationError, SystemExit)):
            write(writer, people, path)
    assert [(path.read_bytes(), path.stat().st_mode) for path in sources] == before


def test_an_audit_trail_is_not_appended_to_a_file_of_others(people, sandbox):
    before = contents()
    with pytest.raises(cio.ConfigurationError, match="cio_frames did not write it"):
        people.dropna().cio.delete_people(confirm=2, audit="people.parquet", client=sandbox.client)
    assert contents() == before
    assert len(sandbox.requests()) == 0


@pytest.mark.parametrize("options", [["--report", "people.parquet"], ["--audit", "people.parquet"]])
def test_a_sync_writes_nothing_that_it_reads(people, sandbox, monkeypatch, capsys, options):
    monkeypatch.setenv("CIO_WRITE_KEY", "sandbox")
    monkeypatch.setenv("CIO_ENDPOINT", sandbox.url)
    before = Path("people.parquet").read_bytes()
    removes = ["--removed", "delete", "--complete"] if "--audit" in options else []
    status, printed = run(
        capsys, ["sync", "people.parquet", "--call", "identify", "--state", "s.sqlite", *removes, *options]
    )
    assert status == 2, printed
    assert Path("people.parquet").read_bytes() == before
    assert len(sandbox.requests()) == 0


def test_a_sync_does_not_remove_the_results_that_it_reads(people, sandbox):
    load("people.parquet", sandbox.client)
    requests = len(sandbox.requests())
    before = Path("out/undelivered.parquet").read_bytes()
    with pytest.raises(cio.ConfigurationError, match="would overwrite a file that is read"):
        cio.sync("out/undelivered.parquet", "identify", state="s.sqlite", output="out", client=sandbox.client)
    assert Path("out/undelivered.parquet").read_bytes() == before
    assert len(sandbox.requests()) == requests


def test_a_file_url_is_a_file_that_is_read(people, sandbox):
    source = Path("out/undelivered.parquet").absolute()
    load("people.parquet", sandbox.client)
    before = contents("out")
    with pytest.raises(cio.ConfigurationError, match="would overwrite a file that is read"):
        load(source.as_uri(), sandbox.client, fresh=True)
    assert contents("out") == before
