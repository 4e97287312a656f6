"""Operations such as ``delete_people`` from files: the same guards and audit trail as in Python, and a limit of rows.

Python confirms an operation with the exact number of rows. Nobody does that at night, so a scheduled one has the most
rows that it may affect: if there are more, nothing is sent.
"""

from __future__ import annotations

import inspect
import threading
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

from cio_frames import operations
from cio_frames._util.did_you_mean import closest_name
from cio_frames.audit import AuditTrail, open_audit_file
from cio_frames.cli.mistakes import Mistakes, find_mistakes
from cio_frames.cli.precheck import check_source, missing_column_error, required_column_error
from cio_frames.delivery.batching import Batch
from cio_frames.delivery.observer import NullObserver, Observer
from cio_frames.errors import (
    CioFramesError,
    ConfigurationError,
    FrameError,
    GuardError,
    MissingColumnsError,
    by_door,
    parameter,
)
from cio_frames.functions import ENGINE_OPTIONS, RUN_OPTIONS
from cio_frames.loading import folder_name
from cio_frames.loading.address_secrets import masked_errors
from cio_frames.loading.read_options import ReadOptions
from cio_frames.loading.sources import source_of
from cio_frames.loading.standard_input import STANDARD_INPUT_PATH
from cio_frames.operations import OPERATIONS
from cio_frames.pipeline import CallSpec, Prepared
from cio_frames.pipeline.call_spec import AnyCall, build_call_spec
from cio_frames.pipeline.running import ids_of

if TYPE_CHECKING:
    from cio_frames.loading import LoadResult

_NOT_ABOUT_COLUMNS = frozenset({"df", "confirm", "audit", *RUN_OPTIONS, *ENGINE_OPTIONS})
# Columns that only operations have, by the parameter that names each.
OPERATION_COLUMNS = frozenset(name for operation in OPERATIONS.values() for name in operation.fields)


@dataclass(frozen=True, slots=True)
class OperationCall:
    """An operation that a command or a job file asks for.

    Attributes
    ----------
    name : str
        Its name in Python, for example ``delete_people``.
    given : dict
        The parameters of its function that are given: columns, and how values are written.
    max_rows : int or None
        The most rows that it may affect.
    audit : Path or None
        The file of its audit trail.
    """

    name: str
    given: Mapping[str, Any]
    max_rows: int | None = None
    audit: Path | None = None

    @property
    def provisional_spec(self) -> CallSpec:
        """Its call before the columns of its source are known."""
        own = {key: value for key, value in self.given.items() if key not in OPERATION_COLUMNS}
        return build_call_spec("track", OPERATIONS[self.name].event, **own)

    def default_output(self, source: str) -> str:
        """Return the default name of its output folder.

        >>> OperationCall("delete_people", {}).default_output("in/erasures.csv")
        'erasures.delete-people.load'
        """
        return folder_name(source, self.provisional_spec, what=self.name)


def supported_parameters(name: str) -> frozenset[str]:
    """Return the parameters of an operation that a file can set.

    >>> sorted(supported_parameters("delete_people"))
    ['exact_ids', 'message_id', 'timestamp', 'timezone', 'user_id']
    """
    return frozenset(inspect.signature(getattr(operations, name)).parameters) - _NOT_ABOUT_COLUMNS


def check_call_name(call: str) -> None:
    """Raise unless a name is that of a call or an operation.

    >>> check_call_name("delete_peple")
    Traceback (most recent call last):
    cio_frames.errors.ConfigurationError: call='delete_peple' not found. Did you mean 'delete_people'? Calls are \
identify, track, page, screen, group, alias, batch; operations are delete_people, suppress_people, unsuppress_people, \
add_devices, delete_devices, delete_objects, delete_relationships, report_deliveries, report_content.
    """
    calls = get_args(AnyCall)
    if call in calls or call in OPERATIONS:
        return
    close = closest_name(call, [*calls, *OPERATIONS])
    meant = f" Did you mean {close!r}?" if close else ""
    raise ConfigurationError(
        f"{parameter('call', call)} not found.{meant} Calls are {', '.join(calls)}; operations are "
        f"{', '.join(OPERATIONS)}."
    )


def refuse_operation_parameters(
    call: str, given: Mapping[str, Any], add: Callable[[str | None, CioFramesError], None]
) -> None:
    """Hand the key and an error of each parameter that only operations have to ``add``: this is a call."""
    for key in given:
        if key in OPERATION_COLUMNS or key in ("max_rows", "audit"):
            add(
                key,
                ConfigurationError(
                    f"{parameter(key)} is for operations such as delete_people, and does not apply to {call}."
                ),
            )


def build_checked_operation(
    name: str,
    given: Mapping[str, Any],
    add: Callable[[str | None, CioFramesError], None],
    *,
    max_rows: int | None = None,
    audit: Path | None = None,
) -> OperationCall:
    """Return an operation; hand the key and the error of each wrong parameter to ``add``, and leave it out."""
    supported = supported_parameters(name)
    for key in given.keys() - supported:
        add(key, ConfigurationError(f"{parameter(key)} does not apply to {name}."))
    known = {key: value for key, value in given.items() if key in supported}
    if "properties" in supported:
        # As in Python: every column that feeds no other field.
        known.setdefault("properties", None)
    own = {key: value for key, value in known.items() if key not in OPERATION_COLUMNS}
    valid = {"call": "track", "event": OPERATIONS[name].event}
    for wrong, error in find_mistakes(build_call_spec, valid, {**valid, **own}):
        add(wrong, error)
        known.pop(wrong or "", None)
    if max_rows is not None and max_rows < 0:
        add("max_rows", ConfigurationError(f"{parameter('max_rows')} must be 0 or greater, got {max_rows}."))
    return OperationCall(name, known, max_rows, audit)


def refuse_unguarded(operation: OperationCall, mistakes: Mistakes, *, dry_run: bool) -> None:
    """Add what is missing of an operation that must not run unguarded: the limit of rows, and the audit trail.

    A dry run sends nothing, and requires neither.
    """
    if dry_run or not OPERATIONS[operation.name].needs_confirm:
        return
    for name, example in (("max_rows", 100), ("audit", f"{operation.name}.jsonl")):
        if getattr(operation, name) is None:
            mistakes.add(
                ConfigurationError(
                    f"{operation.name} requires {parameter(name)}, {_PURPOSES[name]}. Add {parameter(name, example)}, "
                    "for example."
                )
            )


_PURPOSES = {
    "max_rows": "the most rows that it may affect",
    "audit": "the file with a line for each row before it is sent",
}


def resolve_operation(
    operation: OperationCall,
    source: str,
    mistakes: Mistakes,
    *,
    output: Path | None = None,
    read_options: ReadOptions | None = None,
) -> CallSpec:
    """Return the call of an operation, with its columns looked up in the files of a source.

    Missing columns are added to the mistakes.
    """
    if source == STANDARD_INPUT_PATH:
        raise FrameError(
            f"{operation.name} does not read standard input, since its rows are counted before they are sent. Name a "
            "file."
        )
    columns = {key: value for key, value in operation.given.items() if key in OPERATION_COLUMNS or key.endswith("_id")}
    found: list[tuple[str, list[Hashable]]] = []
    with mistakes.collect(), masked_errors(source):
        keep = {label for label in columns.values() if isinstance(label, Hashable)}
        found = list(source_of(source, read_options, exclude=output, keep=keep).labels())
    call_specs: dict[str, CallSpec] = {}
    for where, labels in found:
        with mistakes.collect():
            call_specs[where] = _call_spec_of(operation, where, labels)
    if found and not mistakes:
        call_spec = next(iter(call_specs.values()))
        check_source(source, call_spec, mistakes, output=output, read_options=read_options, what=operation.name)
        _refuse_differences(operation, call_specs, mistakes)
    return next(iter(call_specs.values()), operation.provisional_spec)


def _call_spec_of(operation: OperationCall, where: str, labels: list[Hashable]) -> CallSpec:
    for key, label in operation.given.items():
        if key in OPERATION_COLUMNS and label not in labels:
            raise missing_column_error(key, label, where, labels)
    try:
        return OPERATIONS[operation.name].build_spec(operation.name, labels, operation.given)
    except MissingColumnsError as error:
        raise required_column_error(error, where, labels) from error


def _refuse_differences(operation: OperationCall, call_specs: Mapping[str, CallSpec], mistakes: Mistakes) -> None:
    """Add a mistake if files have different columns for the operation: one call cannot be made of all of them."""
    (first, call_spec), *others = call_specs.items()
    for where, other in others:
        if other.mapping != call_spec.mapping:
            mistakes.add(
                FrameError(
                    f"{operation.name} requires the same columns in all files, and {where} has others than {first}. "
                    "Run it for each of them."
                )
            )
            return


def refuse_too_many(operation: OperationCall, planned: LoadResult) -> None:
    """Raise if an operation would affect more rows than it may.

    Raises
    ------
    GuardError
        Names the rows and the limit.
    """
    rows = planned.statuses.get("ready", 0)
    if operation.max_rows is not None and rows > operation.max_rows:
        dry_run = by_door("dry_run=True", "--dry-run")
        raise GuardError(
            [
                f"{operation.name} would affect {rows:,} rows, and the limit is "
                f"{parameter('max_rows', operation.max_rows)}. Review the rows with {dry_run} before you raise it"
            ]
        )


class RowLimit(NullObserver):
    """Lets no more rows leave than an operation may affect, also if its source changes after it was counted."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._chunk = 0
        # A batch that is split is seen once more, in parts.
        self._rows: set[tuple[int, int]] = set()
        # Lanes send at the same time.
        self._lock = threading.Lock()

    def begin_chunk(self) -> RowLimit:
        """Count rows of the next chunk, which have numbers of their own."""
        self._chunk += 1
        return self

    def before_send(self, batch: Batch) -> None:
        """Count the rows of a batch.

        Raises
        ------
        ConfigurationError
            They are too many; they are not sent.
        """
        with self._lock:
            self._rows.update((self._chunk, row) for row in batch.rows.tolist())
            if len(self._rows) > self._limit:
                raise ConfigurationError(
                    f"More rows than {parameter('max_rows', self._limit)} were about to be sent: the source has "
                    "changed since its rows were counted. The rows of this batch were not sent."
                )


@contextmanager
def audited(operation: OperationCall) -> Iterator[Callable[[Prepared], Sequence[Observer]]]:
    """Yield what returns the observers of an operation's rows: its limit and its audit trail.

    Raises
    ------
    ConfigurationError
        The audit file is not writable.
    """
    limits = [] if operation.max_rows is None else [RowLimit(operation.max_rows)]
    with open_audit_file(operation.audit) as file:

        def observers_of(prepared: Prepared) -> Sequence[Observer]:
            trails = [] if file is None else [AuditTrail(file, operation.name, ids_of(prepared))]
            return [*(limit.begin_chunk() for limit in limits), *trails]

        yield observers_of
