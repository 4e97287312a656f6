"""What rows are checked against: the API's spec, alone or with a team's own tracking plan on top.

A tracking plan is a YAML file of the form of ``schemas/``: ``events:`` as in ``schemas/events/``, ``properties:``
(with traits, properties or context in it) as in ``schemas/calls/``, and ``$defs:`` for what both refer to.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import xxhash

from cio_frames import spec
from cio_frames._util.did_you_mean import closest_name
from cio_frames.errors import SpecError
from cio_frames.spec.fields import FieldsFile

_REMEDY = "A tracking plan is a YAML file with the keys of schemas/."


@dataclass(frozen=True, slots=True)
class TrackingPlan:
    """The calls and events that rows are checked against.

    Attributes
    ----------
    calls : mapping of str to spec.Call
        The six calls by name.
    events : mapping of str to spec.Event
        The known events, by every name that they are known by.
    title : str or None
        The file's name, for a team's own plan.
    content : str or None
        A hash of that file.
    """

    calls: Mapping[str, spec.Call]
    events: Mapping[str, spec.Event]
    title: str | None = None
    content: str | None = None

    def event(self, name: str | None) -> spec.Event | None:
        """Return the known event of a name, or None.

        >>> vendor_tracking_plan().event("My Own Event") is None
        True
        """
        return None if name is None else self.events.get(name)

    def closest_event(self, name: str) -> str | None:
        """Return the known event with the most similar name, or None.

        >>> vendor_tracking_plan().closest_event("order completed ")
        'Order Completed'
        >>> vendor_tracking_plan().closest_event("Signed Up") is None
        True
        """
        # A custom event may resemble one of the vendor's; in a team's own plan a similar name is more likely a typo.
        close = closest_name(name, self.events, cutoff=0.8 if self.title else 1.0)
        return self.events[close].name if close else None


def vendor_tracking_plan() -> TrackingPlan:
    """Return the API's spec as it is."""
    return TrackingPlan(spec.calls(), spec.events_by_any_name())


def read_tracking_plan(path: Path) -> TrackingPlan:
    """Return the API's spec with a team's own plan on top.

    Raises
    ------
    SpecError
        The file cannot be read, or has an error; the text names its line.
    """
    file = FieldsFile(path, _REMEDY)
    entries = file.mapping(file.root, allowed={"title", "$defs", "events", "properties"})
    if not {"events", "properties"} & entries.keys():
        raise SpecError(f"{path} has no key events: or properties:. {_REMEDY}", path=path)
    events = dict(spec.events_by_any_name())
    if "events" in entries:
        for own in spec.events_in(file, entries["events"], path.stem, default_ids=spec.calls()["track"].ids):
            known = spec.semantic_event(own.name)
            event = own if known is None else _overlay_event(known, own)
            events |= dict.fromkeys((event.name, *event.other_names), event)
    fields = file.fields(entries.get("properties"))
    calls = {
        name: replace(
            call,
            fields={
                wire: field.merge(fields[wire]) if wire in fields else field for wire, field in call.fields.items()
            },
        )
        for name, call in spec.calls().items()
    }
    if unknown := fields.keys() - set().union(*(call.fields for call in calls.values())):
        raise SpecError(f"{path}: unknown field {min(unknown)!r}; no call has it. {_REMEDY}", path=path)
    return TrackingPlan(calls, events, title=path.name, content=xxhash.xxh3_64_hexdigest(path.read_bytes())[:8])


def _overlay_event(known: spec.Event, own: spec.Event) -> spec.Event:
    return replace(
        known,
        properties=known.properties.merge(own.properties),
        context=known.context.merge(own.context),
        other_names=(*known.other_names, *own.other_names),
    )
