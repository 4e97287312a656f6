"""Results made by a few threads before they are needed: in order, and only a few at a time."""

from __future__ import annotations

import atexit
import queue
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

Item = TypeVar("Item")
Mapped = TypeVar("Mapped")

_END = object()
# A caller waits so long for a thread that may be in the middle of a library; Python itself, at its end, so long.
_SECONDS_TO_STOP = 2.0
_SECONDS_TO_JOIN = 15.0


def map_ordered(make: Callable[[Item], Mapped], items: Iterable[Item], *, threads: int) -> Iterator[Mapped]:
    """Yield the result of a function for each item, in the items' order.

    Parameters
    ----------
    make : callable
        Called from several threads at once.
    items : iterable
        Consumed only as results are taken: at most one result more than there are threads is made or kept.
    threads : int
        With one, no thread is started, and nothing is made ahead.

    Examples
    --------
    >>> list(map_ordered(str.upper, ["a", "b", "c"], threads=2))
    ['A', 'B', 'C']
    """
    if threads == 1:
        yield from map(make, items)
        return
    waiting: deque[Future[Mapped]] = deque()
    with ThreadPoolExecutor(threads, thread_name_prefix="cio-frames-encoder") as pool:
        try:
            for item in items:
                waiting.append(pool.submit(make, item))
                if len(waiting) > threads:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            # After a failure, or when the caller stops early, work that has not started is not awaited.
            for future in waiting:
                future.cancel()


@contextmanager
def prefetch(items: Iterator[Item]) -> Iterator[Iterator[Item]]:
    """Yield an iterator over the same items, the next of which is made in a thread meanwhile.

    An error while an item is made is raised where the item is taken.

    >>> with prefetch(iter([1, 2])) as found:
    ...     list(found)
    [1, 2]
    """
    waiting: queue.Queue[tuple[object, BaseException | None]] = queue.Queue(maxsize=1)
    stop = threading.Event()

    def put(item: object, error: BaseException | None = None) -> bool:
        while not stop.is_set():
            try:
                waiting.put((item, error), timeout=0.1)
            except queue.Full:
                continue
            return True
        return False

    def make() -> None:
        try:
            for item in items:
                if not put(item):
                    return
            put(_END)
        except BaseException as error:
            put(_END, error)

    def take_items() -> Iterator[Item]:
        while True:
            try:
                # In short turns, since a thread that waits without a timeout does not hear Ctrl-C on every system.
                item, error = waiting.get(timeout=0.1)
            except queue.Empty:
                continue
            if error is not None:
                raise error
            if item is _END:
                return
            yield item  # type: ignore[misc]

    maker = threading.Thread(target=make, name="cio-frames-reader", daemon=True)
    maker.start()
    try:
        yield take_items()
    finally:
        stop.set()
        maker.join(timeout=_SECONDS_TO_STOP)
        if maker.is_alive():
            # Python ends such threads in the middle of a library, which can end the whole process with SIGABRT.
            atexit.register(maker.join, timeout=_SECONDS_TO_JOIN)
