"""Job files: what to load, in YAML, so that cron, Airflow and CI can run it.

Paths in a job file are relative to its folder, wherever it is run from, so that a stopped load finds its ledger again.
The write key is not allowed in a job file: it comes from the environment variable ``CIO_WRITE_KEY``. Paths can have
variables: ``${NAME}`` of the environment, and ``${date}``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Set
from contextlib import contextmanager, suppress
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import yaml

from cio_frames._util.did_you_mean import closest_name
from cio_frames.cli.job_variables import JobVariables
from cio_frames.cli.max_undelivered import read_max_undelivered
from cio_frames.cli.mistakes import Mistakes, find_mistakes
from cio_frames.cli.operations import (
    OPERATION_COLUMNS,
    OperationCall,
    build_checked_operation,
    check_call_name,
    refuse_operation_parameters,
)
from cio_frames.cli.precheck import build_checked_call_spec, check_choice, find_client_mistakes
from cio_frames.client import Client
from cio_frames.columns import ColumnMapping
from cio_frames.errors import CioFramesError, ConfigurationError
from cio_frames.loading import folder_name
from cio_frames.loading.csv import CsvOptions
from cio_frames.loading.read_options import ReadOptions
from cio_frames.loading.standard_input import STANDARD_INPUT_PATH
from cio_frames.operations import OPERATIONS
from cio_frames.pipeline import CallSpec
from cio_frames.pipeline.as_of import read_as_of
from cio_frames.spec.yaml_file import YamlFile
from cio_frames.syncing.options import sync_options
from cio_frames.syncing.parameters import SYNC_OPTIONS

KEYS = {
    "source", "call", "event", "columns", "client", "schema", "strict_schema", "exact_ids", "timezone", "nulls",
    "on_invalid", "as_of", "allow_campaigns", "max_undelivered", "ledger", "output", "report", "csv", "partitions",
    "state", "max_rows", "audit", "undelivered_csv",
}  # fmt: skip
COLUMN_KEYS = frozenset(
    {"type_column", "event_column", *OPERATION_COLUMNS, *(each.name for each in fields(ColumnMapping))}
) - {"event", "fields", "constants"}
CLIENT_KEYS = frozenset(each.name for each in fields(Client)) - {"write_key"}
STATE_KEYS = frozenset({"path", *SYNC_OPTIONS} - {"state", "as_of"})
# Keys of a sync beside those of its state and its call.
_SYNC_KEYS = ("output", "on_invalid", "allow_campaigns")
CSV_KEYS = frozenset(each.name for each in fields(CsvOptions))
_REQUIRED_KEYS = ("source", "call")
_PATH_KEYS = ("ledger", "output", "report", "audit", "undelivered_csv")
_CALL_SETTINGS = ("event", "nulls", "timezone", "schema", "strict_schema", "exact_ids")


@dataclass(frozen=True, slots=True)
class Job:
    """What a job file describes.

    Attributes
    ----------
    source : str
        Where the rows are.
    call_spec : CallSpec
        Which calls to make, from which columns.
    client : dict
        Settings of the client, without the write key.
    report : Path or None
        Where to write a summary.
    max_undelivered : str or None
        How many rows may stay undelivered, as a number or a share.
    schema : Path or None
        The tracking plan.
    options : dict
        The other parameters of a load.
    state : dict or None
        The options of a sync, if the job is one.
    operation : OperationCall or None
        The operation, if the job is one.
    undelivered_csv : Path or None
        Where to write undelivered rows as CSV.
    """

    source: str
    call_spec: CallSpec
    client: Mapping[str, Any]
    report: Path | None
    max_undelivered: str | None
    schema: Path | None
    options: Mapping[str, Any]
    state: Mapping[str, Any] | None = None
    operation: OperationCall | None = None
    undelivered_csv: Path | None = None


def read_job(path: Path, *, as_of: str | None = None, variables: JobVariables | None = None) -> Job:
    r"""Return what a job file describes.

    ``as_of`` stands for that of the file, and ``variables`` for the environment and today's date.

    Raises
    ------
    ConfigurationError
        The file cannot be read, or it has mistakes; the text names the line of each.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "orders.yaml"
    ...     _ = path.write_text("source: orders/*.parquet\ncall: track\nevent: Order Completed\n")
    ...     job = read_job(path)
    >>> job.call_spec.event, Path(job.source).name
    ('Order Completed', '*.parquet')
    """
    return _JobReader(path, as_of, variables).read()


class _JobReader:
    """Reads one job file, and collects its mistakes on the way."""

    def __init__(self, path: Path, as_of: str | None, variables: JobVariables | None) -> None:
        self._file = YamlFile(path, "Check the path of the job file.", ConfigurationError)
        self._folder = path.parent.resolve()
        self._mistakes = Mistakes()
        self._nodes = self._entries(self._file.root, KEYS)
        self._variables = variables or self._variables_of_run(as_of)

    def read(self) -> Job:
        root, nodes = self._file.root, self._nodes
        if isinstance(root, yaml.MappingNode):
            for key in _REQUIRED_KEYS:
                if key not in nodes:
                    self._add(root, f"required key {key!r} is missing")
        values = self._values(nodes, self._value)
        operation = self._operation(nodes, values)
        call_spec = self._call_spec(nodes, values) if operation is None else operation.provisional_spec
        on_invalid = values.get("on_invalid", "skip")
        with self._at(nodes.get("on_invalid")):
            check_choice("on_invalid", on_invalid, ("skip", "raise"))
        state = values.get("state")
        if state is not None:
            state = state | {key: values[key] for key in ("as_of",) if key in values}
            with self._at(nodes["state"]):
                sync_options(call_spec, **{**state, "as_of": None})
            if "ledger" in nodes:
                self._add(nodes["ledger"], "ledger does not apply with state, which is the ledger of the runs")
        if "as_of" in values:
            with self._at(nodes["as_of"]):
                read_as_of(values["as_of"])
        max_undelivered = values.get("max_undelivered")
        if max_undelivered is not None:
            with self._at(nodes["max_undelivered"]):
                read_max_undelivered(max_undelivered)
        self._mistakes.raise_all(by_line=True)
        schema = values["schema"] if isinstance(values.get("schema"), Path) else None
        read_options = ReadOptions(CsvOptions(**values.get("csv", {})), values.get("partitions", True))
        job = Job(
            values["source"],
            call_spec,
            values.get("client", {}),
            values.get("report"),
            max_undelivered,
            schema,
            {},
            state,
            operation,
            values.get("undelivered_csv"),
        )
        if state is not None:
            default = (self._folder / folder_name(values["source"], call_spec)).with_suffix(".sync")
            chosen = {key: value for key, value in values.items() if key in _SYNC_KEYS}
            return replace(job, options={"output": default, "read_options": read_options, **chosen})
        name = folder_name(values["source"], call_spec) if operation is None else operation.default_output(job.source)
        options = {
            "ledger": values.get("ledger"),
            "output": values.get("output", self._folder / name),
            "on_invalid": on_invalid,
            "as_of": values.get("as_of"),
            "allow_campaigns": values.get("allow_campaigns", False),
            "read_options": read_options,
        }
        return replace(job, options=options)

    def _add(self, node: yaml.Node | None, text: str) -> None:
        self._mistakes.add(self._file.error_at(node, text.rstrip(".")))

    @contextmanager
    def _at(self, node: yaml.Node | None) -> Iterator[None]:
        """Add an error that is raised inside, with the line of a node."""
        try:
            yield
        except CioFramesError as error:
            self._add(node, error.text("job file"))

    def _entries(self, node: Any, allowed: Set[str]) -> dict[str, yaml.Node]:
        """Return the values of a mapping by key; unknown keys are mistakes."""
        with self._mistakes.collect():
            entries = self._file.mapping(node)
            for key_node, _ in node.value:
                if key_node.value not in allowed:
                    known = ", ".join(sorted(allowed))
                    self._add(
                        key_node, f"unknown key {key_node.value!r}{_hint(key_node.value, allowed)} known are {known}"
                    )
            return {key: value for key, value in entries.items() if key in allowed}
        return {}

    def _values(self, nodes: Mapping[str, yaml.Node], read: Callable[[str, yaml.Node], Any]) -> dict[str, Any]:
        """Return the values that can be read; the others are mistakes."""
        values = {}
        for key, node in nodes.items():
            with self._mistakes.collect():
                values[key] = read(key, node)
        return values

    def _value(self, key: str, node: yaml.Node) -> Any:
        match key:
            case "columns":
                return self._values(self._entries(node, COLUMN_KEYS), self._column)
            case "client":
                return self._client(node)
            case "csv":
                return self._csv(node)
            case "strict_schema" | "exact_ids" | "allow_campaigns" | "partitions":
                return self._switch(node)
            case _ if key in _PATH_KEYS:
                return self._folder / self._text(node)
            case "max_rows":
                return self._whole_number(node)
            case "state":
                return self._state(node)
            case "schema":
                value = self._file.scalar(node)
                return value if value in ("spec", None) else self._folder / self._file.text(node)
            case "as_of" | "max_undelivered" if isinstance(node, yaml.ScalarNode):
                # YAML reads dates and numbers, which are as good as text here.
                return str(node.value)
            case "source":
                source = self._text(node)
                return source if _is_url(source) or source == STANDARD_INPUT_PATH else str(self._folder / source)
            case _:
                return self._file.text(node)

    def _variables_of_run(self, as_of: str | None) -> JobVariables:
        """Return the environment, and the date that the run is about: that of ``as_of``, or today's."""
        own_as_of, timezone = (getattr(self._nodes.get(key), "value", None) for key in ("as_of", "timezone"))
        # What is wrong with them is reported where they are read.
        with suppress(CioFramesError):
            return JobVariables.of_run(as_of or own_as_of, timezone)
        return JobVariables.of_run()

    def _text(self, node: yaml.Node) -> str:
        """Return text with its variables replaced by their values."""
        text = self._file.text(node)
        try:
            return self._variables.replace(text)
        except CioFramesError as error:
            raise self._file.error_at(node, error.text("job file").rstrip(".")) from None

    def _whole_number(self, node: yaml.Node) -> int:
        value = self._file.scalar(node)
        if not isinstance(value, int) or isinstance(value, bool):
            raise self._file.error_at(node, "expected a whole number")
        return value

    def _state(self, node: yaml.Node) -> dict[str, Any]:
        """Return the options of a sync: the path of the state alone, or a mapping."""
        if not isinstance(node, yaml.MappingNode):
            return {"state": self._folder / self._text(node)}
        entries = self._entries(node, STATE_KEYS)
        if "path" not in entries:
            raise self._file.error_at(node, "required key 'path' is missing")
        options = {key: self._file.scalar(value) for key, value in entries.items() if key not in ("path", "audit")}
        options |= {key: self._folder / self._file.text(entries[key]) for key in ("audit",) if key in entries}
        return {"state": self._folder / self._file.text(entries["path"]), **options}

    def _column(self, key: str, node: yaml.Node) -> Any:
        """Return a column or a selection; the name of a column is text, also if YAML would read a number or boolean."""
        if key in ("traits", "properties"):
            if isinstance(node, yaml.MappingNode):
                return {label: self._file.text(name) for label, name in self._file.mapping(node).items()}
            columns = self._file.sequence(node, "a list of columns, or a mapping from columns to names,")
            return list(map(self._file.text, columns))
        if key in ("context", "integrations") and isinstance(node, yaml.MappingNode):
            return self._file.scalar(node)
        return self._file.text(node)

    def _client(self, node: yaml.Node) -> dict[str, Any]:
        entries = self._entries(node, CLIENT_KEYS)
        settings = {key: self._file.scalar(value) for key, value in entries.items()}
        for key, error in find_client_mistakes(settings):
            self._add(entries.get(key or "", node), error.text("job file"))
        return settings

    def _csv(self, node: yaml.Node) -> dict[str, Any]:
        entries = self._entries(node, CSV_KEYS)
        options = {key: self._file.scalar(value) for key, value in entries.items()}
        for key, error in find_mistakes(CsvOptions, {}, options):
            self._add(entries.get(key or "", node), error.text("job file"))
        return options

    def _switch(self, node: yaml.Node) -> bool:
        value = self._file.scalar(node)
        if not isinstance(value, bool):
            raise self._file.error_at(node, "expected true or false")
        return value

    def _operation(self, nodes: Mapping[str, yaml.Node], values: Mapping[str, Any]) -> OperationCall | None:
        """Return the operation that the job is; None if it makes a call."""

        def add(key: str | None, error: CioFramesError) -> None:
            self._add(nodes.get(key or "", nodes.get("columns")), error.text("job file"))

        call, columns = values.get("call", "track"), values.get("columns", {})
        guards = {key: values[key] for key in ("max_rows", "audit") if key in values}
        if call not in OPERATIONS:
            refuse_operation_parameters(call, {**columns, **guards}, add)
            return None
        if "state" in nodes:
            self._add(nodes["state"], f"state does not apply to {call}, which is not a call")
        given = {**columns, **{key: values[key] for key in _CALL_SETTINGS if key in values}}
        return build_checked_operation(call, given, add, **guards)

    def _call_spec(self, nodes: Mapping[str, yaml.Node], values: Mapping[str, Any]) -> CallSpec:
        call = values.get("call", "track")
        try:
            check_call_name(call)
        except CioFramesError as error:
            self._add(nodes["call"], error.text("job file"))
            call = "track"
        settings = {key: values[key] for key in _CALL_SETTINGS if key in values}
        return build_checked_call_spec(
            call,
            {key: value for key, value in values.get("columns", {}).items() if key not in OPERATION_COLUMNS},
            settings,
            lambda key, error: self._add(nodes.get(key or ""), error.text("job file")),
        )


# Keys of a job file by the key that they stand below.
_NESTED_KEYS = {"columns": COLUMN_KEYS, "client": CLIENT_KEYS, "csv": CSV_KEYS, "state": STATE_KEYS}


def _hint(key: str, allowed: Set[str]) -> str:
    """Return what was probably meant by an unknown key.

    >>> _hint("evnt", KEYS), _hint("user_id", KEYS)
    (", did you mean 'event'?", ", which belongs under 'columns';")
    """
    if key == "write_key":
        return ", the write key is read from the environment variable CIO_WRITE_KEY;"
    if allowed is not KEYS and key in KEYS:
        return ", which belongs to the job itself;"
    above = next((name for name, keys in _NESTED_KEYS.items() if allowed is KEYS and key in keys), None)
    if above is not None:
        return f", which belongs under {above!r};"
    close = closest_name(key, sorted(allowed))
    return f", did you mean {close!r}?" if close else ";"


def _is_url(source: str) -> bool:
    return re.match(r"[A-Za-z][A-Za-z0-9+.\-]+://", source) is not None
