"""HTML that objects show in a notebook: a headline, a bar, counts, tables.

All texts are escaped here. The style stands in ``look/notebook.css``.
"""

from __future__ import annotations

import functools
import html
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import PurePath
from urllib.parse import quote

# Narrower parts of a bar would not be seen.
_MIN_SHARE_PERCENT = 0.6


@dataclass(frozen=True, slots=True)
class Share:
    """A part of a bar, or a figure: how many, of what, its color, and the page that shows them.

    Colors are good, sent, warning, and held-back.
    """

    count: int
    name: str
    color: str
    link: str = ""


@functools.cache
def notebook_style() -> str:
    """Return the style of all that is drawn in notebooks, in one line, since it is part of every output."""
    text = (files("cio_frames") / "look" / "notebook.css").read_text(encoding="utf-8")
    return " ".join(re.sub(r"/\*.*?\*/", "", text, flags=re.S).split())


def draw_output(headline: str, *parts: str) -> str:
    """Return what a notebook shows: a headline, and parts that are HTML already.

    >>> draw_output("All <3> rows", draw_text("a & b")).partition("</style>")[2]
    '<p class="headline">All &lt;3&gt; rows</p><p>a &amp; b</p></div>'
    """
    head = f'<div class="cio-frames"><style>{notebook_style()}</style>'
    return f'{head}<p class="headline">{html.escape(headline)}</p>{"".join(parts)}</div>'


def draw_text(text: str, *, bold: str = "", kind: str = "") -> str:
    """Return a paragraph, with bold text in front and the class of its style; nothing if there is no text."""
    if not text and not bold:
        return ""
    front = f"<strong>{html.escape(bold)}</strong> " if bold else ""
    return f"<p{f' class={kind!r}' if kind else ''}>{front}{html.escape(text)}</p>"


def draw_file(text: str, path: object) -> str:
    """Return a paragraph with the path of a file, as a link if it is relative, as notebooks can open those.

    >>> draw_file("Results:", "out/undelivered.parquet")
    '<p>Results: <a href="./out/undelivered.parquet">out/undelivered.parquet</a></p>'
    """
    shown = html.escape(str(path))
    if not PurePath(str(path)).is_absolute():
        shown = f'<a href="{quote("./" + PurePath(str(path)).as_posix())}">{shown}</a>'
    return f"<p>{html.escape(text)} {shown}</p>"


def draw_bar(shares: Iterable[Share]) -> str:
    """Return a bar of shares, from left to right, and nothing for nothing.

    >>> draw_bar([Share(0, "invalid", "held-back")])
    ''
    """
    shares = [share for share in shares if share.count]
    rects = []
    for share, start, width in place_shares(shares):
        title = html.escape(f"{share.count:,} {share.name}")
        place = f'x="{start}%" width="{width}%" height="10"'
        rects.append(f'<rect class="{share.color}" {place}><title>{title}</title></rect>')
    label = html.escape(", ".join(f"{share.count:,} {share.name}" for share in shares))
    return f'<svg width="100%" height="10" role="img" aria-label="{label}">{"".join(rects)}</svg>' if rects else ""


def place_shares(shares: Iterable[Share]) -> list[tuple[Share, float, float]]:
    """Return each share with where it starts and how wide it is, in percent; none is too narrow to be seen.

    >>> [place[1:] for place in place_shares([Share(0, "a", "good"), Share(1, "b", "good"), Share(3, "c", "good")])]
    [(0.0, 25.0), (25.0, 75.0)]
    """
    shares = [share for share in shares if share.count]
    total = sum(share.count for share in shares)
    widths = [max(100 * share.count / total, _MIN_SHARE_PERCENT) for share in shares]
    scale, start, placed = 100 / sum(widths) if widths else 1, 0.0, []
    for share, width in zip(shares, widths, strict=True):
        placed.append((share, round(start, 2), round(width * scale, 2)))
        start += width * scale
    return placed


def draw_figures(shares: Iterable[Share]) -> str:
    """Return counts as a row of figures, each with its link.

    >>> draw_figures([Share(1_200, "delivered", "good")])
    '<ul class="figures"><li class="good"><strong>1,200</strong> delivered</li></ul>'
    """
    items = [f'<li class="{share.color}">{_draw_figure(share)}</li>' for share in shares]
    return f'<ul class="figures">{"".join(items)}</ul>' if items else ""


def _draw_figure(share: Share) -> str:
    figure = f"<strong>{share.count:,}</strong> {html.escape(share.name)}"
    return draw_link(share.link, figure) if share.link else figure


def draw_link(url: str, content: str) -> str:
    """Return a link that a notebook opens in a new tab; its content is HTML already."""
    return f'<a href="{html.escape(url)}" target="_blank" rel="noopener">{content}</a>'


def draw_table(headers: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Return a table; whole numbers stand to the right.

    >>> draw_table(["Name", "Rows"], [["<b>", 1_200]]).partition("<tbody>")[2]
    '<tr><td>&lt;b&gt;</td><td class="number">1,200</td></tr></tbody></table></div>'
    """
    body = [f"<tr>{''.join(map(_draw_cell, row))}</tr>" for row in rows]
    if not body:
        return ""
    head = "".join(f'<th scope="col">{html.escape(header)}</th>' for header in headers)
    table = f"<table><thead><tr>{head}</tr></thead><tbody>{''.join(body)}</tbody></table>"
    return _scroll(table, ", ".join(headers))


def _draw_cell(cell: object) -> str:
    if isinstance(cell, int) and not isinstance(cell, bool):
        return f'<td class="number">{cell:,}</td>'
    return f"<td>{html.escape(str(cell))}</td>"


def draw_pairs(pairs: Iterable[tuple[str, object]]) -> str:
    """Return names with their values as a table without a head, those without a value left out.

    >>> "strict" in draw_pairs([("strict", "yes"), ("gzip", None)])
    True
    """
    rows = [
        f'<tr><th scope="row">{html.escape(name)}</th><td>{html.escape(str(value))}</td></tr>'
        for name, value in pairs
        if value not in (None, "")
    ]
    return _scroll(f"<table><tbody>{''.join(rows)}</tbody></table>", "Settings")


def _scroll(table: str, label: str) -> str:
    # The arrow keys scroll what has the focus.
    return f'<div class="scroll" tabindex="0" role="region" aria-label="{html.escape(label)}">{table}</div>'


def draw_fold(summary: str, body: str) -> str:
    """Return a part that a click unfolds.

    >>> draw_fold("Columns", draw_text("none"))
    '<details><summary>Columns</summary><p>none</p></details>'
    """
    return f"<details><summary>{html.escape(summary)}</summary>{body}</details>" if body else ""
