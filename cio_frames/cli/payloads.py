"""``cio-frames payloads``: print the calls that the rows of a file make."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Annotated

import typer

from cio_frames.cli.mistakes import Mistakes
from cio_frames.cli.options import OperationOptions, ReadingOptions, command_with
from cio_frames.cli.printing import err, print_lines
from cio_frames.errors import ConfigurationError


@dataclass(frozen=True, kw_only=True)
class PayloadsOptions(ReadingOptions, OperationOptions):
    """Options of ``cio-frames payloads``."""

    file: Annotated[str, typer.Argument(help="File, folder or pattern whose rows make the calls, or - (stdin).")]
    head: Annotated[int, typer.Option(help="Number of calls to print; 0 prints those of all rows.")] = 10
    as_of: Annotated[
        str | None,
        typer.Option(help="Date or time from which calls without a timestamp get their message id; default: no id."),
    ] = None


@command_with(PayloadsOptions)
def payloads_command(options: PayloadsOptions) -> None:
    """Print the calls of the first rows as they would be sent, one JSON object a line. Nothing is sent.

    Rows that would be held back are counted on stderr; validate says why.
    """
    from cio_frames.cli.precheck import check_source
    from cio_frames.cli.validate import checked_call_spec
    from cio_frames.loading.address_secrets import masked_errors
    from cio_frames.loading.payloads import iterate_payloads

    mistakes = Mistakes()
    if options.head < 0:
        mistakes.add(ConfigurationError(f"--head must be 0 or greater, got {options.head}."))
    read_options = options.read_options(mistakes)
    call_spec = checked_call_spec(options, options.file, mistakes, read_options)
    check_source(options.file, call_spec, mistakes, read_options=read_options, what=options.call)
    mistakes.raise_all()
    held_back = 0

    def sendable() -> Iterator[str]:
        nonlocal held_back
        for payload in iterate_payloads(options.file, call_spec, read_options=read_options, as_of=options.as_of):
            if payload is None:
                held_back += 1
            else:
                yield payload

    with masked_errors(options.file):
        print_lines(islice(sendable(), options.head or sys.maxsize))
    if held_back:
        rows = "1 row is" if held_back == 1 else f"{held_back:,} rows are"
        err.print(f"{rows} held back. To see why: cio-frames validate")
