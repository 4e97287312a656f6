"""The one thread that writes: requests at once, so that they can be answered, and state when there is time."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from queue import Empty, SimpleQueue
from threading import Lock, Thread
from typing import NamedTuple

from cio_frames.sandbox.store import Receipt, Store

# State follows once nothing has come for this long, or as soon as somebody looks.
_LULL_SECONDS = 0.2
# Requests that wait are stored in one transaction, up to this many.
_TOGETHER = 64


class _Look(NamedTuple):
    """Somebody who waits until the requests below a number have been applied."""

    below: int
    done: Future[None]


class Writer:
    """Writes to a store from the moment it exists until :meth:`end` returns."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._jobs: SimpleQueue[tuple[Receipt | None, Future[None]] | None] = SimpleQueue()
        self._looks: list[_Look] = []
        self._ending, self._has_ended = Lock(), False
        self._thread = Thread(target=self._run, name="cio_frames-sandbox-writer", daemon=True)
        self._thread.start()

    def add(self, receipt: Receipt) -> Future[None]:
        """Store a request; what is returned is done once a killed process would not lose it."""
        return self._put(receipt)

    def catch_up(self) -> Future[None]:
        """Apply everything that is stored by now; what is returned is done then."""
        return self._put(None)

    def end(self) -> None:
        """Store what is waiting, and end the thread."""
        with self._ending:
            self._has_ended = True
            self._jobs.put(None)
        self._thread.join()

    def _put(self, receipt: Receipt | None) -> Future[None]:
        future: Future[None] = Future()
        with self._ending:
            if not self._has_ended:
                self._jobs.put((receipt, future))
                return future
        # Somebody looks just as the sandbox stops.
        self._thread.join()
        _tell([future], self._attempt(self._store.catch_up))
        return future

    def _run(self) -> None:
        goes_on, is_behind, wait = True, True, _LULL_SECONDS
        while goes_on:
            # Requests are stored before more is applied, so that nobody who sends waits for one who looks.
            receipts, looks, goes_on = self._jobs_within(0.0 if self._looks else wait if is_behind else None)
            if receipts:
                self._store_all(receipts)
                is_behind, wait = True, _LULL_SECONDS
            self._looks += [_Look(self._store.next, done) for done in looks]
            if self._looks or (is_behind and not receipts):
                is_behind, wait = self._applied_some(), 0.0
        _tell([look.done for look in self._looks], self._attempt(self._store.catch_up) if self._looks else None)

    def _jobs_within(
        self, seconds: float | None
    ) -> tuple[list[tuple[Receipt, Future[None]]], list[Future[None]], bool]:
        """Return the requests to store, those who look, and whether there will be more."""
        receipts: list[tuple[Receipt, Future[None]]] = []
        looks: list[Future[None]] = []
        try:
            job = self._jobs.get(block=seconds != 0.0, timeout=seconds)
            while job is not None:
                if job[1].set_running_or_notify_cancel():
                    if job[0] is None:
                        looks.append(job[1])
                    else:
                        receipts.append((job[0], job[1]))
                if len(receipts) == _TOGETHER:
                    break
                job = self._jobs.get_nowait()
            else:
                return receipts, looks, False
        except Empty:
            pass
        return receipts, looks, True

    def _store_all(self, receipts: list[tuple[Receipt, Future[None]]]) -> None:
        error = self._attempt(lambda: self._store.add([receipt for receipt, _ in receipts]))
        _tell([done for _, done in receipts], error)

    def _applied_some(self) -> bool:
        """Apply one more request; return whether there may be others. Tell those who waited for it."""
        found: list[bool] = []
        error = self._attempt(lambda: found.append(self._store.apply_some()))
        if error is not None or not found[0]:
            _tell([look.done for look in self._looks], error)
            self._looks.clear()
            return False
        upto = self._store.applied()
        _tell([look.done for look in self._looks if look.below <= upto], None)
        self._looks = [look for look in self._looks if look.below > upto]
        return True

    @staticmethod
    def _attempt(act: Callable[[], None]) -> BaseException | None:
        try:
            act()
        except Exception as error:
            return error
        return None


def _tell(futures: list[Future[None]], error: BaseException | None) -> None:
    for future in futures:
        if error is None:
            future.set_result(None)
        else:
            future.set_exception(error)
