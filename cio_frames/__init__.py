"""The pandas-native way into Customer.io.

Importing this package registers ``df.cio``. A frame goes into Customer.io, and a frame comes back with the status of
every row. Names that need pandera, requests or the sandbox are imported at first use.
"""

from __future__ import annotations

import logging as _logging
from importlib import import_module as _import_module
from typing import TYPE_CHECKING

from cio_frames.accessor import CioAccessor
from cio_frames.client import Client
from cio_frames.errors import (
    AuthenticationError,
    CampaignsError,
    CioFramesError,
    ConfigurationError,
    DeliveryError,
    FrameError,
    InterruptedLoad,
    InvalidRowsError,
    MissingColumnsError,
    SpecError,
)
from cio_frames.functions import alias, batch, group, identify, page, payloads, screen, track, validate
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
from cio_frames.samples import sample

if TYPE_CHECKING:
    from cio_frames.loading import CsvOptions, LoadResult
    from cio_frames.loading.load import load
    from cio_frames.report import ValidationReport
    from cio_frames.sandbox import Sandbox
    from cio_frames.summaries import Summary, summary
    from cio_frames.validation import events, schema

    __version__: str

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
    "InterruptedLoad",
    "InvalidRowsError",
    "LoadResult",
    "MissingColumnsError",
    "Sandbox",
    "SpecError",
    "Summary",
    "ValidationReport",
    "add_devices",
    "alias",
    "batch",
    "delete_devices",
    "delete_objects",
    "delete_people",
    "delete_relationships",
    "events",
    "group",
    "identify",
    "load",
    "page",
    "payloads",
    "report_content",
    "report_deliveries",
    "sample",
    "schema",
    "screen",
    "summary",
    "suppress_people",
    "track",
    "unsuppress_people",
    "validate",
]

_MODULES = {
    "CsvOptions": "loading",
    "LoadResult": "loading",
    "Sandbox": "sandbox",
    "Summary": "summaries",
    "ValidationReport": "report",
    "events": "validation",
    "load": "loading",
    "schema": "validation",
    "summary": "summaries",
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


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
