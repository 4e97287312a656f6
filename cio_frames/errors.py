"""Every error this package raises.

::

    CioFramesError
    ├── ConfigurationError        no write key, unknown region, plain http to another machine
    ├── SpecError                 a file under schemas/ is missing or malformed
    ├── FrameError                the frame cannot be sent as asked
    │   ├── MissingColumnsError   names the missing, the present, and a close match
    │   ├── InvalidRowsError      on_invalid="raise"; carries the report
    │   └── CampaignsError        a load with events young enough to start campaigns
    ├── GuardError                sync: a guard tripped, nothing was sent
    └── DeliveryError             carries .result, so nothing is lost
        ├── AuthenticationError   401/403: nothing will be accepted, the rest stays unsent
        └── InterruptedLoad       Ctrl-C or a stop signal: in-flight finished, the rest unsent

None derives from KeyError (its text would be a repr) or AttributeError (pandas would hide ``df.cio``).
Arguments go to ``super().__init__`` unchanged, so that errors survive pickling on their way out of a worker.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Hashable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

from cio_frames._util.did_you_mean import closest_name

if TYPE_CHECKING:
    from cio_frames.loading import LoadResult
    from cio_frames.report import ValidationReport

# Frames can have thousands of columns; an error that lists them all hides what it says.
_COLUMNS_SHOWN = 20
_SEPARATORS = {";": "semicolons", "\t": "tabs", "|": "bars"}


Door = Literal["python", "command line", "job file"]
_DOORS = get_args(Door)
# Private-use characters: no message and no column name has them by accident.
_OPEN, _NEXT, _CLOSE = "\ue000", "\ue001", "\ue002"


def by_door(python: str, command_line: str, job_file: str | None = None) -> str:
    """Return text that reads differently in Python, on the command line and in a job file; see :func:`render`.

    ``job_file`` is the command line's text by default.

    >>> render(f"Start over with {by_door('fresh=True', '--fresh')}.", "command line")
    'Start over with --fresh.'
    """
    texts = (python, command_line, command_line if job_file is None else job_file)
    return f"{_OPEN}{_NEXT.join(texts)}{_CLOSE}"


def parameter(name: str, value: Hashable = None) -> str:
    """Return a parameter with a value, or its name alone, in the words of each door.

    >>> [render(parameter("user_id", "customer id"), door) for door in ("python", "command line", "job file")]
    ["user_id='customer id'", "--user-id 'customer id'", 'user_id: customer id']
    >>> render(parameter("allow_campaigns", True), "command line"), render(parameter("schema"), "python")
    ('--allow-campaigns', 'schema=')
    """
    option = f"--{name.replace('_', '-')}"
    if value is None:
        return by_door(f"{name}=", option, f"{name}:")
    if isinstance(value, bool):
        return by_door(f"{name}={value}", option if value else f"--no-{option[2:]}", f"{name}: {str(value).lower()}")
    return by_door(f"{name}={value!r}", f"{option} {shlex.quote(str(value))}", f"{name}: {value}")


def render(text: str, door: Door = "python") -> str:
    """Return a text in the words of one door."""
    chosen = _DOORS.index(door)
    return re.sub(f"{_OPEN}(.*?){_CLOSE}", lambda found: found[1].split(_NEXT)[chosen], text, flags=re.S)


class CioFramesError(Exception):
    """The base of every error raised by cio_frames."""

    def __init__(self, *facts: Any) -> None:
        super().__init__(*facts)

    def __str__(self) -> str:
        return self.text()

    def __repr__(self) -> str:
        return f"{type(self).__name__}({str(self)!r})"

    def text(self, door: Door = "python") -> str:
        """Return what is wrong and what to do, in the words of one door.

        >>> ConfigurationError(f"timezone is invalid. Set {parameter('timezone', 'UTC')}.").text("command line")
        'timezone is invalid. Set --timezone UTC.'
        """
        return render(self._message(), door)

    def _message(self) -> str:
        return str(self.args[0]) if self.args else ""


class ConfigurationError(CioFramesError):
    """The client or the machine is not set up for what was asked.

    Attributes
    ----------
    path : Path or None
        The job file with the mistake, where it is in one.
    line : int or None
        Its line, from 1.
    """

    def __init__(self, message: str, *, path: Path | None = None, line: int | None = None) -> None:
        super().__init__(message)
        self.path, self.line = path, line


class SpecError(CioFramesError):
    """A file under ``schemas/``, or a tracking plan, is missing or malformed; the text names file and line.

    Attributes
    ----------
    path : Path or None
        The file.
    line : int or None
        The mistake's line, from 1, where it is in one.
    """

    def __init__(self, message: str, *, path: Path | None = None, line: int | None = None) -> None:
        super().__init__(message)
        self.path, self.line = path, line


class FrameError(CioFramesError):
    """The frame cannot be sent as asked, whatever its rows hold."""

    def at(self, where: str) -> FrameError:
        """Return the same error with the file or the frame that it is about in front.

        >>> FrameError("A column has no name.").at("orders.parquet")
        FrameError('orders.parquet: A column has no name.')
        """
        return FrameError(f"{where}: {self._message()}")


class MissingColumnsError(FrameError):
    """A call needs columns that the frame does not have.

    Attributes
    ----------
    call : str
        What was asked for, for example ``"track"``.
    missing : list of str
        The columns that were looked for, as text.
    present : list of str
        The columns that the frame has, as text.
    remedy : str
        What to write instead.
    where : str
        The file or the frame of a load; empty elsewhere.
    """

    def __init__(
        self, call: str, missing: Sequence[Hashable], present: Sequence[Hashable], remedy: str = "", where: str = ""
    ) -> None:
        super().__init__(call, missing, present, remedy, where)
        self.call, self.remedy, self.where = call, remedy, where
        self.missing, self.present = list(map(str, missing)), list(map(str, present))
        # The words show labels as they are: a column 0 is not found as '0'.
        self._wanted, self._labels = list(missing), list(present)

    def at(self, where: str) -> MissingColumnsError:
        """Return the same error, facts and all, with the file or the frame that it is about in front."""
        return MissingColumnsError(self.call, self._wanted, self._labels, self.remedy, where)

    def _message(self) -> str:
        return f"{self.where}: {self._words()}" if self.where else self._words()

    def _words(self) -> str:
        wanted = " or ".join(map(repr, self._wanted))
        shown = ", ".join(map(repr, self._labels[:_COLUMNS_SHOWN])) or "no columns"
        more = len(self.present) - _COLUMNS_SHOWN
        text = f"{self.call} needs column {wanted}, and this frame has {shown}"
        text += f" and {more} more." if more > 0 else "."
        if "Did you mean" not in self.remedy:
            text += self._meant()
        separator = next((mark for mark in _SEPARATORS if len(self.present) == 1 and mark in self.present[0]), None)
        if separator is not None:
            return (
                f"{text} That is one column whose name has {_SEPARATORS[separator]} in it: a file with another "
                "separator than a comma. Save it with commas, or read it with "
                f"pandas.read_csv(file, sep={separator!r}, dtype=str)."
            )
        if not self.remedy and "Did you mean" not in text:
            return f"{text} {'Name one of these, or add that one.' if self._labels else 'Add it.'}"
        return f"{text} {self.remedy}".rstrip()

    def _meant(self) -> str:
        """Return which column was most likely meant, or nothing."""
        for name, label in zip(self.missing, self._wanted, strict=True):
            meant = closest_name(name, self._labels)
            if meant is not None:
                kind = f" Then write {meant!r} and not {label!r}." if str(meant) == name else ""
                return f" Did you mean {meant!r}?{kind}"
        return ""


class InvalidRowsError(FrameError):
    """Rows failed validation and ``on_invalid="raise"`` was asked for; nothing was sent.

    Attributes
    ----------
    report : ValidationReport or LoadResult
        Which rows, which columns, and why; of a load, how many for which reason, and the first of them by file and
        row in its ``first_held_back``.
    """

    def __init__(self, report: ValidationReport | LoadResult) -> None:
        super().__init__(report)
        self.report = report

    def _message(self) -> str:
        what = f"{self.report.rows_held_back:,} of {self.report.rows:,} rows cannot be sent, and nothing was."
        first = next(iter(getattr(self.report, "first_held_back", ())), None)
        if first is None:
            return f"{what} See .report, mend the rows, or pass on_invalid='skip' to send the others."
        return (
            f"{what} The first, counted from 0, is {first}. Others are in .report.first_held_back. Mend the rows, or "
            "pass on_invalid='skip' to send the others, and have these in rejects.parquet."
        )


class CampaignsError(FrameError):
    """Some rows are young enough to start campaigns, and nobody has said that they may.

    Attributes
    ----------
    rows : int
        How many; rows that will turn out not to be sendable are counted too, since nothing but the time is read.
    frame : int
        The number of the frame that has them, where frames before it were sent; 0 where nothing was.
    """

    def __init__(self, rows: int, frame: int = 0) -> None:
        super().__init__(rows, frame)
        self.rows, self.frame = rows, frame

    def _message(self) -> str:
        sent = f"Frame {self.frame} was not sent, nor what follows it; what came before it was."
        return (
            f"{self.rows:,} rows are events younger than 72 hours, or without a time: they can start campaigns, that "
            f"is, send mail to real people. {sent if self.frame else 'Nothing was sent.'} Say that they may with "
            "allow_campaigns=True (--allow-campaigns), or give them the time at which they happened with timestamp=."
        )


class GuardError(CioFramesError):
    """A sync looks wrong: a guard tripped, and nothing was sent.

    Attributes
    ----------
    findings : list of str
        Which guards tripped, and on what.
    """

    def __init__(self, findings: Sequence[str]) -> None:
        super().__init__(list(findings))
        self.findings = [render(finding) for finding in findings]

    def _message(self) -> str:
        return f"Nothing was sent, because this looks wrong: {'; '.join(self.args[0])}."


class DeliveryError(CioFramesError):
    """Delivery ended early; where something failed on this side, that is the error's ``__cause__``.

    Attributes
    ----------
    message : str
        Why.
    result : pandas.DataFrame or LoadResult
        What became of every row until then: the result frame, or what a load came to.
    """

    def __init__(self, message: str, result: Any) -> None:
        super().__init__(message, result)
        self.message, self.result = message, result

    def _message(self) -> str:
        result = self.result
        is_frame = hasattr(result, "columns")
        counts = result["status"].value_counts().to_dict() if is_frame else result.statuses
        counted = ", ".join(f"{count:,} {status}" for status, count in counts.items() if count)
        text = f"{self.message} Rows: {counted}. What became of each is on this error as .result."
        # Of a load, the message says how to go on.
        if is_frame and counts.get("unsent"):
            text += " Send once more what is unsent: frame[error.result['status'].eq('unsent')]."
        return text


class AuthenticationError(DeliveryError):
    """The API answered 401 or 403: it will accept nothing with this write key."""


class InterruptedLoad(DeliveryError):  # noqa: N818 -- being stopped is no error of the load's
    """A stop was asked for: requests in flight were finished, the rest was not sent."""
