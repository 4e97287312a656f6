"""``cio-frames sync``, ``plan``, ``apply`` and ``baseline``: keep Customer.io like a table, and look before."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from cio_frames._util.own_files import is_own_text
from cio_frames._util.terminal_text import is_terminal
from cio_frames.cli.campaign_question import send_or_ask
from cio_frames.cli.max_undelivered import MaxUndelivered, read_max_undelivered
from cio_frames.cli.mistakes import Mistakes
from cio_frames.cli.options import CallOptions, QuietOption, ReadingOptions, command_with, parse_selection
from cio_frames.cli.printing import (
    err,
    log_progress,
    out,
    print_frame,
    print_json,
    print_load_result,
    print_notes,
    quiet_output,
)
from cio_frames.errors import ConfigurationError, DeliveryError, Door, InvalidRowsError, render

if TYPE_CHECKING:
    from cio_frames.client import Client
    from cio_frames.loading.read_options import ReadOptions
    from cio_frames.pipeline import CallSpec
    from cio_frames.syncing.jobs import SyncJob
    from cio_frames.syncing.plan import Plan
    from cio_frames.syncing.result import SyncResult

_SETTINGS = ("strict", "gzip", "region", "endpoint", "requests_per_second", "workers")
_FIELDS_PRINTED = 10
_HELD_BACK_PRINTED = 10
RemovedOption = Annotated[
    list[str] | None,
    typer.Option(
        metavar="POLICY",
        help="Missing subjects: keep, report, delete, suppress, delete_relationships; or TRAIT=VALUE, repeatable.",
    ),
]


@dataclass(frozen=True, kw_only=True)
class StateOptions(ReadingOptions, CallOptions):
    """Options of every command that compares a source with a state."""

    source: Annotated[
        str, typer.Argument(help="Parquet or CSV file, a folder or a pattern of them, or a URL: the table to compare.")
    ]
    state: Annotated[Path | None, typer.Option(help="SQLite file that knows what Customer.io holds (required).")] = None
    removed: RemovedOption = None
    returned: Annotated[
        list[str] | None,
        typer.Option(metavar="TRAIT=VALUE", help="Trait to set when a marked subject is back, repeatable."),
    ] = None
    complete: Annotated[
        bool, typer.Option("--complete", help="Claim that the source holds every subject; required to remove any.")
    ] = False
    cleared: Annotated[
        str, typer.Option(help="Values that became missing: keep counts them only, null sends null once.")
    ] = "keep"
    ignore: Annotated[
        list[str] | None, typer.Option(metavar="FIELD", help="Field that does not count as a change, repeatable.")
    ] = None
    max_changed: Annotated[
        str | None, typer.Option(metavar="LIMIT", help="Stop if more known subjects change: a count, or 5%.")
    ] = None
    max_removed: Annotated[
        str | None,
        typer.Option(metavar="LIMIT", help="Stop if more subjects are missing; default: 5% of those sent, and 1000."),
    ] = None
    min_rows: Annotated[
        str | None, typer.Option(metavar="LIMIT", help="Stop if the source has fewer rows: a count, or 90%.")
    ] = None
    grace_runs: Annotated[
        int, typer.Option(help="Runs of different dates that must miss a subject before it is removed.")
    ] = 2
    accept_mapping: Annotated[
        bool, typer.Option("--accept-mapping", help="Continue although fields came or went since the last run.")
    ] = False
    accept_key: Annotated[bool, typer.Option("--accept-key", help="Take a new write key of the same workspace.")] = (
        False
    )
    refresh_days: Annotated[
        int | None, typer.Option(help="Send every subject again at least so often, spread evenly.")
    ] = None
    duplicates: Annotated[
        str, typer.Option(help="Rows of one subject: invalid sends none of them, last sends the last one.")
    ] = "invalid"
    keep_days: Annotated[
        int, typer.Option(help="Days that the ids of events are remembered (track, page, screen).")
    ] = 400
    retry_rejected: Annotated[
        bool, typer.Option("--retry-rejected", help="Send rows again that were rejected three times.")
    ] = False
    as_of: Annotated[str | None, typer.Option(help="Date or time that this run is about; default: now.")] = None
    audit: Annotated[
        Path | None, typer.Option(help="File to append a JSON line to for each subject that is removed.")
    ] = None
    as_json: Annotated[bool, typer.Option("--json", help="Print counts as JSON.")] = False

    def parameters(self) -> dict[str, Any]:
        """Return the options as the Python functions take them, without those that have no value."""
        given = {field.name: getattr(self, field.name) for field in fields(StateOptions)}
        for name in ("source", "as_json", "nulls", "no_schema", *(field.name for field in fields(ReadingOptions))):
            given.pop(name)
        given["schema"] = None if self.no_schema else self.schema or "spec"
        for name in ("traits", "properties"):
            given[name] = parse_selection(given[name])
        given["removed"] = parse_removed(self.removed)
        given["returned"] = parse_traits(self.returned)
        for name in ("max_changed", "max_removed", "min_rows"):
            given[name] = parse_limit(given[name])
        return {name: value for name, value in given.items() if value is not None or name == "schema"}


@dataclass(frozen=True, kw_only=True)
class ConnectionOptions:
    """Options of every command that syncs."""

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
    output: Annotated[
        Path | None,
        typer.Option(help="Folder for results/, undelivered.parquet and removed.parquet; default: named after source."),
    ] = None
    max_undelivered: Annotated[
        str | None,
        typer.Option(help="Rows that may stay undelivered with exit status 0: a number or a share, such as 1%."),
    ] = None
    allow_campaigns: Annotated[
        bool,
        typer.Option("--allow-campaigns", help="Send events that are younger than 72 hours: they can start campaigns."),
    ] = False
    report: Annotated[Path | None, typer.Option(help="Write a summary: HTML (.html) or JSON (.json).")] = None
    progress: Annotated[bool | None, typer.Option(help="Show a progress bar; default: if stderr is a terminal.")] = None
    quiet: QuietOption = False

    def settings(self) -> dict[str, Any]:
        """Return the settings of the client."""
        settings = {name: getattr(self, name) for name in _SETTINGS}
        return {name: value for name, value in settings.items() if value is not None}


@dataclass(frozen=True, kw_only=True)
class SyncCommandOptions(ConnectionOptions, StateOptions):
    """Options of ``cio-frames sync``."""

    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Compare and count all rows, but send nothing; plan shows more.")
    ] = False
    on_invalid: Annotated[
        str, typer.Option(help="Rows that fail validation: skip sends the others, raise sends nothing.")
    ] = "skip"


@dataclass(frozen=True, kw_only=True)
class PlanCommandOptions(StateOptions):
    """Options of ``cio-frames plan``."""

    out: Annotated[Path | None, typer.Option(help="Write the plan as a Parquet file, for cio-frames apply.")] = None
    page: Annotated[Path | None, typer.Option(help="Write the plan as an HTML page, for people.")] = None
    show_values: Annotated[
        bool, typer.Option("--show-values", help="Write values to the plan file; they are people's data.")
    ] = False


@dataclass(frozen=True, kw_only=True)
class ApplyOptions(ConnectionOptions):
    """Options of ``cio-frames apply``."""

    plan: Annotated[Path, typer.Argument(help="Plan file that cio-frames plan --out wrote.")]
    max_age: Annotated[str | None, typer.Option(help="Refuse a plan that is older, for example 12h or 90min.")] = None
    as_json: Annotated[bool, typer.Option("--json", help="Print counts and reasons as JSON.")] = False


@dataclass(frozen=True, kw_only=True)
class BaselineOptions(StateOptions):
    """Options of ``cio-frames baseline``."""

    confirm: Annotated[
        int | None, typer.Option(help="Number of rows that are in Customer.io already; without it they are counted.")
    ] = None


@command_with(SyncCommandOptions, exclude=("nulls",))
def sync_command(options: SyncCommandOptions) -> None:
    """Send what changed in a table since the last run, and deal with who left.

    Exit status 3: a guard tripped, and nothing was sent. The write key is read from CIO_WRITE_KEY.
    """
    mistakes = Mistakes()
    call_spec = options.call_spec(mistakes)
    with quiet_output(options.quiet):
        run_sync(
            options.source, call_spec, options.parameters(), options.settings(), mistakes,
            options.read_options(mistakes), report=options.report, as_json=options.as_json,
            max_undelivered=options.max_undelivered, also_read=[options.schema], output=options.output,
            dry_run=options.dry_run, progress=False if options.quiet else options.progress,
            on_invalid=options.on_invalid, allow_campaigns=options.allow_campaigns,
        )  # fmt: skip


@command_with(PlanCommandOptions, exclude=("nulls",))
def plan_command(options: PlanCommandOptions) -> None:
    """Show what a sync would do, and send nothing."""
    from cio_frames.cli.precheck import check_writable
    from cio_frames.syncing.plan_file import is_plan_file

    mistakes = Mistakes()
    call_spec = options.call_spec(mistakes)
    job = _checked_job(options.source, call_spec, options.parameters(), options.read_options(mistakes), mistakes)
    for path, what, name, is_own in (
        (options.out, "the plan", "out", is_plan_file),
        (options.page, "the page", "page", is_own_text),
    ):
        if path is not None:
            with mistakes.collect():
                check_writable(path, what, name, is_own=is_own)
    mistakes.raise_all()
    plan = cast("SyncJob", job).plan()
    if options.out is not None:
        plan.to_parquet(options.out, show_values=options.show_values)
    if options.page is not None:
        plan.to_html(options.page)
    if options.as_json:
        print_json(plan.as_dict())
    else:
        print_plan(plan)
    if plan.guards:
        raise typer.Exit(3)


@command_with(ApplyOptions)
def apply_command(options: ApplyOptions) -> None:
    """Send what a plan file lists, if the source, the mapping and the state are still the same."""
    from cio_frames.cli.precheck import build_checked_client
    from cio_frames.syncing.parameters import apply_plan_file

    mistakes = Mistakes()
    client = build_checked_client(options.settings(), mistakes, dry_run=False)
    limit = _checked_limit(options.max_undelivered, mistakes)
    _check_report(options.report, mistakes)
    mistakes.raise_all()

    def send(*, allow_campaigns: bool = options.allow_campaigns) -> SyncResult:
        return apply_plan_file(
            options.plan, client=client, max_age=options.max_age, output=options.output,
            allow_campaigns=allow_campaigns, progress=False if options.quiet else options.progress,
        )  # fmt: skip

    with quiet_output(options.quiet):
        _print_outcome(send, report=options.report, as_json=options.as_json, limit=limit)


@command_with(BaselineOptions, exclude=("nulls",))
def baseline_command(options: BaselineOptions) -> None:
    """Write a state without sending: the rows are in Customer.io already."""
    mistakes = Mistakes()
    call_spec = options.call_spec(mistakes)
    job = _checked_job(options.source, call_spec, options.parameters(), options.read_options(mistakes), mistakes)
    mistakes.raise_all()
    from cio_frames.syncing.baseline import write_baseline

    result = cast("SyncResult", write_baseline(cast("SyncJob", job), confirm=options.confirm))
    counts = result.statuses
    claimed = options.confirm or 0
    unchanged = counts.pop("unchanged", 0) - claimed
    _print_counts({"claimed": claimed, **({"unchanged": unchanged} if unchanged else {}), **counts}, options.as_json)


def run_sync(
    source: str, call_spec: CallSpec, parameters: Mapping[str, Any], settings: Mapping[str, Any], mistakes: Mistakes,
    read_options: ReadOptions, *, report: Path | None, as_json: bool, max_undelivered: str | None,
    also_read: Sequence[Path | None] = (), door: Door = "command line", **options: Any,
) -> None:  # fmt: skip
    """Sync, print the counts, and exit with 1 if rows were not delivered."""
    from cio_frames.cli.precheck import build_checked_client, check_choice, check_clashes

    client = build_checked_client(settings, mistakes, dry_run=options.get("dry_run", False))
    with mistakes.collect():
        check_choice("on_invalid", options.get("on_invalid", "skip"), ("skip", "raise"))
    writes = {"state": parameters.get("state"), "output": options.get("output"), "report": report}
    with mistakes.collect():
        check_clashes(source, {**writes, "audit": parameters.get("audit")}, also_read=also_read)
    limit = _checked_limit(max_undelivered, mistakes)
    _check_report(report, mistakes)
    job = _checked_job(source, call_spec, parameters, read_options, mistakes)
    mistakes.raise_all()

    def send(**chosen: Any) -> SyncResult:
        return cast("SyncResult", cast("SyncJob", job).sync(client=cast("Client", client), **{**options, **chosen}))

    _print_outcome(send, report=report, as_json=as_json, limit=limit, door=door)


def _checked_limit(text: str | None, mistakes: Mistakes) -> MaxUndelivered:
    if text is not None:
        with mistakes.collect():
            return read_max_undelivered(text)
    return MaxUndelivered()


def _check_report(report: Path | None, mistakes: Mistakes) -> None:
    from cio_frames.cli.precheck import check_writable

    if report is not None:
        with mistakes.collect():
            check_writable(report, "the summary", "report", make_folder=True)


def _checked_job(
    source: str, call_spec: CallSpec, parameters: Mapping[str, Any], read_options: ReadOptions, mistakes: Mistakes
) -> SyncJob | None:
    """Return the job; add wrong options to the mistakes."""
    from cio_frames.syncing.options import sync_options
    from cio_frames.syncing.parameters import job_of, split_options

    _, options = split_options(parameters)
    if "state" not in options:
        mistakes.add(ConfigurationError("required option --state is missing. Add --state people.sqlite, for example."))
        return None
    with mistakes.collect():
        return job_of(source, call_spec, sync_options(call_spec, **options), parameters, read_options)
    return None


def _print_outcome(
    send: Callable[..., SyncResult], *, report: Path | None, as_json: bool, limit: MaxUndelivered,
    door: Door = "command line",
) -> None:  # fmt: skip
    from cio_frames.cli.after_load import write_report

    if not is_terminal(sys.stderr):
        log_progress()
    failure = ""
    try:
        result = send_or_ask(send, door)
    except DeliveryError as error:
        result, failure = error.result, str(error.args[0])
    except InvalidRowsError as error:
        result, failure = error.report, str(error.text_by_door())
    except ConfigurationError as error:
        if error.result is not None:
            # Of rows that were sent before; the error says what went wrong with the others.
            print_load_result(error.result)
        raise
    if report is not None:
        write_report(result, report)
    if as_json:
        print_json({**result.as_dict(), **result.notes.as_dict(door), "why": result.why_text(door)})
    elif result.phase == "dry run":
        _print_sync_dry_run(result)
    else:
        print_load_result(result)
        if result.removals:
            removals = ", ".join(f"{count:,} {status}" for status, count in result.removals.items())
            out.print(f"Removed: {removals}; see {result.removed}")
    print_notes(result.notes, door)
    if failure or result.why:
        err.print(render(failure, door) or result.why_text(door))
    if not result.ok and (failure or result.open_removals or not limit.allows(result)):
        raise typer.Exit(1)


def _print_sync_dry_run(result: SyncResult) -> None:
    _print_counts(result.statuses, as_json=False)
    for row in result.first_held_back[:_HELD_BACK_PRINTED]:
        out.print(f"  {row}")


def _print_counts(counts: Mapping[str, int], as_json: bool) -> None:
    if as_json:
        print_json({"statuses": dict(counts)})
        return
    for status, count in counts.items():
        out.print(f"{count:>12,} {status}")


def print_plan(plan: Plan) -> None:
    """Print a plan: counts, the fields that change most, and what would stop it."""
    import pandas as pd

    for name, count in plan.counts.items():
        out.print(f"{count:>12,} {name.replace('_', ' ')}")
    if not plan.counts:
        out.print(f"{0:>12} rows")
    names = dict.fromkeys((*plan.changed_fields, *plan.cleared_fields))
    rows = [(name, plan.changed_fields.get(name, 0), plan.cleared_fields.get(name, 0)) for name in names]
    if rows:
        print_frame(pd.DataFrame(rows[:_FIELDS_PRINTED], columns=["field", "changed", "cleared"]))
    for reason, count in list(plan.reasons.items())[:_FIELDS_PRINTED]:
        out.print(f"{count:>12,} held back  {reason}")
    if plan.mapping_change:
        out.print(f"The mapping changed: {plan.mapping_change}.")
    for finding in plan.guards:
        out.print(f"Guard: {finding}.")


def parse_removed(options: list[str] | None) -> Any:
    """Return a policy, or the traits to set.

    >>> parse_removed(["delete"]), parse_removed(["active=false", "plan=none"]), parse_removed(None)
    ('delete', {'active': False, 'plan': 'none'}, None)
    """
    if not options:
        return None
    if len(options) == 1 and "=" not in options[0]:
        return options[0]
    return parse_traits(options)


def parse_traits(options: list[str] | None) -> dict[str, Any] | None:
    """Return TRAIT=VALUE options; a value that reads as JSON is what it says.

    >>> parse_traits(["active=false", "level=3", "plan=none"])
    {'active': False, 'level': 3, 'plan': 'none'}
    """
    if not options:
        return None
    found: dict[str, Any] = {}
    for option in options:
        name, separator, text = option.partition("=")
        if not separator or not name:
            raise ConfigurationError(f"--removed and --returned take a policy or TRAIT=VALUE, got {option!r}.")
        try:
            found[name] = json.loads(text)
        except ValueError:
            found[name] = text
    return found


def parse_limit(text: str | None) -> int | str | None:
    """Return a count as a number, and leave a share as text.

    >>> parse_limit("1000"), parse_limit("5%")
    (1000, '5%')
    """
    return int(text) if text is not None and text.isdigit() else text
