"""The public door: a source in, the answer for every row on disk."""

from __future__ import annotations

import re
from collections.abc import Hashable, Mapping
from os import PathLike
from pathlib import Path
from typing import Any

import pandas as pd

from cio_frames.client import Client, offline_client
from cio_frames.columns import Selection
from cio_frames.errors import FrameError, InvalidRowsError
from cio_frames.loading.dry_run import dry_run as counted
from cio_frames.loading.files import ANSWERS_ENDING
from cio_frames.loading.result import LoadResult
from cio_frames.loading.run import LoadPaths, run
from cio_frames.loading.sources import source_of
from cio_frames.pipeline.call_spec import AnyCall, CallSpec, Nulls, OnInvalid, Schema, build_call_spec


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
    schema: Schema = "spec",
    strict_schema: bool = False,
    nulls: Nulls = "omit",
    timezone: str = "UTC",
    ledger: str | PathLike[str] | None = None,
    output: str | PathLike[str] | None = None,
    fresh: bool = False,
    allow_campaigns: bool = False,
    progress: bool | None = None,
) -> LoadResult:
    """Send the rows of files or frames of any size, and leave the answer for every row on disk.

    What was done is written to a ledger as it happens. A load that was stopped or killed goes on when the same is asked
    for again: rows that were answered are not sent again, rows that were on their way are, with the same message ids.

    Parameters
    ----------
    source : path, address, DataFrame, pyarrow Table or Dataset, or iterable of DataFrames
        A Parquet or CSV file, a folder of them (``country=de/`` becomes a column), a pattern with ``*`` or ``**``, or
        an address that pyarrow or fsspec know, such as ``s3://bucket/orders/``. Or frames, such as
        ``pandas.read_sql(..., chunksize=50_000)``; to go on with such a load, give the same frames again.
    call : {"identify", "track", "page", "screen", "group", "alias", "batch"}
        The kind of call.
    event, event_column, type_column, user_id, anonymous_id, previous_id, group_id, name, timestamp, message_id
        Which column feeds which field, as for :func:`validate`.
    traits, properties, context, integrations
        As for :func:`validate`. Where traits or properties are named, no more than these columns are read from Parquet.
    client : Client, optional
        Who we are and where; from the environment if left out.
    dry_run : bool
        Read, check and count everything, and send nothing; needs no client, no ledger and no output.
    on_invalid : {"skip", "raise"}
        Whether invalid rows are left out and reported, or keep the whole load from starting.
    schema, strict_schema, nulls, timezone
        As for :func:`track`.
    ledger : path, optional
        One SQLite file that knows what loads have done; ``ledger.sqlite`` in the output folder if left out.
    output : path, optional
        A folder for ``results/`` and ``rejects.parquet``; named after source and call, in the current one, if left out.
    fresh : bool
        Start over, also where a load of this source is stopped or done.
    allow_campaigns : bool
        Send events that are younger than 72 hours, or have no time, though they can start campaigns.
    progress : bool, optional
        Show a bar; on a terminal and in a notebook if left out.

    Returns
    -------
    LoadResult

    Raises
    ------
    CampaignsError
        Some rows can start campaigns, and ``allow_campaigns`` was not set. Nothing was sent; of a generator, which can
        be read once only, the frames that came before them were.
    ConfigurationError
        There is no write key; the ledger or the output cannot be written, or are at work for another load; what is
        asked is not what the load was begun with.
    InvalidRowsError
        ``on_invalid="raise"``, and some rows cannot be sent; nothing was.
    FrameError
        The source is not there or cannot be read, or its columns cannot make this call.
    AuthenticationError
        The API does not accept the write key; ``.result`` says what became of the rows until then.
    InterruptedLoad
        Ctrl-C or SIGTERM; what was on its way was waited for. ``.result`` as above.
    DeliveryError
        Delivery ended early otherwise; ``.result`` as above.

    Examples
    --------
    >>> import tempfile
    >>> import cio_frames as cio
    >>> from cio_frames.spec.package_data import package_folder
    >>> with cio.Sandbox() as sandbox, tempfile.TemporaryDirectory() as folder:
    ...     done = load(
    ...         package_folder("sample_data") / "customers.parquet",
    ...         "identify",
    ...         user_id="customer_id",
    ...         client=sandbox.client,
    ...         output=f"{folder}/customers",
    ...     )
    >>> done.state, done.statuses
    ('done', {'delivered': 2357})
    """
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
        nulls=nulls,
        timezone=timezone,
    )
    return load_request(
        source, call_spec, client, dry_run=dry_run, on_invalid=on_invalid, ledger=ledger, output=output, fresh=fresh,
        allow_campaigns=allow_campaigns, progress=progress,
    )  # fmt: skip


def load_request(
    given: Any,
    call_spec: CallSpec,
    client: Client | None,
    *,
    dry_run: bool,
    on_invalid: OnInvalid,
    ledger: str | PathLike[str] | None,
    output: str | PathLike[str] | None,
    fresh: bool,
    allow_campaigns: bool,
    progress: bool | None,
) -> LoadResult:
    """Load what a request asks for."""
    if on_invalid not in ("skip", "raise"):
        raise FrameError(f"on_invalid={on_invalid!r} is neither 'skip' nor 'raise'.")
    source = source_of(given, but=None if output is None else Path(output))
    now = pd.Timestamp.now("UTC")
    if dry_run:
        return counted(source, call_spec, client or offline_client(), progress=progress, now=now)
    client = client or Client.from_env()
    if on_invalid == "raise":
        if not source.repeatable:
            raise FrameError(
                "on_invalid='raise' reads all rows twice, and a generator yields them once. Give a list of frames or a "
                "file, or look first with dry_run=True."
            )
        found = counted(source, call_spec, client, progress=progress, now=now)
        if found.rows_held_back:
            raise InvalidRowsError(found)
    folder = Path(output) if output is not None else Path(folder_name(source.name, call_spec))
    where = LoadPaths(Path(ledger) if ledger is not None else folder / "ledger.sqlite", folder)
    return run(
        source, call_spec, client, where, fresh=fresh, allow_campaigns=allow_campaigns, progress=progress, now=now
    )


def folder_name(source: str, call_spec: CallSpec) -> str:
    """Return a folder's name for the answers of a load.

    >>> folder_name("s3://bucket/orders/*.parquet", build_call_spec("track", "Order Completed"))
    'orders.track-order-completed.load'
    """
    plain = [part for part in re.split(r"[/\\]", source) if part and not re.search(r"[*?\[:]", part)]
    stem = plain[-1].partition(".")[0] if plain else "rows"
    call = re.sub(r"[^a-z0-9]+", "-", f"{call_spec.call} {call_spec.event or ''}".casefold()).strip("-")
    return f"{stem or 'rows'}.{call}{ANSWERS_ENDING}"
