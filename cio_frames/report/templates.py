"""The templates of all pages, with their style, script and filters.

A page is one file. Text of a frame (labels, values, reasons, names of events) goes through Jinja2's escaping, into text
only, never into attributes. The page may run its own script and style, by their hash, and load nothing.
"""

from __future__ import annotations

import base64
import functools
import hashlib
from importlib.resources import files

import jinja2
import pandas as pd

from cio_frames._util.notebook_html import place_shares
from cio_frames.report.findings import short_text

_TEMPLATES = files("cio_frames.report") / "templates"
# What the sandbox's pages look like too. It is a file beside both, so that neither imports the other.
_THEME = files("cio_frames") / "look" / "theme.css"


@functools.cache
def template_environment() -> jinja2.Environment:
    """Return the templates, with the filters and globals that all pages share."""
    found = jinja2.Environment(
        loader=jinja2.PackageLoader("cio_frames.report"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    found.filters |= {
        "counted": _format_count,
        "date": _format_date,
        "date_and_time": _format_time,
        "number": _format_number,
        "placed": place_shares,
        "short_text": short_text,
        "share": format_share,
        "width": _bar_width,
    }
    script, style = _read_asset("page.js"), _THEME.read_text(encoding="utf-8") + _read_asset("page.css")
    found.globals |= {
        "script": script,
        "style": style,
        "policy": f"default-src 'none'; script-src '{_policy_hash(script)}'; style-src '{_policy_hash(style)}'; "
        "base-uri 'none'; form-action 'none'",
    }
    return found


def _read_asset(name: str) -> str:
    return (_TEMPLATES / name).read_text(encoding="utf-8")


def _policy_hash(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"


def _format_number(number: int) -> str:
    return f"{number:,}"


def _format_count(number: int, noun: str) -> str:
    """Return a number with its noun: 1 row, 2 rows."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def format_share(part: int, whole: int) -> str:
    """Return a share in percent; only an exact one is 0% or 100%.

    >>> format_share(2, 6_926), format_share(1, 2)
    ('<0.1%', '50%')
    """
    share = 100 * part / max(whole, 1)
    if 0 < share < 0.1:
        return "<0.1%"
    if 99.9 < share < 100:
        return ">99.9%"
    return f"{share:.1f}%".replace(".0%", "%")


def _bar_width(part: int, whole: int) -> float:
    """Return a share in percent for drawing, wide enough to be seen."""
    return round(max(100 * part / max(whole, 1), 0.8), 2) if part else 0


def _format_date(time: pd.Timestamp) -> str:
    return f"{time.day} {time.month_name()} {time.year}"


def _format_time(time: pd.Timestamp) -> str:
    return f"{_format_date(time)}, {time:%H:%M} UTC"
