"""Operations on people, devices, objects and messages besides the six calls.

Each operation is a track call with the name of a semantic event that Customer.io acts on and does not store. An
operation that deletes requires ``confirm=``, the number of rows that it affects: a dry run counts them.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from numbers import Integral
from os import PathLike
from pathlib import Path
from typing import Any, cast

import pandas as pd

from cio_frames._util.engine_frames import driver_of, refuse_engine_options
from cio_frames.arrow.tables import AnyFrame, as_frame
from cio_frames.client import Client
from cio_frames.columns import Selection, suggest_column
from cio_frames.errors import FrameError, HiddenFrames, MissingColumnsError, parameter
from cio_frames.functions import ENGINE_OPTIONS, RUN_OPTIONS
from cio_frames.pipeline.as_of import AsOfValue
from cio_frames.pipeline.call_spec import CallSpec, OnInvalid, OnUndelivered, build_call_spec


@dataclass(frozen=True, kw_only=True, slots=True)
class Operation:
    """What is fixed about an operation.

    Attributes
    ----------
    event : str
        The semantic event that Customer.io acts on.
    fields : dict
        The wire path of each parameter that is not an envelope field.
    optional : frozenset of str
        The parameters among these that a frame need not have a column for.
    constants : dict
        Wire fields with one value for all rows.
    needs_confirm : bool
        Whether ``confirm=`` is required.
    """

    event: str
    fields: Mapping[str, str] = field(default_factory=dict)
    optional: frozenset[str] = frozenset()
    constants: Mapping[str, Any] = field(default_factory=dict)
    needs_confirm: bool = False

    def build_spec(
        self,
        name: str,
        labels: Sequence[Hashable],
        given: Mapping[str, Any],
        *,
        index_names: Sequence[Hashable] = (),
    ) -> CallSpec:
        """Return the track call of an operation, with the columns of its fields looked up among those of a table.

        ``given`` has the parameters of its function that say which column feeds what, and how values are written.

        >>> name = "delete_relationships"
        >>> call_spec = OPERATIONS[name].build_spec(name, ["object_id", "user_id"], {})
        >>> call_spec.event, dict(call_spec.mapping.fields), dict(call_spec.mapping.constants)
        ('Relationship Deleted', {'properties.objectId': 'object_id'}, {'properties.objectTypeId': 1})

        Raises
        ------
        MissingColumnsError
            A column that the operation requires is missing.
        """
        return _build_operation_spec(self, name, labels, given, index_names)


_DEVICE = {"token": "context.device.token", "device_type": "context.device.type"}
_OBJECT = {"object_id": "properties.objectId", "object_type_id": "properties.objectTypeId"}
_DELIVERY = {"delivery_id": "properties.deliveryId", "metric": "properties.metric"}
_CONTENT = {
    "action_type": "properties.actionType",
    "content_id": "properties.contentId",
    "template_id": "properties.templateId",
}

OPERATIONS: Mapping[str, Operation] = {
    "delete_people": Operation(event="User Deleted", needs_confirm=True),
    "suppress_people": Operation(event="User Suppressed", needs_confirm=True),
    "unsuppress_people": Operation(event="User Unsuppressed"),
    "add_devices": Operation(event="Device Created or Updated", fields=_DEVICE),
    "delete_devices": Operation(
        event="Device Deleted", fields=_DEVICE, optional=frozenset({"device_type"}), needs_confirm=True
    ),
    # Object Deleted requires an anonymous id and ignores it.
    "delete_objects": Operation(
        event="Object Deleted", fields=_OBJECT, constants={"anonymousId": "cio_frames"}, needs_confirm=True
    ),
    "delete_relationships": Operation(event="Relationship Deleted", fields=_OBJECT, needs_confirm=True),
    "report_deliveries": Operation(event="Report Delivery Event", fields=_DELIVERY),
    "report_content": Operation(
        event="Report Content Event", fields=_CONTENT, optional=frozenset({"content_id", "template_id"})
    ),
}


def delete_people(
    df: AnyFrame,
    *,
    user_id: Hashable | None = None,
    timestamp: Hashable | None = None,
    message_id: Hashable | None = None,
    confirm: int | None = None,
    audit: str | Path | None = None,
    client: Client | None = None,
    dry_run: bool = False,
    on_invalid: OnInvalid = "skip",
    on_undelivered: OnUndelivered = "return",
    exact_ids: bool = False,
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
    """Delete people, one User Deleted event per row.

    A later identify creates the person again. ``user_id`` may be an email address.

    Parameters
    ----------
    df : pandas.DataFrame, a table of polars, DuckDB or pyarrow, or a Dask or Spark frame
        One row per call. Pass a whole Dask or Spark frame with ``output``: to map this function over its partitions
        loses events that look the same in two of them, and the order of each person's calls.
    user_id : column label, optional
        Column with the person's id. Default is ``user_id``, then ``userId``.
    timestamp : column label, optional
        Column with the time of the event: datetimes, dates, or ISO 8601 text. Default is ``timestamp``. Without one,
        Customer.io uses the time of receipt.
    message_id : column label, optional
        Column with your own ids of the calls. Default is ``message_id``, then ``messageId``. Without one, each call
        gets a ULID made from its content and its timestamp, so that a rerun repeats it; see ``as_of`` for calls without
        a timestamp.
    confirm : int
        The number of rows that are affected, as a dry run counts them. Required unless ``dry_run=True``; with any other
        value nothing is sent.
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
    exact_ids : bool
        Whether ids are meant as they stand. Default is to warn of ids that spell a missing value (``nan``, ``NULL``),
        have white space around them, or occur in several forms (``1`` and ``001``); in calls that merge, delete, or
        suppress, or are about devices, such rows are invalid. Set it to clean up after earlier loads.
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
        ``confirm`` does not match, or the columns cannot make this call; nothing was sent.
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
    >>> requests = pd.DataFrame({"user_id": ["ada"]})
    >>> delete_people(requests, dry_run=True)["status"].tolist()
    ['ready']
    """
    __tracebackhide__ = True
    return _operate("delete_people", locals())


def suppress_people(
    df: AnyFrame,
    *,
    user_id: Hashable | None = None,
    timestamp: Hashable | None = None,
    message_id: Hashable | None = None,
    confirm: int | None = None,
    audit: str | Path | None = None,
    client: Client | None = None,
    dry_run: bool = False,
    on_invalid: OnInvalid = "skip",
    on_undelivered: OnUndelivered = "return",
    exact_ids: bool = False,
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
    """Delete people and block their ids, one User Suppressed event per row.

    Customer.io ignores later calls for a suppressed person.

    Parameters
    ----------
    df : pandas.DataFrame, a table of polars, DuckDB or pyarrow, or a Dask or Spark frame
        One row per call. Pass a whole Dask or Spark frame with ``output``: to map this function over its partitions
        loses events that look the same in two of them, and the order of each person's calls.
    user_id : column label, optional
        Column with the person's id. Default is ``user_id``, then ``userId``.
    timestamp : column label, optional
        Column with the time of the event: datetimes, dates, or ISO 8601 text. Default is ``timestamp``. Without one,
        Customer.io uses the time of receipt.
    message_id : column label, optional
        Column with your own ids of the calls. Default is ``message_id``, then ``messageId``. Without one, each call
        gets a ULID made from its content and its timestamp, so that a rerun repeats it; see ``as_of`` for calls without
        a timestamp.
    confirm : int
        The number of rows that are affected, as a dry run counts them. Required unless ``dry_run=True``; with any other
        value nothing is sent.
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
    exact_ids : bool
        Whether ids are meant as they stand. Default is to warn of ids that spell a missing value (``nan``, ``NULL``),
        have white space around them, or occur in several forms (``1`` and ``001``); in calls that merge, delete, or
        suppress, or are about devices, such rows are invalid. Set it to clean up after earlier loads.
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
        ``confirm`` does not match, or the columns cannot make this call; nothing was sent.
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
    >>> requests = pd.DataFrame({"user_id": ["ada"]})
    >>> suppress_people(requests, dry_run=True)["status"].tolist()
    ['ready']
    """
    __tracebackhide__ = True
    return _operate("suppress_people", locals())


def unsuppress_people(
    df: AnyFrame,
    *,
    user_id: Hashable | None = None,
    timestamp: Hashable | None = None,
    message_id: Hashable | None = None,
    audit: str | Path | None = None,
    client: Client | None = None,
    dry_run: bool = False,
    on_invalid: OnInvalid = "skip",
    on_undelivered: OnUndelivered = "return",
    exact_ids: bool = False,
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
    """Unblock the ids of suppressed people, one User Unsuppressed event per row.

    Deleted data does not come back.

    Parameters
    ----------
    df : pandas.DataFrame, a table of polars, DuckDB or pyarrow, or a Dask or Spark frame
        One row per call. Pass a whole Dask or Spark frame with ``output``: to map this function over its partitions
        loses events that look the same in two of them, and the order of each person's calls.
    user_id : column label, optional
        Column with the person's id. Default is ``user_id``, then ``userId``.
    timestamp : column label, optional
        Column with the time of the event: datetimes, dates, or ISO 8601 text. Default is ``timestamp``. Without one,
        Customer.io uses the time of receipt.
    message_id : column label, optional
        Column with your own ids of the calls. Default is ``message_id``, then ``messageId``. Without one, each call
        gets a ULID made from its content and its timestamp, so that a rerun repeats it; see ``as_of`` for calls without
        a timestamp.
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
    exact_ids : bool
        Whether ids are meant as they stand. Default is to warn of ids that spell a missing value (``nan``, ``NULL``),
        have white space around them, or occur in several forms (``1`` and ``001``); in calls that merge, delete, or
        suppress, or are about devices, such rows are invalid. Set it to clean up after earlier loads.
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
    >>> requests = pd.DataFrame({"user_id": ["ada"]})
    >>> unsuppress_people(requests, dry_run=True)["status"].tolist()
    ['ready']
    """
    __tracebackhide__ = True
    return _operate("unsuppress_people", locals())


def add_devices(
    df: AnyFrame,
    *,
    user_id: Hashable | None = None,
    token: Hashable | None = None,
    device_type: Hashable | None = None,
    timestamp: Hashable | None = None,
    message_id: Hashable | None = None,
    properties: Selection | None = None,
    audit: str | Path | None = None,
    client: Client | None = None,
    dry_run: bool = False,
    on_invalid: OnInvalid = "skip",
    on_undelivered: OnUndelivered = "return",
    exact_ids: bool = False,
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
    """Add or update people's devices, one Device Created or Updated event per row.

    Every other column becomes an attribute of the device.

    Parameters
    ----------
    df : pandas.DataFrame, a table of polars, DuckDB or pyarrow, or a Dask or Spark frame
        One row per call. Pass a whole Dask or Spark frame with ``output``: to map this function over its partitions
        loses events that look the same in two of them, and the order of each person's calls.
    user_id : column label, optional
        Column with the person's id. Default is ``user_id``, then ``userId``.
    token : column label, optional
        Column with the token of the device. Default is ``token``.
    device_type : column label, optional
        Column with ``ios`` or ``android``. Default is ``device_type``.
    timestamp : column label, optional
        Column with the time the device was last used. Default is ``timestamp``.
    message_id : column label, optional
        Column with your own ids of the calls. Default is ``message_id``, then ``messageId``. Without one, each call
        gets a ULID made from its content and its timestamp, so that a rerun repeats it; see ``as_of`` for calls without
        a timestamp.
    properties : list of columns, or {column: field}, optional
        Columns to send as properties, with their names there. Default is every column that feeds no other field. A
        dotted name nests.
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
    exact_ids : bool
        Whether ids are meant as they stand. Default is to warn of ids that spell a missing value (``nan``, ``NULL``),
        have white space around them, or occur in several forms (``1`` and ``001``); in calls that merge, delete, or
        suppress, or are about devices, such rows are invalid. Set it to clean up after earlier loads.
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
    >>> devices = pd.DataFrame({"user_id": ["ada"], "token": ["t-1"], "device_type": ["ios"]})
    >>> add_devices(devices, dry_run=True)["status"].tolist()
    ['ready']
    """
    __tracebackhide__ = True
    return _operate("add_devices", locals())


def delete_devices(
    df: AnyFrame,
    *,
    user_id: Hashable | None = None,
    token: Hashable | None = None,
    device_type: Hashable | None = None,
    timestamp: Hashable | None = None,
    message_id: Hashable | None = None,
    confirm: int | None = None,
    audit: str | Path | None = None,
    client: Client | None = None,
    dry_run: bool = False,
    on_invalid: OnInvalid = "skip",
    on_undelivered: OnUndelivered = "return",
    exact_ids: bool = False,
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
    """Delete people's devices, one Device Deleted event per row.

    Parameters
    ----------
    df : pandas.DataFrame, a table of polars, DuckDB or pyarrow, or a Dask or Spark frame
        One row per call. Pass a whole Dask or Spark frame with ``output``: to map this function over its partitions
        loses events that look the same in two of them, and the order of each person's calls.
    user_id : column label, optional
        Column with the person's id. Default is ``user_id``, then ``userId``.
    token : column label, optional
        Column with the token of the device. Default is ``token``.
    device_type : column label, optional
        Column with ``ios`` or ``android``. Default is ``device_type``.
    timestamp : column label, optional
        Column with the time of the event: datetimes, dates, or ISO 8601 text. Default is ``timestamp``. Without one,
        Customer.io uses the time of receipt.
    message_id : column label, optional
        Column with your own ids of the calls. Default is ``message_id``, then ``messageId``. Without one, each call
        gets a ULID made from its content and its timestamp, so that a rerun repeats it; see ``as_of`` for calls without
        a timestamp.
    confirm : int
        The number of rows that are affected, as a dry run counts them. Required unless ``dry_run=True``; with any other
        value nothing is sent.
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
    exact_ids : bool
        Whether ids are meant as they stand. Default is to warn of ids that spell a missing value (``nan``, ``NULL``),
        have white space around them, or occur in several forms (``1`` and ``001``); in calls that merge, delete, or
        suppress, or are about devices, such rows are invalid. Set it to clean up after earlier loads.
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
        ``confirm`` does not match, or the columns cannot make this call; nothing was sent.
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
    >>> devices = pd.DataFrame({"user_id": ["ada"], "token": ["t-1"]})
    >>> delete_devices(devices, dry_run=True)["status"].tolist()
    ['ready']
    """
    __tracebackhide__ = True
    return _operate("delete_devices", locals())


def delete_objects(
    df: AnyFrame,
    *,
    object_id: Hashable | None = None,
    object_type_id: Hashable | None = None,
    timestamp: Hashable | None = None,
    message_id: Hashable | None = None,
    confirm: int | None = None,
    audit: str | Path | None = None,
    client: Client | None = None,
    dry_run: bool = False,
    on_invalid: OnInvalid = "skip",
    on_undelivered: OnUndelivered = "return",
    exact_ids: bool = False,
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
    """Delete objects, one Object Deleted event per row.

    The event requires an anonymous id and ignores it, so a placeholder is sent.

    Parameters
    ----------
    df : pandas.DataFrame, a table of polars, DuckDB or pyarrow, or a Dask or Spark frame
        One row per call. Pass a whole Dask or Spark frame with ``output``: to map this function over its partitions
        loses events that look the same in two of them, and the order of each person's calls.
    object_id : column label, optional
        Column with the object's id. Default is ``object_id``, then ``objectId``.
    object_type_id : column label, optional
        Column with the number of the object's type. Default is ``object_type_id``, then ``objectTypeId``. Without such
        a column the type is 1; with one, a row without a number is invalid.
    timestamp : column label, optional
        Column with the time of the event: datetimes, dates, or ISO 8601 text. Default is ``timestamp``. Without one,
        Customer.io uses the time of receipt.
    message_id : column label, optional
        Column with your own ids of the calls. Default is ``message_id``, then ``messageId``. Without one, each call
        gets a ULID made from its content and its timestamp, so that a rerun repeats it; see ``as_of`` for calls without
        a timestamp.
    confirm : int
        The number of rows that are affected, as a dry run counts them. Required unless ``dry_run=True``; with any other
        value nothing is sent.
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
    exact_ids : bool
        Whether ids are meant as they stand. Default is to warn of ids that spell a missing value (``nan``, ``NULL``),
        have white space around them, or occur in several forms (``1`` and ``001``); in calls that merge, delete, or
        suppress, or are about devices, such rows are invalid. Set it to clean up after earlier loads.
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
        ``confirm`` does not match, or the columns cannot make this call; nothing was sent.
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
    >>> companies = pd.DataFrame({"object_id": ["acme"]})
    >>> delete_objects(companies, dry_run=True)["status"].tolist()
    ['ready']
    """
    __tracebackhide__ = True
    return _operate("delete_objects", locals())


def delete_relationships(
    df: AnyFrame,
    *,
    user_id: Hashable | None = None,
    object_id: Hashable | None = None,
    object_type_id: Hashable | None = None,
    timestamp: Hashable | None = None,
    message_id: Hashable | None = None,
    confirm: int | None = None,
    audit: str | Path | None = None,
    client: Client | None = None,
    dry_run: bool = False,
    on_invalid: OnInvalid = "skip",
    on_undelivered: OnUndelivered = "return",
    exact_ids: bool = False,
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
    """Delete relationships between people and objects, one Relationship Deleted event per row.

    The person and the object stay.

    Parameters
    ----------
    df : pandas.DataFrame, a table of polars, DuckDB or pyarrow, or a Dask or Spark frame
        One row per call. Pass a whole Dask or Spark frame with ``output``: to map this function over its partitions
        loses events that look the same in two of them, and the order of each person's calls.
    user_id : column label, optional
        Column with the person's id. Default is ``user_id``, then ``userId``.
    object_id : column label, optional
        Column with the object's id. Default is ``object_id``, then ``objectId``.
    object_type_id : column label, optional
        Column with the number of the object's type. Default is ``object_type_id``, then ``objectTypeId``. Without such
        a column the type is 1; with one, a row without a number is invalid.
    timestamp : column label, optional
        Column with the time of the event: datetimes, dates, or ISO 8601 text. Default is ``timestamp``. Without one,
        Customer.io uses the time of receipt.
    message_id : column label, optional
        Column with your own ids of the calls. Default is ``message_id``, then ``messageId``. Without one, each call
        gets a ULID made from its content and its timestamp, so that a rerun repeats it; see ``as_of`` for calls without
        a timestamp.
    confirm : int
        The number of rows that are affected, as a dry run counts them. Required unless ``dry_run=True``; with any other
        value nothing is sent.
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
    exact_ids : bool
        Whether ids are meant as they stand. Default is to warn of ids that spell a missing value (``nan``, ``NULL``),
        have white space around them, or occur in several forms (``1`` and ``001``); in calls that merge, delete, or
        suppress, or are about devices, such rows are invalid. Set it to clean up after earlier loads.
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
        ``confirm`` does not match, or the columns cannot make this call; nothing was sent.
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
    >>> left = pd.DataFrame({"user_id": ["ada"], "object_id": ["acme"]})
    >>> delete_relationships(left, dry_run=True)["status"].tolist()
    ['ready']
    """
    __tracebackhide__ = True
    return _operate("delete_relationships", locals())


def report_deliveries(
    df: AnyFrame,
    *,
    delivery_id: Hashable | None = None,
    metric: Hashable | None = None,
    timestamp: Hashable | None = None,
    message_id: Hashable | None = None,
    properties: Selection | None = None,
    audit: str | Path | None = None,
    client: Client | None = None,
    dry_run: bool = False,
    on_invalid: OnInvalid = "skip",
    on_undelivered: OnUndelivered = "return",
    exact_ids: bool = False,
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
    """Report the delivery of messages, one Report Delivery Event per row.

    Columns such as ``recipient``, ``reason``, ``href`` and ``actionValue`` are sent as properties of these names.

    Parameters
    ----------
    df : pandas.DataFrame, a table of polars, DuckDB or pyarrow, or a Dask or Spark frame
        One row per call. Pass a whole Dask or Spark frame with ``output``: to map this function over its partitions
        loses events that look the same in two of them, and the order of each person's calls.
    delivery_id : column label, optional
        Column with the id of the delivery. Default is ``delivery_id``, then ``deliveryId``.
    metric : column label, optional
        Column with what happened, such as ``opened``. Default is ``metric``.
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
    exact_ids : bool
        Whether ids are meant as they stand. Default is to warn of ids that spell a missing value (``nan``, ``NULL``),
        have white space around them, or occur in several forms (``1`` and ``001``); in calls that merge, delete, or
        suppress, or are about devices, such rows are invalid. Set it to clean up after earlier loads.
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
    >>> metrics = pd.DataFrame({"delivery_id": ["d-1"], "metric": ["opened"]})
    >>> report_deliveries(metrics, dry_run=True)["status"].tolist()
    ['ready']
    """
    __tracebackhide__ = True
    return _operate("report_deliveries", locals())


def report_content(
    df: AnyFrame,
    *,
    action_type: Hashable | None = None,
    content_id: Hashable | None = None,
    template_id: Hashable | None = None,
    timestamp: Hashable | None = None,
    message_id: Hashable | None = None,
    properties: Selection | None = None,
    audit: str | Path | None = None,
    client: Client | None = None,
    dry_run: bool = False,
    on_invalid: OnInvalid = "skip",
    on_undelivered: OnUndelivered = "return",
    exact_ids: bool = False,
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
    """Report views and clicks of content, one Report Content Event per row.

    Parameters
    ----------
    df : pandas.DataFrame, a table of polars, DuckDB or pyarrow, or a Dask or Spark frame
        One row per call. Pass a whole Dask or Spark frame with ``output``: to map this function over its partitions
        loses events that look the same in two of them, and the order of each person's calls.
    action_type : column label, optional
        Column with ``viewed_content`` or ``clicked_content``. Default is ``action_type``, then ``actionType``.
    content_id : column label, optional
        Column with the number of the content. Default is ``content_id``, then ``contentId``.
    template_id : column label, optional
        Column with the number of the template. Default is ``template_id``, then ``templateId``.
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
    exact_ids : bool
        Whether ids are meant as they stand. Default is to warn of ids that spell a missing value (``nan``, ``NULL``),
        have white space around them, or occur in several forms (``1`` and ``001``); in calls that merge, delete, or
        suppress, or are about devices, such rows are invalid. Set it to clean up after earlier loads.
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
    >>> seen = pd.DataFrame({"action_type": ["viewed_content"], "content_id": [7]})
    >>> report_content(seen, dry_run=True)["status"].tolist()
    ['ready']
    """
    __tracebackhide__ = True
    return _operate("report_content", locals())


def _operate(name: str, parameters: dict[str, Any]) -> pd.DataFrame:
    """Carry out an operation with the parameters of its public function."""
    from cio_frames.pipeline import running

    with HiddenFrames():
        # A debugger or a notebook may add names such as __tracebackhide__.
        given = {key: value for key, value in parameters.items() if not key.startswith("__")}
        df, confirm, audit = given.pop("df"), given.pop("confirm", None), given.pop("audit")
        options = {key: given.pop(key) for key in RUN_OPTIONS if key in given}
        engine_options = {key: given.pop(key) for key in ENGINE_OPTIONS}
        operation = OPERATIONS[name]
        if (driver := driver_of(df)) is not None:
            columns = list(driver.columns_only(df).columns)
            call_spec = operation.build_spec(name, columns, given)
            needed = (name, confirm) if operation.needs_confirm and not options["dry_run"] else None
            engine_options |= {**options, "confirm": needed}
            with _audit_trails(name, None if options["dry_run"] else audit) as trails:
                engine_options |= trails
                return cast(pd.DataFrame, driver.call_on_engine(df, call_spec, engine_options))
        df = as_frame(df)
        refuse_engine_options(engine_options)
        call_spec = operation.build_spec(name, list(df.columns), given, index_names=df.index.names)
        if options["dry_run"]:
            return running.run_call(df, call_spec, **options)
        if OPERATIONS[name].needs_confirm:
            planned = running.run_call(df, call_spec, **{**options, "dry_run": True, "progress": False})
            _check_confirm(name, planned, confirm)
        return _run_with_audit(df, name, call_spec, options, audit)


def _build_operation_spec(
    operation: Operation,
    name: str,
    labels: Sequence[Hashable],
    given: Mapping[str, Any],
    index_names: Sequence[Hashable],
) -> CallSpec:
    """Return the track call of an operation, with the columns of its fields looked up."""
    named = {key: given.get(key) for key in operation.fields}
    constants, found = dict(operation.constants), _find_columns(operation, name, labels, named, index_names)
    if "object_type_id" in operation.fields and "object_type_id" not in found:
        # The default that the spec gives.
        constants[operation.fields["object_type_id"]] = 1
    fields = {operation.fields[key]: label for key, label in found.items()}
    # Columns are properties only where the function has a parameter for them.
    chosen = {"properties": [], **{key: value for key, value in given.items() if key not in operation.fields}}
    call_spec = build_call_spec("track", operation.event, fields=fields, constants=constants, **chosen)
    return _require_object_type(call_spec, operation) if "object_type_id" in found else call_spec


def _find_columns(
    operation: Operation,
    name: str,
    labels: Sequence[Hashable],
    named: Mapping[str, Hashable | None],
    index_names: Sequence[Hashable],
) -> dict[str, Hashable]:
    """Return the column of each parameter: the one that is named, or one with the field's own name."""
    found: dict[str, Hashable] = {}
    for key, label in named.items():
        own_names = (key, operation.fields[key].rpartition(".")[2])
        chosen = label if label is not None else next((each for each in own_names if each in labels), None)
        if chosen is not None:
            found[key] = chosen
        elif key != "object_type_id" and key not in operation.optional:
            if key in index_names:
                remedy = f"The index is named {key!r}: make it a column with .reset_index()."
                raise MissingColumnsError(name, [key], labels, remedy)
            remedy = f"Name the column, for example {parameter(key, f'{key}_ref')}."
            raise MissingColumnsError(name, [key], labels, f"{suggest_column([key], labels)} {remedy}".strip())
    return found


def _require_object_type(call_spec: CallSpec, operation: Operation) -> CallSpec:
    """Make rows without an object type invalid: the API would take type 1 for them."""
    tracking_plan = call_spec.tracking_plan
    event = tracking_plan.events[operation.event]
    properties = replace(event.properties, required=(*event.properties.required, "objectTypeId"))
    events = {**tracking_plan.events, operation.event: replace(event, properties=properties)}
    return replace(call_spec, tracking_plan=replace(tracking_plan, events=events))


def _run_with_audit(
    df: pd.DataFrame, name: str, call_spec: CallSpec, options: dict[str, Any], path: str | Path | None
) -> pd.DataFrame:
    """Send the rows, with a line in the audit file before each row leaves and one with its outcome."""
    from cio_frames.audit import AuditTrail, open_audit_file
    from cio_frames.pipeline import running

    with open_audit_file(path) as file:
        trails = [] if file is None else [AuditTrail(file, name, running.read_ids(df, call_spec))]
        return running.run_call(df, call_spec, **options, observers=trails)


@contextmanager
def _audit_trails(name: str, path: str | Path | None) -> Iterator[dict[str, Any]]:
    """Yield the option of an engine's run whose rows have an audit trail; none if there is no file."""
    from cio_frames.audit import AuditTrail, open_audit_file
    from cio_frames.pipeline import running

    with open_audit_file(path) as file:
        if file is None:
            yield {}
        else:
            yield {"observers_of": lambda prepared: [AuditTrail(file, name, running.ids_of(prepared))]}


def _check_confirm(name: str, planned: pd.DataFrame, confirm: object) -> None:
    """Raise unless ``confirm`` is the number of rows that would be affected."""
    rows = int(planned["status"].eq("ready").sum())
    # True is 1 and 2.0 is 2 for ==, but neither is a count of rows; a sum in pandas is a numpy integer.
    if not isinstance(confirm, Integral) or isinstance(confirm, bool) or confirm != rows:
        found = "confirm is required" if confirm is None else f"confirm={confirm!r} does not match"
        raise FrameError(
            f"{name} affects {rows:,} rows, and {found}. Review the rows with {parameter('dry_run', True)}, then pass "
            f"{parameter('confirm', rows)}. Nothing was sent."
        )
