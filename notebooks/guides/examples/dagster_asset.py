"""Dagster: an asset with a partition for each day. A retry resumes the load.

The partition names the file, the output folder, and the run (``as_of``), so that all tries of a day are one load.
CIO_WRITE_KEY, EXPORTS and RESULTS are in the environment of the run.
"""

import os

import dagster as dg

import cio_frames as cio


@dg.asset(
    partitions_def=dg.DailyPartitionsDefinition(start_date="2026-06-01"),
    retry_policy=dg.RetryPolicy(max_retries=3, delay=300, backoff=dg.Backoff.EXPONENTIAL),
)
def people_in_customerio(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
    """Load the people of a day."""
    day = context.partition_key
    loaded = cio.load(
        f"{os.environ['EXPORTS']}/people-{day}.parquet",
        "identify",
        user_id="customer_id",
        as_of=day,
        output=f"{os.environ['RESULTS']}/people-{day}",
        on_undelivered="raise",
        progress=False,
    )
    return dg.MaterializeResult(metadata={"rows": sum(loaded.statuses.values()), **loaded.statuses})


defs = dg.Definitions(assets=[people_in_customerio])
