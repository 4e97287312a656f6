"""Options of commands: each stands once, as a field with its type, its default and its help sentence.

A command takes a dataclass of options; :func:`command_with` expands the fields into the signature that typer reads.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from dataclasses import MISSING, dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar, get_type_hints

import typer

from cio_frames.cli.completion import complete_calls, complete_events
from cio_frames.cli.mistakes import Mistakes, find_mistakes
from cio_frames.errors import ConfigurationError

if TYPE_CHECKING:
    from cio_frames.cli.operations import OperationCall
    from cio_frames.columns import Selection
    from cio_frames.loading.read_options import ReadOptions
    from cio_frames.pipeline import CallSpec

Options = TypeVar("Options")
QuietOption = Annotated[
    bool, typer.Option("--quiet", "-q", help="Print nothing but errors; the exit status says how it went.")
]

# Options whose value is the name of a column, as job files have them under `columns:`.
COLUMN_OPTIONS = ("user_id", "anonymous_id", "previous_id", "group_id", "name", "timestamp", "message_id")


def command_with(
    options: type[Options], *, exclude: Sequence[str] = ()
) -> Callable[[Callable[[Options], None]], Callable[..., None]]:
    """Return a decorator that gives a command one parameter for each field of a dataclass of options.

    Fields in ``exclude`` keep their default.

    >>> @dataclass(frozen=True)
    ... class Greeting:
    ...     name: Annotated[str, typer.Option(help="Who to greet.")] = "world"
    >>> @command_with(Greeting)
    ... def greet(options: Greeting) -> None:
    ...     print(f"Hello, {options.name}!")
    >>> list(inspect.signature(greet).parameters), greet()
    Hello, world!
    (['name'], None)
    """
    hints = get_type_hints(options, include_extras=True)
    parameters = [
        inspect.Parameter(
            field.name,
            inspect.Parameter.KEYWORD_ONLY,
            default=inspect.Parameter.empty if field.default is MISSING else field.default,
            annotation=hints[field.name],
        )
        for field in fields(options)  # type: ignore[arg-type]
        if field.name not in exclude
    ]

    def expand(command: Callable[[Options], None]) -> Callable[..., None]:
        def run(**values: Any) -> None:
            command(options(**values))

        run.__name__, run.__doc__ = command.__name__, command.__doc__
        run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
        return run

    return expand


@dataclass(frozen=True, kw_only=True)
class CallOptions:
    """Which call the rows make, from which columns, checked and encoded how: the options of every such command."""

    call: Annotated[
        str | None,
        typer.Option(help="Call that the rows make (required): identify, track, page, screen, group, alias or batch."),
    ] = None
    event: Annotated[
        str | None, typer.Option(help="Event name for all rows (track).", autocompletion=complete_events)
    ] = None
    event_column: Annotated[
        str | None, typer.Option(help="Column with the name of each row's event (track, batch).")
    ] = None
    type_column: Annotated[str, typer.Option(help="Column with the call that each row makes (batch).")] = "type"
    user_id: Annotated[str | None, typer.Option(help="Column with the person's id.")] = None
    anonymous_id: Annotated[str | None, typer.Option(help="Column with the id of an anonymous visitor.")] = None
    previous_id: Annotated[
        str | None, typer.Option(help="Column with the earlier id of the person, which is merged away (alias).")
    ] = None
    group_id: Annotated[str | None, typer.Option(help="Column with the object's id (group).")] = None
    name: Annotated[str | None, typer.Option(help="Column with the name of the page or screen.")] = None
    timestamp: Annotated[str | None, typer.Option(help="Column with the time of the event.")] = None
    message_id: Annotated[
        str | None, typer.Option(help="Column with message ids; default: ids made from the content.")
    ] = None
    traits: Annotated[
        list[str] | None,
        typer.Option(
            metavar="COLUMN[=FIELD]",
            help="Column to send as a trait, repeatable (identify, group); default: every column without another use.",
        ),
    ] = None
    properties: Annotated[
        list[str] | None,
        typer.Option(
            metavar="COLUMN[=FIELD]",
            help="Column to send as a property, repeatable (track, page, screen); default: every unused column.",
        ),
    ] = None
    timezone: Annotated[str, typer.Option(help="Timezone of times that name none, for example Europe/Berlin.")] = "UTC"
    nulls: Annotated[
        str, typer.Option(help="Missing values: omit leaves them out, send writes null, which can erase an attribute.")
    ] = "omit"
    schema: Annotated[
        Path | None, typer.Option(help="Tracking plan to check rows against: a YAML file in the format of schemas/.")
    ] = None
    no_schema: Annotated[bool, typer.Option("--no-schema", help="Do not check rows against Customer.io's spec.")] = (
        False
    )
    strict_schema: Annotated[bool, typer.Option("--strict-schema", help="Treat warnings as errors.")] = False
    exact_ids: Annotated[
        bool, typer.Option("--exact-ids", help="Take ids as they are: blanks around them, nan or NULL as an id.")
    ] = False

    def call_spec(self, mistakes: Mistakes) -> CallSpec:
        """Return the call spec that the options describe; add wrong options to the mistakes, and use defaults for them.

        >>> mistakes = Mistakes()
        >>> CallOptions(call="identify", user_id="customer", timezone="Mars").call_spec(mistakes).mapping.user_id
        'customer'
        >>> bool(mistakes)
        True
        """
        from cio_frames.cli.precheck import build_checked_call_spec, without_call

        if self.call is None:
            mistakes.add(ConfigurationError("required option --call is missing. Add --call track, for example."))
        if self.no_schema and self.schema is not None:
            mistakes.add(ConfigurationError("--schema and --no-schema exclude each other. Use one of them."))
        columns = {name: getattr(self, name) for name in (*COLUMN_OPTIONS, "event_column", "type_column")}
        columns |= {name: parse_selection(getattr(self, name)) for name in ("traits", "properties")}
        call = self.call or "track"
        call_spec = build_checked_call_spec(
            call,
            columns,
            {
                "nulls": self.nulls,
                "timezone": self.timezone,
                "event": self.event,
                "strict_schema": self.strict_schema,
                "exact_ids": self.exact_ids,
                "schema": None if self.no_schema else self.schema or "spec",
            },
            lambda _, error: mistakes.add(error),
        )
        return without_call(call_spec) if self.call is None else call_spec


@dataclass(frozen=True, kw_only=True)
class OperationOptions(CallOptions):
    """The options of a call, and those of operations such as ``delete_people``."""

    call: Annotated[
        str | None,
        typer.Option(
            autocompletion=complete_calls,
            help="Call (required): identify, track, page, screen, group, alias, batch, or an operation: delete_people.",
        ),
    ] = None
    object_id: Annotated[
        str | None, typer.Option(help="Column with the id of the object (delete_objects, delete_relationships).")
    ] = None
    object_type_id: Annotated[
        str | None, typer.Option(help="Column with the type of the object (delete_objects, delete_relationships).")
    ] = None
    token: Annotated[str | None, typer.Option(help="Column with the device token (add_devices, delete_devices).")] = (
        None
    )
    device_type: Annotated[
        str | None, typer.Option(help="Column with ios or android (add_devices, delete_devices).")
    ] = None
    delivery_id: Annotated[str | None, typer.Option(help="Column with the id of the delivery (report_deliveries).")] = (
        None
    )
    metric: Annotated[
        str | None, typer.Option(help="Column with what happened, such as opened (report_deliveries).")
    ] = None
    action_type: Annotated[
        str | None, typer.Option(help="Column with viewed_content or clicked_content (report_content).")
    ] = None
    content_id: Annotated[str | None, typer.Option(help="Column with the number of the content (report_content).")] = (
        None
    )
    template_id: Annotated[
        str | None, typer.Option(help="Column with the number of the template (report_content).")
    ] = None

    def operation(
        self, mistakes: Mistakes, *, max_rows: int | None = None, audit: Path | None = None
    ) -> OperationCall | None:
        """Return the operation that the options describe; None if they describe a call.

        >>> OperationOptions(call="delete_people", user_id="person").operation(Mistakes()).given
        {'user_id': 'person'}
        """
        if self.call is None:
            return None
        from cio_frames.cli.operations import build_checked_operation, refuse_operation_parameters
        from cio_frames.operations import OPERATIONS

        given = {
            each.name: getattr(self, each.name)
            for each in fields(OperationOptions)
            if each.name != "call" and getattr(self, each.name) != each.default
        }
        given |= {name: parse_selection(given[name]) for name in ("traits", "properties") if name in given}
        if self.call not in OPERATIONS:
            guards = {name: value for name, value in (("max_rows", max_rows), ("audit", audit)) if value is not None}
            refuse_operation_parameters(self.call, {**given, **guards}, lambda _, error: mistakes.add(error))
            return None
        return build_checked_operation(
            self.call, given, lambda _, error: mistakes.add(error), max_rows=max_rows, audit=audit
        )

    def call_spec(self, mistakes: Mistakes) -> CallSpec:
        """Return the call spec that the options describe; add wrong options to the mistakes, and use defaults for them.

        >>> OperationOptions(call="delete_people", user_id="person").call_spec(Mistakes()).event
        'User Deleted'
        """
        if self.call is None:
            return super().call_spec(mistakes)
        from cio_frames.cli.operations import check_call_name
        from cio_frames.cli.precheck import without_call

        operation = self.operation(Mistakes())
        if operation is not None:
            return operation.provisional_spec
        try:
            check_call_name(self.call)
        except ConfigurationError as error:
            mistakes.add(error)
            return without_call(super(OperationOptions, replace(self, call="track")).call_spec(mistakes))
        return super().call_spec(mistakes)


@dataclass(frozen=True, kw_only=True)
class ReadingOptions:
    """How the files of a source are read: the options of every command that reads one."""

    delimiter: Annotated[
        str | None, typer.Option(help="Separator of CSV files, such as ';' or tab; default: a comma, a tab in .tsv.")
    ] = None
    encoding: Annotated[str, typer.Option(help="Encoding of CSV files, for example cp1252.")] = "utf-8"
    decimal: Annotated[str, typer.Option(help="Decimal point of numbers in CSV files, a point or a comma.")] = "."
    null_values: Annotated[
        str | None, typer.Option(metavar="TEXT,...", help="Cells of CSV files that are missing values: n/a,NULL.")
    ] = None
    time_format: Annotated[
        str | None, typer.Option(help="Form of times in CSV files, such as %d/%m/%Y; default: ISO 8601.")
    ] = None
    escape_char: Annotated[
        str | None, typer.Option(help="Character before quotes inside quotes in CSV files; by Spark and Redshift: \\.")
    ] = None
    type: Annotated[
        list[str] | None,
        typer.Option(
            metavar="COLUMN=TYPE",
            help="Type of a column of CSV files, repeatable: text, number or boolean; default: inferred from all rows.",
        ),
    ] = None
    partitions: Annotated[
        bool, typer.Option("--partitions/--no-partitions", help="Read folders such as country=de as columns.")
    ] = True

    def read_options(self, mistakes: Mistakes) -> ReadOptions:
        """Return how files are read; add wrong options to the mistakes, and use defaults for them.

        >>> mistakes = Mistakes()
        >>> ReadingOptions(null_values="n/a,NULL", type=["logins=number"], decimal="x").read_options(mistakes).csv
        CsvOptions(delimiter=None, encoding='utf-8', decimal='.', null_values=('n/a', 'NULL'), time_format=None, \
escape_char=None, types={'logins': 'number'})
        >>> bool(mistakes)
        True
        """
        from cio_frames.loading.csv import CsvOptions
        from cio_frames.loading.read_options import ReadOptions

        names = ("delimiter", "encoding", "decimal", "time_format", "escape_char")
        given: dict[str, Any] = {name: getattr(self, name) for name in names}
        given["null_values"] = tuple((self.null_values or "").split(",")) if self.null_values is not None else ()
        given["types"] = {column: kind for column, _, kind in (each.rpartition("=") for each in self.type or ())}
        refused = set()
        for name, error in find_mistakes(CsvOptions, {}, given):
            mistakes.add(error)
            refused.add(name)
        valid = {} if None in refused else {name: value for name, value in given.items() if name not in refused}
        return ReadOptions(CsvOptions(**valid), self.partitions)


def parse_selection(options: Sequence[str] | None) -> Selection | None:
    """Return COLUMN and COLUMN=FIELD options as a selection.

    >>> parse_selection(["total", "sku=product_id"])
    {'total': 'total', 'sku': 'product_id'}
    """
    if not options:
        return None
    return {column: field or column for column, _, field in (option.partition("=") for option in options)}
