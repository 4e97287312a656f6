"""Run the benchmarks and print their tables: ``make bench``, or ``python -m tests.benchmarks --rows 100000``.

Figures are medians over rounds in which all contenders take turns, so that ratios hold where the machine has other
things to do. It ends with 1 where anybody's output is wrong, and never because of a figure.
"""

import argparse
import os
import platform
import sys
import tempfile
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

import pandas as pd

from . import checks, encode, flow, load, measure, scale, sinks

LENGTHS = [10_000, 100_000, 1_000_000, 10_000_000]


def encoding(rows: int, rounds: int) -> None:
    for kind in ("people", "orders"):
        encode.check(kind, min(rows, 3_000))
        with tempfile.TemporaryDirectory() as folder:
            tell(encode.printed(kind, measure.in_turns(encode.tasks(Path(folder), kind, rows), rounds=rounds)))


def whole_flow(rows: int, rounds: int) -> None:
    try:
        with sinks.nginx() as address, tempfile.TemporaryDirectory() as folder:
            tell(flow.printed(measure.in_turns(flow.tasks(address, Path(folder), rows), rounds=rounds)))
            where_the_time_goes([flow.shares(address, rows) for _ in range(rounds)])
    except FileNotFoundError as error:
        tell(f"The whole flow was not measured. {error}")


def where_the_time_goes(runs: list[dict[str, float]]) -> None:
    median = pd.DataFrame(runs).median()
    lines = [[stage, f"{us:.2f}", f"{us / median.sum():.0%}"] for stage, us in median.items()]
    tell(measure.table(["where the time goes, one thread", "us/row", "share"], lines))


def latency(rows: int, rounds: int) -> None:
    with sinks.slow(flow.LATENCY_SECONDS) as address:
        lines = [
            [
                f"{workers} connections",
                f"{median([flow.latency(address, rows, workers=workers) for _ in range(rounds)]):.2f}",
            ]
            for workers in (4, 8)
        ]
    tell(measure.table(["30 ms an answer", "time / what the connections can carry"], lines))


def growth(rows: int, rounds: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        lengths = [length for length in LENGTHS if length <= 10 * rows]
        for batch_rows in scale.BATCHES:
            tasks = scale.tasks(Path(folder), lengths, batch_rows)
            tell(scale.printed(measure.in_turns(tasks, rounds=rounds), batch_rows))


def loads(rows: int, rounds: int) -> None:
    try:
        with sinks.nginx() as address, tempfile.TemporaryDirectory() as folder:
            found = measure.in_turns(load.tasks(Path(folder), [rows, 10 * rows], address), rounds=rounds)
    except FileNotFoundError as error:
        tell(f"Loads were not measured. {error}")
    else:
        tell(load.printed(found))


def validation(rows: int, rounds: int) -> None:
    tell(checks.printed(measure.in_turns(checks.tasks(rows), rounds=rounds)))


PARTS: dict[str, Callable[[int, int], None]] = {
    "encoding": encoding,
    "flow": whole_flow,
    "latency": latency,
    "growth": growth,
    "load": loads,
    "validation": validation,
}


def median(figures: list[float]) -> float:
    return float(pd.Series(figures).median())


def tell(text: str) -> None:
    print(f"{text}\n", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description="How fast, compared with others.")
    parser.add_argument("parts", nargs="*", help=f"which of {', '.join(PARTS)}; all if none is named")
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    asked = parser.parse_args()
    unknown = set(asked.parts) - set(PARTS)
    if unknown:
        parser.error(f"there is no part {', '.join(unknown)}")
    libraries = ("pandas", "pyarrow", "orjson", "polars", "duckdb", "msgspec", "pandera")
    found = ", ".join(f"{name} {version(name)}" for name in libraries)
    tell(f"Python {platform.python_version()}, {found}")
    tell(f"{os.cpu_count()} cores; {asked.rows:,} rows, {asked.rounds} rounds")
    for name in asked.parts or PARTS:
        PARTS[name](asked.rows, asked.rounds)


if __name__ == "__main__":
    sys.exit(main())
