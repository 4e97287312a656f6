"""``cio-frames events``, ``schema`` and ``spec check``: what is known of the API."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cio_frames._util.did_you_mean import closest_name
from cio_frames.cli.completion import complete_event_families, complete_schemas
from cio_frames.cli.options import command_with
from cio_frames.cli.printing import out, print_json
from cio_frames.cli.tables import print_fields
from cio_frames.errors import FrameError

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, kw_only=True)
class EventsOptions:
    """Options of ``cio-frames events``."""

    family: Annotated[
        str | None,
        typer.Argument(
            help="Family to list, for example ecommerce; default: all.", autocompletion=complete_event_families
        ),
    ] = None
    as_json: Annotated[bool, typer.Option("--json", help="Print the events as JSON.")] = False


@dataclass(frozen=True, kw_only=True)
class SchemaOptions:
    """Options of ``cio-frames schema``."""

    name: Annotated[
        str, typer.Argument(help="Semantic event, or one of the six calls.", autocompletion=complete_schemas)
    ]
    as_json: Annotated[bool, typer.Option("--json", help="Print the fields as JSON.")] = False


@dataclass(frozen=True, kw_only=True)
class SpecCheckOptions:
    """Options of ``cio-frames spec check``."""

    openapi: Annotated[Path, typer.Argument(help="OpenAPI file of the vendor (3.0 or 3.1), JSON or YAML.")]
    as_json: Annotated[bool, typer.Option("--json", help="Print the differences as JSON.")] = False


@command_with(EventsOptions)
def events_command(options: EventsOptions) -> None:
    """List the semantic events and their fields."""
    from cio_frames.validation import events

    print_fields(events(options.family), as_json=options.as_json)


@command_with(SchemaOptions)
def schema_command(options: SchemaOptions) -> None:
    """Show what the spec says about an event or a call."""
    from cio_frames import spec
    from cio_frames.validation import events

    event = spec.semantic_event(options.name)
    if event is not None:
        listed = events()
        fields = listed[listed["event"].eq(event.name)]
    elif options.name in spec.CALL_NAMES:
        fields = list_call_fields(options.name)
    else:
        close = closest_name(options.name, [*spec.CALL_NAMES, *spec.semantic_events()])
        meant = f" Did you mean {close!r}?" if close else ""
        raise FrameError(
            f"Event or call {options.name!r} not found in the spec.{meant} To list all events: cio-frames events"
        )
    print_fields(fields, as_json=options.as_json)


@command_with(SpecCheckOptions)
def spec_check_command(options: SpecCheckOptions) -> None:
    """List the differences between the vendor's OpenAPI file and schemas/.

    The exit status is 1 if there are any. Differences that schemas/accepted_differences.yaml accepts do not count.
    """
    from cio_frames.spec.drift import drift
    from cio_frames.spec.openapi import read_openapi

    changes = drift(read_openapi(options.openapi))
    if options.as_json:
        print_json([asdict(change) for change in changes])
    else:
        out.print("\n".join(map(str, changes)) or "No differences found.")
    if changes:
        raise typer.Exit(1)


def list_call_fields(name: str) -> pd.DataFrame:
    """Return the fields of one of the six calls, one row each."""
    import pandas as pd

    from cio_frames import spec

    call = spec.calls()[name]
    leaves = [(path, field) for wire, top in call.fields.items() for path, field in [(wire, top), *top.leaves(wire)]]
    rows = [
        {
            "field": path,
            "type": field.type,
            "required": path in call.required,
            "format": field.format,
            "enum": list(field.enum) or None,
        }
        for path, field in leaves
    ]
    return pd.DataFrame(rows)
