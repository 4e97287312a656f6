"""What the command line says about arguments that it does not have."""

import pytest

from cio_frames.cli import printing

PATH = "/a/very/long/path/to/orders-of-1997.csv"
ORDERS = ["load", "orders.csv"]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ([*ORDERS, "--cal", "track"], "option --cal not found. Did you mean --call?"),
        ([*ORDERS, "--undeliv"], "option --undeliv not found. Did you mean --undelivered-csv?"),
        ([*ORDERS, "--user_id", "a"], "option --user_id not found. Did you mean --user-id?"),
        ([*ORDERS, "--zzz=secret"], "option --zzz not found. See cio-frames load --help."),
        ([*ORDERS, "-Q"], "option -Q not found. Did you mean -q?"),
        (["--quiet"], "option --quiet not found. See cio-frames --help."),
        (["state", "show", "a", "--jsn"], "option --jsn not found. Did you mean --json?"),
        (["lod"], "command lod not found. Did you mean load?"),
        (["spec", "chek"], "command chek not found. Did you mean check?"),
        (["zzz"], "command zzz not found. See cio-frames --help."),
        (["load"], "required argument SOURCE is missing. See cio-frames load --help."),
        (["state", "forget", "a"], "required argument SUBJECTS... is missing. See cio-frames state forget --help."),
        (["validate", "a", "b c"], "unexpected argument 'b c'. Put patterns and names with spaces in quotes: '*.csv'."),
        ([*ORDERS, "--report"], "--report requires a value: FILE."),
        ([*ORDERS, "--gzip=yes"], "--gzip takes no value."),
        ([*ORDERS, "--workers", "a few"], "--workers 'a few' is invalid. Use a whole number."),
        ([*ORDERS, "--requests-per-second=x"], "--requests-per-second x is invalid. Use a number."),
    ],
)
def test_a_wrong_argument_is_one_sentence_and_exits_with_2(ends, arguments, sentence):
    status, printed = ends(*arguments)
    assert (status, printed.out, printed.err) == (2, "", f"cio-frames: {sentence}\n")


@pytest.mark.parametrize("arguments", [[], ["--"], ["state"]])
def test_a_group_without_a_command_prints_its_help(ends, arguments):
    status, printed = ends(*arguments)
    assert status == 2
    assert (printed.out + printed.err).startswith("Usage: cio-frames")


@pytest.fixture
def terminal(monkeypatch):
    """Make stderr a terminal of 40 columns without colors."""
    console = printing.SafeConsole(stderr=True, force_terminal=True, no_color=True, width=40)
    monkeypatch.setattr(printing, "err", console)


@pytest.mark.usefixtures("terminal")
def test_a_terminal_gets_lines_that_end_between_words(capsys):
    mistakes = ["2 mistakes:", "  - --timezone must be a name, got 'Mars'.", f"  - File not found: {PATH}."]
    printing.print_error("\n".join(mistakes))
    lines = capsys.readouterr().err.replace("\x1b[1m", "").replace("\x1b[0m", "").splitlines()
    assert lines == [
        "cio-frames: 2 mistakes:",
        "  - --timezone must be a name, got",
        "    'Mars'.",
        "  - File not found:",
        f"    {PATH}.",
    ]
