"""Checks of a command before it runs: what it is asked to do, with which client, where it reads and writes."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from cio_frames._util.did_you_mean import closest_name
from cio_frames._util.own_files import is_own_text, refuse_to_replace
from cio_frames.cli.mistakes import Mistakes, find_mistakes
from cio_frames.client import Client
from cio_frames.columns import ColumnMapping, resolve
from cio_frames.errors import CioFramesError, ConfigurationError, FrameError, MissingColumnsError, parameter
from cio_frames.loading.address_secrets import masked_errors
from cio_frames.loading.clashes import refuse_clashes
from cio_frames.loading.files import find_files
from cio_frames.loading.read_options import ReadOptions
from cio_frames.loading.sources import source_of
from cio_frames.loading.standard_input import STANDARD_INPUT_PATH
from cio_frames.pipeline.call_spec import CallSpec, build_call_spec

_COLUMNS_LISTED = 20
# A client in which every single setting of another one fits, so that a refused setting is itself wrong.
_ROOMY_CLIENT: Mapping[str, Any] = {"write_key": "none", "max_call_bytes": 1, "max_body_bytes": sys.maxsize}


def build_checked_call_spec(
    call: str,
    columns: Mapping[str, Any],
    settings: Mapping[str, Any],
    add: Callable[[str | None, CioFramesError], None],
) -> CallSpec:
    """Return a call spec; hand the key and the error of each wrong setting to ``add``, and use a default for it."""
    valid: dict[str, Any] = {"call": "track"}
    given = {"call": call, **columns, **settings}
    refused = set()
    for key, error in find_mistakes(build_call_spec, valid, given):
        add(key, error)
        refused.add(key)
    call_spec = build_call_spec(**valid | {key: value for key, value in given.items() if key not in refused})
    return without_call(call_spec) if "call" in refused else call_spec


def without_call(call_spec: CallSpec) -> CallSpec:
    """Return a call spec whose columns can be checked although its call is missing or unknown.

    It is one of mixed calls, since these require no column of every row.
    """
    return replace(call_spec, call="batch")


def find_client_mistakes(settings: Mapping[str, Any]) -> Iterator[tuple[str | None, CioFramesError]]:
    """Yield the key and the error of each wrong setting of a client.

    >>> [key for key, _ in find_client_mistakes({"region": "mars", "workers": 0})]
    ['region', 'workers']
    """
    return find_mistakes(Client, _ROOMY_CLIENT, {"write_key": "none", **with_plain_region(settings)})


def with_plain_region(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return settings of a client with the region in small letters: people write EU.

    >>> with_plain_region({"region": "EU", "workers": 2})
    {'region': 'eu', 'workers': 2}
    """
    region = settings.get("region")
    return {**settings, "region": region.lower()} if isinstance(region, str) else dict(settings)


def build_checked_client(settings: Mapping[str, Any], mistakes: Mistakes, *, dry_run: bool) -> Client | None:
    """Return a client with settings and the environment's write key; None if something is missing or wrong.

    A dry run uses the settings too, but needs no write key.
    """
    settings = with_plain_region(settings)
    environ = dict(os.environ)
    if not environ.get("CIO_WRITE_KEY"):
        if not dry_run:
            mistakes.add(
                ConfigurationError(
                    "write key is missing. Set the environment variable CIO_WRITE_KEY. Without an account, add "
                    "--dry-run, or start a local Customer.io with: cio-frames sandbox"
                )
            )
        environ["CIO_WRITE_KEY"] = "dry-run"
    names = {"write_key": "CIO_WRITE_KEY", "region": "CIO_REGION", "endpoint": "CIO_ENDPOINT"}
    given = {setting: environ[name] for setting, name in names.items() if environ.get(name)} | dict(settings)
    found = list(find_client_mistakes(given))
    for _, error in found:
        mistakes.add(error)
    return None if found else Client.from_env(environ, **settings)


def check_source(
    source: str, call_spec: CallSpec, mistakes: Mistakes, *, output: Path | None = None,
    read_options: ReadOptions | None = None, what: str | None = None,
) -> None:  # fmt: skip
    """Add what is wrong with a source: not found, unreadable, or without columns that the call needs.

    ``what`` is the name of the call in errors, if it is an operation.
    """
    labels: list[Hashable] | None = None
    if source == STANDARD_INPUT_PATH:
        # It can be read once only.
        return
    with mistakes.collect():
        keep = {column for _, column in named_columns(call_spec.mapping)}
        with masked_errors(source):
            where, labels = next(source_of(source, read_options, exclude=output, keep=keep).labels())
    if labels is None:
        return
    missing = [(key, column) for key, column in named_columns(call_spec.mapping) if column not in labels]
    for key, column in missing:
        mistakes.add(missing_column_error(key, column, where, labels))
    if call_spec.call != "batch":
        event = call_spec.tracking_plan.event(call_spec.event) or call_spec.event
        # As if the named columns were there, so that each missing column is reported once.
        everything = [*labels, *dict.fromkeys(column for _, column in missing)]
        with mistakes.collect():
            try:
                resolve(everything, call_spec.tracking_plan.calls[call_spec.call], call_spec.mapping, event)
            except MissingColumnsError as error:
                raise required_column_error(error, where, labels, what) from error


def named_columns(mapping: ColumnMapping) -> Iterator[tuple[str, Hashable]]:
    """Yield each column that a mapping names, after the parameter that names it.

    >>> list(named_columns(ColumnMapping(user_id="customer", event="action", properties=["total"])))
    [('user_id', 'customer'), ('event_column', 'action'), ('properties', 'total')]
    """
    names = ("user_id", "anonymous_id", "previous_id", "group_id", "name", "timestamp", "message_id")
    for name in (*names, "context", "integrations"):
        column = getattr(mapping, name)
        if column is not None and not isinstance(column, Mapping):
            yield name, column
    if mapping.event is not None:
        yield "event_column", mapping.event
    if mapping.type_column is not None:
        yield "type_column", mapping.type_column
    for bag in ("traits", "properties"):
        yield from ((bag, column) for column in getattr(mapping, bag) or ())


def missing_column_error(key: str, column: Hashable, where: str, labels: list[Hashable]) -> FrameError:
    """Return the error for a column that is named, and that a file does not have."""
    meant = closest_name(str(column), labels)
    hint = f" Did you mean {meant!r}?" if meant is not None else ""
    return FrameError(f"{parameter(key, column)}: column not found in {where}.{hint} {_list_columns(labels)}")


def required_column_error(
    error: MissingColumnsError, where: str, labels: list[Hashable], what: str | None = None
) -> FrameError:
    """Return the error for a column that the call needs and that nothing names."""
    needed = (
        f"{what or error.call} requires column {' or '.join(map(repr, error.missing))}, which {where} does not have."
    )
    close = ((name, closest_name(name, labels)) for name in error.missing)
    meant = next((parameter(name, label) for name, label in close if label is not None), None)
    if error.missing == ["event"]:
        remedy = f"Set {parameter('event', 'Order Completed')} for all rows, or {parameter('event_column', 'COLUMN')}."
    elif meant is not None:
        remedy = f"Did you mean {meant}?"
    else:
        remedy = f"Name the column: {' or '.join(map(parameter, error.missing))}."
    return FrameError(" ".join(filter(None, (needed, remedy, _list_columns(labels)))))


def _list_columns(labels: list[Hashable]) -> str:
    """Return the columns of a file in a sentence."""
    shown = ", ".join(map(repr, labels[:_COLUMNS_LISTED])) or "none"
    more = f" and {len(labels) - _COLUMNS_LISTED:,} more" if len(labels) > _COLUMNS_LISTED else ""
    return f"Its columns: {shown}{more}."


def check_choice(name: str, value: str, choices: Sequence[str]) -> None:
    """Raise an error if the value of a parameter is not one of its choices.

    >>> check_choice("on_invalid", "maybe", ("skip", "raise"))
    Traceback (most recent call last):
    cio_frames.errors.ConfigurationError: on_invalid='maybe' is invalid. Use skip or raise.
    """
    if value not in choices:
        raise ConfigurationError(f"{parameter(name, value)} is invalid. Use {' or '.join(choices)}.")


def check_clashes(
    source: str, writes: Mapping[str, Path | None], *, also_read: Sequence[str | Path | None] = ()
) -> None:
    """Raise an error if a command would write a file that it reads, or one file twice; nothing is read for that.

    Raises
    ------
    ConfigurationError
        Names the parameter and the path.
    """
    if all(path is None for path in writes.values()):
        return
    files: list[str] = []
    if "://" not in source or source.startswith("file://"):
        # A source that is not found is reported later, and once.
        with suppress(CioFramesError):
            files = [file.path for file in find_files(source, exclude=writes.get("output")).files]
    refuse_clashes([*files, *(path for path in also_read if path is not None)], writes)


def check_writable(
    path: Path, what: str, name: str, *, is_own: Callable[[Path], bool] = is_own_text, make_folder: bool = False
) -> None:
    """Raise an error if the file that a parameter names cannot be written, before anything is sent or checked.

    Raises
    ------
    ConfigurationError
        Another file has this path, the folder is missing, or permissions do not allow it.
    """
    refuse_to_replace(path, is_own)
    existed = path.exists()
    made = [folder for folder in path.parents if not folder.exists()] if make_folder else []
    try:
        if made:
            path.parent.mkdir(parents=True)
        with path.open("ab"):
            pass
    except OSError as error:
        raise ConfigurationError(
            f"cannot write {what} to {path}: {error.strerror}. Set {parameter(name)} to another path."
        ) from error
    finally:
        # A command that is refused for another reason leaves nothing behind.
        if not existed:
            with suppress(OSError):
                path.unlink()
        for folder in made:
            with suppress(OSError):
                folder.rmdir()
