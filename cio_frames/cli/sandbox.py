"""``cio-frames sandbox``: a local Customer.io."""

from __future__ import annotations

import gc
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cio_frames.cli.mistakes import Mistakes, find_mistakes
from cio_frames.cli.options import command_with
from cio_frames.cli.printing import err
from cio_frames.errors import ConfigurationError, render

if TYPE_CHECKING:
    from cio_frames.sandbox import Sandbox

_DEFAULT_KEY = "sandbox"


@dataclass(frozen=True, kw_only=True)
class SandboxOptions:
    """Options of ``cio-frames sandbox``."""

    port: Annotated[int, typer.Option(help="Port to listen on; 0 takes any free port.")] = 8480
    write_key: Annotated[str, typer.Option(help="Write key to accept.", envvar="CIO_SANDBOX_WRITE_KEY")] = _DEFAULT_KEY
    db: Annotated[Path | None, typer.Option(help="SQLite file to keep what is received; default: memory.")] = None
    host: Annotated[str, typer.Option(help="Network interface to listen on.")] = "127.0.0.1"
    fault: Annotated[
        list[str] | None,
        typer.Option(help="Fault to inject, repeatable, for example 429:0.1, reset@3, cut:0.05 or hang."),
    ] = None
    latency: Annotated[str, typer.Option(help="Delay of every answer, for example 30ms or 1.5s.")] = "0ms"
    seed: Annotated[int, typer.Option(help="Seed that decides which requests fail.")] = 0
    state: Annotated[
        bool, typer.Option(help="Apply calls to people, events and objects; --no-state only logs them.")
    ] = True
    assume: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME=VALUE", help="Choice where the API is undocumented, repeatable; see /about."),
    ] = None
    batch_errors: Annotated[
        str, typer.Option(help="What strict mode rejects of a batch with an invalid call: whole, item or multi_status.")
    ] = "whole"
    error_body: Annotated[str, typer.Option(help="Format of error answers; /about lists the formats.")] = "meta"


@command_with(SandboxOptions)
def sandbox_command(options: SandboxOptions) -> None:
    """Run a local Customer.io until Ctrl-C, with a web page that shows what it received."""
    from cio_frames._util.program_signals import restore_program_signals
    from cio_frames.sandbox.shell import export_command

    restore_program_signals()
    # This process does nothing else, and a body of JSON is thousands of objects, none of them garbage for long.
    gc.freeze()
    gc.set_threshold(100_000, 20, 20)
    with make_sandbox(options) as running:
        err.print(f"Sandbox running at {running.url} (web page and API). To send to it from another terminal:")
        err.print(f"  {export_command(running.url, options.write_key)}")
        err.print("Press Ctrl-C to stop.")
        try:
            while True:
                time.sleep(3600)
        except KeyboardInterrupt:
            err.print(f"{running.requests()['calls'].sum():,} calls received.")


@contextmanager
def print_warnings() -> Iterator[None]:
    """Print warnings that the block raises as sentences, without the line of code that raises them."""
    with warnings.catch_warnings(record=True) as found:
        warnings.simplefilter("always")
        yield
    for warning in found:
        err.print(render(str(warning.message), "command line"))


def make_sandbox(options: SandboxOptions) -> Sandbox:
    """Return a sandbox that has not started, or raise every mistake among the options."""
    from cio_frames.sandbox import Sandbox
    from cio_frames.sandbox.faults import parse_duration

    def make(latency: str = "0ms", **settings: Any) -> Sandbox:
        return Sandbox(latency_seconds=parse_duration(latency), **settings)

    settings: dict[str, Any] = {
        "write_key": options.write_key,
        "faults": options.fault or (),
        "latency": options.latency,
        "seed": options.seed,
        "state": options.state,
        "assume": dict(parse_pair(option) for option in options.assume or ()),
        "batch_errors": options.batch_errors,
        "error_body": options.error_body,
    }
    try:
        with print_warnings():
            return make(port=options.port, db=options.db, host=options.host, **settings)
    except ConfigurationError:
        mistakes = Mistakes()
        for _, error in find_mistakes(make, {}, settings):
            mistakes.add(error)
        mistakes.raise_all()
        raise


def parse_pair(option: str) -> tuple[str, str]:
    """Return the two sides of NAME=VALUE.

    >>> parse_pair("empty_batch=refuse")
    ('empty_batch', 'refuse')
    """
    name, _, value = option.partition("=")
    return name, value
