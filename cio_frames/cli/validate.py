"""``cio-frames validate``: check the rows of a file."""

from __future__ import annotations

import json
import textwrap
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.text import Text

from cio_frames._util.own_files import is_own_text
from cio_frames._util.terminal_text import clean_text
from cio_frames.cli.mistakes import Mistakes
from cio_frames.cli.options import OperationOptions, QuietOption, ReadingOptions, command_with
from cio_frames.cli.printing import out, print_campaign_rows, print_frame, print_json, print_notes, quiet_output
from cio_frames.errors import ConfigurationError, MissingColumnsError, parameter

if TYPE_CHECKING:
    import pandas as pd

    from cio_frames.loading.notes import SourceNotes
    from cio_frames.loading.read_options import ReadOptions
    from cio_frames.pipeline import CallSpec
    from cio_frames.report import ValidationReport


# A table with reasons fits a terminal that is as wide.
_TABLE_WIDTH = 100
_SEVERITY_COLORS = {"error": "red", "warning": "yellow"}


@dataclass(frozen=True, kw_only=True)
class ValidateOptions(ReadingOptions, OperationOptions):
    """Options of ``cio-frames validate``."""

    file: Annotated[str, typer.Argument(help="Parquet, CSV or JSON Lines file, a folder or a pattern, or - (stdin).")]
    no_schema: Annotated[
        bool, typer.Option("--no-schema", help="Check only that rows can be written as JSON within the size limits.")
    ] = False
    strict_schema: Annotated[bool, typer.Option("--strict-schema", help="Count rows with warnings as invalid.")] = False
    report: Annotated[Path | None, typer.Option(help="Write the report: HTML (.html) or JSON (.json).")] = None
    failures: Annotated[Path | None, typer.Option(help="Write the failure cases to a file (.parquet).")] = None
    show_values: Annotated[
        bool,
        typer.Option("--show-values", help="Include the failing values, which can be personal data, in both files."),
    ] = False
    as_json: Annotated[bool, typer.Option("--json", help="Print the report as JSON.")] = False
    quiet: QuietOption = False


@command_with(ValidateOptions)
def validate_command(options: ValidateOptions) -> None:
    """Check the rows of a file as a load would. Nothing is sent, and no write key is needed.

    The exit status is 1 if rows are invalid.
    """
    report, notes = validate_files(options)
    if options.report is not None and options.report.suffix.lower() == ".json":
        report.to_json(options.report)
    elif options.report is not None:
        report.to_html(options.report, show_values=options.show_values)
    with quiet_output(options.quiet):
        if options.as_json:
            print_json(json.loads(report.to_json()) | notes.as_dict("command line"))
        else:
            print_validation_report(report)
    if not options.quiet:
        print_notes(notes)
    if not report.ok:
        raise typer.Exit(1)


def validate_files(options: ValidateOptions) -> tuple[ValidationReport, SourceNotes]:
    """Return the report on files and what was left out of them, or raise every mistake of the command."""
    from cio_frames.cli.precheck import check_clashes, check_source, check_writable
    from cio_frames.loading.folder import PARQUET_ENDINGS
    from cio_frames.loading.validating import validate_source
    from cio_frames.report import FailureCasesFile
    from cio_frames.report.failure_cases import is_own_cases

    mistakes = Mistakes()
    read_options = options.read_options(mistakes)
    call_spec = checked_call_spec(options, options.file, mistakes, read_options)
    writes = {"report": options.report, "failures": options.failures}
    refused: set[Path | None] = set()
    try:
        check_clashes(options.file, writes, also_read=[options.schema])
    except ConfigurationError as error:
        mistakes.add(error)
        refused = set(writes.values())
    if options.failures is not None and options.failures.suffix.lower() not in PARQUET_ENDINGS:
        mistakes.add(
            ConfigurationError(
                f"{parameter('failures', str(options.failures))}: failure cases are written as Parquet. Name a file "
                "that ends in .parquet."
            )
        )
    for path, what, name, is_own in (
        (options.report, "the report", "report", is_own_text),
        (options.failures, "the failure cases", "failures", is_own_cases),
    ):
        # A file that is refused is not opened.
        if path is not None and path not in refused:
            with mistakes.collect():
                check_writable(path, what, name, is_own=is_own)
    if mistakes:
        check_source(options.file, call_spec, mistakes, read_options=read_options, what=options.call)
    mistakes.raise_all()
    try:
        if options.failures is None:
            return validate_source(options.file, call_spec, read_options=read_options)
        with FailureCasesFile(options.failures, show_values=options.show_values) as failures:
            return validate_source(options.file, call_spec, read_options=read_options, on_cases=failures.add)
    except MissingColumnsError:
        check_source(options.file, call_spec, mistakes, read_options=read_options, what=options.call)
        mistakes.raise_all()
        raise


def checked_call_spec(
    options: OperationOptions, source: str, mistakes: Mistakes, read_options: ReadOptions
) -> CallSpec:
    """Return the call spec of options; that of an operation depends on the columns of the source."""
    operation = options.operation(mistakes)
    if operation is None:
        return options.call_spec(mistakes)
    from cio_frames.cli.operations import resolve_operation

    return resolve_operation(operation, source, mistakes, read_options=read_options)


def print_validation_report(report: ValidationReport) -> None:
    """Print the headline of a report and its summary: a table, or a list where a terminal is narrow."""
    out.print(Text(clean_text(repr(report)[1:-1]), "green" if report.ok else "red"))
    summary = report.summary()
    if out.is_terminal and out.width < _TABLE_WIDTH:
        _print_findings(summary)
    elif len(summary):
        shown = summary.drop(columns="check").assign(
            column=summary["column"].astype(object).where(summary["column"].notna(), ""),
            share=summary["share"].map("{:.1%}".format),
            first_positions=summary["first_positions"].map(lambda places: ", ".join(map(str, places))),
        )
        print_frame(shown)
    if report.facts.recent:
        print_campaign_rows(sum(report.facts.recent.values()))


def _print_findings(summary: pd.DataFrame) -> None:
    """Print each check and the rows that fail it on lines of their own."""
    from cio_frames.validation.checks import SOURCE_CHECKS

    for check, severity, reason, rows, share, places in summary[
        ["check", "severity", "first_reason", "rows", "share", "first_positions"]
    ].itertuples(index=False):
        first, *more = textwrap.wrap(clean_text(str(reason)), out.width - 10) or [""]
        # The reason says how many people or emails these are.
        counted = "" if check in SOURCE_CHECKS else f"{rows:,} {'row' if rows == 1 else 'rows'}, {share:.1%}, "
        where = f"{counted}first at {', '.join(map(str, places))}"
        out.print(Text.assemble((f"{severity:>8}", _SEVERITY_COLORS.get(severity, "")), f"  {first}"))
        for line in (*more, where):
            out.print(f"{'':10}{line}")
