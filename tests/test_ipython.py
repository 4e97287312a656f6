"""TAB and ? in IPython, with jedi and without."""

import json
import subprocess
import sys

import pytest

pytest.importorskip("IPython")

# An interpreter of its own, since a shell of IPython changes the one that it runs in.
SCRIPT = """
import json, sys
from IPython.core.completer import provisionalcompleter
from IPython.core.interactiveshell import InteractiveShell

shell = InteractiveShell.instance()
shell.Completer.use_jedi = sys.argv[1] == "jedi"
shell.run_cell(
    "import pandas as pd\\n"
    "import cio_frames as cio\\n"
    "from cio_frames import delete_people\\n"
    "df = pd.DataFrame({'user_id': ['ada']})\\n"
)
completions = {}
for text in json.loads(sys.argv[2]):
    with provisionalcompleter():
        found = [completion.text for completion in shell.Completer.completions(text, len(text))]
    completions[text] = [name.removeprefix(".") for name in found if not name.startswith("%")]
docs = {name: shell.object_inspect_text(name) for name in json.loads(sys.argv[3])}
print("\\n" + json.dumps({"completions": completions, "docs": docs}))
"""
EVENT_TEXTS = {
    'df.cio.track("Order C': ["Order Cancelled", "Order Completed"],
    "df.cio.track('order co": ["Order Completed"],
    'cio.track(df, "Email B': ["Email Bounced"],
    'cio.schema("track", "Order R': ["Order Refunded"],
    'cio.load("orders.csv", "track", event="Order R': ["Order Refunded"],
    'x = df.cio.validate(\n    "track", "Order R': ["Order Refunded"],
}
TEXTS = [
    "df.cio.",
    "df.cio.track(us",
    "df.cio.delete_people(con",
    "delete_people(con",
    "cio.",
    "cio.load(us",
    "df.ci",
    *EVENT_TEXTS,
]


@pytest.fixture(scope="module", params=["jedi", "without jedi"])
def shell(request, tmp_path_factory):
    """What IPython shows."""
    command = [sys.executable, "-c", SCRIPT, request.param, json.dumps(TEXTS), json.dumps(["df.cio.track", "cio.load"])]
    folder = str(tmp_path_factory.mktemp("ipython"))
    environ = {"IPYTHONDIR": folder, "HOME": folder, "PYTHONPATH": ":".join(filter(None, sys.path))}
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=environ)
    return json.loads(done.stdout.splitlines()[-1])


def test_tab_completes_the_accessor_and_its_methods(shell):
    assert "cio" in " ".join(shell["completions"]["df.ci"])
    methods = shell["completions"]["df.cio."]
    assert {"identify", "track", "batch", "validate", "payloads", "delete_people", "report_content"} <= set(methods)
    assert not [name for name in methods if name.startswith("_")]


@pytest.mark.parametrize(
    ("text", "parameter"),
    [
        ("df.cio.track(us", "user_id="),
        ("df.cio.delete_people(con", "confirm="),
        ("delete_people(con", "confirm="),
        ("cio.load(us", "user_id="),
    ],
)
def test_tab_completes_parameters(shell, text, parameter):
    assert parameter in shell["completions"][text]


@pytest.mark.parametrize(("text", "names"), EVENT_TEXTS.items(), ids=list(EVENT_TEXTS))
def test_tab_completes_names_of_events(shell, text, names):
    assert shell["completions"][text] == names


def test_tab_shows_public_names_of_the_package_and_no_modules(shell):
    names = shell["completions"]["cio."]
    assert {"Client", "Sandbox", "load", "sample", "track"} <= set(names)
    assert not {"accessor", "errors", "functions", "operations", "pipeline", "pd"} & set(names)


def test_a_question_mark_shows_signature_and_docstring_in_full(shell):
    text = shell["docs"]["df.cio.track"]
    assert "event_column" in text
    assert "self" not in text.partition("Docstring")[0]
    assert "Column with the person's id. Default is ``user_id``, then ``userId``." in text
    assert "orders.cio.track(" in text
    assert "allow_campaigns" in shell["docs"]["cio.load"]


TRACEBACKS = """
import sys
from IPython.core.interactiveshell import InteractiveShell

shell = InteractiveShell(colors="nocolor")
shell.run_cell("import pandas as pd\\nimport cio_frames as cio\\ndf = pd.DataFrame({'user_id': ['ada']})\\n")
shell.run_cell(sys.argv[1])
"""


@pytest.mark.parametrize(
    ("code", "sentence"),
    [
        ("df.cio.identify()", "ConfigurationError: "),
        ("cio.identify(df, user_id='customer', dry_run=True)", "MissingColumnsError: identify requires column"),
        (
            "df.cio.delete_people(confirm=7, client=cio.Client(write_key='k'))",
            "FrameError: delete_people affects 1 rows",
        ),
        ("df.cio.validate('identify', user_id='x')", "MissingColumnsError: identify requires column"),
        ("df.cio.payloads('identify', user_id='x')", "MissingColumnsError: identify requires column"),
        ("cio.load(df, 'identify', user_id='x', dry_run=True)", "requires column"),
        ("cio.raise_for_status(df.assign(status='x', reason='y'))", "UndeliveredError: 1 of 1 rows"),
    ],
)
def test_a_traceback_shows_the_line_of_the_user_and_the_sentence_and_hardly_any_frame_of_the_library(
    tmp_path, code, sentence
):
    environ = {"IPYTHONDIR": str(tmp_path), "HOME": str(tmp_path), "PYTHONPATH": ":".join(filter(None, sys.path))}
    done = subprocess.run(
        [sys.executable, "-c", TRACEBACKS, code], capture_output=True, text=True, check=True, env=environ, cwd=tmp_path
    )
    shown = done.stdout + done.stderr
    assert code in shown
    assert sentence in shown
    # IPython never hides the last frame of an error, nor of the one that it was made of.
    assert shown.count("cio_frames/") <= 2
    assert len(shown.splitlines()) < 40
