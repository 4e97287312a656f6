"""How a sandbox answers where the real API is not documented, and the key it asks for."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, get_args

from cio_frames.errors import ConfigurationError
from cio_frames.sandbox.answers import ERROR_BODIES, ErrorBody
from cio_frames.sandbox.assumptions import Assumed
from cio_frames.sandbox.faults import Faults

BatchErrors = Literal["whole", "item"]


@dataclass(frozen=True, slots=True)
class Settings:
    """What the caller chose."""

    write_key: str = field(repr=False)
    batch_errors: BatchErrors
    error_body: ErrorBody
    assumed: Assumed = field(default_factory=Assumed)
    keeps_state: bool = True
    host: str = "127.0.0.1"
    is_local: bool = True
    faults: Faults = field(default_factory=Faults)

    def __post_init__(self) -> None:
        _one_of("batch_errors", self.batch_errors, get_args(BatchErrors))
        _one_of("error_body", self.error_body, ERROR_BODIES)


def _one_of(name: str, value: str, known: tuple[str, ...]) -> None:
    if value not in known:
        raise ConfigurationError(f"{name}={value!r} is unknown; pass one of {', '.join(map(repr, known))}.")
