"""The same load on one machine, on Dask, and on Spark: time, processor time, and memory of all processes.

``python -m tests.benchmarks engines --rows 300000`` measures all ways whose engine is installed.
``python -m tests.benchmarks.engines WAY FOLDER ADDRESS`` measures one and prints JSON.
"""

import contextlib
import importlib.util
import json
import os
import shutil
import sys
import tempfile
import threading
import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

import cio_frames as cio

from . import long, measure

FILES = 8
ROOT = Path(__file__).resolve().parents[2]
SECONDS_BETWEEN_LOOKS = 0.2
PLAIN = "cio.load, no engine"
# The way: its engine, how many workers it has, and the options of the call.
WAYS: Mapping[str, tuple[str | None, int, dict[str, Any]]] = {
    PLAIN: (None, 1, {}),
    "Dask, 1 worker, one sender": ("dask", 1, {}),
    "Dask, 2 workers, one sender": ("dask", 2, {}),
    "Dask, 2 workers, by person, one sender": ("dask", 2, {"order_by": "ordered_at"}),
    "Dask, 2 workers, 2 senders": ("dask", 2, {"senders": 2}),
    "Spark local[2], one sender": ("pyspark", 2, {}),
    "Spark local[2], 2 senders": ("pyspark", 2, {"senders": 2}),
    'Spark local[2], write.format("customerio")': ("pyspark", 2, {}),
}


def write(folder: Path, rows: int) -> None:
    """Write orders of people who come back, in some files."""
    folder.mkdir(parents=True)
    size = -(-rows // FILES)
    for number, start in enumerate(range(0, rows, size)):
        part = long.orders(min(size, rows - start), start=start, total=rows)
        # Spark has no nanoseconds, and reads milliseconds.
        pq.write_table(part, folder / f"orders-{number:05d}.parquet")


@contextlib.contextmanager
def run_dask(folder: str, workers: int) -> Iterator[Any]:
    """Start workers with one thread each, and yield a frame of the files in a folder."""
    import dask.dataframe as dd
    from dask.distributed import Client, LocalCluster

    with (
        LocalCluster(n_workers=workers, threads_per_worker=1, dashboard_address=None) as cluster,
        Client(cluster),
    ):
        yield dd.read_parquet(folder, split_row_groups=False, aggregate_files=False)


@contextlib.contextmanager
def run_spark(folder: str, workers: int) -> Iterator[Any]:
    """Start a session with some threads, and yield a frame of the files in a folder."""
    os.environ["PYSPARK_PYTHON"] = sys.executable
    os.environ["SPARK_LOCAL_IP"] = "127.0.0.1"
    os.environ["PYTHONPATH"] = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
    from pyspark.sql import SparkSession

    settings = {
        "spark.log.level": "ERROR",
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
        "spark.sql.session.timeZone": "UTC",
        # A partition for each file, as Dask has.
        "spark.sql.files.openCostInBytes": "134217728",
    }
    builder = SparkSession.builder.master(f"local[{workers}]").appName("cio-frames")
    for name, value in settings.items():
        builder = builder.config(name, value)
    session = builder.getOrCreate()
    try:
        yield session.read.parquet(folder)
    finally:
        session.stop()


def send(frame: Any, way: str, options: dict[str, Any], address: str, output: Path) -> int:
    """Send a frame in one of the ways, and return the rows that were delivered."""
    if "write.format" in way:
        writer = frame.write.format("customerio").mode("append")
        given = {"call": "track", **long.CALL, "output": str(output), "endpoint": address, "write_key": "k"}
        for name, value in given.items():
            writer = writer.option(name, value)
        writer.save()
        return sum(pq.read_metadata(path).num_rows for path in (output / "answers").iterdir())
    client = cio.Client(write_key="k", endpoint=address, requests_per_second=1e9)
    loaded = cio.load(frame, "track", **long.CALL, client=client, output=output, progress=False, **options)
    assert (loaded.phase, set(loaded.statuses)) == ("done", {"delivered"})
    return loaded.rows


def measure_one(way: str, source: str, address: str) -> dict[str, float]:
    """Measure one way; to start the engine is not part of the time."""
    warnings.simplefilter("ignore", FutureWarning)
    engine, workers, options = WAYS[way]
    starts: dict[str | None, Callable[[str, int], contextlib.AbstractContextManager[Any]]] = {
        None: lambda source, workers: contextlib.nullcontext(source),
        "dask": run_dask,
        "pyspark": run_spark,
    }
    cio.load(long.orders(1_000, start=0, total=1_000), "track", **long.CALL, dry_run=True, progress=False)
    expected = sum(pq.read_metadata(path).num_rows for path in Path(source).iterdir())
    with starts[engine](source, workers) as frame, tempfile.TemporaryDirectory() as folder:
        spent, start = tree_processor_seconds(), time.perf_counter()
        with watch_memory() as peak:
            rows = send(frame, way, options, address, Path(folder) / "out")
        seconds, processor = time.perf_counter() - start, tree_processor_seconds() - spent
    if rows != expected:
        raise SystemExit(f"{way}: {rows:,} rows came out of {expected:,}")
    return {"rows": rows, "seconds": seconds, "processor_seconds": processor, "peak_mb": peak[0] / 1e6}


def process_tree() -> list[int]:
    """Return this process and all below it; Linux only."""
    parents = {}
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            # The name of a program is in brackets, and may have any character.
            parents[int(entry.name)] = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
    found = [os.getpid()]
    for process in found:
        found += [child for child, parent in parents.items() if parent == process]
    return found


def tree_processor_seconds() -> float:
    """Return the processor time of this process and all below it, also of those that have ended."""
    ticks = 0
    for process in process_tree():
        with contextlib.suppress(OSError):
            ticks += sum(map(int, Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[11:15]))
    return ticks / os.sysconf("SC_CLK_TCK")


@contextlib.contextmanager
def watch_memory() -> Iterator[list[float]]:
    """Yield a list with the highest memory of this process and all below it, in bytes; shared pages count in parts."""
    peak = [0.0]
    ended = threading.Event()

    def watch() -> None:
        while not ended.wait(SECONDS_BETWEEN_LOOKS):
            peak[0] = max(peak[0], sum(map(_pss_bytes, process_tree())))

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield peak
    finally:
        peak[0] = max(peak[0], sum(map(_pss_bytes, process_tree())))
        ended.set()
        watcher.join()


def _pss_bytes(process: int) -> int:
    with contextlib.suppress(OSError, IndexError, StopIteration):
        lines = Path(f"/proc/{process}/smaps_rollup").read_text().splitlines()
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:"))
    return 0


def is_installed(engine: str | None) -> bool:
    """Return whether everything is there that an engine needs."""
    needed = {"dask": ("dask", "distributed"), "pyspark": ("pyspark",)}.get(engine or "", ())
    has_modules = all(importlib.util.find_spec(name) is not None for name in needed)
    return has_modules and (engine != "pyspark" or shutil.which("java") is not None)


def tasks(folder: Path, rows: int, address: str) -> dict[str, list[str]]:
    """Make files, and return what to run for each way whose engine is installed."""
    source = folder / "orders"
    write(source, rows)
    ways = [way for way, (engine, _, _) in WAYS.items() if is_installed(engine)]
    return {way: [__name__, way, str(source), address] for way in ways}


def format_table(found: dict[str, dict[str, float]]) -> str:
    """Return the figures as a table; ratios are to the load without an engine."""
    plain = found[PLAIN]
    rows = [
        [
            way,
            f"{run['seconds']:.1f}",
            f"{run['seconds'] / plain['seconds']:.1f}",
            f"{run['processor_seconds']:.1f}",
            f"{run['processor_seconds'] / plain['processor_seconds']:.1f}",
            f"{run['peak_mb']:,.0f}",
        ]
        for way, run in found.items()
    ]
    head = [f"{plain['rows']:,.0f} rows", "seconds", "ratio", "processor s", "ratio", "peak PSS MB"]
    return measure.markdown_table(head, rows)


if __name__ == "__main__":
    print(json.dumps(measure_one(*sys.argv[1:])))
