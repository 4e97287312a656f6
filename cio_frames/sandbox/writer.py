"""The one thread that writes: requests at once, so that they can be answered, and the workspace when there is time."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from queue import Empty, SimpleQueue
from threading import Lock, Thread
from typing import NamedTuple

from cio_frames.sandbox.store import LogEntry, Store

# The workspace is updated after this period without a request, or as soon as a reader waits for it.
_IDLE_SECONDS = 0.2
_MAX_ENTRIES_PER_TRANSACTION = 64


class _WaitingReader(NamedTuple):
    """A reader that waits until the requests below a number have been applied."""

    below: int
    done: Future[None]


class WriterThread:
    """Writes to a store from its creation until :meth:`close` returns."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._jobs: SimpleQueue[tuple[LogEntry | None, Future[None]] | None] = SimpleQueue()
        self._readers: list[_WaitingReader] = []
        self._closing, self._is_closed = Lock(), False
        self._thread = Thread(target=self._run, name="cio_frames-sandbox-writer", daemon=True)
        self._thread.start()

    def add(self, entry: LogEntry) -> Future[None]:
        """Store a request; the future completes once a killed process would not lose it."""
        return self._enqueue(entry)

    def catch_up(self) -> Future[None]:
        """Apply everything that is stored by now; the future completes afterwards."""
        return self._enqueue(None)

    def close(self) -> None:
        """Store what is waiting, and end the thread."""
        with self._closing:
            self._is_closed = True
            self._jobs.put(None)
        self._thread.join()

    def _enqueue(self, entry: LogEntry | None) -> Future[None]:
        future: Future[None] = Future()
        with self._closing:
            if not self._is_closed:
                self._jobs.put((entry, future))
                return future
        # A reader comes while the sandbox stops.
        self._thread.join()
        _complete_futures([future], self._catch_error(self._store.catch_up))
        return future

    def _run(self) -> None:
        is_open, is_behind, timeout = True, True, _IDLE_SECONDS
        while is_open:
            # Requests are stored before more is applied, so that no sender waits for a reader.
            entries, readers, is_open = self._take_jobs(0.0 if self._readers else timeout if is_behind else None)
            if entries:
                self._store_entries(entries)
                is_behind, timeout = True, _IDLE_SECONDS
            self._readers += [_WaitingReader(self._store.next_number, done) for done in readers]
            if self._readers or (is_behind and not entries):
                is_behind, timeout = self._apply_next(), 0.0
        error = self._catch_error(self._store.catch_up) if self._readers else None
        _complete_futures([reader.done for reader in self._readers], error)

    def _take_jobs(self, timeout: float | None) -> tuple[list[tuple[LogEntry, Future[None]]], list[Future[None]], bool]:
        """Return the requests to store, the readers that wait, and whether there will be more."""
        entries: list[tuple[LogEntry, Future[None]]] = []
        readers: list[Future[None]] = []
        try:
            job = self._jobs.get(block=timeout != 0.0, timeout=timeout)
            while job is not None:
                if job[1].set_running_or_notify_cancel():
                    if job[0] is None:
                        readers.append(job[1])
                    else:
                        entries.append((job[0], job[1]))
                if len(entries) == _MAX_ENTRIES_PER_TRANSACTION:
                    break
                job = self._jobs.get_nowait()
            else:
                return entries, readers, False
        except Empty:
            pass
        return entries, readers, True

    def _store_entries(self, entries: list[tuple[LogEntry, Future[None]]]) -> None:
        error = self._catch_error(lambda: self._store.add([entry for entry, _ in entries]))
        _complete_futures([done for _, done in entries], error)

    def _apply_next(self) -> bool:
        """Apply one more request; return whether there may be others. Complete the readers that waited for it."""
        results: list[bool] = []
        error = self._catch_error(lambda: results.append(self._store.apply_next()))
        if error is not None or not results[0]:
            _complete_futures([reader.done for reader in self._readers], error)
            self._readers.clear()
            return False
        next_unapplied = self._store.next_unapplied()
        _complete_futures([reader.done for reader in self._readers if reader.below <= next_unapplied], None)
        self._readers = [reader for reader in self._readers if reader.below > next_unapplied]
        return True

    @staticmethod
    def _catch_error(action: Callable[[], None]) -> BaseException | None:
        try:
            action()
        except Exception as error:
            return error
        return None


def _complete_futures(futures: list[Future[None]], error: BaseException | None) -> None:
    for future in futures:
        if error is None:
            future.set_result(None)
        else:
            future.set_exception(error)
