"""The pandas-native way into Customer.io.

Importing this package registers ``df.cio``. A frame goes into Customer.io, and a frame comes back with the status of
every row. Names that need pandera, requests or the sandbox are imported at first use.
"""

from __future__ import annotations

import sys as _sys

from cio_frames._util import program_signals as _program_signals

# The command line says what was sent whenever it is stopped, also while the imports below take their time.
if _program_signals.is_command_line(_sys.argv[0]):
    _program_signals.handle_program_signals()

import logging as _logging
from importlib import import_module as _import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cio_frames.accessor import CioAccessor
    from cio_frames.client import Client
    from cio_frames.errors import (
        AuthenticationError,
        CampaignsError,
        CioFramesError,
        ConfigurationError,
        DeliveryError,
        FrameError,
        GuardError,
        InterruptedLoad,
        InvalidRowsError,
        MissingColumnsError,
        SpecError,
        UndeliveredError,
    )
    from cio_frames.functions import (
        alias,
        apply_plan,
        baseline,
        batch,
        group,
        identify,
        page,
        payloads,
        plan,
        screen,
        sync,
        track,
        validate,
    )
    from cio_frames.loading import CsvOptions, LoadResult
    from cio_frames.loading.load import load
    from cio_frames.operations import (
        add_devices,
        delete_devices,
        delete_objects,
        delete_people,
        delete_relationships,
        report_content,
        report_deliveries,
        suppress_people,
        unsuppress_people,
    )
    from cio_frames.report import ValidationReport
    from cio_frames.results import raise_for_status
    from cio_frames.samples import notebooks, sample
    from cio_frames.sandbox import Sandbox
    from cio_frames.summaries import Summary, summary
    from cio_frames.syncing import Plan, SyncResult
    from cio_frames.validation import events, schema

    __version__: str

# Registers ``df.cio``. The command line has no frames, and starts sooner without pandas.
if not _program_signals.PROGRAM_STATE.is_command_line:
    _import_module("cio_frames.accessor")

# Log records go where the application sends them, and nowhere by default.
_logging.getLogger("cio_frames").addHandler(_logging.NullHandler())

__all__ = [
    "AuthenticationError",
    "CampaignsError",
    "CioAccessor",
    "CioFramesError",
    "Client",
    "ConfigurationError",
    "CsvOptions",
    "DeliveryError",
    "FrameError",
    "GuardError",
    "InterruptedLoad",
    "InvalidRowsError",
    "LoadResult",
    "MissingColumnsError",
    "Plan",
    "Sandbox",
    "SpecError",
    "Summary",
    "SyncResult",
    "UndeliveredError",
    "ValidationReport",
    "add_devices",
    "alias",
    "apply_plan",
    "baseline",
    "batch",
    "delete_devices",
    "delete_objects",
    "delete_people",
    "delete_relationships",
    "events",
    "group",
    "identify",
    "load",
    "notebooks",
    "page",
    "payloads",
    "plan",
    "raise_for_status",
    "report_content",
    "report_deliveries",
    "sample",
    "schema",
    "screen",
    "summary",
    "suppress_people",
    "sync",
    "track",
    "unsuppress_people",
    "validate",
]

_MODULES = {
    "AuthenticationError": "errors",
    "CampaignsError": "errors",
    "CioAccessor": "accessor",
    "CioFramesError": "errors",
    "Client": "client",
    "ConfigurationError": "errors",
    "CsvOptions": "loading",
    "DeliveryError": "errors",
    "FrameError": "errors",
    "GuardError": "errors",
    "InterruptedLoad": "errors",
    "InvalidRowsError": "errors",
    "LoadResult": "loading",
    "MissingColumnsError": "errors",
    "Plan": "syncing",
    "Sandbox": "sandbox",
    "SpecError": "errors",
    "Summary": "summaries",
    "SyncResult": "syncing",
    "UndeliveredError": "errors",
    "ValidationReport": "report",
    "add_devices": "operations",
    "alias": "functions",
    "apply_plan": "functions",
    "baseline": "functions",
    "batch": "functions",
    "delete_devices": "operations",
    "delete_objects": "operations",
    "delete_people": "operations",
    "delete_relationships": "operations",
    "events": "validation",
    "group": "functions",
    "identify": "functions",
    "load": "loading",
    "notebooks": "samples",
    "page": "functions",
    "payloads": "functions",
    "plan": "functions",
    "raise_for_status": "results",
    "report_content": "operations",
    "report_deliveries": "operations",
    "sample": "samples",
    "schema": "validation",
    "screen": "functions",
    "summary": "summaries",
    "suppress_people": "operations",
    "sync": "functions",
    "track": "functions",
    "unsuppress_people": "operations",
    "validate": "functions",
}

# Type checkers read the imports above, and find a name that does not exist.
if not TYPE_CHECKING:

    def __getattr__(name: str) -> object:
        if name == "__version__":
            from importlib.metadata import version

            return version("cio-frames")
        if name not in _MODULES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        return getattr(_import_module(f"{__name__}.{_MODULES[name]}"), name)


if "IPython" in _sys.modules:
    # In a notebook TAB completes names of events.
    from cio_frames.notebook_completion import register_completion as _register_completion

    _register_completion()


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
