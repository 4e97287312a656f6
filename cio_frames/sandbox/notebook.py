"""What a notebook shows of a sandbox: the content of its overview."""

from __future__ import annotations

from cio_frames._util.notebook_html import (
    Share,
    draw_bar,
    draw_figures,
    draw_fold,
    draw_link,
    draw_output,
    draw_table,
    draw_text,
)
from cio_frames.sandbox.page_queries import PageQueries
from cio_frames.sandbox.store import Store

_FIGURES = ("people", "events", "objects", "devices", "calls", "requests", "problems")


def sandbox_output(store: Store, url: str | None, *, has_stopped: bool) -> str:
    """Return a sandbox as a notebook shows it, with links to its pages; without a URL it does not run."""
    queries = PageQueries(store)
    counts = {name: count for name, count in queries.counts().items() if name in _FIGURES}
    colors = {"problems": "held-back" if counts["problems"] else "good"}
    figures = [
        Share(counts[name], name, colors.get(name, "good"), f"{url}/{name}" if url else "")
        for name in _FIGURES
        if name in counts
    ]
    bar = [Share(counts["calls"], "accepted calls", "good"), Share(counts["problems"], "problems", "held-back")]
    frames = [name for name in ("people", "events", "calls", "problems") if name in counts]
    return draw_output(
        _headline(counts["requests"], counts["calls"], runs=url is not None, has_stopped=has_stopped),
        draw_bar(bar),
        draw_figures(figures) if counts["requests"] else "",
        draw_table(("Problem", "Count"), queries.totals("problem")),
        draw_table(("Call", "Count"), queries.totals("call")),
        draw_fold("Events by name", draw_table(("Event", "Count"), queries.totals("event"))),
        f"<p>Web pages and API: {draw_link(url, url)}</p>" if url else draw_text("sandbox.start() runs it."),
        draw_text(f"As frames: {', '.join(f'sandbox.{name}()' for name in frames)}.", kind="about"),
    )


def _headline(requests: int, calls: int, *, runs: bool, has_stopped: bool) -> str:
    name = "Sandbox" if runs else "Sandbox, stopped" if has_stopped else "Sandbox, not started"
    if not requests:
        return f"{name}: no requests yet"
    return f"{name}: {_count_text(calls, 'call')} accepted in {_count_text(requests, 'request')}"


def _count_text(number: int, noun: str) -> str:
    return f"{number:,} {noun if number == 1 else f'{noun}s'}"
