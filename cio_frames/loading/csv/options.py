"""How a CSV file is written: its separator, its encoding, words for missing values, types of columns."""

from __future__ import annotations

import codecs
import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any, Literal, TypeAlias, get_args

from cio_frames._util.did_you_mean import closest_name
from cio_frames.errors import FrameError, by_door

ColumnType: TypeAlias = Literal["text", "number", "boolean"]

# What people type where a shell makes it hard to type a tab.
_TABS = {"\\t": "\t", "tab": "\t"}


@dataclass(frozen=True, slots=True, kw_only=True)
class CsvOptions:
    r"""How CSV files are written.

    Attributes
    ----------
    delimiter : str, optional
        The separator between cells. Default is a comma, and a tab in ``.tsv`` files; a file that is probably separated
        by something else is refused. A separator given here is taken as it is.
    encoding : str
        Default is UTF-8.
    decimal : {".", ","}
        The decimal point of numbers.
    null_values : sequence of str
        Cells that are missing values, such as ``("n/a", "NULL")``. Empty cells always are.
    time_format : str, optional
        How times are written, such as ``"%d/%m/%Y %H:%M"``. Default is ISO 8601.
    escape_char : str, optional
        The character that stands before a quote inside quotes, such as a backslash (the default of Spark and Redshift).
        By default such a quote is written twice.
    types : mapping of str to {"text", "number", "boolean"}
        Types of columns. By default a column holds numbers if all of its cells are numbers. A cell that does not have
        the type given here makes its row invalid.

    Examples
    --------
    >>> CsvOptions(delimiter="tab", types={"logins": "number"}).delimiter
    '\t'
    >>> CsvOptions(decimal="x")
    Traceback (most recent call last):
    ...
    cio_frames.errors.FrameError: csv={'decimal': ...} must be '.' or ',', got 'x'.
    """

    delimiter: str | None = None
    encoding: str = "utf-8"
    decimal: str = "."
    null_values: Sequence[str] = ()
    time_format: str | None = None
    escape_char: str | None = None
    types: Mapping[str, ColumnType] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if isinstance(self.delimiter, str):
            object.__setattr__(self, "delimiter", _TABS.get(self.delimiter, self.delimiter))
        if self.delimiter is not None and not _is_one_mark(self.delimiter):
            raise FrameError(f"{csv_option('delimiter')} must be one ASCII character, got {self.delimiter!r}.")
        if self.escape_char is not None and (not _is_one_mark(self.escape_char) or self.escape_char == self.delimiter):
            raise FrameError(
                f"{csv_option('escape_char')} must be one ASCII character other than a quote and the delimiter, got "
                f"{self.escape_char!r}."
            )
        if self.decimal not in (".", ","):
            raise FrameError(f"{csv_option('decimal')} must be '.' or ',', got {self.decimal!r}.")
        _check_encoding(self.encoding)
        _check_time_format(self.time_format)
        object.__setattr__(self, "null_values", _check_null_values(self.null_values))
        object.__setattr__(self, "types", _check_types(self.types))

    def as_dict(self) -> dict[str, Any]:
        """Return the options that differ from their defaults, ready for JSON.

        >>> CsvOptions(delimiter=";").as_dict()
        {'delimiter': ';'}
        """
        plain, options = CsvOptions(), {each.name: getattr(self, each.name) for each in fields(self)}
        changed = {name: value for name, value in options.items() if value != getattr(plain, name)}
        return {name: list(value) if isinstance(value, tuple) else value for name, value in changed.items()}


def csv_options_from(given: CsvOptions | Mapping[str, Any] | None) -> CsvOptions:
    """Return the options that a parameter ``csv=`` stands for.

    >>> csv_options_from({"delimiter": ";"}).delimiter
    ';'
    """
    if given is None:
        return CsvOptions()
    if isinstance(given, CsvOptions):
        return given
    if not isinstance(given, Mapping):
        raise FrameError(f"csv must be CsvOptions or a dict of its options, got {type(given).__name__}.")
    names = [each.name for each in fields(CsvOptions)]
    for name in given:
        if name not in names:
            meant = closest_name(name, names)
            hint = f"Did you mean {meant!r}?" if meant is not None else f"Options are {', '.join(names)}."
            raise FrameError(f"csv has no option {name!r}. {hint}")
    return CsvOptions(**given)


def csv_option(name: str, value: str | None = None) -> str:
    """Return a CSV option, with or without a value, in the words of each door; see :func:`cio_frames.errors.by_door`.

    >>> from cio_frames.errors import render
    >>> [render(csv_option("delimiter", ";"), door) for door in ("python", "command line", "job file")]
    ["csv={'delimiter': ';'}", "--delimiter ';'", "csv: {delimiter: ';'}"]
    """
    option = "--type" if name == "types" else f"--{name.replace('_', '-')}"
    if value is None:
        return by_door(f"csv={{{name!r}: ...}}", option, f"csv: {{{name}: ...}}")
    in_python, in_yaml = (
        (f"[{value!r}]", f"[{_quoted(value)}]") if name == "null_values" else (repr(value), _quoted(value))
    )
    return by_door(f"csv={{{name!r}: {in_python}}}", f"{option} {_quoted(value)}", f"csv: {{{name}: {in_yaml}}}")


def csv_type_option(column: str, kind: ColumnType) -> str:
    """Return the option that gives a column its type, in the words of each door."""
    return by_door(
        f"csv={{'types': {{{column!r}: {kind!r}}}}}",
        f"--type {_quoted(f'{column}={kind}')}",
        f"csv: {{types: {{{column}: {kind}}}}}",
    )


def _quoted(value: str) -> str:
    return "'\\t'" if value == "\t" else value if value.replace("-", "").replace("=", "").isalnum() else f"'{value}'"


def _is_one_mark(text: Any) -> bool:
    return isinstance(text, str) and len(text) == 1 and text.isascii() and text not in '"\r\n\0'


def _check_encoding(encoding: Any) -> None:
    try:
        # Some codecs are of bytes to bytes.
        "".encode(codecs.lookup(encoding).name)
    except (LookupError, TypeError) as error:
        raise FrameError(
            f"{csv_option('encoding')} must be an encoding that Python knows, such as 'cp1252', got {encoding!r}."
        ) from error


def _check_time_format(time_format: Any) -> None:
    moment = dt.datetime(2001, 2, 3, 4, 5, 6, tzinfo=dt.UTC)
    try:
        if time_format is not None and dt.datetime.strptime(moment.strftime(time_format), time_format).year == 2001:
            return
    except (TypeError, ValueError):
        pass
    if time_format is not None:
        raise FrameError(
            f"{csv_option('time_format')} must say where day, month and year are, such as '%d/%m/%Y', got "
            f"{time_format!r}."
        )


def _check_null_values(given: Any) -> tuple[str, ...]:
    if isinstance(given, str) or not all(isinstance(each, str) for each in given):
        raise FrameError(f"{csv_option('null_values')} must be a list of texts, got {given!r}.")
    return tuple(given)


def _check_types(given: Any) -> dict[str, ColumnType]:
    if not isinstance(given, Mapping):
        raise FrameError(f"{csv_option('types')} must be a mapping from columns to types, got {given!r}.")
    for column, kind in given.items():
        if kind not in get_args(ColumnType):
            known = ", ".join(get_args(ColumnType))
            raise FrameError(f"{csv_option('types')}: the type of {column!r} must be one of {known}, got {kind!r}.")
    return {str(column): kind for column, kind in given.items()}
