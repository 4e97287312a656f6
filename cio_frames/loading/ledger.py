"""What loads have done so far: one SQLite file, written before a batch leaves and after it is answered.

So after a kill it is known which rows were answered, which were on their way, and which never left. It holds no cell of
any row, and of the write key only the first digits of a hash, which tell it from another one.
"""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
import numpy.typing as npt

from cio_frames._util.arrays import Ints
from cio_frames._util.private_files import make_private_folder
from cio_frames.delivery.outcomes import Outcome
from cio_frames.loading.io_errors import translate_io_errors
from cio_frames.loading.ledger_counts import LoadCounts, count_load, count_sends, outcome_of
from cio_frames.loading.ledger_file import (
    DamagedLedgerError,
    SealedTables,
    create_ledger,
    lock_path,
    open_database,
    pack_positions,
    refuse_damage,
    refuse_no_file,
    refuse_other_database,
    unpack_positions,
    unusable_ledger,
)
from cio_frames.loading.lock import exclusive_lock
from cio_frames.results import GOOD

# Phases between an explicit wish to start over and the first row of the new run. Of a load that is discarded, the same
# call starts over; of one that is starting over, the results of the load before it are still to be removed.
DISCARDED, STARTING_OVER = "discarded", "starting over"


@dataclass(frozen=True, slots=True)
class LoadRecord:
    """A load in the ledger.

    Attributes
    ----------
    load : int
        Its number.
    fingerprint : dict
        What it is tied to: source, columns, endpoint, limits.
    phase : str
        ``running``, ``stopped`` or ``done``; or ``discarded`` or ``starting over``. One that is running without a lock
        was killed.
    output : str
        The folder with its results.
    rows : int or None
        The rows of the source, if their number is known.
    as_of : str
        The moment that the ids of its calls without a timestamp are made from.
    """

    load: int
    fingerprint: Mapping[str, Any]
    phase: str
    output: str
    rows: int | None
    as_of: str


def _utc_now() -> datetime:
    return datetime.now(UTC)


class Ledger:
    """An open ledger file, locked against others.

    Parameters
    ----------
    path : Path
        The file; it is created if it does not exist.
    clock : callable
        Returns the time in UTC.
    connect : callable
        Opens the database, as ``sqlite3.connect`` does.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder, Ledger(Path(folder) / "ledger.sqlite") as ledger:
    ...     number = ledger.start_load("orders.parquet", "track", "Order Completed", {}, 10, "out", as_of="2026-11-28")
    ...     ledger.record_batch(number, 0, np.array([0, 1]), "a3")
    ...     times, attempts = ledger.count_sends(number, 0, 3)
    >>> times.tolist()
    [1, 1, 0]

    Raises
    ------
    ConfigurationError
        The file cannot be written, is not a ledger, is of another version, is damaged, or is locked.
    """

    def __init__(
        self,
        path: Path,
        *,
        clock: Callable[[], datetime] = _utc_now,
        connect: Callable[..., sqlite3.Connection] = sqlite3.connect,
    ) -> None:
        self.path = path
        self._clock = clock
        # Lanes write as they send.
        self._mutex = threading.Lock()
        refuse_no_file(path)
        with self._translate_errors():
            refuse_other_database(path)
            make_private_folder(path.parent)
            self._file_lock = exclusive_lock(
                lock_path(path),
                f"The ledger {path} is locked: another load is using it. Wait until it ends, and try again: what it "
                "delivers is not sent again then. With another ledger, all rows would be sent once more.",
            )
            try:
                create_ledger(path)
                # A batch that is about to leave must be known also after a power cut. If an answer is lost then, its
                # rows are sent again with the same ids; so an answer need not wait for the disk.
                self._database = open_database(path, connect, synchronous="FULL")
                self._answers = open_database(path, connect, synchronous="NORMAL")
                refuse_damage(self._database, path)
            except BaseException:
                self._file_lock.close()
                raise
        self._tables = SealedTables(self._database)

    def __enter__(self) -> Ledger:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the file and release its lock."""
        with self._mutex:
            self._answers.close()
            self._database.close()
            self._file_lock.close()

    def find_load(self, source: str, call: str, event: str | None) -> LoadRecord | None:
        """Return the latest load of this source and call."""
        record = None
        for row in self._rows("loads", source=source, call=call, event=event):
            record = LoadRecord(
                row["load"], json.loads(row["fingerprint"]), row["phase"], row["output"], row["rows"], row["as_of"]
            )
        return record

    def sources(self) -> list[str]:
        """Return the sources of all loads, each once."""
        return sorted({row["source"] for row in self._rows("loads")})

    def start_load(
        self, source: str, call: str, event: str | None, fingerprint: Mapping[str, Any], rows: int | None, output: str,
        *, as_of: str, phase: str = "running",
    ) -> int:  # fmt: skip
        """Note a new load, forget those of the same source and call before it, and return its number."""
        with self._transaction() as tables:
            known = list(tables.rows("loads"))
            for earlier in known:
                if (earlier["source"], earlier["call"], earlier["event"]) == (source, call, event):
                    tables.delete(("outcomes", "sent_batches", "chunks", "call_numbers", "loads"), load=earlier["load"])
            load = max((earlier["load"] for earlier in known), default=0) + 1
            tables.insert(
                "loads", load, source, call, event, _fingerprint_json(fingerprint), phase, None, rows, output,
                self._now(), None, 0, as_of,
            )  # fmt: skip
        return load

    def resume_load(self, load: int, fingerprint: Mapping[str, Any], output: str) -> None:
        """Note that a load runs again, its fingerprint now, and the folder of its results."""
        with self._transaction() as tables:
            tables.update_load(
                load,
                phase="running",
                why=None,
                ended_at=None,
                fingerprint=_fingerprint_json(fingerprint),
                output=output,
            )

    def set_phase(self, load: int, phase: str) -> None:
        """Note the phase of a load."""
        with self._transaction() as tables:
            tables.update_load(load, phase=phase)

    def set_fingerprint(self, load: int, fingerprint: Mapping[str, Any]) -> None:
        """Note what a load is tied to from now on."""
        with self._transaction() as tables:
            tables.update_load(load, fingerprint=_fingerprint_json(fingerprint))

    def end_load(self, load: int, phase: str, why: str = "") -> None:
        """Note that a load is done, or why it stopped; the text may differ by door."""
        with self._transaction() as tables:
            tables.update_load(load, phase=phase, why=why or None, ended_at=self._now())

    def record_batch(self, load: int, chunk: int, positions: Ints, content_hash: str) -> None:
        """Note a batch that is about to leave: its rows, by position in the chunk, and a hash of its payloads."""
        with self._transaction() as tables:
            tables.insert("sent_batches", load, chunk, pack_positions(positions), content_hash)

    def record_outcome(self, load: int, chunk: int, outcome: Outcome) -> None:
        """Note the outcome of some rows."""
        values = (outcome.status, outcome.reason, outcome.batch, outcome.http_status, outcome.attempts)
        with self._transaction(self._answers) as tables:
            tables.insert("outcomes", load, chunk, pack_positions(outcome.rows), *values)

    def outcomes(self, load: int, chunk: int) -> Iterator[Outcome]:
        """Yield the outcomes of a chunk's rows, the latest last."""
        yield from map(outcome_of, self._rows("outcomes", load=load, chunk=chunk))

    def sent_batches(self, load: int, chunk: int) -> Iterator[tuple[Ints, str]]:
        """Yield the batches of a chunk that left, each with the hash of its payloads."""
        for row in self._rows("sent_batches", load=load, chunk=chunk):
            yield unpack_positions(row["positions"]), row["content_hash"]

    def nothing_sent(self, load: int) -> bool:
        """Return whether no row of a load has ever left."""
        requests = sum(row["requests"] for row in self._rows("chunks", load=load))
        return not requests and not self._rows("sent_batches", load=load)

    def count_sends(self, load: int, chunk: int, rows: int) -> tuple[Ints, Ints]:
        """Return how many runs have sent each row of a chunk, and at least how many requests have carried it.

        Of a run that was killed before the answer came it is only known that a row left.
        """
        sent = [positions for positions, _ in self.sent_batches(load, chunk)]
        return count_sends(sent, list(self.outcomes(load, chunk)), rows)

    def finish_chunk(
        self, load: int, chunk: int, *, file: str | None, first_row: int, rows: int, is_done: bool,
        counts: Sequence[tuple[str, str | None, int]], sizes: tuple[int, int], call_numbers: npt.NDArray[np.uint64],
        resent: int, next_batch: int, content_hash: str,
    ) -> None:  # fmt: skip
        """Note that all batches of a chunk have been tried; of one that is done, they are forgotten.

        ``counts`` are rows by status and reason, ``sizes`` the bytes and the requests that carried it; ``call_numbers``
        tell its calls from those of later chunks, and ``content_hash`` is of all of its payloads.
        """
        size, requests = sizes
        key = {"load": load, "chunk": chunk}
        with self._transaction() as tables:
            requests += sum(earlier["requests"] for earlier in tables.rows("chunks", **key))
            # Whether anything happened after this is told by these.
            noted = [len(list(tables.rows(table, **key))) for table in ("sent_batches", "outcomes")]
            tables.insert(
                "chunks", load, chunk, file, first_row, rows, int(is_done), json.dumps(counts), size, requests, resent,
                content_hash, *noted,
            )  # fmt: skip
            tables.delete(("call_numbers",), **key)
            tables.insert("call_numbers", load, chunk, call_numbers.astype("<u8").tobytes())
            tables.update_load(load, next_batch=next_batch)
            if is_done:
                tables.delete(("sent_batches", "outcomes"), **key)

    def call_numbers(self, load: int, chunk: int) -> npt.NDArray[np.uint64]:
        """Return the numbers that tell a done chunk's calls from those of later ones."""
        return np.frombuffer(self._one("call_numbers", load, chunk)["numbers"], dtype="<u8").astype(np.uint64)

    def content_hash(self, load: int, chunk: int) -> str:
        """Return the hash of a done chunk's payloads."""
        return str(self._one("chunks", load, chunk)["content_hash"])

    def done_chunks(self, load: int) -> dict[int, int]:
        """Return the chunks that are done, each with its number of rows."""
        return {row["chunk"]: row["rows"] for row in self._done(load)}

    def chunks_with_undelivered_rows(self, load: int) -> set[int]:
        """Return the done chunks that have undelivered rows."""
        return {
            row["chunk"]
            for row in self._done(load)
            if any(status not in GOOD for status, *_ in json.loads(row["counts"]))
        }

    def _done(self, load: int) -> list[dict[str, Any]]:
        rows = [row for row in self._rows("chunks", load=load) if row["is_done"]]
        return sorted(rows, key=lambda row: int(row["chunk"]))

    def totals(self, load: int) -> LoadCounts:
        """Return what is known of a load's rows so far, also of those in a chunk that was broken off."""
        with self._translate_errors(), self._mutex:
            return count_load(self._tables, load)

    def next_batch(self, load: int) -> int:
        """Return a number that no request of a load has had."""
        used = max((row["batch"] for row in self._rows("outcomes", load=load)), default=-1)
        return max([int(used) + 1, *(int(row["next_batch"]) for row in self._rows("loads", load=load))])

    def _now(self) -> str:
        return self._clock().isoformat(timespec="seconds").replace("+00:00", "Z")

    def _translate_errors(self) -> AbstractContextManager[None]:
        return translate_io_errors(self.path, unusable_ledger, sqlite3.DatabaseError)

    def _rows(self, table: str, **equal: Any) -> list[dict[str, Any]]:
        with self._translate_errors(), self._mutex:
            return list(self._tables.rows(table, **equal))

    def _one(self, table: str, load: int, chunk: int) -> dict[str, Any]:
        with self._translate_errors():
            for row in self._rows(table, load=load, chunk=chunk):
                return row
            raise DamagedLedgerError(f"the file is malformed: a row of {table} is missing")

    @contextmanager
    def _transaction(self, database: sqlite3.Connection | None = None) -> Iterator[SealedTables]:
        database = database or self._database
        with self._translate_errors(), self._mutex:
            database.execute("BEGIN IMMEDIATE")
            try:
                yield SealedTables(database)
                database.execute("COMMIT")
            except BaseException:
                with suppress(sqlite3.Error):
                    database.execute("ROLLBACK")
                raise


def _fingerprint_json(fingerprint: Mapping[str, Any]) -> str:
    return json.dumps(fingerprint, default=str)
