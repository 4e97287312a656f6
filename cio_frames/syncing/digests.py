"""What rows would change at the other end, as digests that do not depend on how the frame holds it.

The canonical form of a row is its traits, or its object and relationship attributes, as JSON with keys sorted at every
depth, without missing values. Message id, timestamp, context and integrations are not in it. The wire form keeps
the frame's order of columns; only this form is sorted. It is made column by column from the very text that goes out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa

from cio_frames._util.arrays import Ints, UInts
from cio_frames.arrow.buffers import TEXT
from cio_frames.columns import Path
from cio_frames.encoding.text import JsonPieces, JsonText, join, object_pieces
from cio_frames.pipeline.message_ids import digests
from cio_frames.syncing.hashing import hash_texts

# Raised with every change of the canonical form or of its hashes: digests of two versions do not compare.
DIGEST_VERSION = 1


@dataclass(frozen=True)
class SubjectContent:
    """What some rows would change at the other end, field by field.

    Parameters
    ----------
    texts : dict of path to JsonText
        The JSON text of each field, with the keys of objects inside it sorted.
    rows : int
        How many rows there are.

    Examples
    --------
    >>> plan = JsonText(pa.array(["free", None], TEXT), ends=('"', '"'))
    >>> age = JsonText(pa.array(["7", "8"], TEXT))
    >>> content = SubjectContent({("traits", "plan"): plan, ("traits", "age"): age}, 2)
    >>> content.canonical.to_pylist()
    ['{"age":7,"plan":"free"}', '{"age":8}']
    >>> content.fields, content.hashes(np.array([1]), content.fields).astype(bool).tolist()
    (('age', 'plan'), [[True, False]])
    """

    texts: Mapping[Path, JsonText]
    rows: int

    @property
    def fields(self) -> tuple[str, ...]:
        """The names of the fields, sorted."""
        return tuple(sorted(map(field_name, self.texts)))

    @cached_property
    def canonical(self) -> pa.Array:
        """Each row as JSON text."""
        tree: dict[str, Any] = {}
        for path, text in self.texts.items():
            _plant(tree, path[1:], JsonPieces(text.pieces, optional=text.optional))
        pieces = _sorted_object(tree, keep_empty=True).pieces
        if all(isinstance(piece, str) for piece in pieces):
            return pa.repeat(pa.scalar("".join(map(str, pieces)), TEXT), self.rows)
        return join(pieces, skip_nulls=True)

    @cached_property
    def digests(self) -> UInts:
        """The digest of each row, as two numbers of 64 bits."""
        return digests(self.canonical)

    def hashes(self, rows: Ints, fields: Sequence[str]) -> UInts:
        """Return a hash for each field of some rows, in the order of ``fields``; 0 where the row has none."""
        by_name = {field_name(path): text for path, text in self.texts.items()}
        found = np.zeros((len(rows), len(fields)), dtype=np.uint64)
        for place, name in enumerate(fields):
            if name not in by_name:
                continue
            text = by_name[name]
            if len(rows) < self.rows:
                text = text._replace(values=text.values.take(pa.array(rows)))
            # With what belongs around it: 7 and "7" differ.
            found[:, place] = hash_texts(join(text.pieces))
        return found


def field_name(path: Path) -> str:
    r"""Return the name of a field as options and plans write it.

    >>> field_name(("traits", "address", "city")), field_name(("traits", "a.b"))
    ('address.city', 'a\\.b')
    """
    return ".".join(part.replace(".", r"\.") for part in path[1:])


def _plant(tree: dict[str, Any], path: Path, members: JsonPieces) -> None:
    for name in path[:-1]:
        tree = tree.setdefault(name, {})
    tree[path[-1]] = members


def _sorted_object(tree: Mapping[str, Any], *, keep_empty: bool) -> JsonPieces:
    members = [
        (name, _sorted_object(value, keep_empty=False) if isinstance(value, dict) else value)
        for name, value in sorted(tree.items())
    ]
    return object_pieces(members, keep_empty=keep_empty)
