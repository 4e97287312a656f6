"""A thread that writes the results of one chunk while the next one is sent."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from types import TracebackType

from cio_frames.loading.chunk_run import ChunkRun


class ResultWriter:
    """Finishes chunks, in their order, as soon as all their answers are in.

    Parameters
    ----------
    finish : callable
        Writes the results of one chunk. Called in a thread of its own.
    """

    def __init__(self, finish: Callable[[ChunkRun], object]) -> None:
        self._finish = finish
        self._error: Exception | None = None
        self._queue: queue.SimpleQueue[ChunkRun | None] = queue.SimpleQueue()
        self._unfinished: list[ChunkRun] = []
        self._sending_ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="cio-frames-results", daemon=True)

    def __enter__(self) -> ResultWriter:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end()

    def add(self, chunk_run: ChunkRun) -> None:
        """Finish a chunk once all its answers are in."""
        self._unfinished.append(chunk_run)
        self._queue.put(chunk_run)

    def close(self) -> list[ChunkRun]:
        """Finish the chunks that are answered, and return those that will not be, since nothing is sent any more."""
        self._end()
        self.raise_error()
        return self._unfinished

    def raise_error(self) -> None:
        """Raise the error with which a chunk could not be finished."""
        if self._error is not None:
            raise self._error

    def _end(self) -> None:
        self._sending_ended.set()
        self._queue.put(None)
        self._thread.join()

    def _run(self) -> None:
        while (chunk_run := self._queue.get()) is not None:
            if not self._wait_for_answers(chunk_run):
                return
            try:
                self._finish(chunk_run)
            except Exception as error:
                self._error = error
                return
            finally:
                # Also after a failure: nobody waits for it then.
                chunk_run.is_finished.set()
            self._unfinished.remove(chunk_run)

    def _wait_for_answers(self, chunk_run: ChunkRun) -> bool:
        while not chunk_run.is_answered.wait(timeout=0.1):
            if self._sending_ended.is_set():
                return chunk_run.is_answered.is_set()
        return True
