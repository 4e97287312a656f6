"""``cio-frames demo``: the main job on real orders, against a sandbox on this machine."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cio_frames.cli.options import command_with
from cio_frames.cli.printing import err, out, print_json, print_table

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, kw_only=True)
class DemoOptions:
    """Options of ``cio-frames demo``."""

    output: Annotated[Path, typer.Option(help="Folder for the report page and the result frame.")] = Path("demo-output")
    as_json: Annotated[bool, typer.Option("--json", help="Print the counts as JSON.")] = False


@dataclass(frozen=True, slots=True)
class Demo:
    """What a demo sent, and what the sandbox received.

    Attributes
    ----------
    people, orders : pandas.DataFrame
        The two result frames.
    results : Path
        The orders' result frame as a file.
    report : Path
        The validation report of the orders as a page.
    seconds : float
        How long sending took.
    requests, people_held, events_held : int
        What the sandbox counted.
    unaccounted : int
        Rows whose status does not agree with what the sandbox received.
    """

    people: pd.DataFrame
    orders: pd.DataFrame
    results: Path
    report: Path
    seconds: float
    requests: int
    people_held: int
    events_held: int
    unaccounted: int


@command_with(DemoOptions)
def demo_command(options: DemoOptions) -> None:
    """Send 2,357 real customers and their orders to a sandbox on this machine, and check that every row arrived."""
    demo = run_demo(options.output, announce=lambda step: err.print(step))
    finish_demo(demo, as_json=options.as_json)


def run_demo(folder: Path, *, announce: Callable[[str], None], progress: bool | None = None) -> Demo:
    """Validate and send the sample customers and orders, valid and invalid, and compare with what arrived.

    Parameters
    ----------
    folder : Path
        Where to write the report and the result frame.
    announce : callable
        Called with a sentence before each step.
    progress : bool, optional
        Whether to show progress bars. Default is to show them on a terminal.
    """
    import pandas as pd

    from cio_frames.functions import identify, track, validate
    from cio_frames.loading import read
    from cio_frames.sandbox import Sandbox
    from cio_frames.spec.package_data import package_folder

    # First of all, so that a missing extra is reported before anything is written.
    sandbox = Sandbox()
    report_page, results = folder / "report.html", folder / "orders.result.parquet"
    data = package_folder("sample_data")
    announce("1. Read the sample data: customers.parquet, orders.parquet and bad_orders.parquet.")
    customers = read(data / "customers.parquet")
    orders = pd.concat(
        [read(data / "orders.parquet").astype({"ordered_on": "object"}), read(data / "bad_orders.parquet")],
        ignore_index=True,
    )
    columns: dict[str, Any] = {"user_id": "customer_id", "timestamp": "ordered_on"}
    announce(f"2. Validate {len(orders):,} orders and write the report to {report_page}.")
    folder.mkdir(parents=True, exist_ok=True)
    validate(orders, "track", "Order Completed", **columns).to_html(report_page)
    announce("3. Start a sandbox: a local Customer.io. Nothing leaves this machine.")
    with sandbox:
        started = time.perf_counter()
        announce(f"4. Identify {len(customers):,} customers.")
        people = identify(customers, user_id="customer_id", client=sandbox.client, progress=progress)
        announce("5. Track the orders. Rows that failed validation are not sent.")
        sent = track(orders, "Order Completed", **columns, client=sandbox.client, progress=progress)
        seconds = time.perf_counter() - started
        announce("6. Compare the status of every row with what the sandbox received.")
        received = sandbox.calls()["messageId"]
        counts = len(sandbox.requests()), len(sandbox.people()), len(sandbox.events())
    sent.to_parquet(results)
    unaccounted = abs(len(orders) - len(sent)) + abs(len(customers) - len(people))
    unaccounted += count_disagreements(pd.concat([people, sent]), received)
    return Demo(people, sent, results, report_page, seconds, *counts, unaccounted)


def count_disagreements(result: pd.DataFrame, received: pd.Series[str]) -> int:
    """Count delivered rows that were not received, received calls that are not delivered rows, and duplicates.

    >>> import pandas as pd
    >>> result = pd.DataFrame({"status": ["delivered", "invalid"], "message_id": ["a", None]})
    >>> count_disagreements(result, pd.Series(["a"])), count_disagreements(result, pd.Series(["b"]))
    (0, 2)
    """
    delivered = result.loc[result["status"].eq("delivered"), "message_id"]
    return int((~delivered.isin(received)).sum() + (~received.isin(delivered)).sum() + received.duplicated().sum())


def finish_demo(demo: Demo, *, as_json: bool = False) -> None:
    """Print what a demo found; exit with 1 if rows are unaccounted for."""
    if as_json:
        print_json(demo_facts(demo))
    else:
        _print_demo(demo)
    if demo.unaccounted:
        err.print(f"{demo.unaccounted:,} rows are not accounted for.")
        raise typer.Exit(1)


def demo_facts(demo: Demo) -> dict[str, Any]:
    """Return the counts of a demo, for programs."""
    import pandas as pd

    from cio_frames.results import status_counts

    rows = pd.concat([demo.people, demo.orders])
    return {
        "rows": len(rows),
        "statuses": status_counts(rows),
        "bytes": int(rows.loc[rows["status"].eq("delivered"), "bytes"].sum()),
        "requests": demo.requests,
        "seconds": round(demo.seconds, 3),
        "rows_per_second": round(len(rows) / demo.seconds),
        "people": demo.people_held,
        "events": demo.events_held,
        "unaccounted": demo.unaccounted,
        "result": str(demo.results),
        "report": str(demo.report),
    }


def _print_demo(demo: Demo) -> None:
    facts = demo_facts(demo)
    from rich.table import Table

    table = Table("", "rows", "status", "reason", box=None, header_style="bold")
    for call, result in (("identify", demo.people), ("track", demo.orders)):
        for status, reason, rows in count_by_reason(result):
            table.add_row(call, f"{rows:,}", status, reason)
    print_table(table)
    out.print()
    out.print(
        f"{facts['rows']:,} rows, {facts['bytes']:,} bytes in {facts['requests']} requests, "
        f"{facts['seconds']:.2f} s, {facts['rows_per_second']:,} rows per second"
    )
    out.print(f"The sandbox holds {demo.people_held:,} people and {demo.events_held:,} events.")
    out.print(f"Every row is accounted for: {'no' if demo.unaccounted else 'yes'}")
    out.print(f"Result frame: {demo.results}")
    out.print(f"Open this page in a browser: {demo.report}")


def count_by_reason(result: pd.DataFrame) -> list[tuple[str, str, int]]:
    """Return status, reason and number of rows, the most frequent reason first within a status.

    >>> import pandas as pd
    >>> count_by_reason(pd.DataFrame({"status": ["delivered", "delivered"], "reason": [None, None]}))
    [('delivered', '', 2)]
    """
    import pandas as pd

    from cio_frames.results import GOOD

    counts = result.groupby(["status", "reason"], observed=True, dropna=False, sort=False).size().reset_index(name="n")
    lines = [
        (str(status), "" if pd.isna(reason) else str(reason), int(rows))
        for status, reason, rows in counts.itertuples(index=False)
    ]
    return sorted(lines, key=lambda line: (line[0] not in GOOD, line[0], -line[2]))
