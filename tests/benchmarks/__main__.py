"""Run the benchmarks and print their tables: ``make bench``, or ``python -m tests.benchmarks --rows 100000``.

Figures are medians over rounds in which all contenders take turns, so that ratios hold on a busy machine. The exit
status is 1 if any output is wrong, and never depends on a figure.
"""

import argparse
import os
import platform
import sys
import tempfile
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pandas as pd

from . import batches, checks, encode, engines, flow, length, load, long, measure, servers, sync

LENGTHS = [10_000, 100_000, 1_000_000, 10_000_000]


def encoding(rows: int, rounds: int) -> None:
    for kind in ("people", "orders"):
        encode.check(kind, min(rows, 3_000))
        with tempfile.TemporaryDirectory() as folder:
            print_block(
                encode.format_table(kind, measure.run_in_turns(encode.tasks(Path(folder), kind, rows), rounds=rounds))
            )


def whole_flow(rows: int, rounds: int) -> None:
    try:
        with servers.run_nginx() as address, tempfile.TemporaryDirectory() as folder:
            print_block(flow.format_table(measure.run_in_turns(flow.tasks(address, Path(folder), rows), rounds=rounds)))
            print_stage_times([flow.stage_times(address, rows) for _ in range(rounds)])
    except FileNotFoundError as error:
        print_block(f"The whole flow was not measured. {error}")


def print_stage_times(runs: list[dict[str, float]]) -> None:
    median = pd.DataFrame(runs).median()
    lines = [[stage, f"{us:.2f}", f"{us / median.sum():.0%}"] for stage, us in median.items()]
    print_block(measure.markdown_table(["where the time goes, one thread", "us/row", "share"], lines))


def latency(rows: int, rounds: int) -> None:
    kinds: dict[str, dict[str, Any]] = {
        "people once": {},
        "people who come back": {"calls_per_person": flow.CALLS_PER_PERSON},
    }
    with servers.run_slow_server(flow.LATENCY_SECONDS) as address, tempfile.TemporaryDirectory() as folder:
        kinds |= {f"a load of {kind}": {**options, "folder": Path(folder)} for kind, options in kinds.items()}
        lines = []
        for workers in (4, 8, 16):
            for kind, options in kinds.items():
                # What a load begins and ends with takes as long for one row: so all of them send for as long.
                count = rows * workers // 4 if "folder" in options else rows
                ratios = [flow.latency_ratio(address, count, workers=workers, **options) for _ in range(rounds)]
                lines.append([f"{workers} connections, {kind}", f"{count:,}", f"{median(ratios):.2f}"])
    head = ["latency 100 ms", "rows", "time / what the connections can carry"]
    print_block(measure.markdown_table(head, lines))


def sending(rows: int, rounds: int) -> None:
    try:
        with servers.run_nginx() as address:
            runs = [flow.sending_cost(address, max(rows // 2_000, 10)) for _ in range(rounds)]
    except FileNotFoundError as error:
        print_block(f"Sending was not measured. {error}")
        return
    lines = [[name, f"{us:,.0f}"] for name, us in pd.DataFrame(runs).median().items()]
    print_block(measure.markdown_table(["sending a body of 475 KB to nginx", "us of processor time"], lines))


def growth(rows: int, rounds: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        lengths = [length for length in LENGTHS if length <= 10 * rows]
        for batch_rows in length.BATCHES:
            tasks = length.tasks(Path(folder), lengths, batch_rows)
            print_block(length.format_table(measure.run_in_turns(tasks, rounds=rounds), batch_rows))


def loads(rows: int, rounds: int) -> None:
    try:
        with servers.run_nginx() as address, tempfile.TemporaryDirectory() as folder:
            found = measure.run_in_turns(load.tasks(Path(folder), [rows, 10 * rows], address), rounds=rounds)
    except FileNotFoundError as error:
        print_block(f"Loads were not measured. {error}")
    else:
        print_block(load.format_table(found))


def frames(rows: int, rounds: int) -> None:
    try:
        with servers.run_nginx() as address:
            print_block(batches.format_table(measure.run_in_turns(batches.tasks(address, rows), rounds=rounds)))
    except FileNotFoundError as error:
        print_block(f"Loads of frames were not measured. {error}")


def long_loads(rows: int, rounds: int) -> None:
    try:
        with servers.run_nginx() as address, tempfile.TemporaryDirectory() as folder:
            found = measure.run_in_turns(long.tasks(Path(folder), rows, address), rounds=rounds)
    except FileNotFoundError as error:
        print_block(f"Long loads were not measured. {error}")
    else:
        print_block(long.format_table(found))


def on_engines(rows: int, rounds: int) -> None:
    try:
        with servers.run_nginx() as address, tempfile.TemporaryDirectory() as folder:
            found = measure.run_in_turns(engines.tasks(Path(folder), rows, address), rounds=rounds)
    except FileNotFoundError as error:
        print_block(f"Engines were not measured. {error}")
    else:
        print_block(engines.format_table(found))


def syncs(rows: int, rounds: int) -> None:
    try:
        with servers.run_nginx() as address, tempfile.TemporaryDirectory() as folder:
            found = measure.run_in_turns(sync.tasks(Path(folder), rows, address), rounds=rounds)
    except FileNotFoundError as error:
        print_block(f"Syncs were not measured. {error}")
    else:
        print_block(sync.format_table(found))


def validation(rows: int, rounds: int) -> None:
    print_block(checks.format_table(measure.run_in_turns(checks.tasks(rows), rounds=rounds)))


PARTS: dict[str, Callable[[int, int], None]] = {
    "encoding": encoding,
    "flow": whole_flow,
    "latency": latency,
    "sending": sending,
    "growth": growth,
    "load": loads,
    "frames": frames,
    "sync": syncs,
    "validation": validation,
}
# These take long, or need more than the others: they run when they are named.
ON_REQUEST: dict[str, Callable[[int, int], None]] = {"long": long_loads, "engines": on_engines}


def median(figures: list[float]) -> float:
    return float(pd.Series(figures).median())


def print_block(text: str) -> None:
    print(f"{text}\n", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m tests.benchmarks", description="Measure speed and memory beside other ways to do the same."
    )
    parts = f"parts to run; default: {', '.join(PARTS)}; on request: {', '.join(ON_REQUEST)}"
    parser.add_argument("parts", nargs="*", help=parts)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    known = {**PARTS, **ON_REQUEST}
    unknown = set(arguments.parts) - set(known)
    if unknown:
        parser.error(f"unknown part {', '.join(unknown)}; known are {', '.join(known)}")
    libraries = ("pandas", "pyarrow", "orjson", "polars", "duckdb", "msgspec", "pandera")
    found = ", ".join(f"{name} {version(name)}" for name in libraries)
    print_block(f"Python {platform.python_version()}, {found}")
    print_block(f"{os.cpu_count()} cores; {arguments.rows:,} rows, {arguments.rounds} rounds")
    for name in arguments.parts or PARTS:
        known[name](arguments.rows, arguments.rounds)


if __name__ == "__main__":
    sys.exit(main())
