"""The main job on real orders, against the sandbox on this machine: what ``cio-frames demo`` runs."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from cio_frames.functions import identify, track
from cio_frames.loading import read
from cio_frames.sandbox import Sandbox
from cio_frames.spec.package_data import package_folder


@dataclass(frozen=True, slots=True)
class Demo:
    """What a demonstration came to.

    Attributes
    ----------
    people, orders : pandas.DataFrame
        The two result frames.
    path : Path
        Where the orders' result frame was left.
    seconds : float
        How long sending took.
    requests, people_held, events_held : int
        What the sandbox counted.
    unaccounted : int
        Rows whose status and whose arrival in the sandbox do not agree; 0 where all is well.
    """

    people: pd.DataFrame
    orders: pd.DataFrame
    path: Path
    seconds: float
    requests: int
    people_held: int
    events_held: int
    unaccounted: int


def demonstrate(folder: Path, *, progress: bool | None = None) -> Demo:
    """Identify the sample customers, track their orders, good and bad, and compare with what arrived.

    Parameters
    ----------
    folder : Path
        Where to leave the result frame; made if it is missing.
    progress : bool, optional
        Whether to show bars; where there is a terminal, if left out.
    """
    data = package_folder("sample_data")
    customers = read(data / "customers.parquet")
    orders = pd.concat(
        [read(data / "orders.parquet").astype({"ordered_on": "object"}), read(data / "bad_orders.parquet")],
        ignore_index=True,
    )
    with Sandbox() as sandbox:
        started = time.perf_counter()
        people = identify(customers, user_id="customer_id", client=sandbox.client, progress=progress)
        sent = track(
            orders,
            "Order Completed",
            user_id="customer_id",
            timestamp="ordered_on",
            client=sandbox.client,
            progress=progress,
        )
        seconds = time.perf_counter() - started
        held = sandbox.calls()["messageId"]
        counts = len(sandbox.requests()), len(sandbox.people()), len(sandbox.events())
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "orders.result.parquet"
    sent.to_parquet(path)
    unaccounted = abs(len(orders) - len(sent)) + abs(len(customers) - len(people))
    unaccounted += _disagreeing(pd.concat([people, sent]), held)
    return Demo(people, sent, path, seconds, *counts, unaccounted)


def _disagreeing(result: pd.DataFrame, held: pd.Series[str]) -> int:
    """Count the rows said to be delivered that are not held, and those held once too often."""
    delivered = result.loc[result["status"].eq("delivered"), "message_id"]
    return int((~delivered.isin(held)).sum() + (~held.isin(delivered)).sum() + held.duplicated().sum())
