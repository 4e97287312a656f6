"""Airflow 3: send the people of each day. A retry resumes the load.

The logical date names the file, the output folder, and the run (``as_of``), so that all tries of a day are one load.
The worker has CIO_WRITE_KEY, EXPORTS and RESULTS in its environment; RESULTS is a folder that all workers see.
"""

import os
from datetime import datetime, timedelta

from airflow.sdk import dag, task


@dag(schedule="@daily", start_date=datetime(2026, 6, 1), catchup=False, max_active_runs=1)
def people_to_customerio():
    """Load the people of each day."""

    @task(retries=3, retry_delay=timedelta(minutes=5), retry_exponential_backoff=True)
    def load_people(ds: str | None = None) -> dict[str, int]:
        import cio_frames as cio

        loaded = cio.load(
            f"{os.environ['EXPORTS']}/people-{ds}.parquet",
            "identify",
            user_id="customer_id",
            as_of=ds,
            output=f"{os.environ['RESULTS']}/people-{ds}",
            on_undelivered="raise",
            progress=False,
        )
        return loaded.statuses

    load_people()


people_to_customerio()
