"""``cio-frames``: arguments in, text and exit status out.

Exit status 0 where every row was delivered, and nothing has drifted; 1 where some were not, or something has; 2 where
the command cannot be carried out as given.
Progress and remarks go to stderr; what a program would read goes to stdout.
"""

from __future__ import annotations

import gc
import json
import logging
import os
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any, cast

import pandas as pd
import typer
from rich.console import Console
from rich.table import Table

import cio_frames as cio
from cio_frames import functions, pipeline, spec
from cio_frames._util.did_you_mean import closest_name
from cio_frames.cli.demo import Demo, demonstrate
from cio_frames.cli.job_file import read_job
from cio_frames.columns import ColumnMapping, Selection
from cio_frames.errors import render
from cio_frames.loading import load_source, loads_in, read
from cio_frames.results import GOOD, status_counts
from cio_frames.sandbox.faults import seconds
from cio_frames.spec.drift import drift, read_openapi

app = typer.Typer(
    name="cio-frames",
    help="The pandas-native way into Customer.io: files in, and the answer for every row.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
spec_app = typer.Typer(help="Look after what is known of the API, in schemas/.", no_args_is_help=True)
app.add_typer(spec_app, name="spec")
# Text from files and servers is never markup.
out = Console(soft_wrap=True, highlight=False, markup=False)
err = Console(stderr=True, soft_wrap=True, highlight=False, markup=False)

_REASONS_SHOWN = 10
_ROWS_SHOWN = 10
# What is read by a program or kept in a file has no edge at which names would be cut.
_WIDEST = 10_000

File = Annotated[Path, typer.Argument(help="A Parquet or CSV file.")]
CallOption = Annotated[str, typer.Option("--call", help="identify, track, page, screen, group, alias or batch.")]
EventOption = Annotated[str | None, typer.Option("--event", help="One event name for all rows (track).")]
Column = Annotated[str | None, typer.Option(help="A column of the file.")]
Fields = Annotated[
    list[str] | None,
    typer.Option(
        help="A column to send, or COLUMN=FIELD to rename it. May be repeated; all other columns if left out."
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]
ReportOption = Annotated[
    Path | None, typer.Option(help="Write what it came to as a page for people (.html), or as JSON for programs.")
]
Fresh = Annotated[bool, typer.Option("--fresh", help="Start over, also where this load is stopped or done.")]
Zone = Annotated[str, typer.Option(help="The zone of times without one.")]
NullsOption = Annotated[str, typer.Option(help="omit: leave missing values out. send: send null, which may erase.")]
NoSchema = Annotated[bool, typer.Option("--no-schema", help="Do not check the rows against the API's spec.")]
PlanOption = Annotated[
    Path | None, typer.Option("--schema", help="A tracking plan of yours: YAML of the form of schemas/.")
]
StrictSchema = Annotated[bool, typer.Option("--strict-schema", help="Hold back rows with warnings too.")]


@app.command()
def demo(
    output: Annotated[Path, typer.Option(help="Where to leave the result frame.")] = Path("demo-output"),
    as_json: Json = False,
) -> None:
    """Identify 2,357 real customers and track their orders, in a sandbox on this machine."""
    found = demonstrate(output)
    if as_json:
        _print_json(_demo_facts(found))
    else:
        _print_demo(found)
    if found.unaccounted:
        err.print(f"{found.unaccounted:,} rows are not accounted for.")
        raise typer.Exit(1)


@app.command()
def load(
    source: Annotated[
        str, typer.Argument(help="A Parquet or CSV file, a folder or a pattern of them, or an address (s3://, gs://).")
    ],
    call: CallOption,
    event: EventOption = None,
    event_column: Column = None,
    type_column: Annotated[str, typer.Option(help="The column that says which call a row is (batch).")] = "type",
    user_id: Column = None,
    anonymous_id: Column = None,
    previous_id: Column = None,
    group_id: Column = None,
    name: Column = None,
    timestamp: Column = None,
    message_id: Column = None,
    traits: Fields = None,
    properties: Fields = None,
    timezone: Zone = "UTC",
    nulls: NullsOption = "omit",
    schema: PlanOption = None,
    no_schema: NoSchema = False,
    strict_schema: StrictSchema = False,
    on_invalid: Annotated[str, typer.Option(help="skip: send the other rows. raise: send nothing.")] = "skip",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Do all but send.")] = False,
    strict: Annotated[bool, typer.Option(help="Ask the API to say what it does not take.")] = True,
    gzip: Annotated[bool, typer.Option("--gzip", help="Compress request bodies.")] = False,
    region: Annotated[str | None, typer.Option(help="us or eu; CIO_REGION if left out.")] = None,
    endpoint: Annotated[str | None, typer.Option(help="Scheme and host; CIO_ENDPOINT if left out.")] = None,
    requests_per_second: Annotated[float, typer.Option(help="The rate limit.")] = 1_000,
    workers: Annotated[int, typer.Option(help="Connections.")] = 4,
    ledger: Annotated[Path | None, typer.Option(help="A SQLite file; in the output folder if left out.")] = None,
    output: Annotated[Path | None, typer.Option(help="A folder for results/ and undelivered.parquet.")] = None,
    fresh: Fresh = False,
    allow_campaigns: Annotated[
        bool, typer.Option("--allow-campaigns", help="Send events young enough to start campaigns, without asking.")
    ] = False,
    report: ReportOption = None,
    progress: Annotated[bool | None, typer.Option(help="Show a bar; on a terminal, if left out.")] = None,
    as_json: Json = False,
) -> None:
    """Send the rows of files; the same command goes on where a load was stopped or killed.

    The write key is read from CIO_WRITE_KEY, never from the command line.
    """
    call_spec = _request(
        call,
        event,
        event_column=event_column,
        type_column=type_column,
        user_id=user_id,
        anonymous_id=anonymous_id,
        previous_id=previous_id,
        group_id=group_id,
        name=name,
        timestamp=timestamp,
        message_id=message_id,
        traits=traits,
        properties=properties,
        schema=None if no_schema else schema or "spec",
        strict_schema=strict_schema,
        nulls=nulls,
        timezone=timezone,
    )
    given = {"region": region, "endpoint": endpoint}
    settings: dict[str, Any] = {
        "strict": strict,
        "gzip": gzip,
        "requests_per_second": requests_per_second,
        "workers": workers,
        **{key: value for key, value in given.items() if value},
    }
    client = _client(settings, dry_run=dry_run)
    _load(
        source, call_spec, client, report,
        as_json=as_json, ledger=ledger, output=output, fresh=fresh, progress=progress, dry_run=dry_run,
        on_invalid=on_invalid, allow_campaigns=allow_campaigns,
    )  # fmt: skip


@app.command("run")
def run_job(
    job: Annotated[Path, typer.Argument(help="A YAML file that says what to load; see the README.")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Do all but send.")] = False,
    fresh: Fresh = False,
    progress: Annotated[bool | None, typer.Option(help="Show a bar; on a terminal, if left out.")] = None,
    as_json: Json = False,
) -> None:
    """Run the load that a file describes: for cron, Airflow and CI."""
    asked = read_job(job)
    client = _client(asked.client, dry_run=dry_run)
    _load(
        asked.source, asked.call_spec, client, asked.report,
        as_json=as_json, dry_run=dry_run, fresh=fresh, progress=progress, **asked.options,
    )  # fmt: skip


@app.command()
def loads(
    ledgers: Annotated[
        list[Path] | None, typer.Argument(help="Ledger files, or folders with them; those below here if left out.")
    ] = None,
    as_json: Json = False,
) -> None:
    """List loads and how far they are."""
    found = [loads_in(path, door="command line").assign(ledger=str(path)) for path in _ledgers(ledgers or [Path()])]
    together = pd.concat(found, ignore_index=True) if found else pd.DataFrame()
    if as_json:
        _print_json(json.loads(together.to_json(orient="records")))
    elif together.empty:
        out.print("There is no ledger here. Name one: cio-frames loads orders.load/ledger.sqlite")
    else:
        shown = together[["source", "call", "event", "phase", "rows", "rows_done", "delivered", "started_at", "ledger"]]
        _print_frame(shown.astype(object).where(shown.notna(), ""))


@app.command()
def validate(
    file: File,
    call: CallOption,
    event: EventOption = None,
    event_column: Column = None,
    type_column: Annotated[str, typer.Option(help="The column that says which call a row is (batch).")] = "type",
    user_id: Column = None,
    anonymous_id: Column = None,
    previous_id: Column = None,
    group_id: Column = None,
    name: Column = None,
    timestamp: Column = None,
    message_id: Column = None,
    traits: Fields = None,
    properties: Fields = None,
    timezone: Zone = "UTC",
    nulls: NullsOption = "omit",
    schema: PlanOption = None,
    no_schema: NoSchema = False,
    strict_schema: StrictSchema = False,
    report: Annotated[Path | None, typer.Option(help="Write the report as one HTML page.")] = None,
    failures: Annotated[Path | None, typer.Option(help="Write the failure cases as Parquet.")] = None,
    show_values: Annotated[
        bool, typer.Option("--show-values", help="Write the cells that fail too; they are people's data.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Check the rows of a file as a load would, and send nothing."""
    call_spec = _request(
        call,
        event,
        event_column=event_column,
        type_column=type_column,
        user_id=user_id,
        anonymous_id=anonymous_id,
        previous_id=previous_id,
        group_id=group_id,
        name=name,
        timestamp=timestamp,
        message_id=message_id,
        traits=traits,
        properties=properties,
        schema=None if no_schema else schema or "spec",
        strict_schema=strict_schema,
        nulls=nulls,
        timezone=timezone,
    )
    for path, what, option in ((report, "The report", "--report"), (failures, "The failure cases", "--failures")):
        if path is not None:
            _writable(path, what, f"See {option}.")
    frame = read(file, types_of=lambda labels: pipeline.types_of(labels, call_spec))
    found = pipeline.report(frame, call_spec)
    if report is not None:
        found.to_html(report, show_values=show_values)
    if failures is not None:
        found.to_parquet(failures, show_values=show_values)
    if as_json:
        out.print(found.to_json(), soft_wrap=True)
    else:
        _print_report(found)
    if not found.ok:
        raise typer.Exit(1)


@app.command()
def events(
    family: Annotated[str | None, typer.Argument(help="One family, for example ecommerce.")] = None,
    as_json: Json = False,
) -> None:
    """List the semantic events and their fields."""
    found = cio.events()
    if family is not None:
        families = sorted(found["family"].unique())
        if family not in families:
            raise cio.FrameError(f"There is no family {family!r}; there are {', '.join(families)}.")
        found = found[found["family"].eq(family)]
    _print_fields(found, as_json=as_json)


@app.command()
def schema(
    name: Annotated[str, typer.Argument(help="A semantic event, or one of the six calls.")], as_json: Json = False
) -> None:
    """Show what the spec says of an event, or of a call."""
    event = spec.semantic_event(name)
    if event is not None:
        found = cio.events()
        found = found[found["event"].eq(event.name)]
    elif name in spec.CALL_NAMES:
        found = _call_fields(name)
    else:
        close = closest_name(name, [*spec.CALL_NAMES, *spec.semantic_events()])
        meant = f" Did you mean {close!r}?" if close else ""
        raise cio.FrameError(f"There is no semantic event or call {name!r}.{meant} cio-frames events lists them all.")
    _print_fields(found, as_json=as_json)


@spec_app.command()
def check(
    openapi: Annotated[Path, typer.Argument(help="The vendor's OpenAPI file (3.0 or 3.1), as JSON or YAML.")],
    as_json: Json = False,
) -> None:
    """Say where the vendor's OpenAPI file and schemas/ have drifted apart.

    Ends with 1 where they have. What was settled on purpose, in schemas/deliberate.yaml, is no drift.
    """
    changes = drift(read_openapi(openapi))
    if as_json:
        _print_json([asdict(change) for change in changes])
    else:
        out.print("\n".join(map(str, changes)) or "Nothing has drifted.")
    if changes:
        raise typer.Exit(1)


@app.command()
def sandbox(
    port: Annotated[int, typer.Option(help="Where to listen; 0 takes any free port.")] = 8480,
    write_key: Annotated[str, typer.Option(help="The only key that is right.")] = "sandbox",
    db: Annotated[Path | None, typer.Option(help="A SQLite file that keeps what was received.")] = None,
    host: Annotated[str, typer.Option(help="The interface to listen on.")] = "127.0.0.1",
    fault: Annotated[
        list[str] | None,
        typer.Option(help="What goes wrong, for example 429:0.1, reset@3, cut:0.05 or hang. May be repeated."),
    ] = None,
    latency: Annotated[str, typer.Option(help="How much longer every answer takes.")] = "0ms",
    seed: Annotated[int, typer.Option(help="Which requests go wrong: the same seed, the same ones.")] = 0,
    state: Annotated[bool, typer.Option(help="Apply the calls, or only log them.")] = True,
    assume: Annotated[
        list[str] | None, typer.Option(help="NAME=VALUE, for what nobody documents; /about lists it. May be repeated.")
    ] = None,
    batch_errors: Annotated[str, typer.Option(help="whole or item: what strict mode refuses of a batch.")] = "whole",
    error_body: Annotated[str, typer.Option(help="The shape of error answers; /about lists them.")] = "meta",
) -> None:
    """Run a local Customer.io until Ctrl-C, with a web page that shows what it received."""
    # This process does nothing else, and a body of JSON is thousands of objects, none of them garbage for long.
    gc.freeze()
    gc.set_threshold(100_000, 20, 20)
    given: dict[str, Any] = {"batch_errors": batch_errors, "error_body": error_body}
    with cio.Sandbox(
        write_key,
        port,
        db,
        host=host,
        faults=fault or (),
        latency_seconds=seconds(latency),
        seed=seed,
        state=state,
        assume=dict(_name_and_value(option) for option in assume or ()),
        **given,
    ) as running:
        err.print(f"A Customer.io of your own at {running.url}, to look at and to send to. From another terminal:")
        err.print(f"  export CIO_ENDPOINT={running.url} CIO_WRITE_KEY=<its write key>")
        err.print("Ctrl-C ends it.")
        try:
            while True:
                time.sleep(3600)
        except KeyboardInterrupt:
            err.print(f"{running.requests()['calls'].sum():,} calls received.")


def _request(
    call: str, event: str | None, *, event_column: str | None, type_column: str, **given: Any
) -> pipeline.CallSpec:
    """Put the options together, as the Python functions do."""
    selections: dict[str, Any] = {key: _selection(given.pop(key)) for key in ("traits", "properties")}
    written = {key: given.pop(key) for key in ("schema", "strict_schema", "nulls", "timezone")}
    mapping = ColumnMapping(
        event=event_column, type_column=type_column if call == "batch" else None, **given, **selections
    )
    return functions.build_call_spec(call, mapping, event=event, **written)


def _print_report(found: cio.ValidationReport) -> None:
    out.print(repr(found)[1:-1])
    summary = found.summary()
    if len(summary):
        shown = summary.drop(columns="check").assign(
            column=summary["column"].astype(object).where(summary["column"].notna(), ""),
            share=summary["share"].map("{:.1%}".format),
            first_positions=summary["first_positions"].map(lambda places: ", ".join(map(str, places))),
        )
        _print_frame(shown)
    if found.facts.recent:
        rows = sum(found.facts.recent.values())
        out.print(f"{rows:,} rows are younger than 72 hours, or without a time, and can start campaigns.")


def _name_and_value(option: str) -> tuple[str, str]:
    name, _, value = option.partition("=")
    return name, value


def _writable(path: Path, what: str = "The result frame", remedy: str = "Nothing was sent; see --results.") -> Path:
    """Return a path that can be written, or say so before anything is sent or checked."""
    there = path.exists()
    try:
        with path.open("ab"):
            pass
    except OSError as error:
        raise cio.ConfigurationError(f"{what} cannot be written to {path}: {error.strerror}. {remedy}") from error
    if not there:
        path.unlink()
    return path


def _selection(options: Sequence[str] | None) -> Selection | None:
    """Return COLUMN and COLUMN=FIELD options as a selection.

    >>> _selection(["total", "sku=product_id"])
    {'total': 'total', 'sku': 'product_id'}
    """
    if not options:
        return None
    return {column: field or column for column, _, field in (option.partition("=") for option in options)}


def _call_fields(name: str) -> pd.DataFrame:
    call = next(call for call in spec.calls().values() if call.name == name)
    own = [(path, field) for wire, top in call.fields.items() for path, field in [(wire, top), *top.leaves(wire)]]
    rows = [
        {
            "field": path,
            "type": field.type,
            "required": path in call.required,
            "format": field.format,
            "enum": list(field.enum) or None,
        }
        for path, field in own
    ]
    return pd.DataFrame(rows)


def _print_fields(found: pd.DataFrame, *, as_json: bool) -> None:
    if as_json:
        _print_json(json.loads(found.to_json(orient="records")))
        return
    shown = found.astype(object).where(found.notna(), "")
    shown["enum"] = found["enum"].map(lambda values: ", ".join(values) if isinstance(values, list) else "")
    shown["required"] = found["required"].map({True: "yes", False: ""})
    _print_frame(shown)


def _print_demo(found: Demo) -> None:
    facts = _demo_facts(found)
    table = Table("", "rows", "status", "reason", title=None, box=None, header_style="bold")
    for what, result in (("identify", found.people), ("track", found.orders)):
        for status, reason, rows in _tally(result):
            table.add_row(what, f"{rows:,}", status, reason)
    _print_table(table)
    out.print()
    out.print(
        f"{facts['rows']:,} rows, {facts['bytes']:,} bytes in {facts['requests']} requests, "
        f"{facts['seconds']:.2f} s, {facts['rows_per_second']:,} rows a second"
    )
    out.print(f"The sandbox holds {found.people_held:,} people and {found.events_held:,} events.")
    out.print(f"Every row is accounted for: {'no' if found.unaccounted else 'yes'}")
    out.print(f"Result frame: {found.path}")


def _demo_facts(found: Demo) -> dict[str, Any]:
    together = pd.concat([found.people, found.orders])
    return {
        "rows": len(together),
        "statuses": status_counts(together),
        "bytes": int(together.loc[together["status"].eq("delivered"), "bytes"].sum()),
        "requests": found.requests,
        "seconds": round(found.seconds, 3),
        "rows_per_second": round(len(together) / found.seconds),
        "people": found.people_held,
        "events": found.events_held,
        "unaccounted": found.unaccounted,
        "result": str(found.path),
    }


def _tally(result: pd.DataFrame) -> list[tuple[str, str, int]]:
    """Return how many rows have each status and reason, the most first within a status."""
    counts = result.groupby(["status", "reason"], observed=True, dropna=False, sort=False).size().reset_index(name="n")
    tallied = [
        (str(status), "" if pd.isna(reason) else str(reason), int(rows))
        for status, reason, rows in counts.itertuples(index=False)
    ]
    return sorted(tallied, key=lambda line: (line[0] not in GOOD, line[0], -line[2]))


def _client(settings: Mapping[str, Any], *, dry_run: bool) -> cio.Client:
    """Return a client of these settings; a dry run checks and uses them too, and needs no write key."""
    if dry_run and not os.environ.get("CIO_WRITE_KEY"):
        settings = {**settings, "write_key": "dry-run"}
    return cio.Client.from_env(**settings)


def _load(
    source: str, call_spec: pipeline.CallSpec, client: cio.Client, report: Path | None, *, as_json: bool,
    **options: Any,
) -> None:  # fmt: skip
    """Load, print what it came to, and end with 1 where not every row was delivered."""
    if report is not None:
        # A job's answers most likely are in the same folder, which the load makes.
        report.parent.mkdir(parents=True, exist_ok=True)
        _writable(report, "The report", "Nothing was sent; see --report.")
    if not sys.stderr.isatty():
        _log_progress()
    failed = ""
    try:
        loaded = _asked_about_campaigns(source, call_spec, client, options)
    except cio.DeliveryError as error:
        loaded, failed = cast(cio.LoadResult, error.result), render(error.message, "command line")
    except cio.InvalidRowsError as error:
        loaded, failed = cast(cio.LoadResult, error.report), str(error)
    if report is not None:
        loaded.to_report(report)
    if as_json:
        _print_json(loaded.as_dict())
    else:
        _print_loaded(loaded)
    if failed or loaded.why:
        err.print(failed or loaded.why_text("command line"))
    if not loaded.ok:
        raise typer.Exit(1)


def _asked_about_campaigns(
    source: str, call_spec: pipeline.CallSpec, client: cio.Client, options: dict[str, Any]
) -> cio.LoadResult:
    try:
        return load_source(source, call_spec, client, **options)
    except cio.CampaignsError as error:
        if not (sys.stdin.isatty() and sys.stderr.isatty()):
            raise
        err.print(f"{error.rows:,} rows are events younger than 72 hours, or without a time: they can start campaigns,")
        typer.confirm("that is, send mail to real people. Send them?", abort=True, err=True)
        return load_source(source, call_spec, client, **(options | {"allow_campaigns": True}))


def _log_progress() -> None:
    """Write a line a minute where there is no terminal for a bar."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(asctime)s %(message)s"))
    log = logging.getLogger("cio_frames.progress")
    log.handlers[:] = [handler]
    log.setLevel(logging.INFO)


def _ledgers(given: Sequence[Path]) -> list[Path]:
    """Return ledger files, those of folders among them."""
    below = [[*path.glob("*/ledger.sqlite"), *path.glob("*/*/ledger.sqlite")] for path in given]
    found = [sorted(some) if path.is_dir() else [path] for path, some in zip(given, below, strict=True)]
    inside = [path / "ledger.sqlite" for path in given if (path / "ledger.sqlite").exists()]
    return [*inside, *(path for some in found for path in some)]


def _print_loaded(loaded: cio.LoadResult) -> None:
    tallied = sorted(_sizes_as_one(loaded.reasons).items(), key=lambda pair: (pair[0][0] not in GOOD, -pair[1]))
    for (status, reason), rows in tallied[:_REASONS_SHOWN]:
        out.print(f"{rows:>12,} {status}" + (f"  {reason}" if reason else ""))
    if len(tallied) > _REASONS_SHOWN:
        out.print(f"{'':>12} and {len(tallied) - _REASONS_SHOWN:,} more reasons")
    told = sum(loaded.reasons.values())
    if loaded.rows > told:
        out.print(f"{loaded.rows - told:>12,} unsent  not read yet")
    rate = f", {loaded.rows_now / loaded.seconds:,.0f} rows a second" if loaded.seconds else ""
    out.print(
        f"{loaded.rows:,} rows, {loaded.bytes:,} bytes, {loaded.requests:,} requests, {loaded.seconds:.2f} s{rate}"
    )
    if loaded.phase == "dry run":
        _print_outlook(loaded)
    if loaded.resent:
        out.print(f"{loaded.resent:,} rows were sent again, with the same message ids: no answer had come before.")
    if loaded.results:
        out.print(f"Results: {loaded.results}")
    if loaded.undelivered:
        out.print(f"Undelivered: {loaded.undelivered}")


def _sizes_as_one(reasons: Mapping[tuple[str, str | None], int]) -> dict[tuple[str, str | None], int]:
    """Return the counts with one line for all that is too large: those reasons differ by nothing but the size.

    >>> _sizes_as_one({("too_large", "33,000 bytes"): 2, ("too_large", "34,000 bytes"): 1, ("delivered", None): 4})
    {('delivered', None): 4, ('too_large', '33,000 bytes, and 1 other sizes'): 3}
    """
    sizes = {reason: rows for (status, reason), rows in reasons.items() if status == "too_large"}
    others = {each: rows for each, rows in reasons.items() if each[0] != "too_large"}
    if not sizes:
        return others
    more = f", and {len(sizes) - 1:,} other sizes" if len(sizes) > 1 else ""
    return others | {("too_large", f"{max(sizes, key=lambda reason: sizes[reason])}{more}"): sum(sizes.values())}


def _print_outlook(loaded: cio.LoadResult) -> None:
    out.print(f"At the rate limit it takes {loaded.least_seconds:,.2f} s at least.")
    if loaded.earliest is not None and loaded.latest is not None:
        out.print(f"Timestamps from {loaded.earliest.isoformat()} to {loaded.latest.isoformat()}.")
    rows = sum(loaded.recent.values())
    out.print(
        f"{rows:,} rows are events younger than 72 hours, or without a time, and can start campaigns."
        if rows
        else "No row is an event young enough to start campaigns."
    )
    if loaded.first_held_back:
        out.print("Held back, the first of each kind (rows from 0):")
    for row in loaded.first_held_back[:_ROWS_SHOWN]:
        out.print(f"  {row}")


def _print_frame(frame: pd.DataFrame) -> None:
    table = Table(*map(str, frame.columns), box=None, header_style="bold")
    for row in frame.itertuples(index=False):
        table.add_row(*(str(cell) for cell in row))
    _print_table(table)


def _print_table(table: Table) -> None:
    """Print a table as wide as it is, but for a terminal, which has an edge."""
    console = out if out.is_terminal else Console(width=_WIDEST, soft_wrap=True, highlight=False, markup=False)
    console.print(table)


def _print_json(facts: Any) -> None:
    sys.stdout.write(json.dumps(facts, indent=2, ensure_ascii=False) + "\n")


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line; an error of ours is its text and exit status 2, not a traceback."""
    _guarded(lambda: app(args=arguments))


def _guarded(run: Callable[[], Any]) -> None:
    try:
        run()
    except cio.CioFramesError as error:
        err.print(f"cio-frames: {error.text('command line')}")
        sys.exit(1 if isinstance(error, cio.InvalidRowsError) else 2)
