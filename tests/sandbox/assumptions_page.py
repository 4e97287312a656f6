"""Write the reference page of assumptions: ``python -m tests.sandbox.assumptions_page``."""

import textwrap
from pathlib import Path

from cio_frames.sandbox.assumptions import FIXED_ASSUMPTIONS, OPTION_DESCRIPTIONS, list_switches
from cio_frames.sandbox.responses import ERROR_BODIES
from cio_frames.sandbox.settings import BATCH_ERRORS

PATH = Path(__file__).parent.parent.parent / "notebooks" / "guides" / "reference" / "sandbox_assumptions.md"
HEAD = """\
---
orphan: true
---
# Assumptions of the sandbox

Where the documentation of the API leaves behavior open, the sandbox makes an assumption. The page `/about` of a running
sandbox has the same list, with the current values.

## With a switch

Set a switch with `cio.Sandbox(assume={"empty_batch": "refuse"})` or `cio-frames sandbox --assume empty_batch=refuse`.
The first value is the default. `batch_errors` and `error_body` are separate options, such as
`cio.Sandbox(batch_errors="item")`.

| name | values | description |
| --- | --- | --- |
"""


def build_page():
    """Return the page as text."""
    options = {"batch_errors": BATCH_ERRORS, "error_body": ERROR_BODIES}
    rows = [(name, choices, OPTION_DESCRIPTIONS[name]) for name, choices in options.items()] + list(list_switches())
    table = [f"| `{name}` | {join_code(choices)} | {text} |" for name, choices, text in rows]
    fixed = [textwrap.fill(f"- {text}", 120, subsequent_indent="  ") for text in FIXED_ASSUMPTIONS]
    return HEAD + "\n".join([*table, "", "## Without a switch", "", *fixed]) + "\n"


def join_code(choices):
    return ", ".join(f"`{choice}`" for choice in choices)


if __name__ == "__main__":
    PATH.write_text(build_page(), encoding="utf-8")
