"""The question that a terminal is asked before events are sent that can start campaigns."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TypeVar

import typer

from cio_frames._util.terminal_text import is_terminal
from cio_frames.cli.printing import err, print_error
from cio_frames.errors import CampaignsError, Door, render

AnyResult = TypeVar("AnyResult")


def send_or_ask(send: Callable[..., AnyResult], door: Door) -> AnyResult:
    """Send; if that is refused because of campaigns, ask on a terminal, and send with ``allow_campaigns=True``."""
    try:
        return send()
    except CampaignsError as error:
        if not (is_terminal(sys.stdin) and is_terminal(sys.stderr)):
            raise
        err.print(f"{error.rows:,} rows are events that can start campaigns, that is, send mail to real people:")
        err.print(f"{render(error.causes, door)}.")
    if not typer.confirm("Send them?", err=True):
        print_error("Events that can start campaigns were not sent.")
        raise typer.Exit(1)
    return send(allow_campaigns=True)
