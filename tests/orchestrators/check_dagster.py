"""The Dagster example, materialized in this process."""

import logging
import sys

import dagster as dg

from tests.orchestrators.day import DAY, EXAMPLES, check_example

sys.path.insert(0, str(EXAMPLES))


def main():
    """Check the example, without pauses between tries."""
    import dagster_asset

    logging.getLogger("dagster").setLevel(logging.ERROR)
    [asset] = dagster_asset.defs.assets
    quick = dg.asset(
        asset.op.compute_fn.decorated_fn,
        partitions_def=asset.partitions_def,
        retry_policy=dg.RetryPolicy(max_retries=asset.op.retry_policy.max_retries),
    )

    def run_day():
        with dg.DagsterInstance.ephemeral() as instance:
            done = dg.materialize([quick], partition_key=DAY, instance=instance)
        if not done.success:
            raise SystemExit("Dagster: the run failed")
        return 1 + sum(event.event_type_value == "STEP_RESTARTED" for event in done.all_events)

    check_example("Dagster", run_day)


if __name__ == "__main__":
    main()
