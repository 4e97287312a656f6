"""Where the stages meet: columns, validate, encode, batch, deliver, result frame.

Everything left of deliver is pure: no clock, no network. A dry run is the same flow without deliver. ``call_spec`` is
what a caller asks for, ``call_groups`` the rows by kind of call, ``prepared`` a frame with its columns resolved and its
rows checked, ``encode_run`` one run over its rows, ``running`` the flow from one end to the other.

The names below are imported at first use: ``cio_frames.functions`` needs ``call_spec`` at import, and nothing of
pandera or requests.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cio_frames.pipeline.call_spec import CallSpec as CallSpec
    from cio_frames.pipeline.call_spec import build_call_spec as build_call_spec
    from cio_frames.pipeline.call_spec import types_of as types_of
    from cio_frames.pipeline.encode_run import EncodedSlice as EncodedSlice
    from cio_frames.pipeline.encode_run import EncodeRun as EncodeRun
    from cio_frames.pipeline.prepared import Prepared as Prepared
    from cio_frames.pipeline.running import build_report as build_report
    from cio_frames.pipeline.running import encode_payloads as encode_payloads
    from cio_frames.pipeline.running import read_ids as read_ids
    from cio_frames.pipeline.running import run_call as run_call
else:
    _MODULES = {
        "CallSpec": "call_spec",
        "EncodeRun": "encode_run",
        "EncodedSlice": "encode_run",
        "Prepared": "prepared",
        "build_call_spec": "call_spec",
        "read_ids": "running",
        "encode_payloads": "running",
        "build_report": "running",
        "run_call": "running",
        "types_of": "call_spec",
    }

    def __getattr__(name: str) -> object:
        if name not in _MODULES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
