"""Job files: what to load, in YAML, so that cron, Airflow and CI can run it.

Paths in a job file are relative to it, wherever it is run from. The write
key is never in one: it comes from ``CIO_WRITE_KEY``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import yaml

from cio_frames.client import Client
from cio_frames.columns import ColumnMapping
from cio_frames.errors import ConfigurationError
from cio_frames.functions import request_for
from cio_frames.loading import folder_name
from cio_frames.pipeline import Request
from cio_frames.yaml_file import YamlFile

_KEYS = {
    "source", "call", "event", "columns", "client", "schema", "strict_schema", "timezone", "nulls", "on_invalid",
    "allow_campaigns", "ledger", "output", "report",
}  # fmt: skip
_COLUMNS = frozenset({"type_column", "event_column", *(each.name for each in fields(ColumnMapping))}) - {
    "event", "fields", "constants",
}  # fmt: skip
_CLIENT = frozenset(each.name for each in fields(Client)) - {"write_key"}
_SWITCHES = ("strict_schema", "allow_campaigns")


@dataclass(frozen=True, slots=True)
class Job:
    """What a job file asks for.

    Attributes
    ----------
    source : str
        Where the rows are.
    request : Request
        Which calls, from which columns.
    client : dict
        Settings of the client, but for the write key.
    report : Path or None
        Where to write what it came to.
    options : dict
        The other parameters of a load.
    """

    source: str
    request: Request
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
    entries = file.mapping(file.root, allowed=_KEYS, required={"source", "call"})
    words = {
        key: file.text(entries[key]) for key in ("source", "call", "event", "timezone", "nulls", "on_invalid")
        if key in entries
    }  # fmt: skip
    switches = {key: _switch(file, entries[key]) for key in _SWITCHES if key in entries}
    paths = {key: path.parent / file.text(entries[key]) for key in ("ledger", "output", "report") if key in entries}
    columns = _settings(file, entries.get("columns"), _COLUMNS)
    event_column, type_column = columns.pop("event_column", None), columns.pop("type_column", "type")
    mapping = ColumnMapping(
        event=event_column, type_column=type_column if words["call"] == "batch" else None, **columns
    )
    request = request_for(
        words["call"],
        mapping,
        _schema(file, entries.get("schema"), path.parent),
        words.get("nulls", "omit"),
        words.get("timezone", "UTC"),
        event=words.get("event"),
        strict_schema=switches.get("strict_schema", False),
    )
    source = _address(words["source"], path.parent.resolve())
    options = {
        "ledger": paths.get("ledger"),
        # Beside the job also where none is named: run from elsewhere, it is the same load.
        "output": paths.get("output", path.parent / folder_name(source, request)),
        "on_invalid": words.get("on_invalid", "skip"),
        "allow_campaigns": switches.get("allow_campaigns", False),
    }
    client = _settings(file, entries.get("client"), _CLIENT)
    return Job(source, request, client, paths.get("report"), options)


def _settings(file: YamlFile, node: yaml.Node | None, allowed: frozenset[str]) -> dict[str, Any]:
    if node is None:
        return {}
    return {key: file.scalar(value) for key, value in file.mapping(node, allowed=allowed).items()}


def _switch(file: YamlFile, node: yaml.Node) -> bool:
    value = file.scalar(node)
    if not isinstance(value, bool):
        raise file.wrong(node, "true or false is needed here")
    return value


def _schema(file: YamlFile, node: yaml.Node | None, folder: Path) -> Any:
    """Return ``spec``, nothing, or the path of a tracking plan."""
    if node is None:
        return "spec"
    value = file.scalar(node)
    return value if value in ("spec", None) else folder / file.text(node)


def _address(source: str, folder: Path) -> str:
    return source if re.match(r"[A-Za-z][A-Za-z0-9+.\-]+://", source) else str(folder / source)
