"""Tables of loads and of fields: one line each where there is room, a few lines each on a narrow terminal."""

from __future__ import annotations

import json
from collections.abc import Hashable
from typing import TYPE_CHECKING, Any

from rich.text import Text

from cio_frames._util.terminal_text import clean_text
from cio_frames.cli.printing import out, print_frame, print_json, print_table

if TYPE_CHECKING:
    import pandas as pd

_LOAD_COLUMNS = ["source", "call", "event", "phase", "rows", "rows_done", "delivered", "started_at", "ledger"]
_COUNTS = ("rows", "rows_done", "delivered")
_FIELD_COLUMNS = ("field", "type", "required", "format", "enum")
# Narrower terminals would cut the columns of loads.
_WIDE = 140
_PHASE_COLORS = {"done": "green", "running": "cyan", "stopped": "yellow", "killed": "red", "discarded": "yellow"}


def print_loads(loads: pd.DataFrame) -> None:
    """Print loads in the order in which they started: as a table in pipes and on wide terminals."""
    loads = loads.sort_values("started_at", kind="stable")
    if not out.is_terminal or out.width >= _WIDE:
        shown = loads[_LOAD_COLUMNS].astype(object)
        for name in _COUNTS:
            # One load whose rows are not known makes floats of the others.
            shown[name] = [_whole(value) for value in shown[name]]
        print_frame(shown.where(shown.notna(), ""))
        return
    for load in loads.to_dict("records"):
        _print_load(load)


def _print_load(load: dict[Hashable, Any]) -> None:
    event = f" {load['event']!r}" if isinstance(load["event"], str) else ""
    name = str(load["source"]).replace("\\", "/").rstrip("/").rpartition("/")[2]
    what = clean_text(f"{load['call']}{event}")
    out.print(Text.assemble((clean_text(name), "bold"), f"  {what}"))
    rows = _whole(load["rows"])
    of = f" of {int(rows):,}" if rows else ""
    phase = str(load["phase"])
    out.print(
        Text.assemble(
            "  ", (phase, _PHASE_COLORS.get(phase, "")), f": {int(load['rows_done']):,}{of} rows done, ",
            f"{int(load['delivered']):,} delivered",
        )
    )  # fmt: skip
    out.print(f"  started {load['started_at']}")
    out.print(f"  {load['ledger']}")


def _whole(value: Any) -> str:
    """Return a count without a fraction; an empty text if it is missing.

    >>> _whole(2357.0), _whole(float("nan")), _whole(None)
    ('2357', '', '')
    """
    return "" if value is None or value != value else str(int(value))


def print_fields(fields: pd.DataFrame, *, as_json: bool) -> None:
    """Print fields of events or calls as JSON, or as a table; each event once, above its fields."""
    if as_json:
        print_json(json.loads(fields.to_json(orient="records")))
        return
    if "event" not in fields:
        _print_field_table(fields)
        return
    for (event, family, description), of_event in fields.groupby(["event", "family", "description"], sort=False):
        out.print(Text(clean_text(f"{event} ({family})"), "bold"))
        out.print(f"  {description}")
        # One without fields has a row without one.
        if of_event["field"].ne("").any():
            _print_field_table(of_event)


def _print_field_table(fields: pd.DataFrame) -> None:
    from rich.table import Table

    shown = fields[[name for name in _FIELD_COLUMNS if name in fields]].astype(object).where(fields.notna(), "")
    shown["enum"] = [", ".join(map(str, values)) if isinstance(values, list) else "" for values in fields["enum"]]
    shown["required"] = fields["required"].map({True: "yes", False: ""})
    filled = [name for name in shown if name == "field" or shown[name].ne("").any()]
    table = Table(box=None, header_style="bold")
    for name in filled:
        # What a field is called is never cut.
        table.add_column(str(name), no_wrap=name in ("field", "type", "required"), overflow="fold")
    for row in shown[filled].itertuples(index=False):
        table.add_row(*(clean_text(str(cell)) for cell in row))
    print_table(table)
