"""Prefect 3: send the people of a day. A retry resumes the load.

The day names the file, the output folder, and the run (``as_of``), so that all tries of a day are one load.
CIO_WRITE_KEY, EXPORTS and RESULTS are in the environment of the worker.
"""

import os
from datetime import date

from prefect import flow, task

import cio_frames as cio


@task(retries=3, retry_delay_seconds=[60, 300, 900])
def load_people(day: str) -> dict[str, int]:
    """Load the file of a day."""
    loaded = cio.load(
        f"{os.environ['EXPORTS']}/people-{day}.parquet",
        "identify",
        user_id="customer_id",
        as_of=day,
        output=f"{os.environ['RESULTS']}/people-{day}",
        on_undelivered="raise",
        progress=False,
    )
    return loaded.statuses


@flow
def people_to_customerio(day: date) -> dict[str, int]:
    """Send the people of a day; a deployment passes the scheduled date."""
    return load_people(day.isoformat())
