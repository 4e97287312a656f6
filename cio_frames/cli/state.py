"""``cio-frames state``: look at a sync state, export it, and forget subjects."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from cio_frames._util.own_files import is_own_table, refuse_to_replace
from cio_frames.cli.options import command_with
from cio_frames.cli.printing import out, print_json
from cio_frames.errors import ConfigurationError


@dataclass(frozen=True, kw_only=True)
class ShowOptions:
    """Options of ``cio-frames state show``."""

    state: Annotated[Path, typer.Argument(help="State file to describe.")]
    as_json: Annotated[bool, typer.Option("--json", help="Print what the state says as JSON.")] = False


@dataclass(frozen=True, kw_only=True)
class ExportOptions:
    """Options of ``cio-frames state export``."""

    state: Annotated[Path, typer.Argument(help="State file to read.")]
    to: Annotated[Path, typer.Argument(help="Parquet or CSV file to write, one row for each subject.")]


@dataclass(frozen=True, kw_only=True)
class ForgetOptions:
    """Options of ``cio-frames state forget``."""

    state: Annotated[Path, typer.Argument(help="State file to change.")]
    subjects: Annotated[list[str], typer.Argument(help="Subjects as export writes them, for example u:ada.")]


@command_with(ShowOptions)
def state_show_command(options: ShowOptions) -> None:
    """Describe a state: what it is tied to, how many subjects it holds, and its last runs."""
    from cio_frames.syncing.state_report import describe_state

    facts = describe_state(options.state)
    if options.as_json:
        print_json(facts)
        return
    for name, value in facts.items():
        if name == "runs":
            for run in value:
                counts = ", ".join(f"{count:,} {status}" for status, count in run["counts"].items())
                out.print(
                    f"run {run['run']}: {run['kind']}, {run['phase']}, as of {run['as_of']}: {counts or 'no rows'}"
                )
        elif isinstance(value, dict):
            out.print(f"{name}: {', '.join(f'{count:,} {kind}' for kind, count in value.items()) or 'none'}")
        else:
            out.print(f"{name}: {value}")


@command_with(ExportOptions)
def state_export_command(options: ExportOptions) -> None:
    """Write the subjects of a state to a file, with what is known of each."""
    from cio_frames.syncing.state_report import export_subjects

    frame = export_subjects(options.state)
    if options.to.suffix not in (".parquet", ".csv"):
        raise ConfigurationError(f"cannot write {options.to}: the name must end in .parquet or .csv.")
    refuse_to_replace(options.to, lambda path: _is_export(path, list(frame.columns)))
    try:
        frame.to_parquet(options.to) if options.to.suffix == ".parquet" else frame.to_csv(options.to, index=False)
    except OSError as error:
        raise ConfigurationError(f"cannot write {options.to}: {error.strerror}.") from error
    out.print(f"{len(frame):,} subjects written to {options.to}")


def _is_export(path: Path, columns: list[str]) -> bool:
    """Return whether a file holds subjects of a state."""
    if path.suffix == ".parquet":
        return is_own_table(path, columns)
    with path.open(encoding="utf-8", errors="replace") as file:
        return file.readline().rstrip("\r\n") == ",".join(columns)


@command_with(ForgetOptions)
def state_forget_command(options: ForgetOptions) -> None:
    """Forget subjects, so that the next sync sends them as new; nothing is sent now."""
    from cio_frames.syncing.state_report import forget_subjects

    gone = forget_subjects(options.state, options.subjects)
    out.print(f"{gone:,} of {len(options.subjects):,} subjects forgotten")
    if gone < len(options.subjects):
        raise typer.Exit(1)
