"""Job files: what to load, in YAML, so that cron, Airflow and CI can run it.

Paths in a job file are relative to it, wherever it is run: a load that was stopped is known by them. The write key is
never in one: it comes from ``CIO_WRITE_KEY``.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any, get_args

import yaml

from cio_frames.client import Client
from cio_frames.columns import ColumnMapping
from cio_frames.errors import CioFramesError, ConfigurationError
from cio_frames.functions import OnInvalid, build_call_spec
from cio_frames.loading import folder_name
from cio_frames.pipeline import CallSpec
from cio_frames.spec.yaml_file import YamlFile

KEYS = {
    "source", "call", "event", "columns", "client", "schema", "strict_schema", "timezone", "nulls", "on_invalid",
    "allow_campaigns", "ledger", "output", "report",
}  # fmt: skip
COLUMN_KEYS = frozenset({"type_column", "event_column", *(each.name for each in fields(ColumnMapping))}) - {
    "event", "fields", "constants",
}  # fmt: skip
CLIENT_KEYS = frozenset(each.name for each in fields(Client)) - {"write_key"}
_SWITCHES = ("strict_schema", "allow_campaigns")


@dataclass(frozen=True, slots=True)
class Job:
    """What a job file asks for.

    Attributes
    ----------
    source : str
        Where the rows are.
    call_spec : CallSpec
        Which calls, from which columns.
    client : dict
        Settings of the client, but for the write key.
    report : Path or None
        Where to write what it came to.
    options : dict
        The other parameters of a load.
    """

    source: str
    call_spec: CallSpec
    client: Mapping[str, Any]
    report: Path | None
    options: Mapping[str, Any]


def read_job(path: Path) -> Job:
    r"""Return what a job file asks for.

    Raises
    ------
    ConfigurationError
        The file cannot be read, or there is a mistake in it, told with its line.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "orders.yaml"
    ...     _ = path.write_text("source: orders/*.parquet\ncall: track\nevent: Order Completed\n")
    ...     job = read_job(path)
    >>> job.request.event, Path(job.source).name
    ('Order Completed', '*.parquet')
    """
    file = YamlFile(path, "Name a job file; the README shows one.", ConfigurationError)
    entries = file.mapping(file.root, allowed=KEYS, required={"source", "call"})
    words = {
        key: file.text(entries[key]) for key in ("source", "call", "event", "timezone", "nulls", "on_invalid")
        if key in entries
    }  # fmt: skip
    switches = {key: _switch(file, entries[key]) for key in _SWITCHES if key in entries}
    folder = path.parent.resolve()
    paths = {key: folder / file.text(entries[key]) for key in ("ledger", "output", "report") if key in entries}
    columns = _columns(file, entries.get("columns"))
    event_column, type_column = columns.pop("event_column", None), columns.pop("type_column", "type")
    mapping = ColumnMapping(
        event=event_column, type_column=type_column if words["call"] == "batch" else None, **columns
    )
    asked: dict[str, yaml.Node] = {
        key: entries[key] for key in ("event", "nulls", "timezone", "schema") if key in entries
    }
    given = words | {"schema": _schema(file, entries.get("schema"), folder)}
    call_spec = _request(file, entries["call"], words["call"], asked, given, mapping)
    call_spec = replace(call_spec, strict_schema=switches.get("strict_schema", False))
    on_invalid = words.get("on_invalid", "skip")
    if on_invalid not in get_args(OnInvalid):
        raise file.error_at(entries["on_invalid"], f"on_invalid={on_invalid!r} is neither 'skip' nor 'raise'")
    source = _address(words["source"], folder)
    options = {
        "ledger": paths.get("ledger"),
        "output": paths.get("output", folder / folder_name(source, call_spec)),
        "on_invalid": on_invalid,
        "allow_campaigns": switches.get("allow_campaigns", False),
    }
    client = _client(file, entries.get("client"))
    return Job(source, call_spec, client, paths.get("report"), options)


def _request(
    file: YamlFile, node: yaml.Node, call: str, asked: Mapping[str, yaml.Node], given: Mapping[str, Any],
    mapping: ColumnMapping,
) -> CallSpec:  # fmt: skip
    """Return what is asked for, put together word by word, so that a wrong one is told with its own line."""
    known: dict[str, Any] = {"mapping": mapping, "schema": "spec", "nulls": "omit", "timezone": "UTC"}
    with _on_line(file, node):
        call_spec = build_call_spec(call, **known)
    for key, its_node in asked.items():
        known[key] = given[key]
        with _on_line(file, its_node):
            call_spec = build_call_spec(call, **known)
    return call_spec


def _client(file: YamlFile, node: yaml.Node | None) -> dict[str, Any]:
    """Return the client's settings, each tried in a client that has room for it, and then all of them together."""
    settings = _settings(file, node, CLIENT_KEYS)
    room: dict[str, Any] = {"write_key": "none", "max_call_bytes": 1, "max_body_bytes": sys.maxsize}
    for key, its_node in file.mapping(node).items() if node is not None else ():
        with _on_line(file, its_node):
            Client(**room | {key: settings[key]})
    with _on_line(file, node):
        Client(write_key="none", **settings)
    return settings


@contextmanager
def _on_line(file: YamlFile, node: yaml.Node | None) -> Iterator[None]:
    """Tell a mistake that is found inside with the line of this node."""
    try:
        yield
    except CioFramesError as error:
        raise file.error_at(node, str(error).rstrip(".")) from error


def _settings(file: YamlFile, node: yaml.Node | None, allowed: frozenset[str]) -> dict[str, Any]:
    if node is None:
        return {}
    return {key: file.scalar(value) for key, value in file.mapping(node, allowed=allowed).items()}


def _columns(file: YamlFile, node: yaml.Node | None) -> dict[str, Any]:
    """Return which column feeds what; a column's name is text, also where YAML would read a number or a truth value."""
    if node is None:
        return {}
    return {key: _chosen(file, key, value) for key, value in file.mapping(node, allowed=COLUMN_KEYS).items()}


def _chosen(file: YamlFile, key: str, node: yaml.Node) -> Any:
    if key in ("traits", "properties"):
        if isinstance(node, yaml.MappingNode):
            return {label: file.text(name) for label, name in file.mapping(node).items()}
        return list(map(file.text, file.sequence(node, "a list of columns, or a mapping from columns to names")))
    if key in ("context", "integrations") and isinstance(node, yaml.MappingNode):
        return file.scalar(node)
    return file.text(node)


def _switch(file: YamlFile, node: yaml.Node) -> bool:
    value = file.scalar(node)
    if not isinstance(value, bool):
        raise file.error_at(node, "true or false is needed here")
    return value


def _schema(file: YamlFile, node: yaml.Node | None, folder: Path) -> Any:
    """Return ``spec``, nothing, or the path of a tracking plan."""
    if node is None:
        return "spec"
    value = file.scalar(node)
    return value if value in ("spec", None) else folder / file.text(node)


def _address(source: str, folder: Path) -> str:
    return source if re.match(r"[A-Za-z][A-Za-z0-9+.\-]+://", source) else str(folder / source)
