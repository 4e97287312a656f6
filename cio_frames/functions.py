"""The calls as functions: a frame in, a result frame out.

Each takes its columns by name and hands on to the one flow in :mod:`.pipeline`. The methods of ``df.cio`` are these
functions, with the frame in front.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Hashable, Mapping
from inspect import cleandoc
from os import PathLike
from pathlib import Path
from typing import Any, Literal, TypeAlias, TypeVar, cast, get_args

import pandas as pd

from cio_frames import pipeline
from cio_frames.client import Client
from cio_frames.columns import ColumnMapping, Selection
from cio_frames.encoding import EncodeOptions
from cio_frames.errors import FrameError
from cio_frames.report import ValidationReport
from cio_frames.spec.tracking_plan import read_tracking_plan, vendor_tracking_plan

OnInvalid: TypeAlias = Literal["skip", "raise"]
Nulls: TypeAlias = Literal["omit", "send"]
AnyCall: TypeAlias = Literal["identify", "track", "page", "screen", "group", "alias", "batch"]

_Function = TypeVar("_Function", bound=Callable[..., Any])

# What every sending function says of its last parameters, and of what it returns and raises.
_SENDING = """client : Client, optional
        Where to send. From the environment (CIO_WRITE_KEY, CIO_REGION, CIO_ENDPOINT) if left out.
    dry_run : bool
        Do all but send: rows that would be sent are ``ready``. Needs no client.
    on_invalid : {"skip", "raise"}
        Whether rows that cannot be sent stay here while the others go, or nothing is sent and InvalidRowsError is
        raised.
    schema : "spec", None, a pandera schema, or a path
        What rows are checked against: the API's spec, nothing, a schema of yours (see
        :func:`cio_frames.schema`), or the spec with a tracking plan of yours on top: a YAML file of the form of
        ``schemas/``. Values are checked, not changed.
    strict_schema : bool
        Whether warnings hold rows back as errors do. A warning is what the API takes and does not keep as it is:
        text that Journeys finds too long, a property that the event is not known to have. That a message id of your
        own is no ULID stays a warning.
    nulls : {"omit", "send"}
        Whether missing traits and properties are left out, or sent as ``null``, which may erase them.
    timezone : str
        The zone of times without one.
    progress : bool, optional
        Whether to show a bar; where there is a terminal or a notebook, if left out.

    Returns
    -------
    pandas.DataFrame
        One row per row of ``df``, in its order and under its index: status, reason, message_id, bytes, batch,
        http_status, attempts.

    Raises
    ------
    MissingColumnsError
        A column that is named, or that the call needs, is not there.
    FrameError
        The columns cannot make this call, for example when two feed the same field.
    SpecError
        ``schema=`` is a path, and no tracking plan is there.
    InvalidRowsError
        Rows cannot be sent, and ``on_invalid="raise"``.
    ConfigurationError
        There is no client, and no write key in the environment.
    AuthenticationError
        The API does not accept the write key; ``.result`` says what became of the rows until then.
    DeliveryError
        Delivery ended early otherwise; ``.result`` as above."""

# The same for operations, whose schema is always the spec's, and which send no nulls.
_OPERATING = re.sub(r"schema : .*?(?=timezone : )|SpecError.*?(?=InvalidRowsError)", "", _SENDING, flags=re.S)


def documented(function: _Function) -> _Function:
    """Put the shared parts of the docstring in their place."""
    # Dedented, as Python 3.13 does by itself.
    text = cleandoc(function.__doc__ or "").replace("{sending}", cleandoc(_SENDING))
    function.__doc__ = text.replace("{operating}", cleandoc(_OPERATING))
    return function


@documented
def identify(
    df: pd.DataFrame,
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
    schema: Any = "spec",
    strict_schema: bool = False,
    nulls: Nulls = "omit",
    timezone: str = "UTC",
    progress: bool | None = None,
) -> pd.DataFrame:
    """Send one identify call per row: who a person is, and their traits.

    Traits that a row does not have are left alone by Customer.io.

    Parameters
    ----------
    df : pandas.DataFrame
        One row per call.
    user_id : column label, optional
        The column with the person's id; ``user_id`` or ``userId`` if left out.
    anonymous_id : column label, optional
        The column with the anonymous id; ``anonymous_id`` or ``anonymousId`` if left out.
    timestamp : column label, optional
        The column that says when it happened: datetimes, dates, or ISO 8601 text; ``timestamp`` if left out.
        Without one, Customer.io takes the time of receipt.
    message_id : column label, optional
        The column with ids of your own for the calls; ``message_id`` or ``messageId`` if left out. Without one,
        each call gets a ULID made from its content, so that a rerun repeats it.
    traits : list of columns, or {column: field}, optional
        The columns to send as traits, and their names there. All that feed no other field, if left out.
        A dotted name nests.
    context : column label or dict, optional
        A column of dicts, or one dict for all rows. Columns named ``context.ip`` and the like are found by name.
    integrations : column label or dict, optional
        Which destinations get the calls, for example ``{"All": False}``.
    {sending}

    Examples
    --------
    >>> people = pd.DataFrame({"user_id": ["007", None], "plan": ["free", "team"]})
    >>> identify(people, dry_run=True)[["status", "reason"]]
        status                              reason
    0    ready                                <NA>
    1  invalid  user_id: required value is missing
    """
    mapping = ColumnMapping(
        user_id=user_id,
        anonymous_id=anonymous_id,
        timestamp=timestamp,
        message_id=message_id,
        traits=traits,
        context=context,
        integrations=integrations,
    )
    call_spec = build_call_spec("identify", mapping, schema, nulls, timezone, strict_schema=strict_schema)
    return pipeline.run(df, call_spec, client=client, dry_run=dry_run, on_invalid=on_invalid, progress=progress)


@documented
def track(
    df: pd.DataFrame,
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
    schema: Any = "spec",
    strict_schema: bool = False,
    nulls: Nulls = "omit",
    timezone: str = "UTC",
    progress: bool | None = None,
) -> pd.DataFrame:
    """Send one track call per row: what a person did.

    Semantic events (see :func:`cio_frames.events`) have schemas of their own; any other name is an event of yours.

    Parameters
    ----------
    df : pandas.DataFrame
        One row per call.
    event : str, optional
        One event name for all rows. Left out, ``event_column`` says it row by row.
    event_column : column label, optional
        The column with each row's event name; ``event`` if left out.
    user_id : column label, optional
        The column with the person's id; ``user_id`` or ``userId`` if left out.
    anonymous_id : column label, optional
        The column with the anonymous id; ``anonymous_id`` or ``anonymousId`` if left out.
    timestamp : column label, optional
        The column that says when it happened: datetimes, dates, or ISO 8601 text; ``timestamp`` if left out.
        Without one, Customer.io takes the time of receipt.
    message_id : column label, optional
        The column with ids of your own for the calls; ``message_id`` or ``messageId`` if left out. Without one,
        each call gets a ULID made from its content, so that a rerun repeats it.
    properties : list of columns, or {column: field}, optional
        The columns to send as properties, and their names there. All that feed no other field, if left out.
        A dotted name nests.
    context : column label or dict, optional
        A column of dicts, or one dict for all rows. Columns named ``context.ip`` and the like are found by name.
    integrations : column label or dict, optional
        Which destinations get the calls, for example ``{"All": False}``.
    {sending}

    Examples
    --------
    >>> orders = pd.DataFrame({"customer": ["007"], "ordered_at": ["1997-01-01"], "total": [29.33]})
    >>> result = track(orders, "Order Completed", user_id="customer", timestamp="ordered_at", dry_run=True)
    >>> result["status"].tolist(), result["bytes"].tolist()
    (['ready'], [166])
    """
    mapping = ColumnMapping(
        event=event_column,
        user_id=user_id,
        anonymous_id=anonymous_id,
        timestamp=timestamp,
        message_id=message_id,
        properties=properties,
        context=context,
        integrations=integrations,
    )
    call_spec = build_call_spec("track", mapping, schema, nulls, timezone, strict_schema=strict_schema, event=event)
    return pipeline.run(df, call_spec, client=client, dry_run=dry_run, on_invalid=on_invalid, progress=progress)


@documented
def page(
    df: pd.DataFrame,
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
    schema: Any = "spec",
    strict_schema: bool = False,
    nulls: Nulls = "omit",
    timezone: str = "UTC",
    progress: bool | None = None,
) -> pd.DataFrame:
    """Send one page call per row: which page of a web site a person saw.

    Customer.io takes ``properties.url`` for the name of the event.

    Parameters
    ----------
    df : pandas.DataFrame
        One row per call.
    user_id : column label, optional
        The column with the person's id; ``user_id`` or ``userId`` if left out.
    anonymous_id : column label, optional
        The column with the anonymous id; ``anonymous_id`` or ``anonymousId`` if left out.
    name : column label, optional
        The column with the name of the page or screen; ``name`` if left out.
    timestamp : column label, optional
        The column that says when it happened: datetimes, dates, or ISO 8601 text; ``timestamp`` if left out.
        Without one, Customer.io takes the time of receipt.
    message_id : column label, optional
        The column with ids of your own for the calls; ``message_id`` or ``messageId`` if left out. Without one,
        each call gets a ULID made from its content, so that a rerun repeats it.
    properties : list of columns, or {column: field}, optional
        The columns to send as properties, and their names there. All that feed no other field, if left out.
        A dotted name nests.
    context : column label or dict, optional
        A column of dicts, or one dict for all rows. Columns named ``context.ip`` and the like are found by name.
    integrations : column label or dict, optional
        Which destinations get the calls, for example ``{"All": False}``.
    {sending}

    Examples
    --------
    >>> views = pd.DataFrame({"user_id": ["ada"], "name": ["Home"], "url": ["https://example.com/"]})
    >>> page(views, dry_run=True)["status"].tolist()
    ['ready']
    """
    mapping = ColumnMapping(
        user_id=user_id,
        anonymous_id=anonymous_id,
        name=name,
        timestamp=timestamp,
        message_id=message_id,
        properties=properties,
        context=context,
        integrations=integrations,
    )
    call_spec = build_call_spec("page", mapping, schema, nulls, timezone, strict_schema=strict_schema)
    return pipeline.run(df, call_spec, client=client, dry_run=dry_run, on_invalid=on_invalid, progress=progress)


@documented
def screen(
    df: pd.DataFrame,
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
    schema: Any = "spec",
    strict_schema: bool = False,
    nulls: Nulls = "omit",
    timezone: str = "UTC",
    progress: bool | None = None,
) -> pd.DataFrame:
    """Send one screen call per row: which screen of an app a person saw.

    Customer.io takes ``name`` for the name of the event.

    Parameters
    ----------
    df : pandas.DataFrame
        One row per call.
    user_id : column label, optional
        The column with the person's id; ``user_id`` or ``userId`` if left out.
    anonymous_id : column label, optional
        The column with the anonymous id; ``anonymous_id`` or ``anonymousId`` if left out.
    name : column label, optional
        The column with the name of the page or screen; ``name`` if left out.
    timestamp : column label, optional
        The column that says when it happened: datetimes, dates, or ISO 8601 text; ``timestamp`` if left out.
        Without one, Customer.io takes the time of receipt.
    message_id : column label, optional
        The column with ids of your own for the calls; ``message_id`` or ``messageId`` if left out. Without one,
        each call gets a ULID made from its content, so that a rerun repeats it.
    properties : list of columns, or {column: field}, optional
        The columns to send as properties, and their names there. All that feed no other field, if left out.
        A dotted name nests.
    context : column label or dict, optional
        A column of dicts, or one dict for all rows. Columns named ``context.ip`` and the like are found by name.
    integrations : column label or dict, optional
        Which destinations get the calls, for example ``{"All": False}``.
    {sending}

    Examples
    --------
    >>> views = pd.DataFrame({"anonymous_id": ["a-1"], "name": ["Basket"]})
    >>> screen(views, dry_run=True)["status"].tolist()
    ['ready']
    """
    mapping = ColumnMapping(
        user_id=user_id,
        anonymous_id=anonymous_id,
        name=name,
        timestamp=timestamp,
        message_id=message_id,
        properties=properties,
        context=context,
        integrations=integrations,
    )
    call_spec = build_call_spec("screen", mapping, schema, nulls, timezone, strict_schema=strict_schema)
    return pipeline.run(df, call_spec, client=client, dry_run=dry_run, on_invalid=on_invalid, progress=progress)


@documented
def group(
    df: pd.DataFrame,
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
    schema: Any = "spec",
    strict_schema: bool = False,
    nulls: Nulls = "omit",
    timezone: str = "UTC",
    progress: bool | None = None,
) -> pd.DataFrame:
    """Send one group call per row: make or update an object, and relate a person to it.

    Without a person only the object is updated. The object's type is the trait ``object_type_id``, 1 if absent;
    what belongs to the relationship nests in ``relationshipAttributes``.

    Parameters
    ----------
    df : pandas.DataFrame
        One row per call.
    group_id : column label, optional
        The column with the object's id; ``group_id`` or ``groupId`` if left out.
    user_id : column label, optional
        The column with the person's id; ``user_id`` or ``userId`` if left out.
    anonymous_id : column label, optional
        The column with the anonymous id; ``anonymous_id`` or ``anonymousId`` if left out.
    timestamp : column label, optional
        The column that says when it happened: datetimes, dates, or ISO 8601 text; ``timestamp`` if left out.
        Without one, Customer.io takes the time of receipt.
    message_id : column label, optional
        The column with ids of your own for the calls; ``message_id`` or ``messageId`` if left out. Without one,
        each call gets a ULID made from its content, so that a rerun repeats it.
    traits : list of columns, or {column: field}, optional
        The columns to send as traits, and their names there. All that feed no other field, if left out.
        A dotted name nests.
    context : column label or dict, optional
        A column of dicts, or one dict for all rows. Columns named ``context.ip`` and the like are found by name.
    integrations : column label or dict, optional
        Which destinations get the calls, for example ``{"All": False}``.
    {sending}

    Examples
    --------
    >>> members = pd.DataFrame({"group_id": ["acme"], "user_id": ["ada"], "relationshipAttributes.role": ["admin"]})
    >>> group(members, dry_run=True)["status"].tolist()
    ['ready']
    """
    mapping = ColumnMapping(
        group_id=group_id,
        user_id=user_id,
        anonymous_id=anonymous_id,
        timestamp=timestamp,
        message_id=message_id,
        traits=traits,
        context=context,
        integrations=integrations,
    )
    call_spec = build_call_spec("group", mapping, schema, nulls, timezone, strict_schema=strict_schema)
    return pipeline.run(df, call_spec, client=client, dry_run=dry_run, on_invalid=on_invalid, progress=progress)


@documented
def alias(
    df: pd.DataFrame,
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
    schema: Any = "spec",
    strict_schema: bool = False,
    nulls: Nulls = "omit",
    timezone: str = "UTC",
    progress: bool | None = None,
) -> pd.DataFrame:
    """Send one alias call per row: merge ``previous_id`` into ``user_id``, which stays.

    A merge cannot be undone. Columns that feed no field are not sent.

    Parameters
    ----------
    df : pandas.DataFrame
        One row per call.
    user_id : column label, optional
        The column with the person's id; ``user_id`` or ``userId`` if left out.
    previous_id : column label, optional
        The column with the id that is merged away; ``previous_id`` or ``previousId`` if left out.
    timestamp : column label, optional
        The column that says when it happened: datetimes, dates, or ISO 8601 text; ``timestamp`` if left out.
        Without one, Customer.io takes the time of receipt.
    message_id : column label, optional
        The column with ids of your own for the calls; ``message_id`` or ``messageId`` if left out. Without one,
        each call gets a ULID made from its content, so that a rerun repeats it.
    context : column label or dict, optional
        A column of dicts, or one dict for all rows. Columns named ``context.ip`` and the like are found by name.
    integrations : column label or dict, optional
        Which destinations get the calls, for example ``{"All": False}``.
    {sending}

    Examples
    --------
    >>> merges = pd.DataFrame({"user_id": ["ada"], "previous_id": ["a-1"]})
    >>> alias(merges, dry_run=True)["status"].tolist()
    ['ready']
    """
    mapping = ColumnMapping(
        user_id=user_id,
        previous_id=previous_id,
        timestamp=timestamp,
        message_id=message_id,
        context=context,
        integrations=integrations,
    )
    call_spec = build_call_spec("alias", mapping, schema, nulls, timezone, strict_schema=strict_schema)
    return pipeline.run(df, call_spec, client=client, dry_run=dry_run, on_invalid=on_invalid, progress=progress)


@documented
def batch(
    df: pd.DataFrame,
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
    schema: Any = "spec",
    strict_schema: bool = False,
    nulls: Nulls = "omit",
    timezone: str = "UTC",
    progress: bool | None = None,
) -> pd.DataFrame:
    """Send mixed calls: a column says which call each row is.

    Columns become traits in identify and group rows, properties in track, page and screen rows; what is null in a
    row is left out, so one frame can hold the columns of all of them. Rows of one person are sent in their order.

    Parameters
    ----------
    df : pandas.DataFrame
        One row per call.
    type_column : column label
        The column that says which call each row is.
    event_column : column label, optional
        The column with each row's event name; ``event`` if left out.
    user_id : column label, optional
        The column with the person's id; ``user_id`` or ``userId`` if left out.
    anonymous_id : column label, optional
        The column with the anonymous id; ``anonymous_id`` or ``anonymousId`` if left out.
    previous_id : column label, optional
        The column with the id that is merged away; ``previous_id`` or ``previousId`` if left out.
    group_id : column label, optional
        The column with the object's id; ``group_id`` or ``groupId`` if left out.
    name : column label, optional
        The column with the name of the page or screen; ``name`` if left out.
    timestamp : column label, optional
        The column that says when it happened: datetimes, dates, or ISO 8601 text; ``timestamp`` if left out.
        Without one, Customer.io takes the time of receipt.
    message_id : column label, optional
        The column with ids of your own for the calls; ``message_id`` or ``messageId`` if left out. Without one,
        each call gets a ULID made from its content, so that a rerun repeats it.
    traits : list of columns, or {column: field}, optional
        The columns to send as traits, and their names there. All that feed no other field, if left out.
        A dotted name nests.
    properties : list of columns, or {column: field}, optional
        The columns to send as properties, and their names there. All that feed no other field, if left out.
        A dotted name nests.
    context : column label or dict, optional
        A column of dicts, or one dict for all rows. Columns named ``context.ip`` and the like are found by name.
    integrations : column label or dict, optional
        Which destinations get the calls, for example ``{"All": False}``.
    {sending}

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
    mapping = ColumnMapping(
        type_column=type_column,
        event=event_column,
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
    )
    call_spec = build_call_spec("batch", mapping, schema, nulls, timezone, strict_schema=strict_schema)
    return pipeline.run(df, call_spec, client=client, dry_run=dry_run, on_invalid=on_invalid, progress=progress)


def validate(
    df: pd.DataFrame,
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
    schema: Any = "spec",
    strict_schema: bool = False,
    nulls: Nulls = "omit",
    timezone: str = "UTC",
) -> ValidationReport:
    """Check a frame as a call would, send nothing, and return what is wrong with it.

    Rows are checked against the schema, written as JSON and measured, as they would be before sending.

    Parameters
    ----------
    df : pandas.DataFrame
        One row per call.
    call : {"identify", "track", "page", "screen", "group", "alias", "batch"}
        The kind of call.
    event : str, optional
        One event name for all rows. Left out, ``event_column`` says it row by row.
    event_column : column label, optional
        The column with each row's event name; ``event`` if left out.
    type_column : column label
        The column that says which call each row is.
    user_id : column label, optional
        The column with the person's id; ``user_id`` or ``userId`` if left out.
    anonymous_id : column label, optional
        The column with the anonymous id; ``anonymous_id`` or ``anonymousId`` if left out.
    previous_id : column label, optional
        The column with the id that is merged away; ``previous_id`` or ``previousId`` if left out.
    group_id : column label, optional
        The column with the object's id; ``group_id`` or ``groupId`` if left out.
    name : column label, optional
        The column with the name of the page or screen; ``name`` if left out.
    timestamp : column label, optional
        The column that says when it happened: datetimes, dates, or ISO 8601 text; ``timestamp`` if left out.
        Without one, Customer.io takes the time of receipt.
    message_id : column label, optional
        The column with ids of your own for the calls; ``message_id`` or ``messageId`` if left out. Without one,
        each call gets a ULID made from its content, so that a rerun repeats it.
    traits : list of columns, or {column: field}, optional
        The columns to send as traits, and their names there. All that feed no other field, if left out.
        A dotted name nests.
    properties : list of columns, or {column: field}, optional
        The columns to send as properties, and their names there. All that feed no other field, if left out.
        A dotted name nests.
    context : column label or dict, optional
        A column of dicts, or one dict for all rows. Columns named ``context.ip`` and the like are found by name.
    integrations : column label or dict, optional
        Which destinations get the calls, for example ``{"All": False}``.
    client : Client, optional
        Whose limits count; the default limits if left out.
    schema, strict_schema, nulls, timezone
        As for :func:`track`.

    Returns
    -------
    ValidationReport

    Raises
    ------
    MissingColumnsError
        A column that is named, or that the call needs, is not there.
    FrameError
        The columns cannot make this call.
    SpecError
        ``schema=`` is a path, and no tracking plan is there.

    Examples
    --------
    >>> orders = pd.DataFrame({"user_id": ["ada", "bob"], "total": [12.5, "free"]})
    >>> validate(orders, "track", "Order Completed").failure_cases["reason"].tolist()
    ['total: must be a number']
    """
    mapping = ColumnMapping(
        event=event_column,
        type_column=type_column if call == "batch" else None,
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
    )
    call_spec = build_call_spec(call, mapping, schema, nulls, timezone, strict_schema=strict_schema, event=event)
    return pipeline.report(df, call_spec, client)


def payloads(
    df: pd.DataFrame,
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
    schema: Any = "spec",
    strict_schema: bool = False,
    nulls: Nulls = "omit",
    timezone: str = "UTC",
) -> pd.Series[Any]:
    """Return the JSON that a call would send for each row; null where a row would stay here.

    Parameters
    ----------
    df : pandas.DataFrame
        One row per call.
    call : {"identify", "track", "page", "screen", "group", "alias", "batch"}
        The kind of call.
    event : str, optional
        One event name for all rows. Left out, ``event_column`` says it row by row.
    event_column : column label, optional
        The column with each row's event name; ``event`` if left out.
    type_column : column label
        The column that says which call each row is.
    user_id : column label, optional
        The column with the person's id; ``user_id`` or ``userId`` if left out.
    anonymous_id : column label, optional
        The column with the anonymous id; ``anonymous_id`` or ``anonymousId`` if left out.
    previous_id : column label, optional
        The column with the id that is merged away; ``previous_id`` or ``previousId`` if left out.
    group_id : column label, optional
        The column with the object's id; ``group_id`` or ``groupId`` if left out.
    name : column label, optional
        The column with the name of the page or screen; ``name`` if left out.
    timestamp : column label, optional
        The column that says when it happened: datetimes, dates, or ISO 8601 text; ``timestamp`` if left out.
        Without one, Customer.io takes the time of receipt.
    message_id : column label, optional
        The column with ids of your own for the calls; ``message_id`` or ``messageId`` if left out. Without one,
        each call gets a ULID made from its content, so that a rerun repeats it.
    traits : list of columns, or {column: field}, optional
        The columns to send as traits, and their names there. All that feed no other field, if left out.
        A dotted name nests.
    properties : list of columns, or {column: field}, optional
        The columns to send as properties, and their names there. All that feed no other field, if left out.
        A dotted name nests.
    context : column label or dict, optional
        A column of dicts, or one dict for all rows. Columns named ``context.ip`` and the like are found by name.
    integrations : column label or dict, optional
        Which destinations get the calls, for example ``{"All": False}``.
    client : Client, optional
        Whose limits count; the default limits if left out.
    schema, strict_schema, nulls, timezone
        As for :func:`track`.

    Returns
    -------
    pandas.Series of text, under the frame's index

    Raises
    ------
    MissingColumnsError
        A column that is named, or that the call needs, is not there.
    FrameError
        The columns cannot make this call.
    SpecError
        ``schema=`` is a path, and no tracking plan is there.

    Examples
    --------
    >>> people = pd.DataFrame({"user_id": ["ada"], "address.city": ["London"], "message_id": ["m-1"]})
    >>> print(payloads(people, "identify")[0])
    {"type":"identify","userId":"ada","traits":{"address":{"city":"London"}},"messageId":"m-1"}
    """
    mapping = ColumnMapping(
        event=event_column,
        type_column=type_column if call == "batch" else None,
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
    )
    call_spec = build_call_spec(call, mapping, schema, nulls, timezone, strict_schema=strict_schema, event=event)
    return pipeline.payloads(df, call_spec, client)


def build_call_spec(
    call: str,
    mapping: ColumnMapping,
    schema: Any,
    nulls: str,
    timezone: str,
    *,
    event: str | None = None,
    strict_schema: bool = False,
) -> pipeline.CallSpec:
    """Check the words that a caller chose, and put them together."""
    if call not in get_args(AnyCall):
        raise FrameError(f"There is no call {call!r}; there are {', '.join(get_args(AnyCall))}.")
    if event is not None and call != "track":
        raise FrameError(f"event={event!r} is for track; {call} has no event.")
    if event is not None and mapping.event is not None:
        raise FrameError("Give event= or event_column=, not both.")
    if event is not None and not (isinstance(event, str) and event.strip()):
        raise FrameError(f"event={event!r} is no name; write text, track('Order Completed').")
    if nulls not in ("omit", "send"):
        raise FrameError(f"nulls={nulls!r} is neither 'omit' nor 'send'.")
    known = cast(AnyCall, call)
    tracking_plan = vendor_tracking_plan()
    if isinstance(schema, (str, PathLike)) and schema != "spec":
        tracking_plan, schema = read_tracking_plan(Path(schema)), "spec"
    form = EncodeOptions(timezone=_zone(timezone), send_nulls=nulls == "send")
    return pipeline.CallSpec(known, mapping, event, schema, form, tracking_plan, strict_schema)


def _zone(timezone: str) -> str:
    try:
        if not isinstance(timezone, str):
            raise TypeError("not a name")
        pd.Timestamp(0, tz=timezone)
    except Exception as error:
        raise FrameError(
            f"There is no time zone {timezone!r}; write a name such as 'UTC' or 'Europe/Berlin'."
        ) from error
    return timezone
