"""What a sandbox does wrong on demand: which request, and what happens to it. No HTTP here.

A fault is written ``WHAT:SHARE``, ``WHAT@NUMBERS`` or ``WHAT``, with extras behind commas: ``429:0.1,retry-after=2``,
``reset@3``, ``503@0-4,taken``.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import count
from typing import Literal, Self, cast, get_args

from cio_frames.errors import ConfigurationError

Broken = Literal["reset", "hang", "cut"]
_BROKEN: tuple[Broken, ...] = get_args(Broken)
_FAULT = re.compile(
    r"(?P<what>[a-z]+|[45]\d\d)(?::(?P<share>\d*\.?\d+)|@(?P<first>\d+)(?:-(?P<last>\d+))?)?(?P<extras>(?:,[^,]+)*)"
)
_LATENCY = re.compile(r"(?P<number>\d*\.?\d+) ?(?P<unit>ms|s)")


@dataclass(frozen=True, slots=True)
class Misdeed:
    """What goes wrong with some requests.

    Attributes
    ----------
    status : int or None
        The status that is answered; None where no whole answer comes.
    broken : {"reset", "hang", "cut"} or None
        What happens instead: the connection is reset, nothing is said, or the answer ends within its first line.
    share : float
        How probable it is for each request.
    first, last : int or None
        The requests that it concerns, counted from 0 since the sandbox was made; None for all.
    taken : bool
        Whether the calls are taken all the same.
    retry_after : str or None
        The header of that name.
    """

    status: int | None = None
    broken: Broken | None = None
    share: float = 1.0
    first: int | None = None
    last: int | None = None
    taken: bool = False
    retry_after: str | None = None

    @classmethod
    def read(cls, text: str) -> Self:
        """Return the fault that a text describes.

        >>> Misdeed.read("429:0.1,retry-after=2").retry_after
        '2'
        >>> Misdeed.read("cut@3").broken
        'cut'
        """
        parts = _FAULT.fullmatch(text.strip().lower())
        what = parts["what"] if parts else ""
        if not parts or not (what.isdigit() or what in _BROKEN):
            raise _wrong(text)
        extras = [extra.strip() for extra in parts["extras"].split(",") if extra.strip()]
        waits = [extra.removeprefix("retry-after=") for extra in extras if extra.startswith("retry-after=")]
        if len(extras) != len(waits) + extras.count("taken") or float(parts["share"] or 1) > 1 or not all(waits):
            raise _wrong(text)
        first = int(parts["first"]) if parts["first"] else None
        return cls(
            status=int(what) if what.isdigit() else None,
            broken=None if what.isdigit() else cast(Broken, what),
            share=float(parts["share"] or 1),
            first=first,
            last=int(parts["last"]) if parts["last"] else first,
            # An answer that is cut short was on its way, so what it answers was done.
            taken=what == "cut" or "taken" in extras,
            retry_after=waits[-1] if waits else None,
        )

    def concerns(self, number: int) -> bool:
        """Tell whether a request is among those that this may happen to."""
        return self.first is None or self.first <= number <= (self.last if self.last is not None else self.first)


class Faults:
    """What goes wrong, and with which requests: the same ones whenever the seed is the same.

    Parameters
    ----------
    faults
        What may go wrong, as text; of several that would happen to one request, the first does.
    latency
        How long every answer takes longer, in seconds.
    seed
        Decides by the number of the request alone, so that a test repeats.
    """

    def __init__(self, faults: Iterable[str] = (), latency: float = 0.0, seed: int = 0) -> None:
        self._misdeeds: Sequence[Misdeed] = tuple(map(Misdeed.read, faults))
        self.latency = latency
        self._seed = seed
        self._numbers = count()

    def next(self) -> Misdeed | None:
        """Return what happens to the next request."""
        return self.at(next(self._numbers)) if self._misdeeds else None

    def at(self, number: int) -> Misdeed | None:
        """Return what happens to a request, None for what is right.

        >>> [number for number in range(20) if Faults(["503:0.2"], seed=7).at(number)]
        [2, 9, 15, 18]
        >>> Faults(["reset@1"]).at(1).broken
        'reset'
        """
        for place, misdeed in enumerate(self._misdeeds):
            chance = random.Random(f"{self._seed} {place} {number}").random()  # noqa: S311 -- no secret
            if misdeed.concerns(number) and chance < misdeed.share:
                return misdeed
        return None


def seconds(text: str) -> float:
    """Return a duration in seconds.

    >>> seconds("30ms"), seconds("1.5s")
    (0.03, 1.5)
    """
    parts = _LATENCY.fullmatch(text.strip())
    if not parts:
        raise ConfigurationError(f"latency={text!r} is no duration; write for example 30ms or 1.5s.")
    return float(parts["number"]) / (1000 if parts["unit"] == "ms" else 1)


def _wrong(text: str) -> ConfigurationError:
    return ConfigurationError(
        f"fault {text!r} is unknown: write a status from 400 to 599, reset, hang or cut, then :SHARE (0 to 1) or "
        "@NUMBER or @FIRST-LAST, then ,retry-after=SECONDS or ,taken. For example 429:0.1,retry-after=2 or reset@3."
    )
