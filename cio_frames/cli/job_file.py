"""Job files: what to load, in YAML, so that cron, Airflow and CI can run it.

Paths in a job file are relative to its folder, wherever it is run from, so that a stopped load finds its ledger again.
The write key is not allowed in a job file: it comes from the environment variable ``CIO_WRITE_KEY``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Set
from contextlib import contextmanager
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import yaml

from cio_frames._util.did_you_mean import closest_name
from cio_frames.cli.mistakes import Mistakes, find_mistakes
from cio_frames.cli.precheck import build_checked_call_spec, check_choice, find_client_mistakes
from cio_frames.client import Client
from cio_frames.columns import ColumnMapping
from cio_frames.errors import CioFramesError, ConfigurationError
from cio_frames.loading import folder_name
from cio_frames.loading.csv import CsvOptions
from cio_frames.loading.read_options import ReadOptions
from cio_frames.loading.standard_input import STANDARD_INPUT_PATH
from cio_frames.pipeline import CallSpec
from cio_frames.pipeline.as_of import read_as_of
from cio_frames.spec.yaml_file import YamlFile

KEYS = {
    "source", "call", "event", "columns", "client", "schema", "strict_schema", "exact_ids", "timezone", "nulls",
    "on_invalid", "as_of", "allow_campaigns", "ledger", "output", "report", "csv", "partitions",
}  # fmt: skip
COLUMN_KEYS = frozenset({"type_column", "event_column", *(each.name for each in fields(ColumnMapping))}) - {
    "event", "fields", "constants",
}  # fmt: skip
CLIENT_KEYS = frozenset(each.name for each in fields(Client)) - {"write_key"}
CSV_KEYS = frozenset(each.name for each in fields(CsvOptions))
_REQUIRED_KEYS = ("source", "call")
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
    options : dict
        The other parameters of a load.
    """

    source: str
    call_spec: CallSpec
    client: Mapping[str, Any]
    report: Path | None
    options: Mapping[str, Any]


def read_job(path: Path) -> Job:
    r"""Return what a job file describes.

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
    return _JobReader(path).read()


class _JobReader:
    """Reads one job file, and collects its mistakes on the way."""

    def __init__(self, path: Path) -> None:
        self._file = YamlFile(path, "Check the path of the job file.", ConfigurationError)
        self._folder = path.parent.resolve()
        self._mistakes = Mistakes()

    def read(self) -> Job:
        root = self._file.root
        nodes = self._entries(root, KEYS)
        if isinstance(root, yaml.MappingNode):
            for key in _REQUIRED_KEYS:
                if key not in nodes:
                    self._add(root, f"required key {key!r} is missing")
        values = self._values(nodes, self._value)
        call_spec = self._call_spec(nodes, values)
        on_invalid = values.get("on_invalid", "skip")
        with self._at(nodes.get("on_invalid")):
            check_choice("on_invalid", on_invalid, ("skip", "raise"))
        if "as_of" in values:
            with self._at(nodes["as_of"]):
                read_as_of(values["as_of"])
        self._mistakes.raise_all(by_line=True)
        options = {
            "ledger": values.get("ledger"),
            "output": values.get("output", self._folder / folder_name(values["source"], call_spec)),
            "on_invalid": on_invalid,
            "as_of": values.get("as_of"),
            "allow_campaigns": values.get("allow_campaigns", False),
            "read_options": ReadOptions(CsvOptions(**values.get("csv", {})), values.get("partitions", True)),
        }
        return Job(values["source"], call_spec, values.get("client", {}), values.get("report"), options)

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
                    close = closest_name(key_node.value, sorted(allowed))
                    meant = f", did you mean {close!r}?" if close else ";"
                    known = ", ".join(sorted(allowed))
                    self._add(key_node, f"unknown key {key_node.value!r}{meant} known are {known}")
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
            case "ledger" | "output" | "report":
                return self._folder / self._file.text(node)
            case "schema":
                value = self._file.scalar(node)
                return value if value in ("spec", None) else self._folder / self._file.text(node)
            case "as_of" if isinstance(node, yaml.ScalarNode):
                # YAML reads dates, which are as good as text here.
                return str(node.value)
            case "source":
                source = self._file.text(node)
                return source if _is_url(source) or source == STANDARD_INPUT_PATH else str(self._folder / source)
            case _:
                return self._file.text(node)

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

    def _call_spec(self, nodes: Mapping[str, yaml.Node], values: Mapping[str, Any]) -> CallSpec:
        call = values.get("call", "track")
        settings = {key: values[key] for key in _CALL_SETTINGS if key in values}
        return build_checked_call_spec(
            call,
            values.get("columns", {}),
            settings,
            lambda key, error: self._add(nodes.get(key or ""), error.text("job file")),
        )


def _is_url(source: str) -> bool:
    return re.match(r"[A-Za-z][A-Za-z0-9+.\-]+://", source) is not None
