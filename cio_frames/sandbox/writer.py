"""The one thread that writes: requests at once, so that they can be answered, and state when there is time."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from queue import Empty, SimpleQueue
from threading import Thread

from cio_frames.sandbox.store import Receipt, Store

# State follows once nothing has come for this long, or as soon as somebody looks.
_LULL_SECONDS = 0.2
# Requests that wait are stored in one transaction, up to this many.
_TOGETHER = 64
_Job = tuple[Receipt | None, "Future[None]"]


class Writer:
    """Writes to a store from the moment it exists until :meth:`end` returns."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._jobs: SimpleQueue[_Job | None] = SimpleQueue()
        self._thread = Thread(target=self._run, name="cio_frames-sandbox-writer", daemon=True)
        self._thread.start()

    def add(self, receipt: Receipt) -> Future[None]:
        """Store a request; what is returned is done once a killed process would not lose it."""
        return self._put(receipt)

    def catch_up(self) -> None:
        """Wait until everything stored so far has been applied to the state."""
        self._put(None).result()

    def end(self) -> None:
        """Store what is waiting, and end the thread."""
        self._jobs.put(None)
        self._thread.join()

    def _put(self, receipt: Receipt | None) -> Future[None]:
        future: Future[None] = Future()
        self._jobs.put((receipt, future))
        return future

    def _run(self) -> None:
        is_behind, wait = True, _LULL_SECONDS
        while True:
            try:
                # A sandbox that has nothing to do sleeps.
                job = self._jobs.get(timeout=wait) if is_behind else self._jobs.get()
            except Empty:
                is_behind, wait = self._applied_some(), 0.0
                continue
            jobs, goes_on = self._with_others(job)
            self._do(jobs)
            if not goes_on:
                return
            is_behind, wait = True, _LULL_SECONDS

    def _with_others(self, job: _Job | None) -> tuple[list[_Job], bool]:
        """Return a job with those that wait behind it, and whether there will be more."""
        jobs: list[_Job] = []
        while job is not None:
            jobs.append(job)
            if len(jobs) == _TOGETHER:
                return jobs, True
            try:
                job = self._jobs.get_nowait()
            except Empty:
                return jobs, True
        return jobs, False

    def _do(self, jobs: list[_Job]) -> None:
        live = [job for job in jobs if job[1].set_running_or_notify_cancel()]
        looks = [future for receipt, future in live if receipt is None]
        error = self._attempt(lambda: self._store.add([receipt for receipt, _ in live if receipt is not None]))
        _tell([future for receipt, future in live if receipt is not None], error)
        if looks:
            _tell(looks, self._attempt(self._store.catch_up))

    def _applied_some(self) -> bool:
        """Apply some more; where that fails, the next one who looks is told."""
        try:
            return self._store.apply_some()
        except Exception:
            return False

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
