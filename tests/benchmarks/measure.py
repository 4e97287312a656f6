"""Each figure from a process of its own, in turns: what the machine does besides hits all of them alike."""

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


def timed(work: Callable[[], Any]) -> tuple[Any, dict[str, float]]:
    """Return what some work returns, its seconds, and by how many bytes memory grew at its highest."""
    gc.collect()
    before, clean = _resident_bytes(), _forget_peak()
    start, spent = time.perf_counter(), time.process_time()
    result = work()
    seconds, processor = time.perf_counter() - start, time.process_time() - spent
    peak = highest_resident_bytes() - before if clean else float("nan")
    return result, {"seconds": seconds, "processor_seconds": processor, "peak_bytes": peak}


def in_turns(tasks: Mapping[str, Sequence[str]], *, rounds: int) -> dict[str, dict[str, float]]:
    """Run each task in a new process, once a round, and return the medians of what they print as JSON.

    A task is the arguments of ``python -m``. Tasks that print ``{"skipped": why}`` are told of and left out.
    """
    found: dict[str, list[dict[str, float]]] = {name: [] for name in tasks}
    for number in range(rounds):
        for name, arguments in tasks.items():
            _tell(f"  round {number + 1} of {rounds}: {name}")
            run = subprocess.run([sys.executable, "-m", *arguments], stdout=subprocess.PIPE, text=True, check=False)
            if run.returncode:
                raise SystemExit(f"\n{name} failed: {' '.join(arguments)}")
            found[name].append(json.loads(run.stdout.splitlines()[-1]))
    _tell("")
    return {name: {key: statistics.median(run[key] for run in runs) for key in runs[0]} for name, runs in found.items()}


def _tell(what: str) -> None:
    """Say on a terminal what is being measured, over what was said before."""
    if sys.stderr.isatty():
        print(what.ljust(80), end="\r", file=sys.stderr, flush=True)


def _forget_peak() -> bool:
    """Let Linux count the highest resident size anew; False elsewhere."""
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


def highest_resident_bytes() -> int:
    """Return the most memory that this process has had since the last ``timed`` began; Linux only."""
    status = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in status if line.startswith("VmHWM"))


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return rows as a Markdown table whose columns line up."""
    lines = [list(head), *map(list, rows)]
    widths = [max(len(line[at]) for line in lines) for at in range(len(head))]
    lines.insert(1, ["-" * width for width in widths])
    return "\n".join(
        "| "
        + " | ".join(_padded(cell, width, at) for at, (cell, width) in enumerate(zip(line, widths, strict=True)))
        + " |"
        for line in lines
    )


def _padded(cell: str, width: int, at: int) -> str:
    return cell.ljust(width) if at == 0 else cell.rjust(width)
