"""Measure in processes of their own, in turns, so that other work on the machine affects all of them alike."""

import gc
import json
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any


def measure(work: Callable[[], Any]) -> tuple[Any, dict[str, float]]:
    """Return the result of some work, its wall and processor time, and the peak growth of memory in bytes."""
    gc.collect()
    before, was_reset = _resident_bytes(), _reset_peak()
    start, spent = time.perf_counter(), time.process_time()
    result = work()
    seconds, processor = time.perf_counter() - start, time.process_time() - spent
    peak = peak_resident_bytes() - before if was_reset else float("nan")
    return result, {"seconds": seconds, "processor_seconds": processor, "peak_bytes": peak}


def run_in_turns(tasks: Mapping[str, Sequence[str]], *, rounds: int) -> dict[str, dict[str, float]]:
    """Run each task in a new process, once a round, and return the medians of what they print as JSON.

    A task is the arguments of ``python -m``.
    """
    found: dict[str, list[dict[str, float]]] = {name: [] for name in tasks}
    for number in range(rounds):
        for name, arguments in tasks.items():
            _show_progress(f"  round {number + 1} of {rounds}: {name}")
            run = subprocess.run([sys.executable, "-m", *arguments], stdout=subprocess.PIPE, text=True, check=False)
            if run.returncode:
                raise SystemExit(f"\n{name} failed: {' '.join(arguments)}")
            found[name].append(json.loads(run.stdout.splitlines()[-1]))
    _show_progress("")
    return {name: {key: statistics.median(run[key] for run in runs) for key in runs[0]} for name, runs in found.items()}


def _show_progress(text: str) -> None:
    """Show on a terminal what is being measured, in place of the text before."""
    if sys.stderr.isatty():
        print(text.ljust(80), end="\r", file=sys.stderr, flush=True)


def _reset_peak() -> bool:
    """Reset the peak of resident memory on Linux; return False elsewhere."""
    try:
        Path("/proc/self/clear_refs").write_text("5")
    except OSError:
        return False
    return True


def _resident_bytes() -> int:
    try:
        return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()
    except OSError:
        return 0


def peak_resident_bytes() -> int:
    """Return the peak resident memory of this process since the last ``measure`` began; Linux only."""
    status = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in status if line.startswith("VmHWM"))


def markdown_table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return rows as a Markdown table with aligned columns."""
    lines = [list(head), *map(list, rows)]
    widths = [max(len(line[at]) for line in lines) for at in range(len(head))]
    lines.insert(1, ["-" * width for width in widths])
    return "\n".join(
        "| "
        + " | ".join(_pad(cell, width, at) for at, (cell, width) in enumerate(zip(line, widths, strict=True)))
        + " |"
        for line in lines
    )


def _pad(cell: str, width: int, at: int) -> str:
    return cell.ljust(width) if at == 0 else cell.rjust(width)
