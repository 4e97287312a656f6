"""Write what parameters mean into the docstrings of the public functions, from one table.

The sections Parameters, Returns and Raises of every public function in the files below come from this file, so that
editors and static tools show them whole. The text above them and the examples below them are written by hand.

    python .ci/docstrings.py             rewrites the files
    python .ci/docstrings.py --check     changes nothing; prints a diff and exits with 1 if a file is stale
"""

from __future__ import annotations

import argparse
import ast
import difflib
import sys
import textwrap
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FILES = (ROOT / "cio_frames" / "functions.py", ROOT / "cio_frames" / "operations.py")
WIDTH = 120

COLUMN = "column label, optional"
ANY_FRAME = "pandas.DataFrame, a table of polars, DuckDB or pyarrow, or a Dask or Spark frame"
SELECTION = "list of columns, or {column: field}, optional"

# Parameter: its type and its meaning.
PARAMETERS = {
    "df": (
        ANY_FRAME,
        "One row per call. Pass a whole Dask or Spark frame with ``output``: to map this function over its partitions "
        "loses events that look the same in two of them, and the order of each person's calls.",
    ),
    "call": ('{"identify", "track", "page", "screen", "group", "alias", "batch"}', "The call to make of each row."),
    "event": ("str, optional", "One event name for all rows. Default is the name in ``event_column``, row by row."),
    "event_column": (COLUMN, "Column with the event name of each row. Default is ``event``."),
    "type_column": ("column label", "Column with the call of each row: ``identify``, ``track``, ..."),
    "user_id": (COLUMN, "Column with the person's id. Default is ``user_id``, then ``userId``."),
    "anonymous_id": (COLUMN, "Column with the anonymous id. Default is ``anonymous_id``, then ``anonymousId``."),
    "previous_id": (COLUMN, "Column with the id that is merged away. Default is ``previous_id``, then ``previousId``."),
    "group_id": (COLUMN, "Column with the object's id. Default is ``group_id``, then ``groupId``."),
    "name": (COLUMN, "Column with the name of the page or screen. Default is ``name``."),
    "timestamp": (
        COLUMN,
        "Column with the time of the event: datetimes, dates, or ISO 8601 text. Default is ``timestamp``. Without one, "
        "Customer.io uses the time of receipt.",
    ),
    "message_id": (
        COLUMN,
        "Column with your own ids of the calls. Default is ``message_id``, then ``messageId``. Without one, each call "
        "gets a ULID made from its content and its timestamp, so that a rerun repeats it; see ``as_of`` for calls "
        "without a timestamp.",
    ),
    "traits": (
        SELECTION,
        "Columns to send as traits, with their names there. Default is every column that feeds no other field. A "
        "dotted name nests.",
    ),
    "properties": (
        SELECTION,
        "Columns to send as properties, with their names there. Default is every column that feeds no other field. A "
        "dotted name nests.",
    ),
    "context": (
        "column label or dict, optional",
        "A column of dicts, or one dict for all rows. Columns named ``context.ip`` and the like are used by name.",
    ),
    "integrations": (
        "column label or dict, optional",
        'Which destinations receive the calls, for example ``{"All": False}``.',
    ),
    "token": (COLUMN, "Column with the token of the device. Default is ``token``."),
    "device_type": (COLUMN, "Column with ``ios`` or ``android``. Default is ``device_type``."),
    "object_id": (COLUMN, "Column with the object's id. Default is ``object_id``, then ``objectId``."),
    "object_type_id": (
        COLUMN,
        "Column with the number of the object's type. Default is ``object_type_id``, then ``objectTypeId``. Without "
        "such a column the type is 1; with one, a row without a number is invalid.",
    ),
    "delivery_id": (COLUMN, "Column with the id of the delivery. Default is ``delivery_id``, then ``deliveryId``."),
    "metric": (COLUMN, "Column with what happened, such as ``opened``. Default is ``metric``."),
    "action_type": (
        COLUMN,
        "Column with ``viewed_content`` or ``clicked_content``. Default is ``action_type``, then ``actionType``.",
    ),
    "content_id": (COLUMN, "Column with the number of the content. Default is ``content_id``, then ``contentId``."),
    "template_id": (COLUMN, "Column with the number of the template. Default is ``template_id``, then ``templateId``."),
    "confirm": (
        "int",
        "The number of rows that are affected, as a dry run counts them. Required unless ``dry_run=True``; with any "
        "other value nothing is sent.",
    ),
    "audit": (
        "path, optional",
        "File to which JSON lines are appended: one per row with the status ``sending`` before its batch leaves, and "
        "one with the outcome: time, operation, ids, message_id, status, http_status. Each is on disk before the next "
        "step, so that after a kill a row with only the first may have been accepted. It never holds the write key, "
        "and a new file is readable by its owner only. If it is not writable, nothing is sent (ConfigurationError); if "
        "writing fails later, delivery stops, and the DeliveryError has the result. Dask and Spark frames require one "
        "sender for it.",
    ),
    "state": ("path", "SQLite file that knows what Customer.io holds; it is made by the first sync or baseline."),
    "removed": (
        '"keep", "report", "delete", "suppress", "delete_relationships", or a dict',
        "What happens to subjects of the state that are missing: nothing, naming them in the plan, deleting or "
        "suppressing people, deleting relationships (group), or setting these traits.",
    ),
    "returned": ("dict, optional", "Traits to set when a subject is back that ``removed`` has marked."),
    "complete": ("bool", "Your claim that the source holds every subject. Required to delete, suppress or mark any."),
    "cleared": (
        '{"keep", "null"}',
        "What a value that became missing does: it is counted only, or ``null`` is sent once, which erases it.",
    ),
    "ignore": ("str or list of str", "Names of fields that do not count as a change."),
    "max_changed": ("int or str, optional", 'Send nothing if more known subjects change: a count, or ``"5%"``.'),
    "max_removed": (
        "int or str, optional",
        "Send nothing if more subjects that this state delivered are missing: a count, or a share, which must be "
        "exceeded among all subjects of the state too. Default is 5 % and 1,000.",
    ),
    "min_rows": (
        "int or str, optional",
        "Send nothing if the source has fewer rows: a count, or a share of the state.",
    ),
    "grace_runs": ("int", "How many runs of different dates must miss a subject before ``removed`` acts."),
    "accept_mapping": ("bool", "Whether to continue although fields came or went since the last run."),
    "accept_key": ("bool", "Whether to take a new write key of the same workspace."),
    "refresh_days": ("int, optional", "Send every subject again at least so often, spread evenly. Default is never."),
    "duplicates": ('{"invalid", "last"}', "Whether rows of one subject are all invalid, or the last one is sent."),
    "keep_days": ("int", "How many days the ids of events are remembered (track, page, screen)."),
    "retry_rejected": ("bool", "Whether to send rows again that were rejected three times with the same content."),
    "path": ("path", "Plan file."),
    "csv": ("CsvOptions or dict, optional", "How to read CSV files. Default is UTF-8 with commas; see :func:`load`."),
    "partitions": ("bool", "Whether folders such as ``country=de/`` become columns."),
    "max_age": ("str, optional", "Refuse a plan that is older, for example ``12h``. Default is any age."),
    "client": (
        "Client, optional",
        "Where to send. Default is the environment: CIO_WRITE_KEY, CIO_REGION, CIO_ENDPOINT.",
    ),
    "dry_run": ("bool", "Do everything but send: rows that would be sent are ``ready``. Requires no client."),
    "on_invalid": (
        '{"skip", "raise"}',
        "Whether to send the other rows if some are invalid, or to send nothing and raise InvalidRowsError.",
    ),
    "on_undelivered": (
        '{"return", "raise"}',
        "Whether to return the result if some rows were not delivered, or to raise UndeliveredError with it.",
    ),
    "allow_campaigns": (
        "bool",
        "Send events that are younger than 72 hours or have no timestamp, although they can start campaigns, that is, "
        "send mail to real people. Events that Customer.io acts on and does not store, such as User Deleted, do not "
        "count.",
    ),
    "schema": (
        '"spec", None, a pandera schema, or a path',
        "What rows are checked against: the API's spec, nothing, your own schema (see :func:`cio_frames.schema`), or "
        "the spec with your tracking plan on top, a YAML file in the form of those in ``schemas/``. Values are "
        "checked, not changed.",
    ),
    "strict_schema": (
        "bool",
        "Whether warnings make rows invalid as errors do. A warning is about a value that the API accepts and does not "
        "keep as it is: text over a limit of Journeys, a property that is not known for the event. Your own message "
        "id that is not a ULID stays a warning.",
    ),
    "exact_ids": (
        "bool",
        "Whether ids are meant as they stand. Default is to warn of ids that spell a missing value (``nan``, "
        "``NULL``), have white space around them, or occur in several forms (``1`` and ``001``); in calls that merge, "
        "delete, or suppress, or are about devices, such rows are invalid. Set it to clean up after earlier loads.",
    ),
    "nulls": (
        '{"omit", "send"}',
        "Whether to omit missing traits and properties, or to send them as ``null``, which may erase them.",
    ),
    "timezone": ("str", "The time zone of times without one."),
    "as_of": (
        "str, date or datetime, optional",
        "What stands for the time in the message ids of calls without a timestamp. Default is the start of this run, "
        "so that the same call on another day is another call. With the same ``as_of``, such as the logical date of an "
        'orchestrator, a rerun repeats the ids; to repeat those of a run, pass ``result.attrs["cio"]["as_of"]``, or '
        "``as_of`` of its error. A date is midnight in UTC. It never becomes the timestamp of a call.",
    ),
    "progress": ("bool, optional", "Whether to show a progress bar. Default is to show it in a terminal or notebook."),
    "output": (
        "path or address, optional",
        "On Dask and Spark frames, where it is required: a folder that all workers reach, such as "
        "``s3://bucket/orders``. Rows are staged there, and their answers are kept there. The same call with the same "
        "folder resumes.",
    ),
    "fresh": (
        "bool",
        "On Dask and Spark frames: discard what ``output`` has of an earlier run, and start over. Default is to "
        "resume.",
    ),
    "senders": (
        "int",
        "On Dask and Spark frames: how many workers send at once. One sends from this process. They share the rate "
        "limit.",
    ),
    "order_by": (
        "column or list of columns, optional",
        "On Dask and Spark frames: which of a person's rows comes first. Default is the order of a Dask frame; a Spark "
        "frame has none, and the column of ``timestamp`` decides.",
    ),
    "keep": (
        "column or list of columns, optional",
        "On Dask and Spark frames: columns that the answers repeat, such as ``order_id``.",
    ),
    "buckets": (
        "int, optional",
        "On Dask and Spark frames: into how many files people are distributed. Each must fit into the memory of a "
        "worker. Default depends on the partitions.",
    ),
}

SYNC_OUTPUT = (
    "path, optional",
    "Folder for ``results/``, ``undelivered.parquet`` and ``removed.parquet`` of a source that is not a frame. Default "
    "is named after source and call.",
)
# The same for one function, where a parameter means something else.
PARAMETERS_OF = {
    ("validate", "df"): (ANY_FRAME, "One row per call."),
    ("payloads", "df"): ("pandas.DataFrame, or a table of polars, DuckDB or pyarrow", "One row per call."),
    ("plan", "as_of"): (
        "str, date or datetime, optional",
        "The date that this run is about, for ``grace_runs``. Default is now.",
    ),
    ("sync", "as_of"): (
        "str, date or datetime, optional",
        "The date that this run is about, for ``grace_runs``. Default is now.",
    ),
    ("plan", "client"): (
        "Client, optional",
        "The client to check the state against. Default is none: it is checked later.",
    ),
    ("baseline", "client"): (
        "Client, optional",
        "The workspace to tie the state to. Default is that of the first sync.",
    ),
    ("baseline", "confirm"): ("int", "The number of rows that are claimed, as a dry run counts them. Required."),
    ("plan", "df"): ("pandas.DataFrame, path, or any source of a load", "One row per call."),
    ("plan", "call"): ('{"identify", "group", "track", "page", "screen"}', "The call to make of each row."),
    ("sync", "df"): ("pandas.DataFrame, path, or any source of a load", "One row per call."),
    ("sync", "call"): ('{"identify", "group", "track", "page", "screen"}', "The call to make of each row."),
    ("baseline", "df"): ("pandas.DataFrame, path, or any source of a load", "One row per call."),
    ("baseline", "call"): ('{"identify", "group", "track", "page", "screen"}', "The call to make of each row."),
    ("sync", "output"): SYNC_OUTPUT,
    ("apply_plan", "output"): SYNC_OUTPUT,
    ("validate", "client"): ("Client, optional", "The client whose limits count. Default is the default limits."),
    ("payloads", "client"): ("Client, optional", "The client whose limits count. Default is the default limits."),
    ("payloads", "message_id"): (
        COLUMN,
        "Column with your own ids of the calls. Default is ``message_id``, then ``messageId``. Without one, a call "
        "with a timestamp gets a ULID made from its content and its timestamp, and a call without a timestamp gets its "
        "id only when it is sent.",
    ),
    ("validate", "message_id"): (
        COLUMN,
        "Column with your own ids of the calls. Default is ``message_id``, then ``messageId``.",
    ),
    ("page", "name"): (COLUMN, "Column with the name of the page. Default is ``name``."),
    ("screen", "name"): (COLUMN, "Column with the name of the screen. Default is ``name``."),
    ("add_devices", "timestamp"): (COLUMN, "Column with the time the device was last used. Default is ``timestamp``."),
}

RESULT_FRAME = (
    "pandas.DataFrame",
    "One row per row of the frame, in its order and under its index: status, reason, message_id, bytes, batch, "
    "http_status, attempts.",
)
RETURNS = {
    "plan": ("Plan", "What a sync would do."),
    "sync": (
        "pandas.DataFrame or SyncResult",
        "Of a frame, its result frame: one row per row, in its order and under its index. Of another source, what the "
        "sync came to, with the results of its rows in files.",
    ),
    "baseline": (
        "pandas.DataFrame or SyncResult",
        "Of a frame, its result frame: one row per row, in its order and under its index. Of another source, how many "
        "rows have each status.",
    ),
    "apply_plan": ("SyncResult", "What the sync came to."),
    "validate": ("ValidationReport", "Which rows are invalid, and why."),
    "payloads": ("pandas.Series", "JSON text under the index of the frame."),
}

MISSING = ("MissingColumnsError", "A column that is named, or that the call requires, is missing.")
COLUMNS = ("FrameError", "The columns cannot make this call, for example because two feed the same field.")
PLAN = ("SpecError", "``schema`` is a path, and the tracking plan there is missing or malformed.")
SENDING = (
    ("InvalidRowsError", 'Rows are invalid, and ``on_invalid="raise"``; nothing was sent.'),
    ("ConfigurationError", "``client`` is not set, and the environment has no write key."),
    (
        "AuthenticationError",
        "The API does not accept the write key; ``.result`` has the status of every row until then.",
    ),
    ("UndeliveredError", 'Some rows were not delivered, and ``on_undelivered="raise"``; see ``.result``.'),
    ("DeliveryError", "Delivery stopped early for another reason; see ``.result``."),
)
CAMPAIGNS = (
    "CampaignsError",
    "Rows are events that can start campaigns, and ``allow_campaigns`` was not set; nothing was sent.",
)
CONFIRM = ("FrameError", "``confirm`` does not match, or the columns cannot make this call; nothing was sent.")


GUARD = ("GuardError", "A guard trips: this looks wrong, and nothing was sent.")
STATE = (
    "ConfigurationError",
    "The state is of another workspace, endpoint, call or mapping, is damaged or locked, or options contradict each "
    "other; nothing was sent.",
)
STALE = ("ConfigurationError", "The plan is stale, edited, or too old; nothing was sent.")


def raises(parameters: list[str]) -> list[tuple[str, str]]:
    """Return the errors of a function by its parameters."""
    if "max_age" in parameters:
        return [STALE, GUARD, *SENDING[-2:]]
    if "state" in parameters:
        sends = "output" in parameters
        return [MISSING, COLUMNS, STATE, *([GUARD, SENDING[0], *SENDING[-2:]] if sends else [])]
    found = [MISSING, CONFIRM if "confirm" in parameters else COLUMNS]
    found += [PLAN] if "schema" in parameters else []
    found += [CAMPAIGNS] if "allow_campaigns" in parameters else []
    return [*found, *SENDING] if "dry_run" in parameters else found


def section(title: str, entries: list[tuple[str, str]]) -> list[str]:
    """Return one numpydoc section, indented as in a function."""
    lines = [f"    {title}", f"    {'-' * len(title)}"]
    for head, text in entries:
        lines.append(f"    {head}")
        lines += textwrap.wrap(
            text, WIDTH, initial_indent=" " * 8, subsequent_indent=" " * 8, break_long_words=False,
            break_on_hyphens=False,
        )  # fmt: skip
    return [*lines, ""]


def sections(function: ast.FunctionDef) -> list[str]:
    """Return the generated sections of a function."""
    names = [argument.arg for argument in (*function.args.args, *function.args.kwonlyargs)]
    unknown = [name for name in names if name not in PARAMETERS]
    if unknown:
        raise SystemExit(f"{function.name}: {', '.join(unknown)} missing in PARAMETERS of .ci/docstrings.py")
    described = [(name, *PARAMETERS_OF.get((function.name, name), PARAMETERS[name])) for name in names]
    return [
        *section("Parameters", [(f"{name} : {kind}", text) for name, kind, text in described]),
        *section("Returns", [RETURNS.get(function.name, RESULT_FRAME)]),
        *section("Raises", raises(names)),
    ]


def rewrite(source: str) -> str:
    """Return the source of a module with all generated sections as they should be."""
    lines = source.splitlines()
    functions = [
        node for node in ast.parse(source).body if isinstance(node, ast.FunctionDef) and not node.name.startswith("_")
    ]
    for function in reversed(functions):
        docstring = function.body[0]
        first, last = docstring.lineno, docstring.end_lineno
        text = lines[first - 1 : last]
        start = next((row for row, line in enumerate(text) if line == "    Parameters"), None)
        stop = next((row for row, line in enumerate(text) if line == "    Examples"), None)
        if start is None or stop is None:
            raise SystemExit(f"{function.name}: the docstring requires the sections Parameters and Examples")
        lines[first - 1 + start : first - 1 + stop] = sections(function)
    return "\n".join(lines) + "\n"


def main() -> None:
    """Rewrite or check the files."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--check", action="store_true", help="print a diff and exit with 1 if a file is stale")
    parser.add_argument("files", nargs="*", type=Path, default=FILES, help="default: the public functions")
    options = parser.parse_args()
    stale = False
    for path in options.files:
        before = path.read_text(encoding="utf-8")
        after = rewrite(before)
        if before == after:
            continue
        stale = True
        if options.check:
            names = {"fromfile": str(path), "tofile": f"{path} (rewritten)", "lineterm": ""}
            print("\n".join(difflib.unified_diff(before.splitlines(), after.splitlines(), **names)))  # noqa: T201
        else:
            path.write_text(after, encoding="utf-8")
    if options.check and stale:
        sys.exit(1)


if __name__ == "__main__":
    main()
