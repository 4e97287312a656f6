"""What one does with people, devices, objects and messages besides the six calls.

Each is a track call with the name of a semantic event that Customer.io acts on and does not store. What deletes asks
for ``confirm=``, the number of rows it is about to affect: a dry run tells it.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import replace
from numbers import Integral
from pathlib import Path
from typing import Any

import pandas as pd

from cio_frames import audit as audits
from cio_frames import pipeline
from cio_frames.client import Client
from cio_frames.columns import ColumnMapping, Selection
from cio_frames.errors import DeliveryError, FrameError, MissingColumnsError
from cio_frames.functions import OnInvalid, build_call_spec, documented

# Object Deleted requires an anonymous id and ignores it.
_PLACEHOLDER = "cio_frames"


@documented
def delete_people(
    df: pd.DataFrame,
    *,
    user_id: Hashable | None = None,
    timestamp: Hashable | None = None,
    message_id: Hashable | None = None,
    confirm: int | None = None,
    audit: str | Path | None = None,
    client: Client | None = None,
    dry_run: bool = False,
    on_invalid: OnInvalid = "skip",
    timezone: str = "UTC",
    progress: bool | None = None,
) -> pd.DataFrame:
    """Delete the people named, one User Deleted event per row.

    A later identify makes the person anew. ``user_id`` may be an email address.

    Parameters
    ----------
    df : pandas.DataFrame
        One row per call.
    user_id : column label, optional
        The column with the person's id; ``user_id`` or ``userId`` if left out.
    timestamp : column label, optional
        The column that says when; ``timestamp`` if left out.
    message_id : column label, optional
        The column with ids of your own for the calls; ULIDs made from their content if left out.
    confirm : int
        How many rows this is about to affect, as a dry run tells; anything else raises FrameError, and nothing is
        sent.
    audit : path, optional
        A file to which one JSON line per affected row is appended before this returns: time, operation, id, message
        id, status, HTTP status. It never holds the write key. Where it cannot be written, nothing is sent
        (ConfigurationError); where that is found out afterwards, the result is on the DeliveryError.
    {operating}

    Examples
    --------
    >>> requests = pd.DataFrame({"user_id": ["ada"]})
    >>> delete_people(requests, dry_run=True)["status"].tolist()
    ['ready']
    """
    mapping = _mapping(
        df,
        "delete_people",
        {},
        optional=set(),
        constants={},
        user_id=user_id,
        timestamp=timestamp,
        message_id=message_id,
        properties=[],
    )
    return _run(
        df,
        "delete_people",
        build_call_spec("track", mapping, "spec", "omit", timezone, event="User Deleted"),
        asks=True,
        confirm=confirm,
        audit=audit,
        client=client,
        dry_run=dry_run,
        on_invalid=on_invalid,
        progress=progress,
    )


@documented
def suppress_people(
    df: pd.DataFrame,
    *,
    user_id: Hashable | None = None,
    timestamp: Hashable | None = None,
    message_id: Hashable | None = None,
    confirm: int | None = None,
    audit: str | Path | None = None,
    client: Client | None = None,
    dry_run: bool = False,
    on_invalid: OnInvalid = "skip",
    timezone: str = "UTC",
    progress: bool | None = None,
) -> pd.DataFrame:
    """Delete the people named and block their ids, one User Suppressed event per row.

    Customer.io ignores later calls for a suppressed person.

    Parameters
    ----------
    df : pandas.DataFrame
        One row per call.
    user_id : column label, optional
        The column with the person's id; ``user_id`` or ``userId`` if left out.
    timestamp : column label, optional
        The column that says when; ``timestamp`` if left out.
    message_id : column label, optional
        The column with ids of your own for the calls; ULIDs made from their content if left out.
    confirm : int
        How many rows this is about to affect, as a dry run tells; anything else raises FrameError, and nothing is
        sent.
    audit : path, optional
        A file to which one JSON line per affected row is appended before this returns: time, operation, id, message
        id, status, HTTP status. It never holds the write key. Where it cannot be written, nothing is sent
        (ConfigurationError); where that is found out afterwards, the result is on the DeliveryError.
    {operating}

    Examples
    --------
    >>> requests = pd.DataFrame({"user_id": ["ada"]})
    >>> suppress_people(requests, dry_run=True)["status"].tolist()
    ['ready']
    """
    mapping = _mapping(
        df,
        "suppress_people",
        {},
        optional=set(),
        constants={},
        user_id=user_id,
        timestamp=timestamp,
        message_id=message_id,
        properties=[],
    )
    return _run(
        df,
        "suppress_people",
        build_call_spec("track", mapping, "spec", "omit", timezone, event="User Suppressed"),
        asks=True,
        confirm=confirm,
        audit=audit,
        client=client,
        dry_run=dry_run,
        on_invalid=on_invalid,
        progress=progress,
    )


@documented
def unsuppress_people(
    df: pd.DataFrame,
    *,
    user_id: Hashable | None = None,
    timestamp: Hashable | None = None,
    message_id: Hashable | None = None,
    audit: str | Path | None = None,
    client: Client | None = None,
    dry_run: bool = False,
    on_invalid: OnInvalid = "skip",
    timezone: str = "UTC",
    progress: bool | None = None,
) -> pd.DataFrame:
    """Free the ids of suppressed people, one User Unsuppressed event per row.

    Nothing of what was deleted comes back.

    Parameters
    ----------
    df : pandas.DataFrame
        One row per call.
    user_id : column label, optional
        The column with the person's id; ``user_id`` or ``userId`` if left out.
    timestamp : column label, optional
        The column that says when; ``timestamp`` if left out.
    message_id : column label, optional
        The column with ids of your own for the calls; ULIDs made from their content if left out.
    audit : path, optional
        A file to which one JSON line per affected row is appended before this returns: time, operation, id, message
        id, status, HTTP status. It never holds the write key. Where it cannot be written, nothing is sent
        (ConfigurationError); where that is found out afterwards, the result is on the DeliveryError.
    {operating}

    Examples
    --------
    >>> requests = pd.DataFrame({"user_id": ["ada"]})
    >>> unsuppress_people(requests, dry_run=True)["status"].tolist()
    ['ready']
    """
    mapping = _mapping(
        df,
        "unsuppress_people",
        {},
        optional=set(),
        constants={},
        user_id=user_id,
        timestamp=timestamp,
        message_id=message_id,
        properties=[],
    )
    return _run(
        df,
        "unsuppress_people",
        build_call_spec("track", mapping, "spec", "omit", timezone, event="User Unsuppressed"),
        asks=False,
        confirm=None,
        audit=audit,
        client=client,
        dry_run=dry_run,
        on_invalid=on_invalid,
        progress=progress,
    )


@documented
def add_devices(
    df: pd.DataFrame,
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
    timezone: str = "UTC",
    progress: bool | None = None,
) -> pd.DataFrame:
    """Add or update people's devices, one Device Created or Updated event per row.

    Columns not otherwise used become attributes of the device; ``timestamp`` says when it was last used.

    Parameters
    ----------
    df : pandas.DataFrame
        One row per call.
    user_id : column label, optional
        The column with the person's id; ``user_id`` or ``userId`` if left out.
    token : column label, optional
        The column with the device's token; ``token`` if left out.
    device_type : column label, optional
        The column that says ``ios`` or ``android``; ``device_type`` if left out.
    timestamp : column label, optional
        The column that says when; ``timestamp`` if left out.
    message_id : column label, optional
        The column with ids of your own for the calls; ULIDs made from their content if left out.
    properties : list of columns, or {column: field}, optional
        What goes along; all columns that feed no other field, if left out.
    audit : path, optional
        A file to which one JSON line per affected row is appended before this returns: time, operation, id, message
        id, status, HTTP status. It never holds the write key. Where it cannot be written, nothing is sent
        (ConfigurationError); where that is found out afterwards, the result is on the DeliveryError.
    {operating}

    Examples
    --------
    >>> devices = pd.DataFrame({"user_id": ["ada"], "token": ["t-1"], "device_type": ["ios"]})
    >>> add_devices(devices, dry_run=True)["status"].tolist()
    ['ready']
    """
    mapping = _mapping(
        df,
        "add_devices",
        {
            "context.device.token": ("token", token),
            "context.device.type": ("device_type", device_type),
        },
        optional=set(),
        constants={},
        user_id=user_id,
        timestamp=timestamp,
        message_id=message_id,
        properties=properties,
    )
    return _run(
        df,
        "add_devices",
        build_call_spec("track", mapping, "spec", "omit", timezone, event="Device Created or Updated"),
        asks=False,
        confirm=None,
        audit=audit,
        client=client,
        dry_run=dry_run,
        on_invalid=on_invalid,
        progress=progress,
    )


@documented
def delete_devices(
    df: pd.DataFrame,
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
    timezone: str = "UTC",
    progress: bool | None = None,
) -> pd.DataFrame:
    """Delete people's devices, one Device Deleted event per row.

    Parameters
    ----------
    df : pandas.DataFrame
        One row per call.
    user_id : column label, optional
        The column with the person's id; ``user_id`` or ``userId`` if left out.
    token : column label, optional
        The column with the device's token; ``token`` if left out.
    device_type : column label, optional
        The column that says ``ios`` or ``android``; ``device_type`` if left out.
    timestamp : column label, optional
        The column that says when; ``timestamp`` if left out.
    message_id : column label, optional
        The column with ids of your own for the calls; ULIDs made from their content if left out.
    confirm : int
        How many rows this is about to affect, as a dry run tells; anything else raises FrameError, and nothing is
        sent.
    audit : path, optional
        A file to which one JSON line per affected row is appended before this returns: time, operation, id, message
        id, status, HTTP status. It never holds the write key. Where it cannot be written, nothing is sent
        (ConfigurationError); where that is found out afterwards, the result is on the DeliveryError.
    {operating}

    Examples
    --------
    >>> devices = pd.DataFrame({"user_id": ["ada"], "token": ["t-1"]})
    >>> delete_devices(devices, dry_run=True)["status"].tolist()
    ['ready']
    """
    mapping = _mapping(
        df,
        "delete_devices",
        {
            "context.device.token": ("token", token),
            "context.device.type": ("device_type", device_type),
        },
        optional={"device_type"},
        constants={},
        user_id=user_id,
        timestamp=timestamp,
        message_id=message_id,
        properties=[],
    )
    return _run(
        df,
        "delete_devices",
        build_call_spec("track", mapping, "spec", "omit", timezone, event="Device Deleted"),
        asks=True,
        confirm=confirm,
        audit=audit,
        client=client,
        dry_run=dry_run,
        on_invalid=on_invalid,
        progress=progress,
    )


@documented
def delete_objects(
    df: pd.DataFrame,
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
    timezone: str = "UTC",
    progress: bool | None = None,
) -> pd.DataFrame:
    """Delete objects, one Object Deleted event per row.

    The event needs an anonymous id and does nothing with it, so a placeholder is sent.

    Parameters
    ----------
    df : pandas.DataFrame
        One row per call.
    object_id : column label, optional
        The column with the object's id; ``object_id`` or ``objectId`` if left out.
    object_type_id : column label, optional
        The column with the number of the object's type; ``object_type_id`` or ``objectTypeId`` if left
        out. The type is 1 where there is no such column; where there is one, a row without a number is invalid.
    timestamp : column label, optional
        The column that says when; ``timestamp`` if left out.
    message_id : column label, optional
        The column with ids of your own for the calls; ULIDs made from their content if left out.
    confirm : int
        How many rows this is about to affect, as a dry run tells; anything else raises FrameError, and nothing is
        sent.
    audit : path, optional
        A file to which one JSON line per affected row is appended before this returns: time, operation, id, message
        id, status, HTTP status. It never holds the write key. Where it cannot be written, nothing is sent
        (ConfigurationError); where that is found out afterwards, the result is on the DeliveryError.
    {operating}

    Examples
    --------
    >>> companies = pd.DataFrame({"object_id": ["acme"]})
    >>> delete_objects(companies, dry_run=True)["status"].tolist()
    ['ready']
    """
    mapping = _mapping(
        df,
        "delete_objects",
        {
            "properties.objectId": ("object_id", object_id),
            "properties.objectTypeId": ("object_type_id", object_type_id),
        },
        optional={"object_type_id"},
        constants={"anonymousId": _PLACEHOLDER},
        timestamp=timestamp,
        message_id=message_id,
        properties=[],
    )
    return _run(
        df,
        "delete_objects",
        _deleting("Object Deleted", mapping, timezone),
        asks=True,
        confirm=confirm,
        audit=audit,
        client=client,
        dry_run=dry_run,
        on_invalid=on_invalid,
        progress=progress,
    )


@documented
def delete_relationships(
    df: pd.DataFrame,
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
    timezone: str = "UTC",
    progress: bool | None = None,
) -> pd.DataFrame:
    """End relationships between people and objects, one Relationship Deleted event per row.

    Person and object stay.

    Parameters
    ----------
    df : pandas.DataFrame
        One row per call.
    user_id : column label, optional
        The column with the person's id; ``user_id`` or ``userId`` if left out.
    object_id : column label, optional
        The column with the object's id; ``object_id`` or ``objectId`` if left out.
    object_type_id : column label, optional
        The column with the number of the object's type; ``object_type_id`` or ``objectTypeId`` if left
        out. The type is 1 where there is no such column; where there is one, a row without a number is invalid.
    timestamp : column label, optional
        The column that says when; ``timestamp`` if left out.
    message_id : column label, optional
        The column with ids of your own for the calls; ULIDs made from their content if left out.
    confirm : int
        How many rows this is about to affect, as a dry run tells; anything else raises FrameError, and nothing is
        sent.
    audit : path, optional
        A file to which one JSON line per affected row is appended before this returns: time, operation, id, message
        id, status, HTTP status. It never holds the write key. Where it cannot be written, nothing is sent
        (ConfigurationError); where that is found out afterwards, the result is on the DeliveryError.
    {operating}

    Examples
    --------
    >>> left = pd.DataFrame({"user_id": ["ada"], "object_id": ["acme"]})
    >>> delete_relationships(left, dry_run=True)["status"].tolist()
    ['ready']
    """
    mapping = _mapping(
        df,
        "delete_relationships",
        {
            "properties.objectId": ("object_id", object_id),
            "properties.objectTypeId": ("object_type_id", object_type_id),
        },
        optional={"object_type_id"},
        constants={},
        user_id=user_id,
        timestamp=timestamp,
        message_id=message_id,
        properties=[],
    )
    return _run(
        df,
        "delete_relationships",
        _deleting("Relationship Deleted", mapping, timezone),
        asks=True,
        confirm=confirm,
        audit=audit,
        client=client,
        dry_run=dry_run,
        on_invalid=on_invalid,
        progress=progress,
    )


@documented
def report_deliveries(
    df: pd.DataFrame,
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
    timezone: str = "UTC",
    progress: bool | None = None,
) -> pd.DataFrame:
    """Report what became of messages, one Report Delivery Event per row.

    Columns such as ``recipient``, ``reason``, ``href`` and ``actionValue`` go along under their own names.

    Parameters
    ----------
    df : pandas.DataFrame
        One row per call.
    delivery_id : column label, optional
        The column with the delivery's id; ``delivery_id`` or ``deliveryId`` if left out.
    metric : column label, optional
        The column that says what happened, such as ``opened``; ``metric`` if left out.
    timestamp : column label, optional
        The column that says when; ``timestamp`` if left out.
    message_id : column label, optional
        The column with ids of your own for the calls; ULIDs made from their content if left out.
    properties : list of columns, or {column: field}, optional
        What goes along; all columns that feed no other field, if left out.
    audit : path, optional
        A file to which one JSON line per affected row is appended before this returns: time, operation, id, message
        id, status, HTTP status. It never holds the write key. Where it cannot be written, nothing is sent
        (ConfigurationError); where that is found out afterwards, the result is on the DeliveryError.
    {operating}

    Examples
    --------
    >>> metrics = pd.DataFrame({"delivery_id": ["d-1"], "metric": ["opened"]})
    >>> report_deliveries(metrics, dry_run=True)["status"].tolist()
    ['ready']
    """
    mapping = _mapping(
        df,
        "report_deliveries",
        {
            "properties.deliveryId": ("delivery_id", delivery_id),
            "properties.metric": ("metric", metric),
        },
        optional=set(),
        constants={},
        timestamp=timestamp,
        message_id=message_id,
        properties=properties,
    )
    return _run(
        df,
        "report_deliveries",
        build_call_spec("track", mapping, "spec", "omit", timezone, event="Report Delivery Event"),
        asks=False,
        confirm=None,
        audit=audit,
        client=client,
        dry_run=dry_run,
        on_invalid=on_invalid,
        progress=progress,
    )


@documented
def report_content(
    df: pd.DataFrame,
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
    timezone: str = "UTC",
    progress: bool | None = None,
) -> pd.DataFrame:
    """Report what people did with content, one Report Content Event per row.

    Parameters
    ----------
    df : pandas.DataFrame
        One row per call.
    action_type : column label, optional
        The column that says ``viewed_content`` or ``clicked_content``; ``action_type`` or ``actionType`` if
        left out.
    content_id : column label, optional
        The column with the content's number; ``content_id`` or ``contentId`` if left out.
    template_id : column label, optional
        The column with the template's number; ``template_id`` or ``templateId`` if left out.
    timestamp : column label, optional
        The column that says when; ``timestamp`` if left out.
    message_id : column label, optional
        The column with ids of your own for the calls; ULIDs made from their content if left out.
    properties : list of columns, or {column: field}, optional
        What goes along; all columns that feed no other field, if left out.
    audit : path, optional
        A file to which one JSON line per affected row is appended before this returns: time, operation, id, message
        id, status, HTTP status. It never holds the write key. Where it cannot be written, nothing is sent
        (ConfigurationError); where that is found out afterwards, the result is on the DeliveryError.
    {operating}

    Examples
    --------
    >>> seen = pd.DataFrame({"action_type": ["viewed_content"], "content_id": [7]})
    >>> report_content(seen, dry_run=True)["status"].tolist()
    ['ready']
    """
    mapping = _mapping(
        df,
        "report_content",
        {
            "properties.actionType": ("action_type", action_type),
            "properties.contentId": ("content_id", content_id),
            "properties.templateId": ("template_id", template_id),
        },
        optional={"template_id", "content_id"},
        constants={},
        timestamp=timestamp,
        message_id=message_id,
        properties=properties,
    )
    return _run(
        df,
        "report_content",
        build_call_spec("track", mapping, "spec", "omit", timezone, event="Report Content Event"),
        asks=False,
        confirm=None,
        audit=audit,
        client=client,
        dry_run=dry_run,
        on_invalid=on_invalid,
        progress=progress,
    )


def _mapping(
    df: pd.DataFrame,
    operation: str,
    fields: Mapping[str, tuple[str, Hashable | None]],
    *,
    optional: set[str],
    constants: Mapping[str, Any],
    **given: Any,
) -> ColumnMapping:
    """Find the columns of fields that are properties or context, by their own names where none is given.

    ``fields`` has, by wire path, the parameter's name and the column that was given for it.
    """
    found: dict[str, Hashable] = {}
    for path, (name, label) in fields.items():
        wire = path.rpartition(".")[2]
        chosen = label if label is not None else next((each for each in (name, wire) if each in df.columns), None)
        if chosen is not None:
            found[path] = chosen
        elif name == "object_type_id":
            # The default that the spec gives.
            constants = {**constants, path: 1}
        elif name not in optional:
            remedy = f"Name yours, for example {name}='{name}_ref'."
            raise MissingColumnsError(operation, [name], list(df.columns), remedy)
    return ColumnMapping(fields=found, constants=constants, **given)


def _deleting(event: str, mapping: ColumnMapping, timezone: str) -> pipeline.CallSpec:
    """Ask for calls that delete; where a column says of which type, each row has to: without one the API takes 1."""
    call_spec = build_call_spec("track", mapping, "spec", "omit", timezone, event=event)
    known = call_spec.tracking_plan.events[event]
    if "properties.objectTypeId" not in mapping.fields:
        return call_spec
    needed = replace(known.properties, required=(*known.properties.required, "objectTypeId"))
    events = {**call_spec.tracking_plan.events, event: replace(known, properties=needed)}
    return replace(call_spec, tracking_plan=replace(call_spec.tracking_plan, events=events))


def _run(
    df: pd.DataFrame,
    operation: str,
    call_spec: pipeline.CallSpec,
    *,
    asks: bool,
    confirm: int | None,
    audit: str | Path | None,
    client: Client | None,
    dry_run: bool,
    on_invalid: OnInvalid,
    progress: bool | None,
) -> pd.DataFrame:
    """Carry out an operation, where the caller knows how many rows it affects."""
    if dry_run:
        return pipeline.run(df, call_spec, client=client, dry_run=True, on_invalid=on_invalid, progress=progress)
    if asks:
        planned = pipeline.run(df, call_spec, client=client, dry_run=True, on_invalid=on_invalid, progress=False)
        _ask(operation, planned, confirm)
    about = pipeline.ids_of(df, call_spec) if audit is not None else pd.DataFrame()
    with audits.opened(audit) as trail:
        try:
            result = pipeline.run(df, call_spec, client=client, dry_run=False, on_invalid=on_invalid, progress=progress)
        except DeliveryError as error:
            trail.append(operation, about, error.result)
            raise
        trail.append(operation, about, result)
    return result


def _ask(operation: str, planned: pd.DataFrame, confirm: int | None) -> None:
    """Refuse where the caller does not know how many rows are about to be affected."""
    rows = int(planned["status"].eq("ready").sum())
    # True is 1 and 2.0 is 2 for ==, but neither is a count of rows; a sum in pandas is a numpy integer.
    if not isinstance(confirm, Integral) or isinstance(confirm, bool) or confirm != rows:
        found = "confirm is required" if confirm is None else f"confirm={confirm!r} does not match"
        raise FrameError(
            f"{operation} affects {rows:,} rows, and {found}. Review the rows with dry_run=True, then pass "
            f"confirm={rows}. Nothing was sent."
        )
