"""``df.cio``: a doorway. Every method is the function of the same name, with the frame in front."""

from __future__ import annotations

import re
from collections.abc import Callable, Hashable, Mapping
from inspect import cleandoc
from pathlib import Path
from typing import Any, TypeVar

import pandas as pd

from cio_frames import functions, operations
from cio_frames.client import Client
from cio_frames.columns import Selection
from cio_frames.functions import AnyCall, Nulls, OnInvalid
from cio_frames.report import ValidationReport

_Method = TypeVar("_Method", bound=Callable[..., Any])


def _as(function: Callable[..., Any]) -> Callable[[_Method], _Method]:
    """Give a method its function's docstring in full, with the frame in front."""
    name = function.__name__
    text = cleandoc(function.__doc__ or "").replace("df : pandas.DataFrame\n    One row per call.\n", "")
    text = re.sub(rf"(?<=[ (]){name}\((\w+)(?:, )?", rf"\1.cio.{name}(", text)

    def documented(method: _Method) -> _Method:
        method.__doc__ = text
        return method

    return documented


@pd.api.extensions.register_dataframe_accessor("cio")
class CioAccessor:
    """Send the rows of this frame to Customer.io.

    Examples
    --------
    >>> orders = pd.DataFrame({"user_id": ["ada"], "total": [12.5]})
    >>> orders.cio.track("Order Completed", dry_run=True)["status"].tolist()
    ['ready']
    """

    def __init__(self, frame: pd.DataFrame) -> None:
        # pandas makes an accessor for every access, TAB included: nothing else may happen here.
        self._frame = frame

    def __repr__(self) -> str:
        rows, columns = self._frame.shape
        return f"<df.cio: {rows:,} rows, {columns:,} columns>"

    @_as(functions.identify)
    def identify(
        self,
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
        """Send one identify call per row."""
        return functions.identify(
            self._frame,
            user_id=user_id,
            anonymous_id=anonymous_id,
            timestamp=timestamp,
            message_id=message_id,
            traits=traits,
            context=context,
            integrations=integrations,
            client=client,
            dry_run=dry_run,
            on_invalid=on_invalid,
            schema=schema,
            strict_schema=strict_schema,
            nulls=nulls,
            timezone=timezone,
            progress=progress,
        )

    @_as(functions.track)
    def track(
        self,
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
        """Send one track call per row."""
        return functions.track(
            self._frame,
            event,
            event_column=event_column,
            user_id=user_id,
            anonymous_id=anonymous_id,
            timestamp=timestamp,
            message_id=message_id,
            properties=properties,
            context=context,
            integrations=integrations,
            client=client,
            dry_run=dry_run,
            on_invalid=on_invalid,
            schema=schema,
            strict_schema=strict_schema,
            nulls=nulls,
            timezone=timezone,
            progress=progress,
        )

    @_as(functions.page)
    def page(
        self,
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
        """Send one page call per row."""
        return functions.page(
            self._frame,
            user_id=user_id,
            anonymous_id=anonymous_id,
            name=name,
            timestamp=timestamp,
            message_id=message_id,
            properties=properties,
            context=context,
            integrations=integrations,
            client=client,
            dry_run=dry_run,
            on_invalid=on_invalid,
            schema=schema,
            strict_schema=strict_schema,
            nulls=nulls,
            timezone=timezone,
            progress=progress,
        )

    @_as(functions.screen)
    def screen(
        self,
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
        """Send one screen call per row."""
        return functions.screen(
            self._frame,
            user_id=user_id,
            anonymous_id=anonymous_id,
            name=name,
            timestamp=timestamp,
            message_id=message_id,
            properties=properties,
            context=context,
            integrations=integrations,
            client=client,
            dry_run=dry_run,
            on_invalid=on_invalid,
            schema=schema,
            strict_schema=strict_schema,
            nulls=nulls,
            timezone=timezone,
            progress=progress,
        )

    @_as(functions.group)
    def group(
        self,
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
        """Send one group call per row."""
        return functions.group(
            self._frame,
            group_id=group_id,
            user_id=user_id,
            anonymous_id=anonymous_id,
            timestamp=timestamp,
            message_id=message_id,
            traits=traits,
            context=context,
            integrations=integrations,
            client=client,
            dry_run=dry_run,
            on_invalid=on_invalid,
            schema=schema,
            strict_schema=strict_schema,
            nulls=nulls,
            timezone=timezone,
            progress=progress,
        )

    @_as(functions.alias)
    def alias(
        self,
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
        """Send one alias call per row."""
        return functions.alias(
            self._frame,
            user_id=user_id,
            previous_id=previous_id,
            timestamp=timestamp,
            message_id=message_id,
            context=context,
            integrations=integrations,
            client=client,
            dry_run=dry_run,
            on_invalid=on_invalid,
            schema=schema,
            strict_schema=strict_schema,
            nulls=nulls,
            timezone=timezone,
            progress=progress,
        )

    @_as(functions.batch)
    def batch(
        self,
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
        """Send mixed calls."""
        return functions.batch(
            self._frame,
            type_column=type_column,
            event_column=event_column,
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
            client=client,
            dry_run=dry_run,
            on_invalid=on_invalid,
            schema=schema,
            strict_schema=strict_schema,
            nulls=nulls,
            timezone=timezone,
            progress=progress,
        )

    @_as(operations.delete_people)
    def delete_people(
        self,
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
        """Delete the people named."""
        return operations.delete_people(
            self._frame,
            user_id=user_id,
            timestamp=timestamp,
            message_id=message_id,
            confirm=confirm,
            audit=audit,
            client=client,
            dry_run=dry_run,
            on_invalid=on_invalid,
            timezone=timezone,
            progress=progress,
        )

    @_as(operations.suppress_people)
    def suppress_people(
        self,
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
        """Delete the people named and block their ids."""
        return operations.suppress_people(
            self._frame,
            user_id=user_id,
            timestamp=timestamp,
            message_id=message_id,
            confirm=confirm,
            audit=audit,
            client=client,
            dry_run=dry_run,
            on_invalid=on_invalid,
            timezone=timezone,
            progress=progress,
        )

    @_as(operations.unsuppress_people)
    def unsuppress_people(
        self,
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
        """Free the ids of suppressed people."""
        return operations.unsuppress_people(
            self._frame,
            user_id=user_id,
            timestamp=timestamp,
            message_id=message_id,
            audit=audit,
            client=client,
            dry_run=dry_run,
            on_invalid=on_invalid,
            timezone=timezone,
            progress=progress,
        )

    @_as(operations.add_devices)
    def add_devices(
        self,
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
        """Add or update people's devices."""
        return operations.add_devices(
            self._frame,
            user_id=user_id,
            token=token,
            device_type=device_type,
            timestamp=timestamp,
            message_id=message_id,
            properties=properties,
            audit=audit,
            client=client,
            dry_run=dry_run,
            on_invalid=on_invalid,
            timezone=timezone,
            progress=progress,
        )

    @_as(operations.delete_devices)
    def delete_devices(
        self,
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
        """Delete people's devices."""
        return operations.delete_devices(
            self._frame,
            user_id=user_id,
            token=token,
            device_type=device_type,
            timestamp=timestamp,
            message_id=message_id,
            confirm=confirm,
            audit=audit,
            client=client,
            dry_run=dry_run,
            on_invalid=on_invalid,
            timezone=timezone,
            progress=progress,
        )

    @_as(operations.delete_objects)
    def delete_objects(
        self,
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
        """Delete objects."""
        return operations.delete_objects(
            self._frame,
            object_id=object_id,
            object_type_id=object_type_id,
            timestamp=timestamp,
            message_id=message_id,
            confirm=confirm,
            audit=audit,
            client=client,
            dry_run=dry_run,
            on_invalid=on_invalid,
            timezone=timezone,
            progress=progress,
        )

    @_as(operations.delete_relationships)
    def delete_relationships(
        self,
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
        """End relationships between people and objects."""
        return operations.delete_relationships(
            self._frame,
            user_id=user_id,
            object_id=object_id,
            object_type_id=object_type_id,
            timestamp=timestamp,
            message_id=message_id,
            confirm=confirm,
            audit=audit,
            client=client,
            dry_run=dry_run,
            on_invalid=on_invalid,
            timezone=timezone,
            progress=progress,
        )

    @_as(operations.report_deliveries)
    def report_deliveries(
        self,
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
        """Report what became of messages."""
        return operations.report_deliveries(
            self._frame,
            delivery_id=delivery_id,
            metric=metric,
            timestamp=timestamp,
            message_id=message_id,
            properties=properties,
            audit=audit,
            client=client,
            dry_run=dry_run,
            on_invalid=on_invalid,
            timezone=timezone,
            progress=progress,
        )

    @_as(operations.report_content)
    def report_content(
        self,
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
        """Report what people did with content."""
        return operations.report_content(
            self._frame,
            action_type=action_type,
            content_id=content_id,
            template_id=template_id,
            timestamp=timestamp,
            message_id=message_id,
            properties=properties,
            audit=audit,
            client=client,
            dry_run=dry_run,
            on_invalid=on_invalid,
            timezone=timezone,
            progress=progress,
        )

    @_as(functions.validate)
    def validate(
        self,
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
        """Check the frame as a call would, and send nothing."""
        return functions.validate(
            self._frame,
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
            client=client,
            schema=schema,
            strict_schema=strict_schema,
            nulls=nulls,
            timezone=timezone,
        )

    @_as(functions.payloads)
    def payloads(
        self,
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
        """Return the JSON that a call would send for each row."""
        return functions.payloads(
            self._frame,
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
            client=client,
            schema=schema,
            strict_schema=strict_schema,
            nulls=nulls,
            timezone=timezone,
        )
