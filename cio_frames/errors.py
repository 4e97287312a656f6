"""Every error this package raises.

::

    CioFramesError
    ├── ConfigurationError        no write key, unknown region, plain http to another machine
    ├── SpecError                 a file under schemas/ is missing or malformed
    ├── FrameError                the frame or source cannot make the call
    │   ├── MissingColumnsError   names the missing, the present, and a close match
    │   ├── InvalidRowsError      on_invalid="raise"; carries the report
    │   └── CampaignsError        events that can start campaigns, and allow_campaigns was not set
    ├── GuardError                sync: a guard tripped, nothing was sent
    └── DeliveryError             carries .result, so nothing is lost
        ├── AuthenticationError   401/403: nothing will be accepted, the rest stays unsent
        ├── UndeliveredError      raise_for_status, or on_undelivered="raise": some rows were not delivered
        └── InterruptedLoad       Ctrl-C or a stop signal: in-flight finished, the rest unsent

None derives from KeyError (its text would be a repr) or AttributeError (pandas would hide ``df.cio``).
Arguments go to ``super().__init__`` unchanged, so that errors survive pickling on their way out of a worker. This
module imports nothing of the package: what an error carries is described by a Protocol.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Hashable, Iterable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Protocol, get_args

# Frames can have thousands of columns; an error that lists them all hides what it says.
_COLUMNS_SHOWN = 20
_TOP_REASONS = 3
_SEPARATORS = {";": "semicolons", "\t": "tabs", "|": "vertical bars"}

Door = Literal["python", "command line", "job file", "spark options"]
_DOORS = get_args(Door)
# Private-use characters: no message and no column name has them by accident.
_OPEN, _NEXT, _CLOSE = "\ue000", "\ue001", "\ue002"


def by_door(python: str, command_line: str, job_file: str | None = None, spark_options: str | None = None) -> str:
    """Return text that reads differently in Python, on the command line, and so on; see :func:`render`.

    ``job_file`` is the command line's text by default, and ``spark_options`` Python's.

    >>> render(f"Start over with {by_door('fresh=True', '--fresh')}.", "command line")
    'Start over with --fresh.'
    """
    texts = (
        python,
        command_line,
        command_line if job_file is None else job_file,
        python if spark_options is None else spark_options,
    )
    return f"{_OPEN}{_NEXT.join(texts)}{_CLOSE}"


def parameter(name: str, value: Hashable = None) -> str:
    """Return a parameter with a value, or its name alone, in the words of each door.

    >>> [render(parameter("user_id", "customer id"), door) for door in ("python", "command line", "job file")]
    ["user_id='customer id'", "--user-id 'customer id'", 'user_id: customer id']
    >>> render(parameter("allow_campaigns", True), "command line"), render(parameter("schema"), "python")
    ('--allow-campaigns', 'schema=')
    >>> render(parameter("fresh", True), "spark options"), render(parameter("output"), "spark options")
    ('option("fresh", "true")', "option 'output'")
    """
    option = f"--{name.replace('_', '-')}"
    if value is None:
        return by_door(f"{name}=", option, f"{name}:", f"option {name!r}")
    if isinstance(value, bool):
        lower = str(value).lower()
        flag = option if value else f"--no-{option[2:]}"
        return by_door(f"{name}={value}", flag, f"{name}: {lower}", f'option("{name}", "{lower}")')
    return by_door(
        f"{name}={value!r}", f"{option} {shlex.quote(str(value))}", f"{name}: {value}", f'option("{name}", "{value}")'
    )


def render(text: str, door: Door = "python") -> str:
    """Return a text in the words of one door."""
    chosen = _DOORS.index(door)
    return re.sub(f"{_OPEN}(.*?){_CLOSE}", lambda found: found[1].split(_NEXT)[chosen], text, flags=re.S)


class CioFramesError(Exception):
    """The base of every error raised by cio_frames.

    Attributes
    ----------
    result : pandas.DataFrame, LoadResult or None
        What became of the rows that were sent before the error; None if none was.
    door : {"python", "command line", "job file", "spark options"}
        In whose words it is printed.
    """

    # Any: a frame, or a class of a package above this module.
    result: Any = None
    door: Door = "python"

    def __init__(self, *facts: Any) -> None:
        super().__init__(*facts)

    def __str__(self) -> str:
        return self.text(self.door)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({str(self)!r})"

    def text(self, door: Door = "python") -> str:
        """Return what is wrong and what to do, in the words of one door.

        >>> ConfigurationError(f"timezone is invalid. Set {parameter('timezone', 'UTC')}.").text("command line")
        'timezone is invalid. Set --timezone UTC.'
        """
        return render(self._message(), door)

    def text_by_door(self) -> str:
        """Return the text as a part of another error's text, so that it still differs by door.

        >>> text = ConfigurationError(f"Set {parameter('timezone')}.").text_by_door()
        >>> render(text, "command line")
        'Set --timezone.'
        """
        return by_door(*map(self.text, _DOORS))

    def _message(self) -> str:
        return str(self.args[0]) if self.args else ""


class HiddenFrames:
    """Leaves the frames of this package out of the tracebacks of its errors in IPython and pytest.

    The sentence of an error is what its reader needs. Plain Python shows every frame, and so do errors of other kinds.

    >>> with HiddenFrames():
    ...     print("nothing is raised")
    nothing is raised
    """

    def __enter__(self) -> None:
        """Begin."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Mark the frames from here to where the error was raised, and those of the errors that it was made of."""
        while isinstance(error, CioFramesError):
            while trace is not None:
                if str(trace.tb_frame.f_globals.get("__name__", "")).startswith("cio_frames."):
                    trace.tb_frame.f_locals["__tracebackhide__"] = True
                trace = trace.tb_next
            error = error.__cause__
            trace = None if error is None else error.__traceback__


class ConfigurationError(CioFramesError):
    """The client, the machine or a job file is not set up for the call.

    Attributes
    ----------
    path : Path or None
        The job file with the mistake; None if it is elsewhere.
    line : int or None
        The line of the mistake, from 1.
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
        The line of the mistake, from 1; None if it is in no single line.
    """

    def __init__(self, message: str, *, path: Path | None = None, line: int | None = None) -> None:
        super().__init__(message)
        self.path, self.line = path, line


class FrameError(CioFramesError):
    """The frame or source cannot make the call, whatever its rows hold."""

    def at(self, where: str) -> FrameError:
        """Return the same error with the name of its file or frame in front.

        >>> FrameError("A column has no name.").at("orders.parquet")
        FrameError('orders.parquet: A column has no name.')
        """
        return FrameError(f"{where}: {self._message()}")


class MissingColumnsError(FrameError):
    """A call requires columns that the frame does not have.

    Attributes
    ----------
    call : str
        The call or operation, for example ``"track"``.
    missing : list of str
        The columns that were looked up, as text.
    present : list of str
        The columns of the frame, as text.
    remedy : str
        What to write instead, with a close match if there is one.
    where : str
        The file or frame of a load; empty elsewhere.
    """

    def __init__(
        self, call: str, missing: Sequence[Hashable], present: Sequence[Hashable], remedy: str = "", where: str = ""
    ) -> None:
        super().__init__(call, missing, present, remedy, where)
        self.call, self.remedy, self.where = call, remedy, where
        self.missing, self.present = list(map(str, missing)), list(map(str, present))
        # The text shows labels as they are: a column 0 is not found as '0'.
        self._missing_labels, self._labels = list(missing), list(present)

    def at(self, where: str) -> MissingColumnsError:
        """Return the same error, with its attributes, and the name of its file or frame in front."""
        return MissingColumnsError(self.call, self._missing_labels, self._labels, self.remedy, where)

    def _message(self) -> str:
        place = f"{self.where}: " if self.where else ""
        missing = " or ".join(map(repr, self._missing_labels))
        return f"{place}{self.call} requires column {missing}, which is missing. {self._found()} {self._remedy()}"

    def _found(self) -> str:
        if not self._labels:
            return "The frame has no columns."
        shown = ", ".join(map(repr, self._labels[:_COLUMNS_SHOWN]))
        more = len(self._labels) - _COLUMNS_SHOWN
        return f"Columns found: {shown}{f' and {more:,} more' if more > 0 else ''}."

    def _remedy(self) -> str:
        separator = next((mark for mark in _SEPARATORS if len(self.present) == 1 and mark in self.present[0]), None)
        if separator is not None:
            return (
                f"This one column has {_SEPARATORS[separator]} in its name: the file probably uses another separator "
                f"than a comma. Read it with pandas.read_csv(file, sep={separator!r}, dtype=str), or save it with "
                "commas."
            )
        return self.remedy or ("Name one of these, or add the column." if self._labels else "Add it.")


class _Report(Protocol):
    """What :class:`InvalidRowsError` reads of a report or of the result of a load."""

    @property
    def rows(self) -> int: ...

    @property
    def rows_held_back(self) -> int: ...


class InvalidRowsError(FrameError):
    """Rows are invalid and ``on_invalid="raise"`` was set; nothing was sent.

    Attributes
    ----------
    report : ValidationReport or LoadResult
        Which rows, which columns, and why. For a load: the number of rows for each reason, and the first of them by
        file and row in ``first_held_back``.
    """

    def __init__(self, report: _Report) -> None:
        super().__init__(report)
        # Any: it is one of two classes of packages above this module.
        self.report: Any = report

    def _message(self) -> str:
        text = f"{self.report.rows_held_back:,} of {self.report.rows:,} rows cannot be sent, and nothing was."
        skip = parameter("on_invalid", "skip")
        first = next(iter(getattr(self.report, "first_held_back", ())), None)
        if first is None:
            return f"{text} {_top_reasons(self.report)}See .report. Fix the rows, or use {skip} to send the others."
        more = by_door(" More are in .report.first_held_back.", "")
        return (
            f"{text} The first, counted from 0, is {first}.{more} Fix the rows, or use {skip} to send the others and "
            "have these in undelivered.parquet."
        )


def _top_reasons(report: Any) -> str:
    """Return the most frequent reasons of a report as a sentence with a space behind it, or nothing."""
    summary = report.summary() if hasattr(report, "summary") else None
    if summary is None:
        return ""
    errors = summary[summary["severity"].eq("error")]
    return f"{list_reasons(zip(errors['first_reason'], errors['rows'], strict=True))} "


def list_reasons(rows: Iterable[tuple[str, int]]) -> str:
    """Return the most frequent reasons, given with their rows, as a sentence.

    >>> list_reasons([("total: must be a number", 1), ("user_id: required value is missing", 12)])
    'Top reasons: user_id: required value is missing (12); total: must be a number (1).'
    """
    top = sorted(rows, key=lambda reason: -reason[1])[:_TOP_REASONS]
    return f"Top reasons: {'; '.join(f'{reason} ({count:,})' for reason, count in top)}."


class CampaignsError(FrameError):
    """Some rows can start campaigns, and ``allow_campaigns`` was not set.

    Attributes
    ----------
    young : int
        Events younger than 72 hours.
    untimed : int
        Events without a timestamp. Of files, invalid rows count too, since only the time is read.
    time_column : column label or None
        The column that probably has the time of the events, if none is named.
    first_row : int
        The position of the first row that was not sent; those before it were.
    """

    def __init__(self, young: int, untimed: int = 0, time_column: Hashable = None, first_row: int = 0) -> None:
        super().__init__(young, untimed, time_column, first_row)
        self.young, self.untimed, self.time_column, self.first_row = young, untimed, time_column, first_row

    @property
    def rows(self) -> int:
        """How many rows can start campaigns."""
        return self.young + self.untimed

    @property
    def causes(self) -> str:
        """Why, with counts; render it for a door."""
        hint = ""
        if self.time_column is not None:
            named = parameter("timestamp", self.time_column)
            hint = f" ({self.time_column!r} looks like one; {by_door('pass', 'set')} {named})"
        found = (self.young, "younger than 72 hours"), (self.untimed, f"without a timestamp{hint}")
        return ", ".join(f"{rows:,} {cause}" for rows, cause in found if rows)

    def _message(self) -> str:
        sent = "Nothing was sent."
        if self.first_row:
            seen = by_door(" See .result.", "") if self.result is not None else ""
            sent = f"Row {self.first_row:,} and later ones were not sent; earlier ones were.{seen}"
        name = f", or name the column with the time of the event with {parameter('timestamp')}" if self.untimed else ""
        return (
            f"{self.rows:,} rows are events that can start campaigns, that is, send mail to real people: "
            f"{self.causes}. {sent} Allow it with {parameter('allow_campaigns', True)}{name}."
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


_SEE_RESULT = by_door(
    " See .result for the status of each row.", "", spark_options=" The answers of all rows are in option 'output'."
)


class DeliveryError(CioFramesError):
    """Delivery stopped early; an error on this machine is the ``__cause__``.

    Attributes
    ----------
    message : str
        Why.
    result : pandas.DataFrame or LoadResult
        The status of every row until then: the result frame, or the result of a load.
    as_of : str or None
        What stood for the time in the message ids of calls without a timestamp.
    """

    def __init__(self, message: str, result: Any) -> None:
        super().__init__(message, result)
        self.message, self.result = render(message), result

    @property
    def as_of(self) -> str | None:
        """What stood for the time in the message ids of calls without a timestamp; pass it to repeat these ids."""
        is_frame = hasattr(self.result, "attrs")
        as_of = self.result.attrs.get("cio", {}).get("as_of") if is_frame else getattr(self.result, "as_of", None)
        return None if as_of is None else str(as_of)

    def _message(self) -> str:
        result = self.result
        is_frame = hasattr(result, "columns")
        counts = result["status"].value_counts(sort=False).to_dict() if is_frame else result.statuses
        most_first = sorted(counts.items(), key=lambda pair: -pair[1])
        counted = ", ".join(f"{count:,} {status}" for status, count in most_first if count)
        text = f"{self.args[0]} Rows: {counted or 'none'}.{_SEE_RESULT}"
        # For a load, the message says how to resume.
        if is_frame and counts.get("unsent"):
            text += by_door(" Retry the unsent rows: frame[error.result['status'].eq('unsent')].", "", "", "")
        return text


class AuthenticationError(DeliveryError):
    """The API answered 401 or 403: it accepts nothing with this write key."""


class UndeliveredError(DeliveryError):
    """Some rows were not delivered, and the caller asked for an error in that case."""


class InterruptedLoad(DeliveryError):  # noqa: N818 -- a requested stop is not an error of the load
    """Ctrl-C or a stop signal: requests in flight were finished, the rest was not sent."""
