"""TAB in IPython and notebooks completes names of semantic events: ``df.cio.track("Ord<TAB>``."""

from __future__ import annotations

import re
import sys
from typing import Any

from cio_frames import spec

# The last text of the code before the cursor, still open, as an argument of one of our functions.
_OPEN_TEXT = re.compile(
    r"\b(?P<function>track|schema|validate|payloads|load|plan|sync|baseline)\s*"
    r"\((?P<before>[^()]*)(?P<quote>[\"'])(?P<typed>[^\"'\n]*)$"
)
_IS_EVENT_PARAMETER = re.compile(r"\bevent\s*=\s*$")
_AFTER_TRACK = re.compile(r"[\"']track[\"']\s*,\s*$")
# In track(...) the event comes first, after a frame in the function.
_FIRST = re.compile(r"\s*(?:[\w.]+\s*,\s*)?$")


def complete_event(code: str) -> tuple[str, list[str]] | None:
    """Return what is typed of an event's name, and the names that begin so; None if the cursor is elsewhere.

    >>> complete_event('df.cio.track("Order C')
    ('Order C', ['Order Cancelled', 'Order Completed'])
    >>> complete_event('cio.schema("identify", "Or') is None
    True
    """
    found = _OPEN_TEXT.search(code)
    if found is None:
        return None
    before = found["before"]
    is_event = _IS_EVENT_PARAMETER.search(before) or (
        _FIRST.fullmatch(before) if found["function"] == "track" else _AFTER_TRACK.search(before)
    )
    if not is_event:
        return None
    typed = found["typed"]
    names = sorted(name for name in spec.semantic_events() if name.casefold().startswith(typed.casefold()))
    return (typed, names) if names else None


def register_completion() -> None:
    """Let the IPython shell of this process complete names of events, if there is one."""
    shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    completer = getattr(shell, "Completer", None)
    matchers = getattr(completer, "custom_matchers", None)
    if matchers is None or any(getattr(matcher, "__name__", "") == _event_matcher.__name__ for matcher in matchers):
        return
    matchers.append(_event_matcher)


def _event_matcher(context: Any) -> dict[str, Any]:
    """Complete as IPython asks its matchers to."""
    from IPython.core.completer import SimpleCompletion

    lines = context.full_text.split("\n")
    before = [*lines[: context.cursor_line], lines[context.cursor_line][: context.cursor_position]]
    found = complete_event("\n".join(before))
    if found is None:
        return {"completions": [], "suppress": False}
    typed, names = found
    completions = [SimpleCompletion(text=name, type="event") for name in names]
    # Names of files and of other objects mean nothing here.
    return {"completions": completions, "suppress": True, "matched_fragment": typed, "ordered": True}


_event_matcher.matcher_api_version = 2  # type: ignore[attr-defined]
_event_matcher.matcher_identifier = "cio_frames_events"  # type: ignore[attr-defined]
_event_matcher.matcher_priority = 200  # type: ignore[attr-defined]
