"""The public function: a source in, the result of every row on disk."""

from __future__ import annotations

import re
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import fields, replace
from os import PathLike
from pathlib import Path
from typing import Any, cast, get_args

import pandas as pd

from cio_frames._util.engine_frames import driver_of, refuse_engine_options
from cio_frames._util.progress import print_counts
from cio_frames.client import Client, offline_client
from cio_frames.columns import ColumnMapping, Selection
from cio_frames.errors import FrameError, HiddenFrames, InvalidRowsError, parameter
from cio_frames.loading.address_secrets import masks_secrets
from cio_frames.loading.csv import CsvOptions, csv_options_from
from cio_frames.loading.dry_run import dry_run_load
from cio_frames.loading.files import RESULTS_ENDING
from cio_frames.loading.read_options import ReadOptions
from cio_frames.loading.result import LoadResult
from cio_frames.loading.run import LoadPaths, ObserversOf, no_observers, run_load
from cio_frames.loading.sources import source_of
from cio_frames.loading.tuning import DEFAULT_TUNING, LoadTuning
from cio_frames.pipeline.as_of import AsOfValue, read_as_of
from cio_frames.pipeline.call_spec import (
    AnyCall,
    CallSpec,
    Nulls,
    OnInvalid,
    OnUndelivered,
    Schema,
    build_call_spec,
    require_choice,
)
from cio_frames.results import raise_for_status
from cio_frames.validation import count_of, warning_lines


def load(
    source: Any,
    call: AnyCall,
    event: str | None = None,
    *,
    event_column: Hashable | None = None,
    type_column: Hashable = "type",
    user_id: Hashable | None = None,
    anonymous_id: Hashable | None = None,
    previous_id: Hashable | None = None,
    group_id: Hashable | None = None,
    name: Hashable | None = None,
    timestamp: Hashable | None = None,
    message_id: Hashable | None = None,
    traits: Selection | None = None,
    properties: Selection | None = None,
    context: Hashable | Mapping[str, Any] | None = None,
    integrations: Hashable | Mapping[str, Any] | None = None,
    client: Client | None = None,
    dry_run: bool = False,
    on_invalid: OnInvalid = "skip",
    on_undelivered: OnUndelivered = "return",
    schema: Schema = "spec",
    strict_schema: bool = False,
    exact_ids: bool = False,
    nulls: Nulls = "omit",
    timezone: str = "UTC",
    as_of: AsOfValue = None,
    ledger: str | PathLike[str] | None = None,
    output: str | PathLike[str] | None = None,
    fresh: bool = False,
    allow_campaigns: bool = False,
    progress: bool | None = None,
    csv: CsvOptions | Mapping[str, Any] | None = None,
    partitions: bool = True,
    senders: int = 1,
    order_by: Hashable | Sequence[Hashable] | None = None,
    keep: Hashable | Sequence[Hashable] | None = None,
    buckets: int | None = None,
) -> LoadResult:
    """Send the rows of files or frames of any size, and write the result of every row to disk.

    A ledger records what is done as it happens. A load that stopped or was killed is resumed by the same call: rows
    that were answered are not sent again, rows that were on their way are, with the same message ids.

    Parameters
    ----------
    source : path, address, DataFrame, pyarrow Table or Dataset, Dask or Spark frame, or iterable of DataFrames
        A Parquet, CSV or JSON Lines file, a folder of them (``country=de/`` becomes a column), a pattern with ``*`` or
        ``**``, a Delta table, ``-`` for standard input, or an address that pyarrow or fsspec know, such as
        ``s3://bucket/orders/``. Or frames of any size, such as ``pandas.read_sql(..., chunksize=50_000)``, which are
        sent up to 200,000 rows at a time; to resume such a load, pass the same frames again. Or a whole Dask or Spark
        frame: to load its partitions one by one loses events that look the same in two of them, and the order of each
        person's calls.
    call : {"identify", "track", "page", "screen", "group", "alias", "batch"}
        The kind of call.
    event, event_column, type_column, user_id, anonymous_id, previous_id, group_id, name, timestamp, message_id
        Which column feeds which field, as for :func:`validate`.
    traits, properties, context, integrations
        As for :func:`validate`. If traits or properties are named, only these columns are read from Parquet.
    client : Client, optional
        The workspace. Default is :meth:`Client.from_env`.
    dry_run : bool
        Read, check and count everything, and send nothing. It needs no client, no ledger and no output.
    on_invalid : {"skip", "raise"}
        Whether invalid rows are held back and reported, or the whole load is refused.
    on_undelivered : {"return", "raise"}
        Whether to return the result if some rows were not delivered, or to raise UndeliveredError with it.
    schema, strict_schema, exact_ids, nulls, timezone
        As for :func:`track`.
    as_of : str, date or datetime, optional
        What stands for the time in the message ids of calls without a timestamp, as for :func:`track`. Default is the
        start of the load; a load that is resumed keeps it. A load that is done is a new run with another ``as_of``. One
        that is given is used with ``fresh=True`` too.
    ledger : path, optional
        SQLite file that records what loads have done. Default is ``ledger.sqlite`` in the output folder.
    output : path, optional
        Folder for ``results/`` and ``undelivered.parquet``. Default is one in the current folder, named after source
        and call. Frames have no name, and share one: name a folder for each load of other frames.
    fresh : bool
        Discard earlier progress and start over.
    allow_campaigns : bool
        Send events that are younger than 72 hours or have no timestamp, although they can start campaigns.
    progress : bool, optional
        Show a progress bar. Default is to show it on a terminal and in a notebook.
    csv : CsvOptions or dict, optional
        How CSV files are written, for example ``{"delimiter": ";", "decimal": ","}``; see :class:`CsvOptions`.
    partitions : bool
        Whether folders such as ``country=de`` directly above a file become columns.
    senders, order_by, keep, buckets
        For a Dask or Spark frame, as for :func:`track`; there ``output`` is a folder that all workers reach.

    Returns
    -------
    LoadResult

    Raises
    ------
    CampaignsError
        Some rows can start campaigns, and ``allow_campaigns`` was not set. Nothing was sent, except frames of a
        generator that came before them: ``.result`` has their outcome.
    ConfigurationError
        The write key is missing; the ledger or the output cannot be written, or is locked by another load; the source
        or the settings changed since the load started.
    InvalidRowsError
        ``on_invalid="raise"``, and some rows cannot be sent; nothing was sent.
    FrameError
        The source is not found or cannot be read, or its columns cannot make this call.
    AuthenticationError
        The API does not accept the write key; ``.result`` has the outcome of the rows until then.
    UndeliveredError
        ``on_undelivered="raise"``, and some rows were not delivered; see ``.result``.
    InterruptedLoad
        Ctrl-C or SIGTERM stopped the load after requests in flight; see ``.result``.
    DeliveryError
        Delivery stopped early for another reason; see ``.result``.

    Examples
    --------
    >>> import tempfile
    >>> import cio_frames as cio
    >>> from cio_frames.spec.package_data import package_folder
    >>> with cio.Sandbox() as sandbox, tempfile.TemporaryDirectory() as folder:
    ...     result = load(
    ...         package_folder("sample_data") / "customers.parquet",
    ...         "identify",
    ...         user_id="customer_id",
    ...         client=sandbox.client,
    ...         output=f"{folder}/customers",
    ...     )
    >>> result.phase, result.statuses
    ('done', {'delivered': 2357})
    """
    with HiddenFrames():
        require_choice("on_undelivered", on_undelivered, get_args(OnUndelivered))
        call_spec = build_call_spec(
            call,
            event,
            event_column=event_column,
            type_column=type_column,
            user_id=user_id,
            anonymous_id=anonymous_id,
            previous_id=previous_id,
            group_id=group_id,
            name=name,
            timestamp=timestamp,
            message_id=message_id,
            traits=traits,
            properties=properties,
            context=context,
            integrations=integrations,
            schema=schema,
            strict_schema=strict_schema,
            exact_ids=exact_ids,
            nulls=nulls,
            timezone=timezone,
        )
        engine_options = {"senders": senders, "order_by": order_by, "keep": keep, "buckets": buckets}
        if (driver := driver_of(source)) is not None:
            if ledger is not None:
                raise FrameError(
                    f"{parameter('ledger')} is in the folder {parameter('output')} for Dask and Spark frames."
                )
            if csv is not None:
                raise FrameError(f"{parameter('csv')} is about files, and not supported for Dask and Spark frames.")
            options: dict[str, Any] = {**engine_options, "client": client, "dry_run": dry_run, "on_invalid": on_invalid}
            options |= {"output": output, "fresh": fresh, "as_of": as_of, "allow_campaigns": allow_campaigns}
            options["progress"] = progress
            result = cast(LoadResult, driver.load_on_engine(source, call_spec, options))
        else:
            refuse_engine_options(engine_options)
            result = load_source(
                source, call_spec, client, dry_run=dry_run, on_invalid=on_invalid, ledger=ledger, output=output,
                fresh=fresh, as_of=as_of, allow_campaigns=allow_campaigns, progress=progress,
                read_options=ReadOptions(csv_options_from(csv), partitions),
            )  # fmt: skip
        print_load_counts(result, progress)
        return result if on_undelivered == "return" else cast(LoadResult, raise_for_status(result))


def print_load_counts(result: LoadResult, wanted: bool | None) -> None:
    """End an interactive load with one line: counts by status, warnings, and where the undelivered rows are.

    >>> print_load_counts(LoadResult("track Order Completed", "done", {("delivered", None): 3}), wanted=False)
    """
    remarks = [] if result.undelivered is None else [f"see {result.undelivered}"]
    warnings = warning_lines(result.warnings)
    if warnings:
        remarks.append(f"{count_of(warnings, 'warning')}, see cio.summary(result)")
    if result.recent:
        remarks.append(f"{sum(result.recent.values()):,} can start campaigns")
    print_counts(result.what, result.statuses, wanted, remarks=[*remarks, *filter(None, [result.why.rstrip(".")])])


@masks_secrets
def load_source(
    given: Any,
    call_spec: CallSpec,
    client: Client | None,
    *,
    dry_run: bool,
    on_invalid: OnInvalid,
    ledger: str | PathLike[str] | None,
    output: str | PathLike[str] | None,
    fresh: bool,
    as_of: AsOfValue = None,
    allow_campaigns: bool,
    progress: bool | None,
    read_options: ReadOptions | None = None,
    tuning: LoadTuning = DEFAULT_TUNING,
    clock: Callable[[], pd.Timestamp] = lambda: pd.Timestamp.now("UTC"),
    observers_of: ObserversOf = no_observers,
) -> LoadResult:
    """Load a source with a call that is ready; the other parameters are those of :func:`load`.

    ``observers_of`` returns who is notified of each batch before it leaves, and of each outcome, for the rows of a
    chunk.
    """
    require_choice("on_invalid", on_invalid, get_args(OnInvalid))
    if as_of is not None:
        read_as_of(as_of)
    exclude = None if output is None else Path(output)
    call_spec = with_column_types(call_spec, read_options)
    keep = mapped_labels(call_spec.mapping)
    source = source_of(given, read_options, exclude=exclude, keep=keep, chunk_rows=tuning.chunk_rows)
    if dry_run:
        return dry_run_load(
            source, call_spec, client or offline_client(), progress=progress, now=clock(), tuning=tuning
        )
    client = client or Client.from_env()
    if on_invalid == "raise":
        if not source.repeatable:
            raise FrameError(
                f"{parameter('on_invalid', 'raise')} reads all rows twice, and a generator yields them once. Pass a "
                f"list of frames or a file, or check first with {parameter('dry_run', True)}."
            )
        found = dry_run_load(source, call_spec, client, progress=progress, now=clock(), tuning=tuning)
        if found.rows_held_back:
            raise InvalidRowsError(found)
    folder = Path(output) if output is not None else Path(folder_name(source.name, call_spec))
    paths = LoadPaths(Path(ledger) if ledger is not None else folder / "ledger.sqlite", folder)
    return run_load(
        source, call_spec, client, paths, fresh=fresh, as_of=as_of, allow_campaigns=allow_campaigns,
        progress=progress, tuning=tuning, clock=clock, observers_of=observers_of,
    )  # fmt: skip


def with_column_types(call_spec: CallSpec, read_options: ReadOptions | None) -> CallSpec:
    """Return a call that checks the types which the caller says columns of CSV files have."""
    return call_spec if read_options is None else replace(call_spec, column_types=read_options.csv.types)


def mapped_labels(mapping: ColumnMapping) -> set[Hashable]:
    """Return the columns that a caller names.

    >>> sorted(mapped_labels(ColumnMapping(user_id="id", traits={"Unnamed: 0": "number"})))
    ['Unnamed: 0', 'id']
    """
    values = [getattr(mapping, each.name) for each in fields(mapping) if each.name != "constants"]
    chosen = [label for value in values if isinstance(value, (list, tuple, dict)) for label in value]
    return {value for value in (*values, *chosen, *mapping.fields.values()) if isinstance(value, Hashable)} - {None}


def folder_name(source: str, call_spec: CallSpec, *, what: str | None = None) -> str:
    """Return the default name of a load's output folder; ``what`` stands for the call and its event.

    >>> folder_name("s3://bucket/orders/*.parquet", build_call_spec("track", "Order Completed"))
    'orders.track-order-completed.load'
    """
    names = [part for part in re.split(r"[/\\]", source) if part and not re.search(r"[*?\[:]", part)]
    stem = names[-1].partition(".")[0] if names else "rows"
    call = re.sub(r"[^a-z0-9]+", "-", (what or f"{call_spec.call} {call_spec.event or ''}").casefold()).strip("-")
    return f"{stem or 'rows'}.{call}{RESULTS_ENDING}"
