"""The Prefect example, with a server of its own."""

import sys
from datetime import date

from prefect.testing.utilities import prefect_test_harness

from tests.orchestrators.day import DAY, EXAMPLES, check_example

sys.path.insert(0, str(EXAMPLES))


def main():
    """Check the example, without pauses between tries."""
    import prefect_flow

    tries = []
    prefect_flow.load_people = prefect_flow.load_people.with_options(
        retry_delay_seconds=0, on_running=[lambda task, run, state: tries.append(run.run_count)]
    )

    def run_day():
        tries.clear()
        state = prefect_flow.people_to_customerio(date.fromisoformat(DAY), return_state=True)
        if not state.is_completed():
            raise SystemExit(f"Prefect: the run ended as {state}")
        return len(tries)

    with prefect_test_harness():
        check_example("Prefect", run_day)


if __name__ == "__main__":
    main()
