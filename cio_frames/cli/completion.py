"""What TAB completes besides commands, options and files."""

from __future__ import annotations

# Stands here once more, since importing the operations takes longer than a person waits for TAB.
OPERATION_NAMES = (
    "delete_people",
    "suppress_people",
    "unsuppress_people",
    "add_devices",
    "delete_devices",
    "delete_objects",
    "delete_relationships",
    "report_deliveries",
    "report_content",
)


def complete_calls(incomplete: str) -> list[str]:
    """Return the calls and operations that begin so.

    >>> complete_calls("delete_o")
    ['delete_objects']
    """
    from cio_frames import spec

    return [name for name in (*spec.CALL_NAMES, "batch", *OPERATION_NAMES) if name.startswith(incomplete)]


def complete_events(incomplete: str) -> list[str]:
    """Return the semantic events that begin so, whatever their case.

    >>> complete_events("order com")
    ['Order Completed']
    """
    from cio_frames import spec

    return [name for name in spec.semantic_events() if name.casefold().startswith(incomplete.casefold())]


def complete_event_families(incomplete: str) -> list[str]:
    """Return the families of events that begin so.

    >>> complete_event_families("eco")
    ['ecommerce']
    """
    from cio_frames import spec

    families = dict.fromkeys(event.family for event in spec.semantic_events().values())
    return [name for name in families if name.startswith(incomplete)]


def complete_schemas(incomplete: str) -> list[str]:
    """Return the calls and events that begin so.

    >>> complete_schemas("ident")
    ['identify']
    """
    from cio_frames import spec

    return [name for name in spec.CALL_NAMES if name.startswith(incomplete)] + complete_events(incomplete)
