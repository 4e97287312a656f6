"""A schema of the spec, which a notebook shows as a table of fields."""

from __future__ import annotations

from typing import Any

import pandera.pandas as pandera

from cio_frames._util.notebook_html import draw_fold, draw_output, draw_table, draw_text

_FIELDS_UNFOLDED = 40


class SpecSchema(pandera.DataFrameSchema):
    """A pandera schema that draws itself.

    Examples
    --------
    >>> import cio_frames as cio
    >>> "must be a number" in cio.schema("track", "Order Completed")._repr_html_()
    True
    """

    @classmethod
    def get_backend(cls, check_obj: Any | None = None, check_type: type | None = None) -> Any:
        """Return pandera's backend, which it keeps by class."""
        return pandera.DataFrameSchema.get_backend(check_obj, check_type)

    def _repr_html_(self) -> str:
        fields = [(str(name), column) for name, column in self.columns.items()]
        rows = [
            [name, ", ".join(_sentence(check) for check in column.checks) or "any value", _presence(column)]
            for name, column in fields
        ]
        required = [name for name, column in fields if _presence(column) == "required"]
        needs = f"; required: {', '.join(required)}" if required else ""
        # Every call has the context; what is special about this one comes first.
        rows.sort(key=lambda row: row[0].split(".")[0] in _ENVELOPE)
        more = draw_table(_HEADERS, rows[_FIELDS_UNFOLDED:])
        return draw_output(
            f"Schema of {self.name}",
            draw_text(f"{len(fields):,} fields{needs}"),
            draw_table(_HEADERS, rows[:_FIELDS_UNFOLDED]),
            draw_fold(f"{len(rows) - _FIELDS_UNFOLDED:,} more fields", more),
            draw_text("Extend it, for example with update_column, and pass it as schema=.", kind="about"),
        )


_HEADERS = ("Field", "Value", "Presence")
_ENVELOPE = ("context", "integrations")


def _sentence(check: pandera.Check) -> str:
    return str(check.error or check.name or "a check")


def _presence(column: pandera.Column) -> str:
    return "required" if column.required or not column.nullable else "optional"
