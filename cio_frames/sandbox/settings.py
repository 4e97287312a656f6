"""The settings of a sandbox: its write key, and its responses where the API's documentation leaves them open."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, get_args

from cio_frames.errors import ConfigurationError, parameter
from cio_frames.sandbox.assumptions import Assumptions
from cio_frames.sandbox.faults import FaultInjector
from cio_frames.sandbox.responses import ERROR_BODIES, ErrorBody

BatchErrors = Literal["whole", "item", "multi_status"]
BATCH_ERRORS: tuple[BatchErrors, ...] = get_args(BatchErrors)


@dataclass(frozen=True, slots=True)
class SandboxSettings:
    """The options of a sandbox."""

    write_key: str = field(repr=False)
    batch_errors: BatchErrors
    error_body: ErrorBody
    assumptions: Assumptions = field(default_factory=Assumptions)
    keeps_state: bool = True
    host: str = "127.0.0.1"
    is_local: bool = True
    faults: FaultInjector = field(default_factory=FaultInjector)

    def __post_init__(self) -> None:
        _require_choice("batch_errors", self.batch_errors, BATCH_ERRORS)
        _require_choice("error_body", self.error_body, ERROR_BODIES)


def _require_choice(name: str, value: str, choices: tuple[str, ...]) -> None:
    if value not in choices:
        valid = ", ".join(map(repr, choices))
        raise ConfigurationError(f"{parameter(name)} must be one of {valid}, got {value!r}.")
