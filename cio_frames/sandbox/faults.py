"""Faults on demand: which requests fail, and how. No HTTP here.

A fault is written ``WHAT:SHARE``, ``WHAT@NUMBERS`` or ``WHAT``, with extras behind commas: ``429:0.1,retry-after=2``,
``reset@3``, ``503@0-4,accepted``.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import count
from typing import Literal, Self, cast, get_args

from cio_frames.errors import ConfigurationError, by_door, parameter

ConnectionFault = Literal["reset", "hang", "cut"]
_CONNECTION_FAULTS: tuple[ConnectionFault, ...] = get_args(ConnectionFault)
_FAULT_PATTERN = re.compile(
    r"(?P<what>[a-z]+|[45]\d\d)(?::(?P<share>\d*\.?\d+)|@(?P<first>\d+)(?:-(?P<last>\d+))?)?(?P<extras>(?:,[^,]+)*)"
)
_DURATION_PATTERN = re.compile(r"(?P<number>\d*\.?\d+) ?(?P<unit>ms|s)")
_RETRY_AFTER = "retry-after="


@dataclass(frozen=True, slots=True)
class FaultRule:
    """What happens to some requests.

    Attributes
    ----------
    status : int or None
        The response's status; None if there is no complete response.
    connection : {"reset", "hang", "cut"} or None
        What happens instead: the connection is reset, no response comes, or it ends within its first line.
    share : float
        The probability for each request.
    first, last : int or None
        The range of requests, counted from 0 since the sandbox was created; None for all.
    accepted : bool
        Whether the calls are accepted all the same.
    retry_after : str or None
        The header of that name.
    """

    status: int | None = None
    connection: ConnectionFault | None = None
    share: float = 1.0
    first: int | None = None
    last: int | None = None
    accepted: bool = False
    retry_after: str | None = None

    @classmethod
    def parse(cls, text: str) -> Self:
        """Return the fault that a text describes.

        >>> FaultRule.parse("429:0.1,retry-after=2").retry_after
        '2'
        >>> FaultRule.parse("cut@3").connection
        'cut'
        """
        parts = _FAULT_PATTERN.fullmatch(text.strip().lower())
        what = parts["what"] if parts else ""
        if not parts or not (what.isdigit() or what in _CONNECTION_FAULTS):
            raise _invalid_fault(text)
        extras = [extra.strip() for extra in parts["extras"].split(",") if extra.strip()]
        waits = [extra.removeprefix(_RETRY_AFTER) for extra in extras if extra.startswith(_RETRY_AFTER)]
        if len(extras) != len(waits) + extras.count("accepted") or float(parts["share"] or 1) > 1 or not all(waits):
            raise _invalid_fault(text)
        first = int(parts["first"]) if parts["first"] else None
        return cls(
            status=int(what) if what.isdigit() else None,
            connection=None if what.isdigit() else cast(ConnectionFault, what),
            share=float(parts["share"] or 1),
            first=first,
            last=int(parts["last"]) if parts["last"] else first,
            # A response that is cut off was on its way, so its calls were accepted.
            accepted=what == "cut" or "accepted" in extras,
            retry_after=waits[-1] if waits else None,
        )

    def covers(self, number: int) -> bool:
        """Return True if a request is in the range of this rule."""
        return self.first is None or self.first <= number <= (self.last if self.last is not None else self.first)


class FaultInjector:
    """Decides which requests fail and how: the same requests for the same seed.

    Parameters
    ----------
    faults
        The faults as text; where several would happen to one request, the first does.
    latency_seconds
        The delay of every response.
    seed
        Together with the number of the request it decides, so that a test is repeatable.
    """

    def __init__(self, faults: Iterable[str] = (), latency_seconds: float = 0.0, seed: int = 0) -> None:
        self._rules: Sequence[FaultRule] = tuple(map(FaultRule.parse, faults))
        self.latency_seconds = latency_seconds
        self._seed = seed
        self._numbers = count()

    def next_fault(self) -> FaultRule | None:
        """Return the fault of the next request."""
        return self.fault_for(next(self._numbers)) if self._rules else None

    def fault_for(self, number: int) -> FaultRule | None:
        """Return the fault of a request, None if it has none.

        >>> [number for number in range(20) if FaultInjector(["503:0.2"], seed=7).fault_for(number)]
        [2, 9, 15, 18]
        >>> FaultInjector(["reset@1"]).fault_for(1).connection
        'reset'
        """
        for position, rule in enumerate(self._rules):
            chance = random.Random(f"{self._seed} {position} {number}").random()  # noqa: S311 -- not a secret
            if rule.covers(number) and chance < rule.share:
                return rule
        return None


def parse_duration(text: str) -> float:
    """Return a duration in seconds.

    >>> parse_duration("30ms"), parse_duration("1.5s")
    (0.03, 1.5)
    """
    parts = _DURATION_PATTERN.fullmatch(text.strip())
    if not parts:
        raise ConfigurationError(f"{parameter('latency')} must be a duration such as 30ms or 1.5s, got {text!r}.")
    return float(parts["number"]) / (1000 if parts["unit"] == "ms" else 1)


def _invalid_fault(text: str) -> ConfigurationError:
    return ConfigurationError(
        f"{by_door('faults=', '--fault')} must be a status from 400 to 599, reset, hang or cut, then optionally :SHARE "
        "(0 to 1), @NUMBER or @FIRST-LAST, then optionally ,retry-after=SECONDS or ,accepted; for example "
        f"429:0.1,retry-after=2 or reset@3. Got {text!r}."
    )
