"""Leases: one sender at a time for each bucket, although engines run a task twice, and workers freeze.

A lease is a file with its owner's name and a number that the owner raises every few seconds. Whoever finds it unchanged
for a whole lease takes it over; nobody compares clocks. An owner that finds another name in it has lost it.
"""

from __future__ import annotations

import json
import threading
import time
import uuid
from collections.abc import Callable, Sequence
from contextlib import suppress
from types import TracebackType

from cio_frames.engines.store import RunStore
from cio_frames.errors import CioFramesError

LEASE_SECONDS = 30.0
# So often in one lease the owner renews it, and looks whether it is still the owner.
_RENEWALS = 15
# Whoever took a lease waits this share of it, in which everybody else who believes to have it looks once.
_SETTLING = 0.1


class LeaseWatch:
    """Watches the leases of others, to take over those that are silent.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     one, other = (LeaseWatch(RunStore(folder), lease_seconds=60) for _ in range(2))
    ...     lease = one.try_take("bucket-0")
    ...     other.try_take("bucket-0") is None, lease.is_held()
    (True, True)
    """

    def __init__(
        self,
        store: RunStore,
        *,
        lease_seconds: float = LEASE_SECONDS,
        clock: Callable[[], float] = time.monotonic,
        folder: str = "leases",
    ) -> None:
        self._folder = folder
        self._store = store
        self._seconds = lease_seconds
        self._clock = clock
        self._seen: dict[str, tuple[bytes, float]] = {}

    def try_take(self, name: str) -> Lease | None:
        """Return a lease that nobody has, or whose owner was silent for a whole lease; None if it has an owner."""
        return self.try_take_each([name])[0]

    def try_take_each(self, names: Sequence[str]) -> list[Lease | None]:
        """Take several leases as :meth:`try_take` takes one, and wait only once for others that take them too."""
        written = [self._write(name) for name in names]
        if any(needs_settling for _, needs_settling in written):
            time.sleep(self._seconds * _SETTLING)
        return [
            lease if lease is not None and (not needs_settling or lease.is_owner()) else None
            for lease, needs_settling in written
        ]

    def _write(self, name: str) -> tuple[Lease | None, bool]:
        """Write a lease if that is possible; return it, and whether others may have written it too."""
        lease = Lease(self._store, f"{self._folder}/{name}.json", self._seconds, self._clock)
        if self._store.create(lease.path, lease.content()):
            # Elsewhere than on a disk, two may have written it.
            return lease, not self._store.is_local
        content = self._store.get(lease.path)
        if content is None:
            return None, False
        seen = self._seen.get(name)
        # The first look only begins the watch, also if the file is empty since its owner is about to fill it.
        if seen is None or content != seen[0]:
            self._seen[name] = content, self._clock()
            return None, False
        if self._clock() - seen[1] < self._seconds:
            return None, False
        self._store.put(lease.path, lease.content())
        return lease, True


class Lease:
    """A lease that is held; as a context it is renewed in a thread until it is lost or released."""

    def __init__(self, store: RunStore, path: str, seconds: float, clock: Callable[[], float]) -> None:
        self.path = path
        self._store = store
        self._seconds = seconds
        self._clock = clock
        self._owner = uuid.uuid4().hex
        self._count = 0
        self._renewed = clock()
        self._lost = False
        self._end = threading.Event()
        # Both the thread and whoever is about to send a chunk renew it.
        self._mutex = threading.Lock()
        self._thread = threading.Thread(target=self._renew_until_end, name="cio-frames-lease", daemon=True)

    def content(self) -> bytes:
        """Return what the file says now."""
        return json.dumps({"owner": self._owner, "renewals": self._count}).encode()

    def is_owner(self) -> bool:
        """Return whether the file has the name of this owner."""
        # Not the count: a write that failed may have come through, or not.
        return self._owner.encode() in (self._store.get(self.path) or b"")

    def is_held(self) -> bool:
        """Return whether nobody else can have taken it: asked before every request, and costs nothing."""
        # A process that was frozen finds that it was silent for too long.
        return not self._lost and self._clock() - self._renewed < self._seconds * 0.8

    def renew(self) -> bool:
        """Renew it, unless somebody else has taken it; return whether it is still held."""
        with self._mutex:
            # From the beginning: a process may be frozen between these lines, and write over its successor's name.
            began = self._clock()
            if self.is_held() and self.is_owner():
                self._count += 1
                self._store.put(self.path, self.content())
                self._renewed = began
            else:
                self._lost = True
            return self.is_held()

    def _renew_until_end(self) -> None:
        while not self._end.wait(self._seconds / _RENEWALS):
            try:
                if not self.renew():
                    return
            except Exception:
                # A store that cannot be reached: the lease runs out by itself.
                self._lost = not self.is_held()

    def __enter__(self) -> Lease:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end.set()
        self._thread.join(timeout=self._seconds)
        # Of a store that cannot be reached, the lease runs out; the error of what was done with it is not replaced.
        with suppress(CioFramesError):
            if self.renew():
                self._store.delete(self.path)
