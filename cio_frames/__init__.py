"""The pandas-native way into Customer.io.

Importing this package registers ``df.cio``. A frame goes into Customer.io, and a frame comes back that says what
became of every row.
"""

import logging as _logging

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
from cio_frames.loading import LoadResult, load
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
from cio_frames.sandbox import Sandbox
from cio_frames.validation import events, schema

# What is logged is for those who set up logging.
_logging.getLogger("cio_frames").addHandler(_logging.NullHandler())

__all__ = [
    "AuthenticationError",
    "CampaignsError",
    "CioAccessor",
    "CioFramesError",
    "Client",
    "ConfigurationError",
    "DeliveryError",
    "FrameError",
    "InterruptedLoad",
    "InvalidRowsError",
    "LoadResult",
    "MissingColumnsError",
    "Sandbox",
    "SpecError",
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
    "schema",
    "screen",
    "suppress_people",
    "track",
    "unsuppress_people",
    "validate",
]
