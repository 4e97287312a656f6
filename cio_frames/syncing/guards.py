"""Guards: what looks wrong stops a sync before its first request."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from cio_frames.errors import ConfigurationError, GuardError, parameter
from cio_frames.syncing.choices import Limit

# The default limits of missing subjects; both count.
DEFAULT_MAX_REMOVED: tuple[Limit, ...] = ("5%", 1_000)
_IN_STATE = "subjects in the state"


@dataclass(frozen=True, slots=True)
class Guards:
    """The limits of a sync; a count, or a share of the state such as ``"5%"``.

    Attributes
    ----------
    max_changed : int, str or None
        How many known subjects may change.
    max_removed : int, str or None
        How many subjects that the state delivered may be missing; 5 % and 1,000 by default.
    min_rows : int, str or None
        How many rows the source must have.
    """

    max_changed: Limit = None
    max_removed: Limit = None
    min_rows: Limit = None

    def __post_init__(self) -> None:
        for name in ("max_changed", "max_removed", "min_rows"):
            if (value := getattr(self, name)) is not None:
                _amount(name, value, 1)

    def check(
        self, *, rows: int, subjects: int, changed: int, missing: int, candidates: int, acts: bool,
        claimed: int = 0, claimed_missing: int = 0,
    ) -> None:  # fmt: skip
        """Raise if a limit is exceeded or has no value to compare with; the error has all of them.

        Parameters
        ----------
        rows, subjects : int
            Of the source, and of the state.
        changed, missing : int
            Known subjects that would be sent again, and those that no row has.
        candidates : int
            Of how many the missing ones are: subjects that the state delivered.
        acts : bool
            Whether missing subjects are removed or marked at all.
        claimed, claimed_missing : int
            Subjects of a baseline, and how many of these no row has. They are never removed, and are no part of
            ``missing``; but a share must be exceeded with them too, since one of five is many, and one of five and a
            million is not.

        Examples
        --------
        >>> Guards(max_changed="10%").check(rows=9, subjects=100, changed=10, missing=0, candidates=100, acts=True)
        >>> Guards().check(rows=50, subjects=900, changed=0, missing=50, candidates=100, acts=True)
        Traceback (most recent call last):
        ...
        cio_frames.errors.GuardError: Nothing was sent, because this looks wrong: 50 subjects are missing; the limit \
is 5 (5% of the 100 subjects that the state delivered). If it is right, raise max_removed=.
        """
        found = list(self._findings(rows, subjects, changed))
        if acts:
            limits = DEFAULT_MAX_REMOVED if self.max_removed is None else (self.max_removed,)
            everyone = candidates + claimed
            limits = tuple(limit for limit in limits if _is_exceeded(limit, missing + claimed_missing, everyone))
            what = "subjects that the state delivered"
            found += self._above("max_removed", limits, missing, candidates, "subjects are missing", what)
        if found:
            raise GuardError(found)

    def _findings(self, rows: int, subjects: int, changed: int) -> Iterator[str]:
        if rows == 0 and subjects and self.min_rows is None:
            yield (
                f"the source has 0 rows, and the state {subjects:,} subjects. If it is right, set "
                f"{parameter('min_rows', 0)}"
            )
        if self.min_rows is not None:
            least = _amount("min_rows", self.min_rows, subjects)
            if least is None:
                yield _not_evaluated("min_rows", self.min_rows)
            elif rows < least:
                limit = _in_words(self.min_rows, least, subjects)
                remedy = f"If it is right, lower {parameter('min_rows')}"
                yield f"the source has {rows:,} rows; at least {limit} are required. {remedy}"
        yield from self._above("max_changed", (self.max_changed,), changed, subjects, "subjects changed")

    @staticmethod
    def _above(
        name: str, limits: tuple[Limit, ...], count: int, subjects: int, what: str, whose: str = _IN_STATE
    ) -> Iterator[str]:
        for given in limits:
            if given is None or count == 0:
                continue
            most = _amount(name, given, subjects)
            if most is None:
                yield _not_evaluated(name, given)
                return
            if count > most:
                limit = _in_words(given, most, subjects, whose)
                yield f"{count:,} {what}; the limit is {limit}. If it is right, raise {parameter(name)}"
                return


def _amount(name: str, given: Limit, subjects: int) -> float | None:
    """Return a limit as a number; None where it is a share of nothing."""
    if isinstance(given, int) and not isinstance(given, bool) and given >= 0:
        return given
    share = re.fullmatch(r"(\d+(?:\.\d+)?) ?%", given) if isinstance(given, str) else None
    if share is None or float(share[1]) > 100:
        raise ConfigurationError(
            f"{parameter(name)} must be a count such as 1000, or a share of the state such as '5%', got {given!r}."
        )
    return None if subjects == 0 else float(share[1]) * subjects / 100


def _is_exceeded(given: Limit, missing: int, everyone: int) -> bool:
    """Return whether a share is exceeded among all subjects; a count is about those that can be removed."""
    most = _amount("max_removed", given, everyone) if isinstance(given, str) else None
    return most is None or missing > most


def _in_words(given: Limit, amount: float, subjects: int, whose: str = _IN_STATE) -> str:
    return f"{int(amount):,}" + (f" ({given} of the {subjects:,} {whose})" if isinstance(given, str) else "")


def _not_evaluated(name: str, given: Limit) -> str:
    return (
        f"{parameter(name, given)} is a share of the state, and the state has no subjects yet. Give a count, or make "
        "the state with baseline first"
    )
