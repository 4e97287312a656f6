"""What the options of a sync can be, for signatures: importing this loads nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, TypeAlias

SyncCall: TypeAlias = Literal["identify", "group", "track", "page", "screen"]
RemovedWord: TypeAlias = Literal["keep", "report", "delete", "suppress", "delete_relationships"]
Removed: TypeAlias = RemovedWord | Mapping[str, Any]
Cleared: TypeAlias = Literal["keep", "null"]
Duplicates: TypeAlias = Literal["invalid", "last"]
# A count, or a share of the state such as "5%".
Limit: TypeAlias = int | str | None
