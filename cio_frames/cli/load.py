"""``cio-frames load``, ``run`` and ``loads``: send the rows of files, and list what was sent."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from cio_frames._util.own_files import is_own_text
from cio_frames._util.terminal_text import is_terminal
from cio_frames.cli.after_load import export_undelivered, print_csv_remarks, undelivered_sentence, write_report
from cio_frames.cli.max_undelivered import MaxUndelivered, read_max_undelivered
from cio_frames.cli.mistakes import Mistakes
from cio_frames.cli.options import OperationOptions, QuietOption, ReadingOptions, command_with
from cio_frames.cli.printing import (
    err,
    exit_on_error,
    log_progress,
    out,
    print_error,
    print_json,
    print_load_result,
    print_notes,
    quiet_output,
)
from cio_frames.cli.tables import print_loads
from cio_frames.errors import (
    CampaignsError,
    ConfigurationError,
    DeliveryError,
    Door,
    InvalidRowsError,
    MissingColumnsError,
    parameter,
    render,
)

if TYPE_CHECKING:
    from cio_frames.cli.job_file import Job
    from cio_frames.cli.operations import OperationCall
    from cio_frames.client import Client
    from cio_frames.loading import LoadResult
    from cio_frames.loading.undelivered_csv import CsvRemarks
    from cio_frames.pipeline import CallSpec

_CLIENT_OPTIONS = ("strict", "gzip", "region", "endpoint", "requests_per_second", "workers")
_LEDGER_PATTERNS = ("ledger.sqlite", "*/ledger.sqlite", "*/*/ledger.sqlite")
_STATE_PATTERNS = ("*.sqlite", "*/*.sqlite", "*/*/*.sqlite")


@dataclass(frozen=True, kw_only=True)
class RunOptions:
    """Options of every command that loads."""

    dry_run: Annotated[bool, typer.Option("--dry-run", help="Read, check and count all rows, but send nothing.")] = (
        False
    )
    fresh: Annotated[bool, typer.Option("--fresh", help="Discard earlier progress and start over.")] = False
    as_of: Annotated[
        str | None,
        typer.Option(help="Date or time in message ids of calls without a timestamp; default: when the load began."),
    ] = None
    max_undelivered: Annotated[
        str | None,
        typer.Option(help="Rows that may stay undelivered with exit status 0: a number or a share, such as 1%."),
    ] = None
    progress: Annotated[bool | None, typer.Option(help="Show a progress bar; default: if stderr is a terminal.")] = None
    as_json: Annotated[bool, typer.Option("--json", help="Print counts and reasons as JSON.")] = False
    quiet: QuietOption = False
    undelivered_csv: Annotated[
        Path | None, typer.Option(help="Write undelivered rows as CSV too (.csv), which load reads again.")
    ] = None


@dataclass(frozen=True, kw_only=True)
class LoadOptions(RunOptions, ReadingOptions, OperationOptions):
    """Options of ``cio-frames load``."""

    source: Annotated[
        str,
        typer.Argument(
            help="Parquet, CSV or JSON Lines file, a folder, a pattern, a URL (s3://, gs://), or - (stdin)."
        ),
    ]
    no_schema: Annotated[
        bool, typer.Option("--no-schema", help="Send rows without checking them against Customer.io's spec.")
    ] = False
    strict_schema: Annotated[bool, typer.Option("--strict-schema", help="Do not send rows with warnings.")] = False
    on_invalid: Annotated[
        str, typer.Option(help="Rows that fail validation: skip sends the others, raise sends nothing.")
    ] = "skip"
    strict: Annotated[bool, typer.Option(help="Use strict mode: the API reports calls it rejects.")] = True
    gzip: Annotated[bool, typer.Option("--gzip", help="Compress request bodies.")] = False
    region: Annotated[
        str | None, typer.Option(help="Region of the workspace, us or eu; default: CIO_REGION, then us.")
    ] = None
    endpoint: Annotated[
        str | None, typer.Option(help="URL of a proxy or sandbox to send to; default: CIO_ENDPOINT, then the region.")
    ] = None
    requests_per_second: Annotated[float, typer.Option(help="Rate limit of requests.")] = 1_000
    workers: Annotated[int, typer.Option(help="Number of connections to send on.")] = 4
    ledger: Annotated[
        Path | None,
        typer.Option(help="SQLite file that records progress; default: ledger.sqlite in the output folder."),
    ] = None
    output: Annotated[
        Path | None,
        typer.Option(help="Folder for results/ and undelivered.parquet; default: named after source and call."),
    ] = None
    allow_campaigns: Annotated[
        bool,
        typer.Option(
            "--allow-campaigns", help="Send events that are younger than 72 hours or have no time: can start campaigns."
        ),
    ] = False
    report: Annotated[Path | None, typer.Option(help="Write a summary: HTML (.html) or JSON (.json).")] = None
    max_rows: Annotated[
        int | None, typer.Option(help="Send nothing if an operation would affect more rows; required to delete.")
    ] = None
    audit: Annotated[
        Path | None, typer.Option(help="File to append JSON lines to, before and after each row of an operation.")
    ] = None


@dataclass(frozen=True, kw_only=True)
class JobOptions(RunOptions):
    """Options of ``cio-frames run``."""

    job: Annotated[Path, typer.Argument(help="Job file: YAML with the source, the call and its columns.")]


@dataclass(frozen=True, kw_only=True)
class LoadsOptions:
    """Options of ``cio-frames loads``."""

    ledgers: Annotated[
        list[Path] | None,
        typer.Argument(help="Ledgers, states of syncs, or folders to search; default: the current folder."),
    ] = None
    as_json: Annotated[bool, typer.Option("--json", help="Print the list as JSON.")] = False


@command_with(LoadOptions)
def load_command(options: LoadOptions) -> None:
    """Send the rows of files. Run the same command again to resume a load that was stopped.

    The write key is read from the environment variable CIO_WRITE_KEY.
    """
    mistakes = Mistakes()
    operation = options.operation(mistakes, max_rows=options.max_rows, audit=options.audit)
    call_spec = options.call_spec(mistakes)
    settings = {name: getattr(options, name) for name in _CLIENT_OPTIONS}
    load_and_print(
        options.source, call_spec, {name: value for name, value in settings.items() if value is not None}, mistakes,
        report=options.report, as_json=options.as_json, max_undelivered=options.max_undelivered,
        also_read=[options.schema], operation=operation, quiet=options.quiet, undelivered_csv=options.undelivered_csv,
        ledger=options.ledger, output=options.output, fresh=options.fresh, progress=options.progress,
        dry_run=options.dry_run, on_invalid=options.on_invalid, as_of=options.as_of,
        allow_campaigns=options.allow_campaigns, read_options=options.read_options(mistakes),
    )  # fmt: skip


@command_with(JobOptions)
def run_command(options: JobOptions) -> None:
    """Run the load that a job file describes, for cron, Airflow and CI.

    The write key is read from the environment variable CIO_WRITE_KEY.
    """
    from cio_frames.cli.job_file import read_job
    from cio_frames.cli.precheck import build_checked_client

    with exit_on_error("job file"):
        mistakes, job = Mistakes(), None
        with mistakes.collect():
            job = read_job(options.job, as_of=options.as_of)
        if job is None:
            build_checked_client({}, mistakes, dry_run=options.dry_run)
            mistakes.raise_all()
            return
        if job.state is not None:
            with quiet_output(options.quiet):
                _run_sync_job(job, options, mistakes)
            return
        load_and_print(
            job.source, job.call_spec, job.client, mistakes, door="job file",
            report=job.report, as_json=options.as_json, also_read=[options.job, job.schema], operation=job.operation,
            quiet=options.quiet, undelivered_csv=options.undelivered_csv or job.undelivered_csv,
            max_undelivered=job.max_undelivered if options.max_undelivered is None else options.max_undelivered,
            dry_run=options.dry_run, fresh=options.fresh, progress=options.progress,
            **{**job.options, **({} if options.as_of is None else {"as_of": options.as_of})},
        )  # fmt: skip


def _run_sync_job(job: Job, options: JobOptions, mistakes: Mistakes) -> None:
    from cio_frames.cli.sync import run_sync

    if options.fresh:
        mistakes.add(ConfigurationError("--fresh does not apply to a sync. To send all again, forget the state."))
    if options.undelivered_csv is not None or job.undelivered_csv is not None:
        mistakes.add(
            ConfigurationError(f"{parameter('undelivered_csv')} is supported by loads only, and this job is a sync.")
        )
    chosen = dict(job.options)
    state = {**(job.state or {}), **({} if options.as_of is None else {"as_of": options.as_of})}
    run_sync(
        job.source, job.call_spec, state, job.client, mistakes, chosen.pop("read_options"), door="job file",
        report=job.report, as_json=options.as_json, also_read=[options.job, job.schema],
        max_undelivered=job.max_undelivered if options.max_undelivered is None else options.max_undelivered,
        dry_run=options.dry_run, progress=False if options.quiet else options.progress, **chosen,
    )  # fmt: skip


@command_with(LoadsOptions)
def loads_command(options: LoadsOptions) -> None:
    """List loads and how far they are, from their ledgers, and the last runs of syncs, from their states."""
    import pandas as pd

    from cio_frames.loading import loads_in
    from cio_frames.syncing.run_list import is_state_file, runs_in

    listed, errors = [], []
    for path in find_ledgers(options.ledgers or [Path()]):
        try:
            if is_state_file(path):
                found = runs_in(path, door="command line")
            else:
                found = loads_in(path, door="command line").assign(kind="load")
            listed.append(found.assign(ledger=str(path)))
        except ConfigurationError as error:
            # One ledger that is damaged does not hide the others.
            errors.append(error)
    found = pd.concat(listed, ignore_index=True) if listed else pd.DataFrame()
    if options.as_json:
        print_json(json.loads(found.to_json(orient="records")))
    elif found.empty and not errors:
        out.print("No ledger found here. Name one: cio-frames loads orders.load/ledger.sqlite")
    elif len(found):
        is_load = found["kind"].eq("load")
        # A load is what is listed here, unless it says something else.
        found["call"] = found["call"].where(is_load, found["kind"] + " " + found["call"])
        print_loads(found)
    for each in errors:
        print_error(each.text("command line"))
    if errors:
        raise typer.Exit(2)


def find_ledgers(paths: Sequence[Path]) -> list[Path]:
    """Return ledgers and states of syncs: those named, and those in named folders, at most two levels below."""
    from cio_frames.syncing.run_list import is_state_file

    ledgers: list[Path] = []
    for path in paths:
        if path.is_dir():
            ledgers += [ledger for pattern in _LEDGER_PATTERNS for ledger in sorted(path.glob(pattern))]
            ledgers += [
                file for pattern in _STATE_PATTERNS for file in sorted(path.glob(pattern)) if is_state_file(file)
            ]
        else:
            ledgers.append(path)
    return ledgers


def load_and_print(
    source: str, call_spec: CallSpec, settings: Mapping[str, Any], mistakes: Mistakes, *,
    report: Path | None, as_json: bool, max_undelivered: str | None, also_read: Sequence[Path | None] = (),
    door: Door = "command line", operation: OperationCall | None = None, quiet: bool = False,
    undelivered_csv: Path | None = None, **options: Any,
) -> None:  # fmt: skip
    """Load, print the counts, and exit with 1 if rows were not delivered; with all mistakes of the command before."""
    limit = MaxUndelivered()
    if max_undelivered is not None:
        with mistakes.collect():
            limit = read_max_undelivered(max_undelivered)
    if operation is not None and options["output"] is None:
        options["output"] = Path(operation.default_output(source))
    if quiet:
        options["progress"] = False
    written = {"report": report, "undelivered_csv": undelivered_csv}
    client = _check_command(source, call_spec, settings, mistakes, written, also_read, options, operation)
    if operation is not None:
        call_spec = _resolve_operation(operation, source, mistakes, options)
    if not (quiet or is_terminal(sys.stderr)):
        log_progress()
    loaded, failure = _send_source(operation, source, call_spec, client, mistakes, options, door)
    if report is not None:
        write_report(loaded, report)
    remarks: CsvRemarks | None = None
    if undelivered_csv is not None and not options["dry_run"]:
        remarks = export_undelivered(loaded, undelivered_csv, call_spec, door)
    with quiet_output(quiet):
        if as_json:
            print_json({**loaded.as_dict(), **loaded.notes.as_dict(door), "why": loaded.why_text(door)})
        else:
            print_load_result(loaded)
            if remarks is not None and loaded.undelivered:
                print_csv_remarks(remarks, undelivered_csv, door)
    if not quiet:
        print_notes(loaded.notes, door)
    is_good = loaded.ok or (not failure and limit.allows(loaded))
    if failure or (loaded.why and not (quiet and is_good)):
        err.print(render(failure, door) or loaded.why_text(door))
    if operation is not None and options["dry_run"]:
        from cio_frames.cli.operations import refuse_too_many

        refuse_too_many(operation, loaded)
    if not is_good:
        if quiet:
            print_error(undelivered_sentence(loaded))
        raise typer.Exit(1)


def _send_source(
    operation: OperationCall | None, source: str, call_spec: CallSpec, client: Client, mistakes: Mistakes,
    options: Mapping[str, Any], door: Door,
) -> tuple[LoadResult, str]:  # fmt: skip
    """Return the result of a load, and what went wrong with it as a whole, which is empty for a load that ended."""
    try:
        if operation is None:
            return _load_or_confirm(source, call_spec, client, options, door), ""
        return _count_and_send(operation, source, call_spec, client, options), ""
    except DeliveryError as error:
        return cast("LoadResult", error.result), str(error.args[0])
    except InvalidRowsError as error:
        loaded = cast("LoadResult", error.report)
        return loaded, (
            f"{loaded.rows_held_back:,} of {loaded.rows:,} rows are invalid, and nothing was sent. Correct them, or "
            f"set {parameter('on_invalid', 'skip')} to send the others."
        )
    except ConfigurationError as error:
        if error.result is not None:
            # Of rows that were sent before; the error says what went wrong with the others.
            print_load_result(cast("LoadResult", error.result))
        raise
    except MissingColumnsError:
        # The source is looked at here only now: opening many files twice takes its time.
        _check_source(source, call_spec, mistakes, options)
        mistakes.raise_all()
        raise


def _check_command(
    source: str, call_spec: CallSpec, settings: Mapping[str, Any], mistakes: Mistakes,
    written: Mapping[str, Path | None], also_read: Sequence[Path | None], options: Mapping[str, Any],
    operation: OperationCall | None,
) -> Client:  # fmt: skip
    """Return the client, or raise every mistake of the command."""
    from cio_frames.cli.precheck import build_checked_client, check_choice, check_clashes, check_writable
    from cio_frames.loading import folder_name
    from cio_frames.loading.undelivered_csv import is_own_csv
    from cio_frames.pipeline.as_of import read_as_of

    output = options["output"] or Path(folder_name(source, call_spec))
    writes = {"ledger": options["ledger"] or output / "ledger.sqlite", "output": output, **written}
    if operation is not None:
        from cio_frames.cli.operations import refuse_unguarded

        writes["audit"] = operation.audit
        refuse_unguarded(operation, mistakes, dry_run=options["dry_run"])
    with mistakes.collect():
        check_clashes(source, writes, also_read=also_read)
    client = build_checked_client(settings, mistakes, dry_run=options["dry_run"])
    with mistakes.collect():
        check_choice("on_invalid", options["on_invalid"], ("skip", "raise"))
    if options["as_of"] is not None:
        with mistakes.collect():
            read_as_of(options["as_of"])
    for name, what, is_own in (
        ("report", "the summary", is_own_text), ("undelivered_csv", "undelivered rows", is_own_csv),
    ):  # fmt: skip
        path = written[name]
        if path is not None:
            with mistakes.collect():
                check_writable(path, what, name, is_own=is_own, make_folder=True)
    if mistakes:
        if operation is None:
            _check_source(source, call_spec, mistakes, options)
        else:
            _resolve_operation(operation, source, mistakes, options)
    mistakes.raise_all()
    return cast("Client", client)


def _check_source(source: str, call_spec: CallSpec, mistakes: Mistakes, options: Mapping[str, Any]) -> None:
    from cio_frames.cli.precheck import check_source

    check_source(source, call_spec, mistakes, output=options["output"], read_options=options["read_options"])


def _resolve_operation(
    operation: OperationCall, source: str, mistakes: Mistakes, options: Mapping[str, Any]
) -> CallSpec:
    """Return the call of an operation for the columns of its source, or raise every mistake of the command."""
    from cio_frames.cli.operations import resolve_operation

    call_spec = resolve_operation(
        operation, source, mistakes, output=options["output"], read_options=options["read_options"]
    )
    mistakes.raise_all()
    return call_spec


def _count_and_send(
    operation: OperationCall, source: str, call_spec: CallSpec, client: Client, options: Mapping[str, Any]
) -> LoadResult:
    """Send the rows of an operation, if they are not more than it may affect, with its audit trail."""
    from cio_frames.cli.operations import audited, refuse_too_many
    from cio_frames.loading import load_source

    quiet = {"progress": False} if not options["dry_run"] else {}
    planned = load_source(source, call_spec, client, **{**options, **quiet, "dry_run": True})
    if options["dry_run"]:
        return planned
    refuse_too_many(operation, planned)
    with audited(operation) as observers_of:
        return load_source(source, call_spec, client, **options, observers_of=observers_of)


def _load_or_confirm(
    source: str, call_spec: CallSpec, client: Client, options: Mapping[str, Any], door: Door
) -> LoadResult:
    """Load; on a terminal, ask before events are sent that can start campaigns."""
    from cio_frames.loading import load_source

    try:
        return load_source(source, call_spec, client, **options)
    except CampaignsError as error:
        if not (is_terminal(sys.stdin) and is_terminal(sys.stderr)):
            raise
        err.print(f"{error.rows:,} rows are events that can start campaigns, that is, send mail to real people:")
        err.print(f"{render(error.causes, door)}.")
        if not typer.confirm("Send them?", err=True):
            print_error("Events that can start campaigns were not sent.")
            raise typer.Exit(1) from None
        return load_source(source, call_spec, client, **{**options, "allow_campaigns": True})
