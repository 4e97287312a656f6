"""Work done by a few threads ahead of who needs it, in order, and never far ahead."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")
Made = TypeVar("Made")


def results(make: Callable[[Item], Made], items: Iterable[Item], *, threads: int) -> Iterator[Made]:
    """Yield what a function makes of each item, in the items' order.

    Parameters
    ----------
    make : callable
        Called from several threads at once.
    items : iterable
        Taken only as results are asked for: at most one result more than there are threads is made or kept.
    threads : int
        With one, nothing is made ahead, and no thread is started.

    Examples
    --------
    >>> list(results(str.upper, ["a", "b", "c"], threads=2))
    ['A', 'B', 'C']
    """
    if threads == 1:
        yield from map(make, items)
        return
    waiting: deque[Future[Made]] = deque()
    with ThreadPoolExecutor(threads, thread_name_prefix="cio-frames-encoder") as pool:
        try:
            for item in items:
                waiting.append(pool.submit(make, item))
                if len(waiting) > threads:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            # Who stops asking, or fails, does not wait for what has not begun.
            for future in waiting:
                future.cancel()
