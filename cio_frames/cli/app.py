"""``cio-frames``: arguments in, text and an exit status out.

The exit status is 0 if all rows were delivered or valid, 1 if some were not, 2 if the command cannot run as given, and
3 if a guard of a sync or an operation tripped.
Results go to stdout; progress, remarks and errors go to stderr. Commands import what they need when they run, so that
help and version are quick.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import typer

from cio_frames._util.program_signals import PROGRAM_STATE, ignore_program_signals
from cio_frames._util.stop_deadline import end_after_stop_signal
from cio_frames.cli.commands import HelpfulCommand, HelpfulGroup
from cio_frames.cli.demo import demo_command
from cio_frames.cli.load import load_command, loads_command, run_command
from cio_frames.cli.payloads import payloads_command
from cio_frames.cli.printing import drop_unprintable, exit_on_error, out
from cio_frames.cli.sandbox import sandbox_command
from cio_frames.cli.spec import events_command, schema_command, spec_check_command
from cio_frames.cli.state import state_export_command, state_forget_command, state_show_command
from cio_frames.cli.sync import apply_command, baseline_command, plan_command, sync_command
from cio_frames.cli.validate import validate_command

app = typer.Typer(
    name="cio-frames",
    cls=HelpfulGroup,
    no_args_is_help=True,
    add_completion=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
spec_app = typer.Typer(cls=HelpfulGroup, help="Maintain what schemas/ says about the API.", no_args_is_help=True)
for name, command in {
    "demo": demo_command,
    "load": load_command,
    "run": run_command,
    "sync": sync_command,
    "plan": plan_command,
    "apply": apply_command,
    "baseline": baseline_command,
    "loads": loads_command,
    "validate": validate_command,
    "payloads": payloads_command,
    "events": events_command,
    "schema": schema_command,
    "sandbox": sandbox_command,
}.items():
    app.command(name, cls=HelpfulCommand)(command)
spec_app.command("check", cls=HelpfulCommand)(spec_check_command)
app.add_typer(spec_app, name="spec")
state_app = typer.Typer(
    cls=HelpfulGroup, help="Look at the state of a sync, and make it forget subjects.", no_args_is_help=True
)
state_app.command("show", cls=HelpfulCommand)(state_show_command)
state_app.command("export", cls=HelpfulCommand)(state_export_command)
state_app.command("forget", cls=HelpfulCommand)(state_forget_command)
app.add_typer(state_app, name="state")


def _print_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        out.print(f"cio-frames {version('cio-frames')}")
        raise typer.Exit


@app.callback()
def show_version(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit."),
    ] = False,
) -> None:
    """Load files into Customer.io, and get a status for every row."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line."""
    if PROGRAM_STATE.is_command_line:
        end_after_stop_signal()
    try:
        with exit_on_error():
            # The same name in help and completion however it is started.
            app(args=arguments, prog_name="cio-frames")
    finally:
        drop_unprintable()
        PROGRAM_STATE.has_ended = True
        ignore_program_signals()
