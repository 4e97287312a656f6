"""The calls as functions: a frame in, a result frame out.

Each public function is a signature and a docstring; its one line hands the parameters to the flow in
:mod:`cio_frames.pipeline`. The methods of ``df.cio`` are derived from these functions. ``.ci/docstrings.py`` writes the
Parameters, Returns and Raises sections.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import pandas as pd

from cio_frames._util.engine_frames import driver_of, refuse_engine_frame, refuse_engine_options
from cio_frames.arrow.tables import AnyFrame, as_frame
from cio_frames.client import Client
from cio_frames.columns import Selection
from cio_frames.errors import HiddenFrames
from cio_frames.pipeline.as_of import AsOfValue
from cio_frames.pipeline.call_spec import AnyCall, CallSpec, Nulls, OnInvalid, OnUndelivered, Schema, build_call_spec
from cio_frames.syncing.choices import Cleared, Duplicates, Limit, Removed, SyncCall

if TYPE_CHECKING:
    from cio_frames.loading.csv import CsvOptions
    from cio_frames.report import ValidationReport
    from cio_frames.syncing.plan import Plan
    from cio_frames.syncing.result import SyncResult

# What a run needs beside its CallSpec.
RUN_OPTIONS = ("client", "dry_run", "on_invalid", "on_undelivered", "as_of", "allow_campaigns", "progress")
# What it needs on the frame of an engine.
ENGINE_OPTIONS = ("output", "fresh", "senders", "order_by", "keep", "buckets")


def identify(
    df: AnyFrame,
    *,
    user_id: Hashable | None = None,
    anonymous_id: Hashable | None = None,
    timestamp: Hashable | None = None,
    message_id: Hashable | None = None,
    traits: Selection | None = None,
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
    progress: bool | None = None,
    output: str | PathLike[str] | None = None,
    fresh: bool = False,
    senders: int = 1,
    order_by: Hashable | Sequence[Hashable] | None = None,
    keep: Hashable | Sequence[Hashable] | None = None,
    buckets: int | None = None,
) -> pd.DataFrame:
    """Send one identify call per row: who a person is, and their traits.

    Customer.io keeps traits that a row does not have.

    Parameters
    ----------
    df : pandas.DataFrame, a table of polars, DuckDB or pyarrow, or a Dask or Spark frame
        One row per call. Pass a whole Dask or Spark frame with ``output``: to map this function over its partitions
        loses events that look the same in two of them, and the order of each person's calls.
    user_id : column label, optional
        Column with the person's id. Default is ``user_id``, then ``userId``.
    anonymous_id : column label, optional
        Column with the anonymous id. Default is ``anonymous_id``, then ``anonymousId``.
    timestamp : column label, optional
        Column with the time of the event: datetimes, dates, or ISO 8601 text. Default is ``timestamp``. Without one,
        Customer.io uses the time of receipt.
    message_id : column label, optional
        Column with your own ids of the calls. Default is ``message_id``, then ``messageId``. Without one, each call
        gets a ULID made from its content and its timestamp, so that a rerun repeats it; see ``as_of`` for calls without
        a timestamp.
    traits : list of columns, or {column: field}, optional
        Columns to send as traits, with their names there. Default is every column that feeds no other field. A dotted
        name nests.
    context : column label or dict, optional
        A column of dicts, or one dict for all rows. Columns named ``context.ip`` and the like are used by name.
    integrations : column label or dict, optional
        Which destinations receive the calls, for example ``{"All": False}``.
    client : Client, optional
        Where to send. Default is the environment: CIO_WRITE_KEY, CIO_REGION, CIO_ENDPOINT.
    dry_run : bool
        Do everything but send: rows that would be sent are ``ready``. Requires no client.
    on_invalid : {"skip", "raise"}
        Whether to send the other rows if some are invalid, or to send nothing and raise InvalidRowsError.
    on_undelivered : {"return", "raise"}
        Whether to return the result if some rows were not delivered, or to raise UndeliveredError with it.
    schema : "spec", None, a pandera schema, or a path
        What rows are checked against: the API's spec, nothing, your own schema (see :func:`cio_frames.schema`), or the
        spec with your tracking plan on top, a YAML file in the form of those in ``schemas/``. Values are checked, not
        changed.
    strict_schema : bool
        Whether warnings make rows invalid as errors do. A warning is about a value that the API accepts and does not
        keep as it is: text over a limit of Journeys, a property that is not known for the event. Your own message id
        that is not a ULID stays a warning.
    exact_ids : bool
        Whether ids are meant as they stand. Default is to warn of ids that spell a missing value (``nan``, ``NULL``),
        have white space around them, or occur in several forms (``1`` and ``001``); in calls that merge, delete, or
        suppress, or are about devices, such rows are invalid. Set it to clean up after earlier loads.
    nulls : {"omit", "send"}
        Whether to omit missing traits and properties, or to send them as ``null``, which may erase them.
    timezone : str
        The time zone of times without one.
    as_of : str, date or datetime, optional
        What stands for the time in the message ids of calls without a timestamp. Default is the start of this run, so
        that the same call on another day is another call. With the same ``as_of``, such as the logical date of an
        orchestrator, a rerun repeats the ids; to repeat those of a run, pass ``result.attrs["cio"]["as_of"]``, or
        ``as_of`` of its error. A date is midnight in UTC. It never becomes the timestamp of a call.
    progress : bool, optional
        Whether to show a progress bar. Default is to show it in a terminal or notebook.
    output : path or address, optional
        On Dask and Spark frames, where it is required: a folder that all workers reach, such as ``s3://bucket/orders``.
        Rows are staged there, and their answers are kept there. The same call with the same folder resumes.
    fresh : bool
        On Dask and Spark frames: discard what ``output`` has of an earlier run, and start over. Default is to resume.
    senders : int
        On Dask and Spark frames: how many workers send at once. One sends from this process. They share the rate limit.
    order_by : column or list of columns, optional
        On Dask and Spark frames: which of a person's rows comes first. Default is the order of a Dask frame; a Spark
        frame has none, and the column of ``timestamp`` decides.
    keep : column or list of columns, optional
        On Dask and Spark frames: columns that the answers repeat, such as ``order_id``.
    buckets : int, optional
        On Dask and Spark frames: into how many files people are distributed. Each must fit into the memory of a worker.
        Default depends on the partitions.

    Returns
    -------
    pandas.DataFrame
        One row per row of the frame, in its order and under its index: status, reason, message_id, bytes, batch,
        http_status, attempts.

    Raises
    ------
    MissingColumnsError
        A column that is named, or that the call requires, is missing.
    FrameError
        The columns cannot make this call, for example because two feed the same field.
    SpecError
        ``schema`` is a path, and the tracking plan there is missing or malformed.
    InvalidRowsError
        Rows are invalid, and ``on_invalid="raise"``; nothing was sent.
    ConfigurationError
        ``client`` is not set, and the environment has no write key.
    AuthenticationError
        The API does not accept the write key; ``.result`` has the status of every row until then.
    UndeliveredError
        Some rows were not delivered, and ``on_undelivered="raise"``; see ``.result``.
    DeliveryError
        Delivery stopped early for another reason; see ``.result``.

    Examples
    --------
    >>> people = pd.DataFrame({"user_id": ["007", None], "plan": ["free", "team"]})
    >>> identify(people, dry_run=True)[["status", "reason"]]
        status                              reason
    0    ready                                <NA>
    1  invalid  user_id: required value is missing
    """
    __tracebackhide__ = True
    return _send("identify", locals())


def track(
    df: AnyFrame,
    event: str | None = None,
    *,
    event_column: Hashable | None = None,
    user_id: Hashable | None = None,
    anonymous_id: Hashable | None = None,
    timestamp: Hashable | None = None,
    message_id: Hashable | None = None,
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
    allow_campaigns: bool = False,
    progress: bool | None = None,
    output: str | PathLike[str] | None = None,
    fresh: bool = False,
    senders: int = 1,
    order_by: Hashable | Sequence[Hashable] | None = None,
    keep: Hashable | Sequence[Hashable] | None = None,
    buckets: int | None = None,
) -> pd.DataFrame:
    """Send one track call per row: what a person did.

    Semantic events (see :func:`cio_frames.events`) have their own schemas; any other name is a custom event.

    Parameters
    ----------
    df : pandas.DataFrame, a table of polars, DuckDB or pyarrow, or a Dask or Spark frame
        One row per call. Pass a whole Dask or Spark frame with ``output``: to map this function over its partitions
        loses events that look the same in two of them, and the order of each person's calls.
    event : str, optional
        One event name for all rows. Default is the name in ``event_column``, row by row.
    event_column : column label, optional
        Column with the event name of each row. Default is ``event``.
    user_id : column label, optional
        Column with the person's id. Default is ``user_id``, then ``userId``.
    anonymous_id : column label, optional
        Column with the anonymous id. Default is ``anonymous_id``, then ``anonymousId``.
    timestamp : column label, optional
        Column with the time of the event: datetimes, dates, or ISO 8601 text. Default is ``timestamp``. Without one,
        Customer.io uses the time of receipt.
    message_id : column label, optional
        Column with your own ids of the calls. Default is ``message_id``, then ``messageId``. Without one, each call
        gets a ULID made from its content and its timestamp, so that a rerun repeats it; see ``as_of`` for calls without
        a timestamp.
    properties : list of columns, or {column: field}, optional
        Columns to send as properties, with their names there. Default is every column that feeds no other field. A
        dotted name nests.
    context : column label or dict, optional
        A column of dicts, or one dict for all rows. Columns named ``context.ip`` and the like are used by name.
    integrations : column label or dict, optional
        Which destinations receive the calls, for example ``{"All": False}``.
    client : Client, optional
        Where to send. Default is the environment: CIO_WRITE_KEY, CIO_REGION, CIO_ENDPOINT.
    dry_run : bool
        Do everything but send: rows that would be sent are ``ready``. Requires no client.
    on_invalid : {"skip", "raise"}
        Whether to send the other rows if some are invalid, or to send nothing and raise InvalidRowsError.
    on_undelivered : {"return", "raise"}
        Whether to return the result if some rows were not delivered, or to raise UndeliveredError with it.
    schema : "spec", None, a pandera schema, or a path
        What rows are checked against: the API's spec, nothing, your own schema (see :func:`cio_frames.schema`), or the
        spec with your tracking plan on top, a YAML file in the form of those in ``schemas/``. Values are checked, not
        changed.
    strict_schema : bool
        Whether warnings make rows invalid as errors do. A warning is about a value that the API accepts and does not
        keep as it is: text over a limit of Journeys, a property that is not known for the event. Your own message id
        that is not a ULID stays a warning.
    exact_ids : bool
        Whether ids are meant as they stand. Default is to warn of ids that spell a missing value (``nan``, ``NULL``),
        have white space around them, or occur in several forms (``1`` and ``001``); in calls that merge, delete, or
        suppress, or are about devices, such rows are invalid. Set it to clean up after earlier loads.
    nulls : {"omit", "send"}
        Whether to omit missing traits and properties, or to send them as ``null``, which may erase them.
    timezone : str
        The time zone of times without one.
    as_of : str, date or datetime, optional
        What stands for the time in the message ids of calls without a timestamp. Default is the start of this run, so
        that the same call on another day is another call. With the same ``as_of``, such as the logical date of an
        orchestrator, a rerun repeats the ids; to repeat those of a run, pass ``result.attrs["cio"]["as_of"]``, or
        ``as_of`` of its error. A date is midnight in UTC. It never becomes the timestamp of a call.
    allow_campaigns : bool
        Send events that are younger than 72 hours or have no timestamp, although they can start campaigns, that is,
        send mail to real people. Events that Customer.io acts on and does not store, such as User Deleted, do not
        count.
    progress : bool, optional
        Whether to show a progress bar. Default is to show it in a terminal or notebook.
    output : path or address, optional
        On Dask and Spark frames, where it is required: a folder that all workers reach, such as ``s3://bucket/orders``.
        Rows are staged there, and their answers are kept there. The same call with the same folder resumes.
    fresh : bool
        On Dask and Spark frames: discard what ``output`` has of an earlier run, and start over. Default is to resume.
    senders : int
        On Dask and Spark frames: how many workers send at once. One sends from this process. They share the rate limit.
    order_by : column or list of columns, optional
        On Dask and Spark frames: which of a person's rows comes first. Default is the order of a Dask frame; a Spark
        frame has none, and the column of ``timestamp`` decides.
    keep : column or list of columns, optional
        On Dask and Spark frames: columns that the answers repeat, such as ``order_id``.
    buckets : int, optional
        On Dask and Spark frames: into how many files people are distributed. Each must fit into the memory of a worker.
        Default depends on the partitions.

    Returns
    -------
    pandas.DataFrame
        One row per row of the frame, in its order and under its index: status, reason, message_id, bytes, batch,
        http_status, attempts.

    Raises
    ------
    MissingColumnsError
        A column that is named, or that the call requires, is missing.
    FrameError
        The columns cannot make this call, for example because two feed the same field.
    SpecError
        ``schema`` is a path, and the tracking plan there is missing or malformed.
    CampaignsError
        Rows are events that can start campaigns, and ``allow_campaigns`` was not set; nothing was sent.
    InvalidRowsError
        Rows are invalid, and ``on_invalid="raise"``; nothing was sent.
    ConfigurationError
        ``client`` is not set, and the environment has no write key.
    AuthenticationError
        The API does not accept the write key; ``.result`` has the status of every row until then.
    UndeliveredError
        Some rows were not delivered, and ``on_undelivered="raise"``; see ``.result``.
    DeliveryError
        Delivery stopped early for another reason; see ``.result``.

    Examples
    --------
    >>> orders = pd.DataFrame({"customer": ["007"], "ordered_at": ["1997-01-01"], "total": [29.33]})
    >>> result = track(orders, "Order Completed", user_id="customer", timestamp="ordered_at", dry_run=True)
    >>> result["status"].tolist(), result["bytes"].tolist()
    (['ready'], [166])
    """
    __tracebackhide__ = True
    return _send("track", locals())


def page(
    df: AnyFrame,
    *,
    user_id: Hashable | None = None,
    anonymous_id: Hashable | None = None,
    name: Hashable | None = None,
    timestamp: Hashable | None = None,
    message_id: Hashable | None = None,
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
    allow_campaigns: bool = False,
    progress: bool | None = None,
    output: str | PathLike[str] | None = None,
    fresh: bool = False,
    senders: int = 1,
    order_by: Hashable | Sequence[Hashable] | None = None,
    keep: Hashable | Sequence[Hashable] | None = None,
    buckets: int | None = None,
) -> pd.DataFrame:
    """Send one page call per row: which page of a web site a person saw.

    Customer.io uses ``properties.url`` as the name of the event.

    Parameters
    ----------
    df : pandas.DataFrame, a table of polars, DuckDB or pyarrow, or a Dask or Spark frame
        One row per call. Pass a whole Dask or Spark frame with ``output``: to map this function over its partitions
        loses events that look the same in two of them, and the order of each person's calls.
    user_id : column label, optional
        Column with the person's id. Default is ``user_id``, then ``userId``.
    anonymous_id : column label, optional
        Column with the anonymous id. Default is ``anonymous_id``, then ``anonymousId``.
    name : column label, optional
        Column with the name of the page. Default is ``name``.
    timestamp : column label, optional
        Column with the time of the event: datetimes, dates, or ISO 8601 text. Default is ``timestamp``. Without one,
        Customer.io uses the time of receipt.
    message_id : column label, optional
        Column with your own ids of the calls. Default is ``message_id``, then ``messageId``. Without one, each call
        gets a ULID made from its content and its timestamp, so that a rerun repeats it; see ``as_of`` for calls without
        a timestamp.
    properties : list of columns, or {column: field}, optional
        Columns to send as properties, with their names there. Default is every column that feeds no other field. A
        dotted name nests.
    context : column label or dict, optional
        A column of dicts, or one dict for all rows. Columns named ``context.ip`` and the like are used by name.
    integrations : column label or dict, optional
        Which destinations receive the calls, for example ``{"All": False}``.
    client : Client, optional
        Where to send. Default is the environment: CIO_WRITE_KEY, CIO_REGION, CIO_ENDPOINT.
    dry_run : bool
        Do everything but send: rows that would be sent are ``ready``. Requires no client.
    on_invalid : {"skip", "raise"}
        Whether to send the other rows if some are invalid, or to send nothing and raise InvalidRowsError.
    on_undelivered : {"return", "raise"}
        Whether to return the result if some rows were not delivered, or to raise UndeliveredError with it.
    schema : "spec", None, a pandera schema, or a path
        What rows are checked against: the API's spec, nothing, your own schema (see :func:`cio_frames.schema`), or the
        spec with your tracking plan on top, a YAML file in the form of those in ``schemas/``. Values are checked, not
        changed.
    strict_schema : bool
        Whether warnings make rows invalid as errors do. A warning is about a value that the API accepts and does not
        keep as it is: text over a limit of Journeys, a property that is not known for the event. Your own message id
        that is not a ULID stays a warning.
    exact_ids : bool
        Whether ids are meant as they stand. Default is to warn of ids that spell a missing value (``nan``, ``NULL``),
        have white space around them, or occur in several forms (``1`` and ``001``); in calls that merge, delete, or
        suppress, or are about devices, such rows are invalid. Set it to clean up after earlier loads.
    nulls : {"omit", "send"}
        Whether to omit missing traits and properties, or to send them as ``null``, which may erase them.
    timezone : str
        The time zone of times without one.
    as_of : str, date or datetime, optional
        What stands for the time in the message ids of calls without a timestamp. Default is the start of this run, so
        that the same call on another day is another call. With the same ``as_of``, such as the logical date of an
        orchestrator, a rerun repeats the ids; to repeat those of a run, pass ``result.attrs["cio"]["as_of"]``, or
        ``as_of`` of its error. A date is midnight in UTC. It never becomes the timestamp of a call.
    allow_campaigns : bool
        Send events that are younger than 72 hours or have no timestamp, although they can start campaigns, that is,
        send mail to real people. Events that Customer.io acts on and does not store, such as User Deleted, do not
        count.
    progress : bool, optional
        Whether to show a progress bar. Default is to show it in a terminal or notebook.
    output : path or address, optional
        On Dask and Spark frames, where it is required: a folder that all workers reach, such as ``s3://bucket/orders``.
        Rows are staged there, and their answers are kept there. The same call with the same folder resumes.
    fresh : bool
        On Dask and Spark frames: discard what ``output`` has of an earlier run, and start over. Default is to resume.
    senders : int
        On Dask and Spark frames: how many workers send at once. One sends from this process. They share the rate limit.
    order_by : column or list of columns, optional
        On Dask and Spark frames: which of a person's rows comes first. Default is the order of a Dask frame; a Spark
        frame has none, and the column of ``timestamp`` decides.
    keep : column or list of columns, optional
        On Dask and Spark frames: columns that the answers repeat, such as ``order_id``.
    buckets : int, optional
        On Dask and Spark frames: into how many files people are distributed. Each must fit into the memory of a worker.
        Default depends on the partitions.

    Returns
    -------
    pandas.DataFrame
        One row per row of the frame, in its order and under its index: status, reason, message_id, bytes, batch,
        http_status, attempts.

    Raises
    ------
    MissingColumnsError
        A column that is named, or that the call requires, is missing.
    FrameError
        The columns cannot make this call, for example because two feed the same field.
    SpecError
        ``schema`` is a path, and the tracking plan there is missing or malformed.
    CampaignsError
        Rows are events that can start campaigns, and ``allow_campaigns`` was not set; nothing was sent.
    InvalidRowsError
        Rows are invalid, and ``on_invalid="raise"``; nothing was sent.
    ConfigurationError
        ``client`` is not set, and the environment has no write key.
    AuthenticationError
        The API does not accept the write key; ``.result`` has the status of every row until then.
    UndeliveredError
        Some rows were not delivered, and ``on_undelivered="raise"``; see ``.result``.
    DeliveryError
        Delivery stopped early for another reason; see ``.result``.

    Examples
    --------
    >>> views = pd.DataFrame({"user_id": ["ada"], "name": ["Home"], "url": ["https://example.com/"]})
    >>> page(views, dry_run=True)["status"].tolist()
    ['ready']
    """
    __tracebackhide__ = True
    return _send("page", locals())


def screen(
    df: AnyFrame,
    *,
    user_id: Hashable | None = None,
    anonymous_id: Hashable | None = None,
    name: Hashable | None = None,
    timestamp: Hashable | None = None,
    message_id: Hashable | None = None,
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
    allow_campaigns: bool = False,
    progress: bool | None = None,
    output: str | PathLike[str] | None = None,
    fresh: bool = False,
    senders: int = 1,
    order_by: Hashable | Sequence[Hashable] | None = None,
    keep: Hashable | Sequence[Hashable] | None = None,
    buckets: int | None = None,
) -> pd.DataFrame:
    """Send one screen call per row: which screen of an app a person saw.

    Customer.io uses ``name`` as the name of the event.

    Parameters
    ----------
    df : pandas.DataFrame, a table of polars, DuckDB or pyarrow, or a Dask or Spark frame
        One row per call. Pass a whole Dask or Spark frame with ``output``: to map this function over its partitions
        loses events that look the same in two of them, and the order of each person's calls.
    user_id : column label, optional
        Column with the person's id. Default is ``user_id``, then ``userId``.
    anonymous_id : column label, optional
        Column with the anonymous id. Default is ``anonymous_id``, then ``anonymousId``.
    name : column label, optional
        Column with the name of the screen. Default is ``name``.
    timestamp : column label, optional
        Column with the time of the event: datetimes, dates, or ISO 8601 text. Default is ``timestamp``. Without one,
        Customer.io uses the time of receipt.
    message_id : column label, optional
        Column with your own ids of the calls. Default is ``message_id``, then ``messageId``. Without one, each call
        gets a ULID made from its content and its timestamp, so that a rerun repeats it; see ``as_of`` for calls without
        a timestamp.
    properties : list of columns, or {column: field}, optional
        Columns to send as properties, with their names there. Default is every column that feeds no other field. A
        dotted name nests.
    context : column label or dict, optional
        A column of dicts, or one dict for all rows. Columns named ``context.ip`` and the like are used by name.
    integrations : column label or dict, optional
        Which destinations receive the calls, for example ``{"All": False}``.
    client : Client, optional
        Where to send. Default is the environment: CIO_WRITE_KEY, CIO_REGION, CIO_ENDPOINT.
    dry_run : bool
        Do everything but send: rows that would be sent are ``ready``. Requires no client.
    on_invalid : {"skip", "raise"}
        Whether to send the other rows if some are invalid, or to send nothing and raise InvalidRowsError.
    on_undelivered : {"return", "raise"}
        Whether to return the result if some rows were not delivered, or to raise UndeliveredError with it.
    schema : "spec", None, a pandera schema, or a path
        What rows are checked against: the API's spec, nothing, your own schema (see :func:`cio_frames.schema`), or the
        spec with your tracking plan on top, a YAML file in the form of those in ``schemas/``. Values are checked, not
        changed.
    strict_schema : bool
        Whether warnings make rows invalid as errors do. A warning is about a value that the API accepts and does not
        keep as it is: text over a limit of Journeys, a property that is not known for the event. Your own message id
        that is not a ULID stays a warning.
    exact_ids : bool
        Whether ids are meant as they stand. Default is to warn of ids that spell a missing value (``nan``, ``NULL``),
        have white space around them, or occur in several forms (``1`` and ``001``); in calls that merge, delete, or
        suppress, or are about devices, such rows are invalid. Set it to clean up after earlier loads.
    nulls : {"omit", "send"}
        Whether to omit missing traits and properties, or to send them as ``null``, which may erase them.
    timezone : str
        The time zone of times without one.
    as_of : str, date or datetime, optional
        What stands for the time in the message ids of calls without a timestamp. Default is the start of this run, so
        that the same call on another day is another call. With the same ``as_of``, such as the logical date of an
        orchestrator, a rerun repeats the ids; to repeat those of a run, pass ``result.attrs["cio"]["as_of"]``, or
        ``as_of`` of its error. A date is midnight in UTC. It never becomes the timestamp of a call.
    allow_campaigns : bool
        Send events that are younger than 72 hours or have no timestamp, although they can start campaigns, that is,
        send mail to real people. Events that Customer.io acts on and does not store, such as User Deleted, do not
        count.
    progress : bool, optional
        Whether to show a progress bar. Default is to show it in a terminal or notebook.
    output : path or address, optional
        On Dask and Spark frames, where it is required: a folder that all workers reach, such as ``s3://bucket/orders``.
        Rows are staged there, and their answers are kept there. The same call with the same folder resumes.
    fresh : bool
        On Dask and Spark frames: discard what ``output`` has of an earlier run, and start over. Default is to resume.
    senders : int
        On Dask and Spark frames: how many workers send at once. One sends from this process. They share the rate limit.
    order_by : column or list of columns, optional
        On Dask and Spark frames: which of a person's rows comes first. Default is the order of a Dask frame; a Spark
        frame has none, and the column of ``timestamp`` decides.
    keep : column or list of columns, optional
        On Dask and Spark frames: columns that the answers repeat, such as ``order_id``.
    buckets : int, optional
        On Dask and Spark frames: into how many files people are distributed. Each must fit into the memory of a worker.
        Default depends on the partitions.

    Returns
    -------
    pandas.DataFrame
        One row per row of the frame, in its order and under its index: status, reason, message_id, bytes, batch,
        http_status, attempts.

    Raises
    ------
    MissingColumnsError
        A column that is named, or that the call requires, is missing.
    FrameError
        The columns cannot make this call, for example because two feed the same field.
    SpecError
        ``schema`` is a path, and the tracking plan there is missing or malformed.
    CampaignsError
        Rows are events that can start campaigns, and ``allow_campaigns`` was not set; nothing was sent.
    InvalidRowsError
        Rows are invalid, and ``on_invalid="raise"``; nothing was sent.
    ConfigurationError
        ``client`` is not set, and the environment has no write key.
    AuthenticationError
        The API does not accept the write key; ``.result`` has the status of every row until then.
    UndeliveredError
        Some rows were not delivered, and ``on_undelivered="raise"``; see ``.result``.
    DeliveryError
        Delivery stopped early for another reason; see ``.result``.

    Examples
    --------
    >>> views = pd.DataFrame({"anonymous_id": ["a-1"], "name": ["Basket"]})
    >>> screen(views, dry_run=True)["status"].tolist()
    ['ready']
    """
    __tracebackhide__ = True
    return _send("screen", locals())


def group(
    df: AnyFrame,
    *,
    group_id: Hashable | None = None,
    user_id: Hashable | None = None,
    anonymous_id: Hashable | None = None,
    timestamp: Hashable | None = None,
    message_id: Hashable | None = None,
    traits: Selection | None = None,
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
    progress: bool | None = None,
    output: str | PathLike[str] | None = None,
    fresh: bool = False,
    senders: int = 1,
    order_by: Hashable | Sequence[Hashable] | None = None,
    keep: Hashable | Sequence[Hashable] | None = None,
    buckets: int | None = None,
) -> pd.DataFrame:
    """Send one group call per row: create or update an object, and relate a person to it.

    Without a person only the object is updated. The type of the object is the trait ``object_type_id``, 1 by default;
    attributes of the relationship nest in ``relationshipAttributes``.

    Parameters
    ----------
    df : pandas.DataFrame, a table of polars, DuckDB or pyarrow, or a Dask or Spark frame
        One row per call. Pass a whole Dask or Spark frame with ``output``: to map this function over its partitions
        loses events that look the same in two of them, and the order of each person's calls.
    group_id : column label, optional
        Column with the object's id. Default is ``group_id``, then ``groupId``.
    user_id : column label, optional
        Column with the person's id. Default is ``user_id``, then ``userId``.
    anonymous_id : column label, optional
        Column with the anonymous id. Default is ``anonymous_id``, then ``anonymousId``.
    timestamp : column label, optional
        Column with the time of the event: datetimes, dates, or ISO 8601 text. Default is ``timestamp``. Without one,
        Customer.io uses the time of receipt.
    message_id : column label, optional
        Column with your own ids of the calls. Default is ``message_id``, then ``messageId``. Without one, each call
        gets a ULID made from its content and its timestamp, so that a rerun repeats it; see ``as_of`` for calls without
        a timestamp.
    traits : list of columns, or {column: field}, optional
        Columns to send as traits, with their names there. Default is every column that feeds no other field. A dotted
        name nests.
    context : column label or dict, optional
        A column of dicts, or one dict for all rows. Columns named ``context.ip`` and the like are used by name.
    integrations : column label or dict, optional
        Which destinations receive the calls, for example ``{"All": False}``.
    client : Client, optional
        Where to send. Default is the environment: CIO_WRITE_KEY, CIO_REGION, CIO_ENDPOINT.
    dry_run : bool
        Do everything but send: rows that would be sent are ``ready``. Requires no client.
    on_invalid : {"skip", "raise"}
        Whether to send the other rows if some are invalid, or to send nothing and raise InvalidRowsError.
    on_undelivered : {"return", "raise"}
        Whether to return the result if some rows were not delivered, or to raise UndeliveredError with it.
    schema : "spec", None, a pandera schema, or a path
        What rows are checked against: the API's spec, nothing, your own schema (see :func:`cio_frames.schema`), or the
        spec with your tracking plan on top, a YAML file in the form of those in ``schemas/``. Values are checked, not
        changed.
    strict_schema : bool
        Whether warnings make rows invalid as errors do. A warning is about a value that the API accepts and does not
        keep as it is: text over a limit of Journeys, a property that is not known for the event. Your own message id
        that is not a ULID stays a warning.
    exact_ids : bool
        Whether ids are meant as they stand. Default is to warn of ids that spell a missing value (``nan``, ``NULL``),
        have white space around them, or occur in several forms (``1`` and ``001``); in calls that merge, delete, or
        suppress, or are about devices, such rows are invalid. Set it to clean up after earlier loads.
    nulls : {"omit", "send"}
        Whether to omit missing traits and properties, or to send them as ``null``, which may erase them.
    timezone : str
        The time zone of times without one.
    as_of : str, date or datetime, optional
        What stands for the time in the message ids of calls without a timestamp. Default is the start of this run, so
        that the same call on another day is another call. With the same ``as_of``, such as the logical date of an
        orchestrator, a rerun repeats the ids; to repeat those of a run, pass ``result.attrs["cio"]["as_of"]``, or
        ``as_of`` of its error. A date is midnight in UTC. It never becomes the timestamp of a call.
    progress : bool, optional
        Whether to show a progress bar. Default is to show it in a terminal or notebook.
    output : path or address, optional
        On Dask and Spark frames, where it is required: a folder that all workers reach, such as ``s3://bucket/orders``.
        Rows are staged there, and their answers are kept there. The same call with the same folder resumes.
    fresh : bool
        On Dask and Spark frames: discard what ``output`` has of an earlier run, and start over. Default is to resume.
    senders : int
        On Dask and Spark frames: how many workers send at once. One sends from this process. They share the rate limit.
    order_by : column or list of columns, optional
        On Dask and Spark frames: which of a person's rows comes first. Default is the order of a Dask frame; a Spark
        frame has none, and the column of ``timestamp`` decides.
    keep : column or list of columns, optional
        On Dask and Spark frames: columns that the answers repeat, such as ``order_id``.
    buckets : int, optional
        On Dask and Spark frames: into how many files people are distributed. Each must fit into the memory of a worker.
        Default depends on the partitions.

    Returns
    -------
    pandas.DataFrame
        One row per row of the frame, in its order and under its index: status, reason, message_id, bytes, batch,
        http_status, attempts.

    Raises
    ------
    MissingColumnsError
        A column that is named, or that the call requires, is missing.
    FrameError
        The columns cannot make this call, for example because two feed the same field.
    SpecError
        ``schema`` is a path, and the tracking plan there is missing or malformed.
    InvalidRowsError
        Rows are invalid, and ``on_invalid="raise"``; nothing was sent.
    ConfigurationError
        ``client`` is not set, and the environment has no write key.
    AuthenticationError
        The API does not accept the write key; ``.result`` has the status of every row until then.
    UndeliveredError
        Some rows were not delivered, and ``on_undelivered="raise"``; see ``.result``.
    DeliveryError
        Delivery stopped early for another reason; see ``.result``.

    Examples
    --------
    >>> members = pd.DataFrame({"group_id": ["acme"], "user_id": ["ada"], "relationshipAttributes.role": ["admin"]})
    >>> group(members, dry_run=True)["status"].tolist()
    ['ready']
    """
    __tracebackhide__ = True
    return _send("group", locals())


def alias(
    df: AnyFrame,
    *,
    user_id: Hashable | None = None,
    previous_id: Hashable | None = None,
    timestamp: Hashable | None = None,
    message_id: Hashable | None = None,
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
    progress: bool | None = None,
    output: str | PathLike[str] | None = None,
    fresh: bool = False,
    senders: int = 1,
    order_by: Hashable | Sequence[Hashable] | None = None,
    keep: Hashable | Sequence[Hashable] | None = None,
    buckets: int | None = None,
) -> pd.DataFrame:
    """Send one alias call per row: merge ``previous_id`` into ``user_id``, which stays.

    A merge cannot be undone. Columns that feed no field are not sent.

    Parameters
    ----------
    df : pandas.DataFrame, a table of polars, DuckDB or pyarrow, or a Dask or Spark frame
        One row per call. Pass a whole Dask or Spark frame with ``output``: to map this function over its partitions
        loses events that look the same in two of them, and the order of each person's calls.
    user_id : column label, optional
        Column with the person's id. Default is ``user_id``, then ``userId``.
    previous_id : column label, optional
        Column with the id that is merged away. Default is ``previous_id``, then ``previousId``.
    timestamp : column label, optional
        Column with the time of the event: datetimes, dates, or ISO 8601 text. Default is ``timestamp``. Without one,
        Customer.io uses the time of receipt.
    message_id : column label, optional
        Column with your own ids of the calls. Default is ``message_id``, then ``messageId``. Without one, each call
        gets a ULID made from its content and its timestamp, so that a rerun repeats it; see ``as_of`` for calls without
        a timestamp.
    context : column label or dict, optional
        A column of dicts, or one dict for all rows. Columns named ``context.ip`` and the like are used by name.
    integrations : column label or dict, optional
        Which destinations receive the calls, for example ``{"All": False}``.
    client : Client, optional
        Where to send. Default is the environment: CIO_WRITE_KEY, CIO_REGION, CIO_ENDPOINT.
    dry_run : bool
        Do everything but send: rows that would be sent are ``ready``. Requires no client.
    on_invalid : {"skip", "raise"}
        Whether to send the other rows if some are invalid, or to send nothing and raise InvalidRowsError.
    on_undelivered : {"return", "raise"}
        Whether to return the result if some rows were not delivered, or to raise UndeliveredError with it.
    schema : "spec", None, a pandera schema, or a path
        What rows are checked against: the API's spec, nothing, your own schema (see :func:`cio_frames.schema`), or the
        spec with your tracking plan on top, a YAML file in the form of those in ``schemas/``. Values are checked, not
        changed.
    strict_schema : bool
        Whether warnings make rows invalid as errors do. A warning is about a value that the API accepts and does not
        keep as it is: text over a limit of Journeys, a property that is not known for the event. Your own message id
        that is not a ULID stays a warning.
    exact_ids : bool
        Whether ids are meant as they stand. Default is to warn of ids that spell a missing value (``nan``, ``NULL``),
        have white space around them, or occur in several forms (``1`` and ``001``); in calls that merge, delete, or
        suppress, or are about devices, such rows are invalid. Set it to clean up after earlier loads.
    nulls : {"omit", "send"}
        Whether to omit missing traits and properties, or to send them as ``null``, which may erase them.
    timezone : str
        The time zone of times without one.
    as_of : str, date or datetime, optional
        What stands for the time in the message ids of calls without a timestamp. Default is the start of this run, so
        that the same call on another day is another call. With the same ``as_of``, such as the logical date of an
        orchestrator, a rerun repeats the ids; to repeat those of a run, pass ``result.attrs["cio"]["as_of"]``, or
        ``as_of`` of its error. A date is midnight in UTC. It never becomes the timestamp of a call.
    progress : bool, optional
        Whether to show a progress bar. Default is to show it in a terminal or notebook.
    output : path or address, optional
        On Dask and Spark frames, where it is required: a folder that all workers reach, such as ``s3://bucket/orders``.
        Rows are staged there, and their answers are kept there. The same call with the same folder resumes.
    fresh : bool
        On Dask and Spark frames: discard what ``output`` has of an earlier run, and start over. Default is to resume.
    senders : int
        On Dask and Spark frames: how many workers send at once. One sends from this process. They share the rate limit.
    order_by : column or list of columns, optional
        On Dask and Spark frames: which of a person's rows comes first. Default is the order of a Dask frame; a Spark
        frame has none, and the column of ``timestamp`` decides.
    keep : column or list of columns, optional
        On Dask and Spark frames: columns that the answers repeat, such as ``order_id``.
    buckets : int, optional
        On Dask and Spark frames: into how many files people are distributed. Each must fit into the memory of a worker.
        Default depends on the partitions.

    Returns
    -------
    pandas.DataFrame
        One row per row of the frame, in its order and under its index: status, reason, message_id, bytes, batch,
        http_status, attempts.

    Raises
    ------
    MissingColumnsError
        A column that is named, or that the call requires, is missing.
    FrameError
        The columns cannot make this call, for example because two feed the same field.
    SpecError
        ``schema`` is a path, and the tracking plan there is missing or malformed.
    InvalidRowsError
        Rows are invalid, and ``on_invalid="raise"``; nothing was sent.
    ConfigurationError
        ``client`` is not set, and the environment has no write key.
    AuthenticationError
        The API does not accept the write key; ``.result`` has the status of every row until then.
    UndeliveredError
        Some rows were not delivered, and ``on_undelivered="raise"``; see ``.result``.
    DeliveryError
        Delivery stopped early for another reason; see ``.result``.

    Examples
    --------
    >>> merges = pd.DataFrame({"user_id": ["ada"], "previous_id": ["a-1"]})
    >>> alias(merges, dry_run=True)["status"].tolist()
    ['ready']
    """
    __tracebackhide__ = True
    return _send("alias", locals())


def batch(
    df: AnyFrame,
    *,
    type_column: Hashable = "type",
    event_column: Hashable | None = None,
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
    allow_campaigns: bool = False,
    progress: bool | None = None,
    output: str | PathLike[str] | None = None,
    fresh: bool = False,
    senders: int = 1,
    order_by: Hashable | Sequence[Hashable] | None = None,
    keep: Hashable | Sequence[Hashable] | None = None,
    buckets: int | None = None,
) -> pd.DataFrame:
    """Send mixed calls: a column holds the call of each row.

    Columns become traits in identify and group rows, properties in track, page and screen rows. Nulls are omitted, so
    one frame can hold the columns of all of them. The rows of a person are sent in their order.

    Parameters
    ----------
    df : pandas.DataFrame, a table of polars, DuckDB or pyarrow, or a Dask or Spark frame
        One row per call. Pass a whole Dask or Spark frame with ``output``: to map this function over its partitions
        loses events that look the same in two of them, and the order of each person's calls.
    type_column : column label
        Column with the call of each row: ``identify``, ``track``, ...
    event_column : column label, optional
        Column with the event name of each row. Default is ``event``.
    user_id : column label, optional
        Column with the person's id. Default is ``user_id``, then ``userId``.
    anonymous_id : column label, optional
        Column with the anonymous id. Default is ``anonymous_id``, then ``anonymousId``.
    previous_id : column label, optional
        Column with the id that is merged away. Default is ``previous_id``, then ``previousId``.
    group_id : column label, optional
        Column with the object's id. Default is ``group_id``, then ``groupId``.
    name : column label, optional
        Column with the name of the page or screen. Default is ``name``.
    timestamp : column label, optional
        Column with the time of the event: datetimes, dates, or ISO 8601 text. Default is ``timestamp``. Without one,
        Customer.io uses the time of receipt.
    message_id : column label, optional
        Column with your own ids of the calls. Default is ``message_id``, then ``messageId``. Without one, each call
        gets a ULID made from its content and its timestamp, so that a rerun repeats it; see ``as_of`` for calls without
        a timestamp.
    traits : list of columns, or {column: field}, optional
        Columns to send as traits, with their names there. Default is every column that feeds no other field. A dotted
        name nests.
    properties : list of columns, or {column: field}, optional
        Columns to send as properties, with their names there. Default is every column that feeds no other field. A
        dotted name nests.
    context : column label or dict, optional
        A column of dicts, or one dict for all rows. Columns named ``context.ip`` and the like are used by name.
    integrations : column label or dict, optional
        Which destinations receive the calls, for example ``{"All": False}``.
    client : Client, optional
        Where to send. Default is the environment: CIO_WRITE_KEY, CIO_REGION, CIO_ENDPOINT.
    dry_run : bool
        Do everything but send: rows that would be sent are ``ready``. Requires no client.
    on_invalid : {"skip", "raise"}
        Whether to send the other rows if some are invalid, or to send nothing and raise InvalidRowsError.
    on_undelivered : {"return", "raise"}
        Whether to return the result if some rows were not delivered, or to raise UndeliveredError with it.
    schema : "spec", None, a pandera schema, or a path
        What rows are checked against: the API's spec, nothing, your own schema (see :func:`cio_frames.schema`), or the
        spec with your tracking plan on top, a YAML file in the form of those in ``schemas/``. Values are checked, not
        changed.
    strict_schema : bool
        Whether warnings make rows invalid as errors do. A warning is about a value that the API accepts and does not
        keep as it is: text over a limit of Journeys, a property that is not known for the event. Your own message id
        that is not a ULID stays a warning.
    exact_ids : bool
        Whether ids are meant as they stand. Default is to warn of ids that spell a missing value (``nan``, ``NULL``),
        have white space around them, or occur in several forms (``1`` and ``001``); in calls that merge, delete, or
        suppress, or are about devices, such rows are invalid. Set it to clean up after earlier loads.
    nulls : {"omit", "send"}
        Whether to omit missing traits and properties, or to send them as ``null``, which may erase them.
    timezone : str
        The time zone of times without one.
    as_of : str, date or datetime, optional
        What stands for the time in the message ids of calls without a timestamp. Default is the start of this run, so
        that the same call on another day is another call. With the same ``as_of``, such as the logical date of an
        orchestrator, a rerun repeats the ids; to repeat those of a run, pass ``result.attrs["cio"]["as_of"]``, or
        ``as_of`` of its error. A date is midnight in UTC. It never becomes the timestamp of a call.
    allow_campaigns : bool
        Send events that are younger than 72 hours or have no timestamp, although they can start campaigns, that is,
        send mail to real people. Events that Customer.io acts on and does not store, such as User Deleted, do not
        count.
    progress : bool, optional
        Whether to show a progress bar. Default is to show it in a terminal or notebook.
    output : path or address, optional
        On Dask and Spark frames, where it is required: a folder that all workers reach, such as ``s3://bucket/orders``.
        Rows are staged there, and their answers are kept there. The same call with the same folder resumes.
    fresh : bool
        On Dask and Spark frames: discard what ``output`` has of an earlier run, and start over. Default is to resume.
    senders : int
        On Dask and Spark frames: how many workers send at once. One sends from this process. They share the rate limit.
    order_by : column or list of columns, optional
        On Dask and Spark frames: which of a person's rows comes first. Default is the order of a Dask frame; a Spark
        frame has none, and the column of ``timestamp`` decides.
    keep : column or list of columns, optional
        On Dask and Spark frames: columns that the answers repeat, such as ``order_id``.
    buckets : int, optional
        On Dask and Spark frames: into how many files people are distributed. Each must fit into the memory of a worker.
        Default depends on the partitions.

    Returns
    -------
    pandas.DataFrame
        One row per row of the frame, in its order and under its index: status, reason, message_id, bytes, batch,
        http_status, attempts.

    Raises
    ------
    MissingColumnsError
        A column that is named, or that the call requires, is missing.
    FrameError
        The columns cannot make this call, for example because two feed the same field.
    SpecError
        ``schema`` is a path, and the tracking plan there is missing or malformed.
    CampaignsError
        Rows are events that can start campaigns, and ``allow_campaigns`` was not set; nothing was sent.
    InvalidRowsError
        Rows are invalid, and ``on_invalid="raise"``; nothing was sent.
    ConfigurationError
        ``client`` is not set, and the environment has no write key.
    AuthenticationError
        The API does not accept the write key; ``.result`` has the status of every row until then.
    UndeliveredError
        Some rows were not delivered, and ``on_undelivered="raise"``; see ``.result``.
    DeliveryError
        Delivery stopped early for another reason; see ``.result``.

    Examples
    --------
    >>> mixed = pd.DataFrame(
    ...     {
    ...         "type": ["identify", "track"],
    ...         "user_id": ["ada"] * 2,
    ...         "plan": ["free", None],
    ...         "event": [None, "Signed Up"],
    ...     }
    ... )
    >>> batch(mixed, dry_run=True)["status"].tolist()
    ['ready', 'ready']
    """
    __tracebackhide__ = True
    return _send("batch", locals())


def validate(
    df: AnyFrame,
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
    schema: Schema = "spec",
    strict_schema: bool = False,
    exact_ids: bool = False,
    nulls: Nulls = "omit",
    timezone: str = "UTC",
) -> ValidationReport:
    """Check a frame as a call would, send nothing, and return what is wrong with it.

    Rows are checked against the schema, encoded as JSON and measured, as before sending.

    Parameters
    ----------
    df : pandas.DataFrame, a table of polars, DuckDB or pyarrow, or a Dask or Spark frame
        One row per call.
    call : {"identify", "track", "page", "screen", "group", "alias", "batch"}
        The call to make of each row.
    event : str, optional
        One event name for all rows. Default is the name in ``event_column``, row by row.
    event_column : column label, optional
        Column with the event name of each row. Default is ``event``.
    type_column : column label
        Column with the call of each row: ``identify``, ``track``, ...
    user_id : column label, optional
        Column with the person's id. Default is ``user_id``, then ``userId``.
    anonymous_id : column label, optional
        Column with the anonymous id. Default is ``anonymous_id``, then ``anonymousId``.
    previous_id : column label, optional
        Column with the id that is merged away. Default is ``previous_id``, then ``previousId``.
    group_id : column label, optional
        Column with the object's id. Default is ``group_id``, then ``groupId``.
    name : column label, optional
        Column with the name of the page or screen. Default is ``name``.
    timestamp : column label, optional
        Column with the time of the event: datetimes, dates, or ISO 8601 text. Default is ``timestamp``. Without one,
        Customer.io uses the time of receipt.
    message_id : column label, optional
        Column with your own ids of the calls. Default is ``message_id``, then ``messageId``.
    traits : list of columns, or {column: field}, optional
        Columns to send as traits, with their names there. Default is every column that feeds no other field. A dotted
        name nests.
    properties : list of columns, or {column: field}, optional
        Columns to send as properties, with their names there. Default is every column that feeds no other field. A
        dotted name nests.
    context : column label or dict, optional
        A column of dicts, or one dict for all rows. Columns named ``context.ip`` and the like are used by name.
    integrations : column label or dict, optional
        Which destinations receive the calls, for example ``{"All": False}``.
    client : Client, optional
        The client whose limits count. Default is the default limits.
    schema : "spec", None, a pandera schema, or a path
        What rows are checked against: the API's spec, nothing, your own schema (see :func:`cio_frames.schema`), or the
        spec with your tracking plan on top, a YAML file in the form of those in ``schemas/``. Values are checked, not
        changed.
    strict_schema : bool
        Whether warnings make rows invalid as errors do. A warning is about a value that the API accepts and does not
        keep as it is: text over a limit of Journeys, a property that is not known for the event. Your own message id
        that is not a ULID stays a warning.
    exact_ids : bool
        Whether ids are meant as they stand. Default is to warn of ids that spell a missing value (``nan``, ``NULL``),
        have white space around them, or occur in several forms (``1`` and ``001``); in calls that merge, delete, or
        suppress, or are about devices, such rows are invalid. Set it to clean up after earlier loads.
    nulls : {"omit", "send"}
        Whether to omit missing traits and properties, or to send them as ``null``, which may erase them.
    timezone : str
        The time zone of times without one.

    Returns
    -------
    ValidationReport
        Which rows are invalid, and why.

    Raises
    ------
    MissingColumnsError
        A column that is named, or that the call requires, is missing.
    FrameError
        The columns cannot make this call, for example because two feed the same field.
    SpecError
        ``schema`` is a path, and the tracking plan there is missing or malformed.

    Examples
    --------
    >>> orders = pd.DataFrame({"user_id": ["ada", "bob"], "total": [12.5, "free"]})
    >>> validate(orders, "track", "Order Completed").failure_cases["reason"].tolist()
    ['total: must be a number']
    """
    __tracebackhide__ = True
    return _build_report(locals())


def payloads(
    df: AnyFrame,
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
    schema: Schema = "spec",
    strict_schema: bool = False,
    exact_ids: bool = False,
    nulls: Nulls = "omit",
    timezone: str = "UTC",
) -> pd.Series[Any]:
    """Return the JSON that a call would send for each row; null for rows that would not be sent.

    Parameters
    ----------
    df : pandas.DataFrame, or a table of polars, DuckDB or pyarrow
        One row per call.
    call : {"identify", "track", "page", "screen", "group", "alias", "batch"}
        The call to make of each row.
    event : str, optional
        One event name for all rows. Default is the name in ``event_column``, row by row.
    event_column : column label, optional
        Column with the event name of each row. Default is ``event``.
    type_column : column label
        Column with the call of each row: ``identify``, ``track``, ...
    user_id : column label, optional
        Column with the person's id. Default is ``user_id``, then ``userId``.
    anonymous_id : column label, optional
        Column with the anonymous id. Default is ``anonymous_id``, then ``anonymousId``.
    previous_id : column label, optional
        Column with the id that is merged away. Default is ``previous_id``, then ``previousId``.
    group_id : column label, optional
        Column with the object's id. Default is ``group_id``, then ``groupId``.
    name : column label, optional
        Column with the name of the page or screen. Default is ``name``.
    timestamp : column label, optional
        Column with the time of the event: datetimes, dates, or ISO 8601 text. Default is ``timestamp``. Without one,
        Customer.io uses the time of receipt.
    message_id : column label, optional
        Column with your own ids of the calls. Default is ``message_id``, then ``messageId``. Without one, a call with a
        timestamp gets a ULID made from its content and its timestamp, and a call without a timestamp gets its id only
        when it is sent.
    traits : list of columns, or {column: field}, optional
        Columns to send as traits, with their names there. Default is every column that feeds no other field. A dotted
        name nests.
    properties : list of columns, or {column: field}, optional
        Columns to send as properties, with their names there. Default is every column that feeds no other field. A
        dotted name nests.
    context : column label or dict, optional
        A column of dicts, or one dict for all rows. Columns named ``context.ip`` and the like are used by name.
    integrations : column label or dict, optional
        Which destinations receive the calls, for example ``{"All": False}``.
    client : Client, optional
        The client whose limits count. Default is the default limits.
    schema : "spec", None, a pandera schema, or a path
        What rows are checked against: the API's spec, nothing, your own schema (see :func:`cio_frames.schema`), or the
        spec with your tracking plan on top, a YAML file in the form of those in ``schemas/``. Values are checked, not
        changed.
    strict_schema : bool
        Whether warnings make rows invalid as errors do. A warning is about a value that the API accepts and does not
        keep as it is: text over a limit of Journeys, a property that is not known for the event. Your own message id
        that is not a ULID stays a warning.
    exact_ids : bool
        Whether ids are meant as they stand. Default is to warn of ids that spell a missing value (``nan``, ``NULL``),
        have white space around them, or occur in several forms (``1`` and ``001``); in calls that merge, delete, or
        suppress, or are about devices, such rows are invalid. Set it to clean up after earlier loads.
    nulls : {"omit", "send"}
        Whether to omit missing traits and properties, or to send them as ``null``, which may erase them.
    timezone : str
        The time zone of times without one.

    Returns
    -------
    pandas.Series
        JSON text under the index of the frame.

    Raises
    ------
    MissingColumnsError
        A column that is named, or that the call requires, is missing.
    FrameError
        The columns cannot make this call, for example because two feed the same field.
    SpecError
        ``schema`` is a path, and the tracking plan there is missing or malformed.

    Examples
    --------
    >>> people = pd.DataFrame({"user_id": ["ada"], "address.city": ["London"], "message_id": ["m-1"]})
    >>> print(payloads(people, "identify")[0])
    {"type":"identify","userId":"ada","traits":{"address":{"city":"London"}},"messageId":"m-1"}
    """
    __tracebackhide__ = True
    return _encode_payloads(locals())


def plan(
    df: Any,
    call: SyncCall,
    event: str | None = None,
    *,
    event_column: Hashable | None = None,
    user_id: Hashable | None = None,
    anonymous_id: Hashable | None = None,
    group_id: Hashable | None = None,
    name: Hashable | None = None,
    timestamp: Hashable | None = None,
    message_id: Hashable | None = None,
    traits: Selection | None = None,
    properties: Selection | None = None,
    context: Hashable | Mapping[str, Any] | None = None,
    integrations: Hashable | Mapping[str, Any] | None = None,
    state: str | PathLike[str],
    removed: Removed = "keep",
    returned: Mapping[str, Any] | None = None,
    complete: bool = False,
    cleared: Cleared = "keep",
    ignore: str | Sequence[str] = (),
    max_changed: Limit = None,
    max_removed: Limit = None,
    min_rows: Limit = None,
    grace_runs: int = 2,
    accept_mapping: bool = False,
    accept_key: bool = False,
    refresh_days: int | None = None,
    duplicates: Duplicates = "invalid",
    keep_days: int = 400,
    retry_rejected: bool = False,
    as_of: AsOfValue = None,
    audit: str | PathLike[str] | None = None,
    client: Client | None = None,
    schema: Schema = "spec",
    strict_schema: bool = False,
    exact_ids: bool = False,
    timezone: str = "UTC",
    csv: CsvOptions | Mapping[str, Any] | None = None,
    partitions: bool = True,
    progress: bool | None = None,
) -> Plan:
    """Compare every row with a sync state, and return what a sync would do; nothing is sent.

    A plan draws itself in a notebook. ``plan.changes`` and ``plan.removed`` are frames, ``plan.to_html()`` is a page
    for review, ``plan.to_parquet()`` a file for ``cio-frames apply``, and ``plan.apply()`` sends what the plan lists.


    Parameters
    ----------
    df : pandas.DataFrame, path, or any source of a load
        One row per call.
    call : {"identify", "group", "track", "page", "screen"}
        The call to make of each row.
    event : str, optional
        One event name for all rows. Default is the name in ``event_column``, row by row.
    event_column : column label, optional
        Column with the event name of each row. Default is ``event``.
    user_id : column label, optional
        Column with the person's id. Default is ``user_id``, then ``userId``.
    anonymous_id : column label, optional
        Column with the anonymous id. Default is ``anonymous_id``, then ``anonymousId``.
    group_id : column label, optional
        Column with the object's id. Default is ``group_id``, then ``groupId``.
    name : column label, optional
        Column with the name of the page or screen. Default is ``name``.
    timestamp : column label, optional
        Column with the time of the event: datetimes, dates, or ISO 8601 text. Default is ``timestamp``. Without one,
        Customer.io uses the time of receipt.
    message_id : column label, optional
        Column with your own ids of the calls. Default is ``message_id``, then ``messageId``. Without one, each call
        gets a ULID made from its content and its timestamp, so that a rerun repeats it; see ``as_of`` for calls without
        a timestamp.
    traits : list of columns, or {column: field}, optional
        Columns to send as traits, with their names there. Default is every column that feeds no other field. A dotted
        name nests.
    properties : list of columns, or {column: field}, optional
        Columns to send as properties, with their names there. Default is every column that feeds no other field. A
        dotted name nests.
    context : column label or dict, optional
        A column of dicts, or one dict for all rows. Columns named ``context.ip`` and the like are used by name.
    integrations : column label or dict, optional
        Which destinations receive the calls, for example ``{"All": False}``.
    state : path
        SQLite file that knows what Customer.io holds; it is made by the first sync or baseline.
    removed : "keep", "report", "delete", "suppress", "delete_relationships", or a dict
        What happens to subjects of the state that are missing: nothing, naming them in the plan, deleting or
        suppressing people, deleting relationships (group), or setting these traits.
    returned : dict, optional
        Traits to set when a subject is back that ``removed`` has marked.
    complete : bool
        Your claim that the source holds every subject. Required to delete, suppress or mark any.
    cleared : {"keep", "null"}
        What a value that became missing does: it is counted only, or ``null`` is sent once, which erases it.
    ignore : str or list of str
        Names of fields that do not count as a change.
    max_changed : int or str, optional
        Send nothing if more known subjects change: a count, or ``"5%"``.
    max_removed : int or str, optional
        Send nothing if more subjects that this state delivered are missing: a count, or a share, which must be exceeded
        among all subjects of the state too. Default is 5 % and 1,000.
    min_rows : int or str, optional
        Send nothing if the source has fewer rows: a count, or a share of the state.
    grace_runs : int
        How many runs of different dates must miss a subject before ``removed`` acts.
    accept_mapping : bool
        Whether to continue although fields came or went since the last run.
    accept_key : bool
        Whether to take a new write key of the same workspace.
    refresh_days : int, optional
        Send every subject again at least so often, spread evenly. Default is never.
    duplicates : {"invalid", "last"}
        Whether rows of one subject are all invalid, or the last one is sent.
    keep_days : int
        How many days the ids of events are remembered (track, page, screen).
    retry_rejected : bool
        Whether to send rows again that were rejected three times with the same content.
    as_of : str, date or datetime, optional
        The date that this run is about, for ``grace_runs``. Default is now.
    audit : path, optional
        File to which JSON lines are appended: one per row with the status ``sending`` before its batch leaves, and one
        with the outcome: time, operation, ids, message_id, status, http_status. Each is on disk before the next step,
        so that after a kill a row with only the first may have been accepted. It never holds the write key, and a new
        file is readable by its owner only. If it is not writable, nothing is sent (ConfigurationError); if writing
        fails later, delivery stops, and the DeliveryError has the result. Dask and Spark frames require one sender for
        it.
    client : Client, optional
        The client to check the state against. Default is none: it is checked later.
    schema : "spec", None, a pandera schema, or a path
        What rows are checked against: the API's spec, nothing, your own schema (see :func:`cio_frames.schema`), or the
        spec with your tracking plan on top, a YAML file in the form of those in ``schemas/``. Values are checked, not
        changed.
    strict_schema : bool
        Whether warnings make rows invalid as errors do. A warning is about a value that the API accepts and does not
        keep as it is: text over a limit of Journeys, a property that is not known for the event. Your own message id
        that is not a ULID stays a warning.
    exact_ids : bool
        Whether ids are meant as they stand. Default is to warn of ids that spell a missing value (``nan``, ``NULL``),
        have white space around them, or occur in several forms (``1`` and ``001``); in calls that merge, delete, or
        suppress, or are about devices, such rows are invalid. Set it to clean up after earlier loads.
    timezone : str
        The time zone of times without one.
    csv : CsvOptions or dict, optional
        How to read CSV files. Default is UTF-8 with commas; see :func:`load`.
    partitions : bool
        Whether folders such as ``country=de/`` become columns.
    progress : bool, optional
        Whether to show a progress bar. Default is to show it in a terminal or notebook.

    Returns
    -------
    Plan
        What a sync would do.

    Raises
    ------
    MissingColumnsError
        A column that is named, or that the call requires, is missing.
    FrameError
        The columns cannot make this call, for example because two feed the same field.
    ConfigurationError
        The state is of another workspace, endpoint, call or mapping, is damaged or locked, or options contradict each
        other; nothing was sent.

    Examples
    --------
    >>> people = pd.DataFrame({"user_id": ["ada", "bo"], "plan": ["team", "free"]})
    >>> plan(people, "identify", state="people.sqlite").counts
    {'new': 2}
    """
    return _plan(locals())


def sync(
    df: Any,
    call: SyncCall,
    event: str | None = None,
    *,
    event_column: Hashable | None = None,
    user_id: Hashable | None = None,
    anonymous_id: Hashable | None = None,
    group_id: Hashable | None = None,
    name: Hashable | None = None,
    timestamp: Hashable | None = None,
    message_id: Hashable | None = None,
    traits: Selection | None = None,
    properties: Selection | None = None,
    context: Hashable | Mapping[str, Any] | None = None,
    integrations: Hashable | Mapping[str, Any] | None = None,
    state: str | PathLike[str],
    removed: Removed = "keep",
    returned: Mapping[str, Any] | None = None,
    complete: bool = False,
    cleared: Cleared = "keep",
    ignore: str | Sequence[str] = (),
    max_changed: Limit = None,
    max_removed: Limit = None,
    min_rows: Limit = None,
    grace_runs: int = 2,
    accept_mapping: bool = False,
    accept_key: bool = False,
    refresh_days: int | None = None,
    duplicates: Duplicates = "invalid",
    keep_days: int = 400,
    retry_rejected: bool = False,
    as_of: AsOfValue = None,
    audit: str | PathLike[str] | None = None,
    client: Client | None = None,
    dry_run: bool = False,
    on_invalid: OnInvalid = "skip",
    on_undelivered: OnUndelivered = "return",
    allow_campaigns: bool = False,
    output: str | PathLike[str] | None = None,
    schema: Schema = "spec",
    strict_schema: bool = False,
    exact_ids: bool = False,
    timezone: str = "UTC",
    csv: CsvOptions | Mapping[str, Any] | None = None,
    partitions: bool = True,
    progress: bool | None = None,
) -> Any:
    """Send what changed since the last sync, and deal with subjects that left.

    The state is one SQLite file that knows what Customer.io holds, row by row. Only an answer of the API moves it, so
    the same call resumes a sync that was stopped or killed. Rows with nothing to send are ``unchanged``.


    Parameters
    ----------
    df : pandas.DataFrame, path, or any source of a load
        One row per call.
    call : {"identify", "group", "track", "page", "screen"}
        The call to make of each row.
    event : str, optional
        One event name for all rows. Default is the name in ``event_column``, row by row.
    event_column : column label, optional
        Column with the event name of each row. Default is ``event``.
    user_id : column label, optional
        Column with the person's id. Default is ``user_id``, then ``userId``.
    anonymous_id : column label, optional
        Column with the anonymous id. Default is ``anonymous_id``, then ``anonymousId``.
    group_id : column label, optional
        Column with the object's id. Default is ``group_id``, then ``groupId``.
    name : column label, optional
        Column with the name of the page or screen. Default is ``name``.
    timestamp : column label, optional
        Column with the time of the event: datetimes, dates, or ISO 8601 text. Default is ``timestamp``. Without one,
        Customer.io uses the time of receipt.
    message_id : column label, optional
        Column with your own ids of the calls. Default is ``message_id``, then ``messageId``. Without one, each call
        gets a ULID made from its content and its timestamp, so that a rerun repeats it; see ``as_of`` for calls without
        a timestamp.
    traits : list of columns, or {column: field}, optional
        Columns to send as traits, with their names there. Default is every column that feeds no other field. A dotted
        name nests.
    properties : list of columns, or {column: field}, optional
        Columns to send as properties, with their names there. Default is every column that feeds no other field. A
        dotted name nests.
    context : column label or dict, optional
        A column of dicts, or one dict for all rows. Columns named ``context.ip`` and the like are used by name.
    integrations : column label or dict, optional
        Which destinations receive the calls, for example ``{"All": False}``.
    state : path
        SQLite file that knows what Customer.io holds; it is made by the first sync or baseline.
    removed : "keep", "report", "delete", "suppress", "delete_relationships", or a dict
        What happens to subjects of the state that are missing: nothing, naming them in the plan, deleting or
        suppressing people, deleting relationships (group), or setting these traits.
    returned : dict, optional
        Traits to set when a subject is back that ``removed`` has marked.
    complete : bool
        Your claim that the source holds every subject. Required to delete, suppress or mark any.
    cleared : {"keep", "null"}
        What a value that became missing does: it is counted only, or ``null`` is sent once, which erases it.
    ignore : str or list of str
        Names of fields that do not count as a change.
    max_changed : int or str, optional
        Send nothing if more known subjects change: a count, or ``"5%"``.
    max_removed : int or str, optional
        Send nothing if more subjects that this state delivered are missing: a count, or a share, which must be exceeded
        among all subjects of the state too. Default is 5 % and 1,000.
    min_rows : int or str, optional
        Send nothing if the source has fewer rows: a count, or a share of the state.
    grace_runs : int
        How many runs of different dates must miss a subject before ``removed`` acts.
    accept_mapping : bool
        Whether to continue although fields came or went since the last run.
    accept_key : bool
        Whether to take a new write key of the same workspace.
    refresh_days : int, optional
        Send every subject again at least so often, spread evenly. Default is never.
    duplicates : {"invalid", "last"}
        Whether rows of one subject are all invalid, or the last one is sent.
    keep_days : int
        How many days the ids of events are remembered (track, page, screen).
    retry_rejected : bool
        Whether to send rows again that were rejected three times with the same content.
    as_of : str, date or datetime, optional
        The date that this run is about, for ``grace_runs``. Default is now.
    audit : path, optional
        File to which JSON lines are appended: one per row with the status ``sending`` before its batch leaves, and one
        with the outcome: time, operation, ids, message_id, status, http_status. Each is on disk before the next step,
        so that after a kill a row with only the first may have been accepted. It never holds the write key, and a new
        file is readable by its owner only. If it is not writable, nothing is sent (ConfigurationError); if writing
        fails later, delivery stops, and the DeliveryError has the result. Dask and Spark frames require one sender for
        it.
    client : Client, optional
        Where to send. Default is the environment: CIO_WRITE_KEY, CIO_REGION, CIO_ENDPOINT.
    dry_run : bool
        Do everything but send: rows that would be sent are ``ready``. Requires no client.
    on_invalid : {"skip", "raise"}
        Whether to send the other rows if some are invalid, or to send nothing and raise InvalidRowsError.
    on_undelivered : {"return", "raise"}
        Whether to return the result if some rows were not delivered, or to raise UndeliveredError with it.
    allow_campaigns : bool
        Send events that are younger than 72 hours or have no timestamp, although they can start campaigns, that is,
        send mail to real people. Events that Customer.io acts on and does not store, such as User Deleted, do not
        count.
    output : path, optional
        Folder for ``results/``, ``undelivered.parquet`` and ``removed.parquet`` of a source that is not a frame.
        Default is named after source and call.
    schema : "spec", None, a pandera schema, or a path
        What rows are checked against: the API's spec, nothing, your own schema (see :func:`cio_frames.schema`), or the
        spec with your tracking plan on top, a YAML file in the form of those in ``schemas/``. Values are checked, not
        changed.
    strict_schema : bool
        Whether warnings make rows invalid as errors do. A warning is about a value that the API accepts and does not
        keep as it is: text over a limit of Journeys, a property that is not known for the event. Your own message id
        that is not a ULID stays a warning.
    exact_ids : bool
        Whether ids are meant as they stand. Default is to warn of ids that spell a missing value (``nan``, ``NULL``),
        have white space around them, or occur in several forms (``1`` and ``001``); in calls that merge, delete, or
        suppress, or are about devices, such rows are invalid. Set it to clean up after earlier loads.
    timezone : str
        The time zone of times without one.
    csv : CsvOptions or dict, optional
        How to read CSV files. Default is UTF-8 with commas; see :func:`load`.
    partitions : bool
        Whether folders such as ``country=de/`` become columns.
    progress : bool, optional
        Whether to show a progress bar. Default is to show it in a terminal or notebook.

    Returns
    -------
    pandas.DataFrame or SyncResult
        Of a frame, its result frame: one row per row, in its order and under its index. Of another source, what the
        sync came to, with the results of its rows in files.

    Raises
    ------
    MissingColumnsError
        A column that is named, or that the call requires, is missing.
    FrameError
        The columns cannot make this call, for example because two feed the same field.
    ConfigurationError
        The state is of another workspace, endpoint, call or mapping, is damaged or locked, or options contradict each
        other; nothing was sent.
    GuardError
        A guard trips: this looks wrong, and nothing was sent.
    InvalidRowsError
        Rows are invalid, and ``on_invalid="raise"``; nothing was sent.
    UndeliveredError
        Some rows were not delivered, and ``on_undelivered="raise"``; see ``.result``.
    DeliveryError
        Delivery stopped early for another reason; see ``.result``.

    Examples
    --------
    >>> import tempfile
    >>> from cio_frames import Sandbox
    >>> people = pd.DataFrame({"user_id": ["ada", "bo"], "plan": ["team", "free"]})
    >>> with Sandbox() as sandbox, tempfile.TemporaryDirectory() as folder:
    ...     options = {"state": f"{folder}/people.sqlite", "client": sandbox.client}
    ...     first = sync(people, "identify", **options)
    ...     upgraded = people.assign(plan=["team", "pro"])
    ...     second = sync(upgraded, "identify", **options)
    >>> first["status"].tolist(), second["status"].tolist()
    (['delivered', 'delivered'], ['unchanged', 'delivered'])
    """
    return _sync(locals())


def baseline(
    df: Any,
    call: SyncCall,
    event: str | None = None,
    *,
    event_column: Hashable | None = None,
    user_id: Hashable | None = None,
    anonymous_id: Hashable | None = None,
    group_id: Hashable | None = None,
    name: Hashable | None = None,
    timestamp: Hashable | None = None,
    message_id: Hashable | None = None,
    traits: Selection | None = None,
    properties: Selection | None = None,
    context: Hashable | Mapping[str, Any] | None = None,
    integrations: Hashable | Mapping[str, Any] | None = None,
    state: str | PathLike[str],
    confirm: int | None = None,
    ignore: str | Sequence[str] = (),
    duplicates: Duplicates = "invalid",
    accept_mapping: bool = False,
    accept_key: bool = False,
    client: Client | None = None,
    dry_run: bool = False,
    schema: Schema = "spec",
    strict_schema: bool = False,
    exact_ids: bool = False,
    timezone: str = "UTC",
    csv: CsvOptions | Mapping[str, Any] | None = None,
    partitions: bool = True,
    progress: bool | None = None,
) -> Any:
    """Write a sync state without sending: the rows are in Customer.io already, you say.

    The next sync sends what differs from these rows. Subjects of a baseline are claimed and not delivered, and are
    never removed.


    Parameters
    ----------
    df : pandas.DataFrame, path, or any source of a load
        One row per call.
    call : {"identify", "group", "track", "page", "screen"}
        The call to make of each row.
    event : str, optional
        One event name for all rows. Default is the name in ``event_column``, row by row.
    event_column : column label, optional
        Column with the event name of each row. Default is ``event``.
    user_id : column label, optional
        Column with the person's id. Default is ``user_id``, then ``userId``.
    anonymous_id : column label, optional
        Column with the anonymous id. Default is ``anonymous_id``, then ``anonymousId``.
    group_id : column label, optional
        Column with the object's id. Default is ``group_id``, then ``groupId``.
    name : column label, optional
        Column with the name of the page or screen. Default is ``name``.
    timestamp : column label, optional
        Column with the time of the event: datetimes, dates, or ISO 8601 text. Default is ``timestamp``. Without one,
        Customer.io uses the time of receipt.
    message_id : column label, optional
        Column with your own ids of the calls. Default is ``message_id``, then ``messageId``. Without one, each call
        gets a ULID made from its content and its timestamp, so that a rerun repeats it; see ``as_of`` for calls without
        a timestamp.
    traits : list of columns, or {column: field}, optional
        Columns to send as traits, with their names there. Default is every column that feeds no other field. A dotted
        name nests.
    properties : list of columns, or {column: field}, optional
        Columns to send as properties, with their names there. Default is every column that feeds no other field. A
        dotted name nests.
    context : column label or dict, optional
        A column of dicts, or one dict for all rows. Columns named ``context.ip`` and the like are used by name.
    integrations : column label or dict, optional
        Which destinations receive the calls, for example ``{"All": False}``.
    state : path
        SQLite file that knows what Customer.io holds; it is made by the first sync or baseline.
    confirm : int
        The number of rows that are claimed, as a dry run counts them. Required.
    ignore : str or list of str
        Names of fields that do not count as a change.
    duplicates : {"invalid", "last"}
        Whether rows of one subject are all invalid, or the last one is sent.
    accept_mapping : bool
        Whether to continue although fields came or went since the last run.
    accept_key : bool
        Whether to take a new write key of the same workspace.
    client : Client, optional
        The workspace to tie the state to. Default is that of the first sync.
    dry_run : bool
        Do everything but send: rows that would be sent are ``ready``. Requires no client.
    schema : "spec", None, a pandera schema, or a path
        What rows are checked against: the API's spec, nothing, your own schema (see :func:`cio_frames.schema`), or the
        spec with your tracking plan on top, a YAML file in the form of those in ``schemas/``. Values are checked, not
        changed.
    strict_schema : bool
        Whether warnings make rows invalid as errors do. A warning is about a value that the API accepts and does not
        keep as it is: text over a limit of Journeys, a property that is not known for the event. Your own message id
        that is not a ULID stays a warning.
    exact_ids : bool
        Whether ids are meant as they stand. Default is to warn of ids that spell a missing value (``nan``, ``NULL``),
        have white space around them, or occur in several forms (``1`` and ``001``); in calls that merge, delete, or
        suppress, or are about devices, such rows are invalid. Set it to clean up after earlier loads.
    timezone : str
        The time zone of times without one.
    csv : CsvOptions or dict, optional
        How to read CSV files. Default is UTF-8 with commas; see :func:`load`.
    partitions : bool
        Whether folders such as ``country=de/`` become columns.
    progress : bool, optional
        Whether to show a progress bar. Default is to show it in a terminal or notebook.

    Returns
    -------
    pandas.DataFrame or SyncResult
        Of a frame, its result frame: one row per row, in its order and under its index. Of another source, how many
        rows have each status.

    Raises
    ------
    MissingColumnsError
        A column that is named, or that the call requires, is missing.
    FrameError
        The columns cannot make this call, for example because two feed the same field.
    ConfigurationError
        The state is of another workspace, endpoint, call or mapping, is damaged or locked, or options contradict each
        other; nothing was sent.

    Examples
    --------
    >>> people = pd.DataFrame({"user_id": ["ada", "bo"], "plan": ["team", "free"]})
    >>> baseline(people, "identify", state="people.sqlite", dry_run=True)["status"].tolist()
    ['ready', 'ready']
    """
    return _baseline(locals())


def apply_plan(
    path: str | PathLike[str],
    *,
    max_age: str | None = None,
    output: str | PathLike[str] | None = None,
    client: Client | None = None,
    on_undelivered: OnUndelivered = "return",
    allow_campaigns: bool = False,
    progress: bool | None = None,
) -> SyncResult:
    """Send what a plan file lists, if the source, the mapping and the state are still the same.

    Parameters
    ----------
    path : path
        Plan file.
    max_age : str, optional
        Refuse a plan that is older, for example ``12h``. Default is any age.
    output : path, optional
        Folder for ``results/``, ``undelivered.parquet`` and ``removed.parquet`` of a source that is not a frame.
        Default is named after source and call.
    client : Client, optional
        Where to send. Default is the environment: CIO_WRITE_KEY, CIO_REGION, CIO_ENDPOINT.
    on_undelivered : {"return", "raise"}
        Whether to return the result if some rows were not delivered, or to raise UndeliveredError with it.
    allow_campaigns : bool
        Send events that are younger than 72 hours or have no timestamp, although they can start campaigns, that is,
        send mail to real people. Events that Customer.io acts on and does not store, such as User Deleted, do not
        count.
    progress : bool, optional
        Whether to show a progress bar. Default is to show it in a terminal or notebook.

    Returns
    -------
    SyncResult
        What the sync came to.

    Raises
    ------
    ConfigurationError
        The plan is stale, edited, or too old; nothing was sent.
    GuardError
        A guard trips: this looks wrong, and nothing was sent.
    UndeliveredError
        Some rows were not delivered, and ``on_undelivered="raise"``; see ``.result``.
    DeliveryError
        Delivery stopped early for another reason; see ``.result``.

    Examples
    --------
    >>> apply_plan("people.plan.parquet")
    Traceback (most recent call last):
    ...
    cio_frames.errors.ConfigurationError: The plan people.plan.parquet was not found.
    """
    return _apply_plan(locals())


def _send(call: AnyCall, parameters: dict[str, Any]) -> pd.DataFrame:
    """Run the flow with the parameters of a public function."""
    from cio_frames.pipeline import running

    with HiddenFrames():
        given = {"call": call, **parameters}
        engine_options = {name: given.pop(name) for name in ENGINE_OPTIONS}
        df, options, call_spec = _split(given)
        if (driver := driver_of(df)) is not None:
            # A frame of the engine, which type checkers do not know.
            return cast(pd.DataFrame, driver.call_on_engine(df, call_spec, {**options, **engine_options}))
        df = as_frame(df)
        refuse_engine_options(engine_options)
        return running.run_call(df, call_spec, **options)


def _build_report(parameters: dict[str, Any]) -> ValidationReport:
    """Check the rows with the parameters of :func:`validate`."""
    from cio_frames.pipeline import running

    with HiddenFrames():
        df, options, call_spec = _split(parameters)
        if (driver := driver_of(df)) is not None:
            return cast("ValidationReport", driver.validate_on_engine(df, call_spec, options))
        return running.build_report(as_frame(df), call_spec, **options)


def _encode_payloads(parameters: dict[str, Any]) -> pd.Series[Any]:
    """Encode the rows with the parameters of :func:`payloads`."""
    from cio_frames.pipeline import running

    with HiddenFrames():
        df, options, call_spec = _split(parameters)
        if (driver := driver_of(df)) is not None:
            return cast("pd.Series[Any]", driver.payloads_on_engine(df, call_spec, options))
        return running.encode_payloads(as_frame(df), call_spec, **options)


def _split(parameters: dict[str, Any]) -> tuple[Any, dict[str, Any], CallSpec]:
    """Return the frame, the options of the run, and what the caller asks for; an unknown parameter is a TypeError."""
    # A debugger or a notebook may add names such as __tracebackhide__.
    given = {name: value for name, value in parameters.items() if not name.startswith("__")}
    df, options = given.pop("df"), {name: given.pop(name) for name in RUN_OPTIONS if name in given}
    return df, options, build_call_spec(**given)


def _plan(parameters: dict[str, Any]) -> Plan:
    """Plan a sync with the parameters of :func:`plan`."""
    from cio_frames.syncing.parameters import make_job

    with HiddenFrames():
        job, options = make_job(*_split_source("plan", parameters))
        return job.plan(**options)


def _sync(parameters: dict[str, Any]) -> Any:
    """Run a sync with the parameters of :func:`sync`."""
    from cio_frames.syncing.parameters import make_job

    with HiddenFrames():
        job, options = make_job(*_split_source("sync", parameters))
        return job.sync(**options)


def _baseline(parameters: dict[str, Any]) -> Any:
    """Write a state with the parameters of :func:`baseline`."""
    from cio_frames.syncing.baseline import write_baseline
    from cio_frames.syncing.parameters import make_job

    with HiddenFrames():
        job, options = make_job(*_split_source("baseline", parameters))
        return write_baseline(job, **options)


def _apply_plan(parameters: dict[str, Any]) -> SyncResult:
    """Apply a plan file with the parameters of :func:`apply_plan`."""
    from cio_frames.syncing.parameters import apply_plan_file

    with HiddenFrames():
        given = {name: value for name, value in parameters.items() if not name.startswith("__")}
        return apply_plan_file(Path(given.pop("path")), **given)


def _split_source(function: str, parameters: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
    """Return the source of a function about syncs, and the other parameters."""
    given = {name: value for name, value in parameters.items() if not name.startswith("__")}
    refuse_engine_frame(given["df"], function)
    return given.pop("df"), given
