"""The first sentences of pages, of notebooks, and of the terminal: what came out, in words."""

from __future__ import annotations

from collections.abc import Mapping

from cio_frames._util.notebook_html import Share
from cio_frames.report.findings import Tally

# Statuses in the order in which a bar shows them, with its color. What did not arrive comes first.
_STATUS_COLORS = {
    "invalid": "held-back",
    "too_large": "held-back",
    "rejected": "held-back",
    "unknown": "warning",
    "unsent": "warning",
    "acknowledged": "sent",
    "delivered": "good",
    "ready": "good",
    "unchanged": "good",
}
_GOOD_COLORS = ("good", "sent")


def validation_headline(total: Tally) -> str:
    """Return the answer of a validation.

    >>> validation_headline(Tally(None, good=2, with_warnings=0, held_back=1))
    '1 of 3 rows is held back'
    """
    if not total.rows:
        return "There are no rows to send"
    if not total.held_back:
        return "The one row can be sent" if total.rows == 1 else f"All {total.rows:,} rows can be sent"
    if total.held_back == total.rows:
        return "The one row is held back" if total.rows == 1 else f"All {total.rows:,} rows are held back"
    return f"{total.held_back:,} of {total.rows:,} rows {'is' if total.held_back == 1 else 'are'} held back"


def validation_lede(total: Tally) -> str:
    """Return what the answer of a validation means for the other rows."""
    sendable = total.good + total.with_warnings
    if total.held_back and sendable:
        with_warning = f", {total.with_warnings:,} of them with a warning" if total.with_warnings else ""
        return f"The other {sendable:,} can be sent{with_warning}."
    if total.held_back:
        return "No row of this frame would reach Customer.io."
    if total.with_warnings == 1:
        return "1 of them has a warning: it is sent, but Customer.io may not use all values."
    if total.with_warnings:
        return f"{total.with_warnings:,} of them have a warning: they are sent, but Customer.io may not use all values."
    return "Every row passes every check." if total.rows else ""


def campaigns_sentence(recent: Mapping[str, int]) -> tuple[str, str]:
    """Return how many rows can start campaigns, and what that means.

    >>> campaigns_sentence({"Order Completed": 1})
    ('1 row can start campaigns', ', that is, send real messages to real people.')
    """
    rows = sum(recent.values())
    if not rows:
        return "", "No row can start a campaign: all are older than 72 hours."
    can_start = f"{rows:,} {'row' if rows == 1 else 'rows'} can start campaigns"
    return can_start, ", that is, send real messages to real people."


def repeated_rows_sentence(rows: int | None) -> str:
    """Return how many rows equal an earlier one; nothing if none does, or if that is not known.

    >>> repeated_rows_sentence(2)
    '2 rows equal an earlier row in every field that is sent. Each is a call of its own.'
    """
    if not rows:
        return ""
    equal = "1 row equals" if rows == 1 else f"{rows:,} rows equal"
    return f"{equal} an earlier row in every field that is sent. Each is a call of its own."


def load_headline(statuses: Mapping[str, int], phase: str) -> str:
    """Return the answer of a load.

    >>> load_headline({"delivered": 3}, "done"), load_headline({"delivered": 3, "invalid": 1}, "done")
    ('Every row was delivered', '3 of 4 rows were delivered')
    """
    rows = sum(statuses.values())
    good = sum(count for status, count in statuses.items() if _STATUS_COLORS.get(status) in _GOOD_COLORS)
    if not rows:
        return "There were no rows to send"
    if phase == "dry run":
        return "Every row would be sent" if good == rows else f"{good:,} of {rows:,} rows would be sent"
    word = "acknowledged" if "acknowledged" in statuses else "delivered"
    return f"Every row was {word}" if good == rows else f"{good:,} of {rows:,} rows were {word}"


def status_shares(statuses: Mapping[str, int]) -> list[Share]:
    """Return statuses as parts of a bar, what did not arrive first.

    >>> [share.name for share in status_shares({"delivered": 3, "invalid": 1})]
    ['invalid', 'delivered']
    """
    known = [*_STATUS_COLORS, *(status for status in statuses if status not in _STATUS_COLORS)]
    return [
        Share(statuses[status], status, _STATUS_COLORS.get(status, "good")) for status in known if statuses.get(status)
    ]


def validation_shares(total: Tally) -> list[Share]:
    """Return held back, with a warning and good, as parts of a bar."""
    return [
        Share(total.held_back, "held back", "held-back"),
        Share(total.with_warnings, "with a warning", "warning"),
        Share(total.good, "good", "good"),
    ]


_ADVICE = {
    "invalid": "Correct the cells that the reason names in the file of undelivered rows, and load that file.",
    "too_large": "Shorten these calls, or split the rows, and load the file of undelivered rows.",
    "rejected": "The reason quotes the API. Correct the rows in the file of undelivered rows, and load that file.",
    "unknown": "The API may have accepted them. Run the same load again: it sends them with the ids that they had.",
    "unsent": "Run the same load again to resume: it sends what is left.",
    "acknowledged": "With strict mode off, the API answers 200 also to calls that it drops. Use strict mode to know.",
}
_ADVICE_BEFORE = {
    "invalid": "They would be held back. Correct the cells that the reason names.",
    "too_large": "They would be held back. Shorten these calls, or split the rows.",
}


def status_advice(statuses: Mapping[str, int], phase: str) -> list[tuple[str, int, str]]:
    """Return what to do about the rows of each status: the status, how many rows, a sentence.

    >>> status_advice({"delivered": 1, "unsent": 2}, "stopped")
    [('unsent', 2, 'Run the same load again to resume: it sends what is left.')]
    """
    known = _ADVICE_BEFORE if phase == "dry run" else _ADVICE
    return [(status, statuses[status], sentence) for status, sentence in known.items() if statuses.get(status)]
