"""What the command line says about commands that cannot run."""

import pickle
import re

import pytest

from cio_frames.cli.mistakes import SeveralMistakesError
from cio_frames.errors import ConfigurationError, parameter

ALL_WRONG = [
    "load", "none.csv", "--call", "sing", "--timezone", "Mars/X", "--nulls", "maybe", "--on-invalid", "explode",
    "--region", "mars", "--workers", "0", "--schema", "none.yaml", "--report", "orders.csv/report.html",
]  # fmt: skip


def test_all_mistakes_of_a_load_are_reported_at_once(run, ends, orders, sandbox, monkeypatch):
    monkeypatch.delenv("CIO_WRITE_KEY")
    status, printed = ends(*ALL_WRONG)
    assert (status, printed.out, len(sandbox.requests())) == (2, "", 0)
    lines = printed.err.splitlines()
    assert lines[0] == "cio-frames: 10 mistakes:"
    words = [
        "sing",
        "maybe",
        "Mars/X",
        "none.yaml",
        "CIO_WRITE_KEY",
        "mars",
        "workers",
        "explode",
        "report.html",
        "none.csv",
    ]
    assert [word for word, line in zip(words, lines[1:], strict=True) if word not in line] == []


def test_all_missing_columns_are_reported_with_their_option_and_a_close_name(run, ends, orders, sandbox):
    wrong = ["--user-id", "custmer_id", "--timestamp", "ordred_on", "--properties", "totl", "--message-id", "none"]
    status, printed = ends("load", orders, "--call", "track", "--event", "x", *wrong)
    assert (status, printed.out, len(sandbox.requests())) == (2, "", 0)
    lines = printed.err.splitlines()
    assert lines[0] == "cio-frames: 4 mistakes:"
    assert sorted(
        re.findall(r"(--\S+ \S+): column not found in \S+orders.csv\.(?: Did you mean '(\w+)'\?)?", printed.err)
    ) == [
        ("--message-id none", ""),
        ("--properties totl", "total"),
        ("--timestamp ordred_on", "ordered_on"),
        ("--user-id custmer_id", "customer_id"),
    ]


def test_all_mistakes_of_validate_are_reported_at_once(run, ends, orders):
    wrong = ["--report", "none/report.html", "--failures", "none/cases.parquet", "--timezone", "Mars/X"]
    status, printed = ends("validate", orders, "--call", "identify", "--user-id", "custmer_id", *wrong)
    assert (status, printed.out) == (2, "")
    assert "4 mistakes:" in printed.err
    assert "--user-id custmer_id: column not found" in printed.err
    assert "cannot write the report to none/report.html" in printed.err
    assert "Set --failures to another path." in printed.err


def test_a_single_mistake_is_one_sentence(run, ends, orders, order_options):
    status, printed = ends("load", orders, *order_options, "--on-invalid", "maybe")
    assert (status, printed.err) == (2, "cio-frames: --on-invalid maybe is invalid. Use skip or raise.\n")


def test_a_command_that_is_refused_creates_no_folder(run, ends, orders, order_options, tmp_path):
    ends("load", orders, *order_options, "--on-invalid", "maybe", "--report", "new/folder/report.html")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["orders.csv"]


def test_a_missing_call_is_reported_with_the_other_mistakes(run, ends, orders):
    status, printed = ends("load", orders, "--nulls", "maybe", "--user-id", "custmer_id")
    assert status == 2
    assert "required option --call is missing" in printed.err
    assert "3 mistakes" in printed.err


@pytest.mark.parametrize(
    ("options", "remedy"),
    [
        (["--call", "track", "--event", "x"], "Did you mean --user-id customer_id?"),
        (
            ["--call", "track", "--user-id", "customer_id"],
            "Set --event 'Order Completed' for all rows, or --event-column",
        ),
        (["--call", "group", "--user-id", "customer_id"], "Name the column: --group-id."),
    ],
)
@pytest.mark.parametrize("command", ["load", "validate"])
def test_a_column_that_the_call_requires_is_reported_with_its_option(run, ends, orders, command, options, remedy):
    status, printed = ends(command, orders, *options)
    assert status == 2
    assert remedy in printed.err
    assert "orders.csv does not have" in printed.err


def test_several_mistakes_speak_the_words_of_a_door_and_survive_pickling():
    first = ConfigurationError(f"Set {parameter('user_id', 'customer')}.", line=3)
    error = pickle.loads(pickle.dumps(SeveralMistakesError((ConfigurationError("No key."), first))))
    assert error.text("command line") == "2 mistakes:\n  - No key.\n  - Set --user-id customer."
    assert error.text("job file") == "2 mistakes:\n  - No key.\n  - Set user_id: customer."
    assert len(error.errors) == 2


WRONG_COMMANDS = [
    pytest.param(["load", "orders.csv"], id="no call"),
    pytest.param(["load", "none.csv", "--call", "identify"], id="no file"),
    pytest.param(["load", "orders.csv", "--call", "sing", "--dry-run"], id="unknown call"),
    pytest.param(["load", "orders.csv", "--call", "identify", "--user-id", "custmer"], id="unknown column"),
    pytest.param(["load", "orders.csv", "--call", "identify"], id="required column"),
    pytest.param(["load", "orders.csv", "--call", "track", "--user-id", "customer_id"], id="no event"),
    pytest.param(["load", "orders.csv", "--call", "identify", "--on-invalid", "x"], id="wrong choice"),
    pytest.param(["load", "orders.csv", "--call", "identify", "--timezone", "Mars/X"], id="timezone"),
    pytest.param(["load", "orders.csv", "--call", "identify", "--region", "mars"], id="region"),
    pytest.param(["load", "orders.csv", "--call", "identify", "--schema", "p.yaml", "--no-schema"], id="two schemas"),
    pytest.param(["load", "semicolons.csv", "--call", "identify"], id="separator"),
    pytest.param(["load", "bad.csv", "--call", "identify", "--on-invalid", "raise"], id="invalid rows"),
    pytest.param(["validate", "orders.csv", "--call", "identify", "--report", "none/x.html"], id="report"),
    pytest.param(["validate", "orders.csv", "--call", "identify", "--traits", "totl"], id="unknown trait"),
    pytest.param(["validate", "bad.csv", "--call", "identify"], id="failed validation"),
    pytest.param(["run", "none.yaml"], id="no job file"),
    pytest.param(["run", "job.yaml"], id="wrong job file"),
    pytest.param(["schema", "Order Complete"], id="unknown event"),
    pytest.param(["events", "ecommerc"], id="unknown family"),
    pytest.param(["spec", "check", "none.json"], id="no OpenAPI file"),
    pytest.param(["sandbox", "--fault", "none"], id="fault"),
    pytest.param(["load", "orders.csv", "--call", "identify", "--event", "x"], id="event"),
    pytest.param(["load", "orders.csv", "--call", "track", "--event", "x", "--event-column", "total"], id="two events"),
    pytest.param(["load", "orders.csv", "--call", "identify", "--nulls", "x"], id="nulls"),
    pytest.param(["load", "orders.csv", "--call", "identify", "--endpoint", "http://example.com"], id="endpoint"),
    pytest.param(["load", "young.csv", "--call", "page", "--user-id", "user_id"], id="campaigns"),
    pytest.param(["load", "orders.csv", "--call", "identify", "--workers", "0"], id="workers"),
    pytest.param(["loads", "none.sqlite"], id="no ledger"),
    pytest.param(["sandbox", "--latency", "30"], id="latency"),
    pytest.param(["sandbox", "--batch-errors", "x"], id="batch errors"),
]


@pytest.mark.parametrize("command", WRONG_COMMANDS)
def test_the_command_line_does_not_speak_python(run, ends, orders, tmp_path, command):
    (tmp_path / "semicolons.csv").write_text("user_id;plan\nada;free\n")
    (tmp_path / "bad.csv").write_text("user_id,email\nada,nobody\n,ada@example.com\n")
    (tmp_path / "young.csv").write_text("user_id\nada\n")
    (tmp_path / "job.yaml").write_text("source: none.csv\ncall: sing\ncolumns: {userid: a}\non_invalid: x\n")
    status, printed = ends(*command)
    assert status in (1, 2)
    text = printed.out + printed.err
    assert text.strip()
    assert (
        re.findall(r"(?<![-\w])\w+=(?:True|False|\d|'|\")|Client\(|Sandbox\(\)|pandas\.|\w+= |\b[Ff]rame\b", text) == []
    )
