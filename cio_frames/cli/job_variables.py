"""Variables in the paths of a job file: of the environment, and the date that the run is about."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta

import pandas as pd

from cio_frames.errors import ConfigurationError
from cio_frames.pipeline.as_of import read_as_of

_VARIABLE = re.compile(r"\$\{([^}]*)\}")
_DATE = re.compile(r"date(?:([+-]\d{1,4}))?(?::(.+))?", re.S)
_VARIABLE_NAME = re.compile(r"[A-Za-z_]\w*", re.ASCII)
_WRITE_KEY = "CIO_WRITE_KEY"


@dataclass(frozen=True, slots=True)
class JobVariables:
    """The values of variables.

    ``${NAME}`` is a variable of the environment. ``${date}`` is the date as 2026-11-27, ``${date:%Y/%m/%d}`` in another
    form, and ``${date-1}`` the day before.

    >>> variables = JobVariables({"BUCKET": "exports"}, date(2026, 11, 27))
    >>> variables.replace("s3://${BUCKET}/${date-1:%Y/%m/%d}.parquet")
    's3://exports/2026/11/26.parquet'

    Attributes
    ----------
    environment : dict of str to str
        The variables by name.
    date : datetime.date
        The date that the run is about.
    """

    environment: Mapping[str, str]
    date: date

    @classmethod
    def of_run(cls, as_of: str | None = None, timezone: str | None = None) -> JobVariables:
        """Return the environment of this process, and the date of ``as_of``, or today's in a time zone.

        >>> JobVariables.of_run("2026-11-27").replace("${date}")
        '2026-11-27'

        Raises
        ------
        FrameError
            ``as_of`` is not a date or time.
        """
        if as_of is not None:
            return cls(os.environ, pd.Timestamp(read_as_of(as_of).ms, unit="ms").date())
        try:
            today = pd.Timestamp.now(timezone or "UTC").date()
        except Exception:
            # Reported where the time zone is read.
            today = pd.Timestamp.now("UTC").date()
        return cls(os.environ, today)

    def replace(self, text: str) -> str:
        """Return a text with its variables replaced by their values.

        Raises
        ------
        ConfigurationError
            A variable is unknown, or it is the write key.
        """
        return _VARIABLE.sub(lambda found: self._value(found[1]), text)

    def _value(self, variable: str) -> str:
        as_date = _DATE.fullmatch(variable)
        if as_date is not None:
            day = self.date + timedelta(days=int(as_date[1] or 0))
            return day.strftime(as_date[2]) if as_date[2] else day.isoformat()
        if variable == _WRITE_KEY:
            raise ConfigurationError("${CIO_WRITE_KEY} is not allowed here: paths are printed and kept in files.")
        if not _VARIABLE_NAME.fullmatch(variable):
            raise ConfigurationError(
                f"${{{variable}}} is invalid. Write ${{NAME}} for a variable of the environment, ${{date}}, "
                "${date-1}, or ${date:%Y%m%d}."
            )
        if variable not in self.environment:
            raise ConfigurationError(f"environment variable {variable} not found. Set it, or correct ${{{variable}}}.")
        return self.environment[variable]
