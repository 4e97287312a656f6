"""The calls as functions: a frame in, a result frame out.

Each public function is a signature and a docstring; its one line hands the parameters to the flow in
:mod:`cio_frames.pipeline`. The methods of ``df.cio`` are derived from these functions. ``.ci/docstrings.py`` writes the
Parameters, Returns and Raises sections.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import TYPE_CHECKING, Any

import pandas as pd

from cio_frames.client import Client
from cio_frames.columns import Selection
from cio_frames.pipeline.call_spec import AnyCall, CallSpec, Nulls, OnInvalid, Schema, build_call_spec

if TYPE_CHECKING:
    from cio_frames.report import ValidationReport

# What a run needs beside its CallSpec.
RUN_OPTIONS = ("client", "dry_run", "on_invalid", "progress")


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
    schema: Schema = "spec",
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
    1  invalid  user_id: is missing, and is needed
    """
    return _send("identify", locals())


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
    schema: Schema = "spec",
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
    return _send("track", locals())


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
    schema: Schema = "spec",
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
    return _send("page", locals())


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
    schema: Schema = "spec",
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
    return _send("screen", locals())


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
    schema: Schema = "spec",
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
    return _send("group", locals())


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
    schema: Schema = "spec",
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
    return _send("alias", locals())


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
    schema: Schema = "spec",
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
    return _send("batch", locals())


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
    schema: Schema = "spec",
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
    ['total: a number is needed']
    """
    return _report(locals())


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
    schema: Schema = "spec",
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
    return _payloads(locals())


def _send(call: AnyCall, parameters: dict[str, Any]) -> pd.DataFrame:
    """Run the flow with the parameters of a public function."""
    from cio_frames.pipeline import running

    df, options, call_spec = _split({"call": call, **parameters})
    return running.run(df, call_spec, **options)


def _report(parameters: dict[str, Any]) -> ValidationReport:
    """Check the rows with the parameters of :func:`validate`."""
    from cio_frames.pipeline import running

    df, options, call_spec = _split(parameters)
    return running.report(df, call_spec, **options)


def _payloads(parameters: dict[str, Any]) -> pd.Series[Any]:
    """Encode the rows with the parameters of :func:`payloads`."""
    from cio_frames.pipeline import running

    df, options, call_spec = _split(parameters)
    return running.payloads(df, call_spec, **options)


def _split(parameters: dict[str, Any]) -> tuple[pd.DataFrame, dict[str, Any], CallSpec]:
    """Return the frame, the options of the run, and what the caller asks for; an unknown parameter is a TypeError."""
    # A debugger or a notebook may add names such as __tracebackhide__.
    given = {name: value for name, value in parameters.items() if not name.startswith("__")}
    df, options = given.pop("df"), {name: given.pop(name) for name in RUN_OPTIONS if name in given}
    return df, options, build_call_spec(**given)
