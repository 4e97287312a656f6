"""What a state knows of some subjects, as arrays, and how it is packed into the state's columns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from cio_frames._util.arrays import Bools, Cells, Ints, UInts

FieldSets = Mapping[int, tuple[str, ...]]
_DIGEST_BYTES, _SET_BYTES = 16, 4


class Evidence(IntEnum):
    """How the state knows what the other end holds of a subject."""

    NONE = 0
    DELIVERED = 1
    ACKNOWLEDGED = 2
    # A baseline says so.
    CLAIMED = 3
    # Tombstones.
    DELETED = 4
    SUPPRESSED = 5
    # Traits were set because the subject left; it is there all the same.
    MARKED = 6


# The subject is at the other end because this state brought it there.
BROUGHT = (Evidence.DELIVERED, Evidence.ACKNOWLEDGED)
# The other end holds the subject with the fields of the state.
HELD = (*BROUGHT, Evidence.CLAIMED, Evidence.MARKED)


@dataclass(frozen=True, slots=True)
class Pending:
    """A call that left and was not answered: its message id, its content, and which fields it may have brought.

    >>> pending = Pending("0" * 26, bytes(16), 3, np.array([True, False]))
    >>> Pending.unpack(pending.pack(), {3: ("age", "plan")}).names({3: ("age", "plan")})
    frozenset({'age'})
    """

    message_id: str
    digest: bytes
    field_set: int
    fields: Bools

    def pack(self) -> bytes:
        """Return the bytes that the state keeps."""
        number = self.field_set.to_bytes(_SET_BYTES, "big")
        return self.digest + number + np.packbits(self.fields).tobytes() + self.message_id.encode()

    @classmethod
    def unpack(cls, packed: bytes, field_sets: FieldSets) -> Pending:
        """Return what was packed."""
        start = _DIGEST_BYTES + _SET_BYTES
        number = int.from_bytes(packed[_DIGEST_BYTES:start], "big")
        count = len(field_sets.get(number, ()))
        stop = start + -(-count // 8)
        bits = np.frombuffer(packed[start:stop], dtype=np.uint8)
        fields = np.unpackbits(bits, count=count).astype(bool)
        return cls(packed[stop:].decode(), packed[:_DIGEST_BYTES], number, fields)

    def names(self, field_sets: FieldSets) -> frozenset[str]:
        """Return the names of the fields that may be at the other end."""
        return frozenset(np.array(field_sets.get(self.field_set, ()), dtype=object)[self.fields].tolist())


@dataclass(frozen=True, slots=True)
class SubjectRecords:
    """What the state knows of some subjects, in the order in which they were looked up.

    Attributes
    ----------
    digest, rejected_digest : numpy array of bytes
        None where there is none.
    field_set : numpy array of int64
        0 where there is none.
    hashes, pending : numpy array of bytes
        As the state keeps them.
    evidence : numpy array of int64
        See :class:`Evidence`.
    """

    digest: Cells
    field_set: Ints
    hashes: Cells
    revision: Ints
    evidence: Ints
    pending: Cells
    rejections: Ints
    rejected_digest: Cells

    @classmethod
    def empty(cls, rows: int) -> SubjectRecords:
        """Return the records of subjects that the state does not know."""
        cells = [np.full(rows, None, dtype=object) for _ in range(4)]
        numbers = [np.zeros(rows, dtype=np.int64) for _ in range(4)]
        return cls(cells[0], numbers[0], cells[1], numbers[1], numbers[2], cells[2], numbers[3], cells[3])

    @classmethod
    def concat(cls, parts: Sequence[SubjectRecords]) -> SubjectRecords:
        """Return the records of consecutive subjects as one."""
        parts = parts or [cls.empty(0)]
        return cls(*(np.concatenate([getattr(part, name) for part in parts]) for name in cls.__slots__))

    def __len__(self) -> int:
        return len(self.revision)

    def put(self, rows: Ints, records: SubjectRecords) -> None:
        """Put the records of some subjects in their places."""
        for name in self.__slots__:
            getattr(self, name)[rows] = getattr(records, name)

    def take(self, rows: Ints) -> SubjectRecords:
        """Return the records of some of the subjects."""
        return SubjectRecords(*(getattr(self, name)[rows] for name in self.__slots__))

    def hashes_of(self, fields: Sequence[str], field_sets: FieldSets) -> tuple[UInts, Bools]:
        """Return the field hashes in the order of ``fields``, and which of these fields each subject's set has."""
        found = np.zeros((len(self), len(fields)), dtype=np.uint64)
        tracked = np.zeros(found.shape, dtype=bool)
        places = {name: place for place, name in enumerate(fields)}
        for number in np.unique(self.field_set[self.field_set > 0]).tolist():
            rows = np.flatnonzero(self.field_set == number)
            names = field_sets[number]
            hashes = unpack_hashes(self.hashes[rows], len(names))
            both = [(column, places[name]) for column, name in enumerate(names) if name in places]
            if both:
                theirs, ours = (np.array(side) for side in zip(*both, strict=True))
                found[np.ix_(rows, ours)] = hashes[:, theirs]
                tracked[np.ix_(rows, ours)] = True
        return found, tracked


def pack_hashes(hashes: UInts) -> list[bytes]:
    """Return each row of field hashes as bytes."""
    rows, width = hashes.shape
    packed = np.ascontiguousarray(hashes.astype("<u8")).tobytes()
    return (
        [packed[start : start + 8 * width] for start in range(0, 8 * width * rows, 8 * width)]
        if width
        else [b""] * rows
    )


def unpack_hashes(packed: Cells, width: int) -> UInts:
    """Return field hashes, a row for each subject."""
    return np.frombuffer(b"".join(packed.tolist()), dtype="<u8").astype(np.uint64).reshape(len(packed), width)


def pack_digests(digests: UInts) -> list[bytes]:
    """Return digests as 16 bytes each.

    >>> pack_digests(np.array([[1, 2]], dtype=np.uint64))[0].hex()
    '00000000000000010000000000000002'
    """
    packed = digests.astype(">u8").tobytes()
    return [packed[start : start + _DIGEST_BYTES] for start in range(0, len(packed), _DIGEST_BYTES)]


def as_cells(values: Sequence[object]) -> npt.NDArray[np.object_]:
    """Return Python objects as an array of as many cells."""
    cells = np.empty(len(values), dtype=object)
    cells[:] = values
    return cells


def texts_of(keys: pa.Array) -> list[str]:
    """Return keys as Python text."""
    found: list[str] = keys.to_pylist()
    return found
