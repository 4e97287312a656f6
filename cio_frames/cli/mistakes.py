"""Every mistake of a command or a job file at once, instead of one for each try."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from cio_frames.errors import CioFramesError, ConfigurationError, Door


class SeveralMistakesError(ConfigurationError):
    """A command or a job file has more than one mistake.

    Attributes
    ----------
    errors : tuple of CioFramesError
        One error for each mistake, in the order in which they were found.
    path, line
        Those of the first error that has them.

    Examples
    --------
    >>> print(SeveralMistakesError((ConfigurationError("No key."), ConfigurationError("No file."))))
    2 mistakes:
      - No key.
      - No file.
    """

    def __init__(self, errors: tuple[CioFramesError, ...]) -> None:
        CioFramesError.__init__(self, errors)
        self.errors = errors
        places = [(error.path, error.line) for error in errors if isinstance(error, ConfigurationError) and error.line]
        self.path: Path | None
        self.line: int | None
        self.path, self.line = places[0] if places else (None, None)

    def text(self, door: Door = "python") -> str:
        """Return all mistakes, one a line, in the words of one door."""
        lines = [f"  - {error.text(door)}" for error in self.errors]
        return "\n".join([f"{len(lines)} mistakes:", *lines])


class Mistakes:
    """Collects errors while independent checks run.

    Examples
    --------
    >>> mistakes = Mistakes()
    >>> with mistakes.collect():
    ...     raise ConfigurationError("No key.")
    >>> mistakes.raise_all()
    Traceback (most recent call last):
    cio_frames.errors.ConfigurationError: No key.
    """

    def __init__(self) -> None:
        self._errors: list[CioFramesError] = []

    def __bool__(self) -> bool:
        return bool(self._errors)

    def add(self, error: CioFramesError) -> None:
        """Add an error, once if two checks find it; of one that holds several, add each."""
        known = set(map(str, self._errors))
        errors = error.errors if isinstance(error, SeveralMistakesError) else [error]
        self._errors += [each for each in errors if str(each) not in known]

    @contextmanager
    def collect(self) -> Iterator[None]:
        """Add the error that the block raises, and continue after the block."""
        try:
            yield
        except CioFramesError as error:
            self.add(error)

    def raise_all(self, *, by_line: bool = False) -> None:
        """Raise what was collected: a single error as it is, several as one, sorted by line on request."""
        if by_line:
            self._errors.sort(key=lambda error: getattr(error, "line", None) or 0)
        if len(self._errors) > 1:
            raise SeveralMistakesError(tuple(self._errors))
        if self._errors:
            raise self._errors[0]


def find_mistakes(
    build: Callable[..., Any], valid: Mapping[str, Any], given: Mapping[str, Any]
) -> Iterator[tuple[str | None, CioFramesError]]:
    """Yield each argument that a function refuses, and its error.

    Arguments are tried one after the other on top of ``valid`` ones, so that a wrong one does not hide the next. If
    none is refused by itself, those given are tried together; the key of an error is None then.

    >>> from cio_frames.client import Client
    >>> wrong = {"region": "mars", "workers": 0}
    >>> [key for key, _ in find_mistakes(Client, {"write_key": "none"}, wrong)]
    ['region', 'workers']
    """
    accepted, refused = dict(valid), False
    for key, value in given.items():
        try:
            build(**accepted | {key: value})
        except CioFramesError as error:
            refused = True
            yield key, error
        else:
            accepted[key] = value
    if refused:
        return
    try:
        build(**given)
    except CioFramesError as error:
        yield None, error
