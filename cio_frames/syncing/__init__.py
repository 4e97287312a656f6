"""Keep Customer.io like a frame: compare with what was delivered before, and send only what changed.

The names below are imported at first use: ``cio_frames.functions`` needs ``choices`` at import, and nothing else.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cio_frames.syncing.plan import Plan as Plan
    from cio_frames.syncing.result import SyncResult as SyncResult
else:
    _MODULES = {"Plan": "plan", "SyncResult": "result"}

    def __getattr__(name: str) -> object:
        if name not in _MODULES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
