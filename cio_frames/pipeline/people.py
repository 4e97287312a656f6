"""Whom the rows of a frame are about, as hashes that can be compared between chunks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from cio_frames import spec
from cio_frames._util.arrays import Bools, Ints
from cio_frames.columns import Columns
from cio_frames.pipeline import ordering
from cio_frames.validation import ColumnReader, PeopleRows

_EMAIL = ("traits", "email")
# Sets the hashes of anonymous ids apart from those of user ids.
_ANONYMOUS = np.int64(0x5851F42D4C957F2D)


def email_keys(reader: ColumnReader, columns: Columns) -> Ints | None:
    """Return a hash of each row's email in any case, -1 for rows without one; None if no column has emails."""
    source = next((source for source in columns.sources if source.path == _EMAIL), None)
    texts = None if source is None or columns.call.name != "identify" else reader.texts(source)
    if texts is None or columns.source(spec.USER_ID) is None:
        return None
    return ordering.person_keys([texts])


_HASHES = ("positions", "people", "email_positions", "email_people", "emails", "merged", "into")


def people_rows(
    rows: int,
    groups: Sequence[tuple[Ints, Columns]],
    emails: Sequence[Ints | None],
    hashes: Callable[[str], Ints | None],
    invalid: Bools,
) -> PeopleRows:
    """Return whom the valid rows of a frame are about.

    Parameters
    ----------
    rows : int
        How many rows the frame has.
    groups : sequence of (rows, Columns)
        The rows that make the same call.
    emails : sequence
        The hashes of emails of each group.
    hashes : function
        Returns the hashes of one kind of id of all rows.
    invalid : numpy array of bool
        Rows that are not sent.
    """
    keys = {wire: hashes(wire) for wire in (spec.USER_ID, spec.ANONYMOUS_ID, spec.PREVIOUS_ID)}
    user, anonymous, previous = keys.values()
    found: dict[str, list[Ints]] = {name: [] for name in _HASHES}
    for (positions, columns), email in zip(groups, emails, strict=True):
        valid = ~invalid[positions]
        if columns.call.name == "identify":
            people = np.full(len(positions), ordering.NOBODY) if user is None else user[positions]
            if anonymous is not None:
                people = np.where(people == ordering.NOBODY, anonymous[positions] ^ _ANONYMOUS, people)
                valid &= people != np.int64(ordering.NOBODY) ^ _ANONYMOUS
            kept = valid & (people != ordering.NOBODY)
            _add(found, kept, positions=positions, people=people)
            if email is not None and user is not None:
                both = kept & (email != ordering.NOBODY) & (user[positions] != ordering.NOBODY)
                _add(found, both, email_positions=positions, email_people=user[positions], emails=email)
        elif columns.call.name == "alias" and user is not None and previous is not None:
            kept = valid & (user[positions] != previous[positions])
            _add(found, kept, merged=previous[positions], into=user[positions])
    joined: dict[str, Any] = {name: _join_parts(arrays) for name, arrays in found.items()}
    return PeopleRows(rows, **joined)


def _join_parts(arrays: list[Ints]) -> Ints:
    return arrays[0] if len(arrays) == 1 else np.concatenate([*arrays, np.empty(0, dtype=np.int64)])


def _add(found: dict[str, list[Ints]], kept: Bools, **arrays: Ints) -> None:
    for name, array in arrays.items():
        found[name].append(array if kept.all() else array[kept])
