"""The table of error messages quotes messages that the package has."""

import ast
import re
from functools import cache

import pytest

from tests.run_notebooks import NOTEBOOKS

PACKAGE = NOTEBOOKS.parent / "cio_frames"
PAGE = (NOTEBOOKS / "guides" / "faq.md").read_text(encoding="utf-8")
TABLE = PAGE.partition("## Error messages")[2].partition("\n## ")[0]
QUOTED = re.findall(r"^\| (`[^|]+`) \|", TABLE, re.M)


@cache
def texts():
    """Return every text of the package, with an ellipsis for what is filled in."""
    found = []
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.JoinedStr):
                found.append(
                    "".join(str(part.value) if isinstance(part, ast.Constant) else "…" for part in node.values)
                )
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                found.append(node.value)
    return "\n".join(found)


@pytest.mark.parametrize("message", [quoted.strip("`") for cell in QUOTED for quoted in cell.split("`, `")])
def test_a_message_in_the_table_is_one_of_the_package(message):
    assert message in texts()


def test_the_table_has_messages():
    assert len(QUOTED) >= 10
