"""The Airflow example, run by ``dag.test()`` with a database of its own."""

import os
import shutil
import subprocess
import sys
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

from tests.orchestrators.day import DAY, EXAMPLES, check_example


def run_day():
    """Run the DAG for the day, without pauses between tries, and return the number of tries."""
    from airflow.dag_processing.dagbag import DagBag

    bag = DagBag()
    if bag.import_errors:
        raise SystemExit(f"Airflow: {bag.import_errors}")
    dag = bag.dags["people_to_customerio"]
    task = dag.get_task("load_people")
    task.retry_delay, task.retry_exponential_backoff = timedelta(0), False
    run = dag.test(logical_date=datetime.fromisoformat(DAY).replace(tzinfo=UTC))
    if run.state != "success":
        raise SystemExit(f"Airflow: the run ended as {run.state}")
    return run.get_task_instance("load_people").try_number


def main():
    """Make a home for Airflow, and check the example there."""
    with tempfile.TemporaryDirectory() as home:
        dags = Path(home) / "dags"
        dags.mkdir()
        shutil.copy(EXAMPLES / "airflow_dag.py", dags)
        os.environ |= {
            "AIRFLOW_HOME": home,
            "AIRFLOW__CORE__DAGS_FOLDER": str(dags),
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "AIRFLOW__LOGGING__LOGGING_LEVEL": "WARNING",
        }
        subprocess.run([sys.executable, "-m", "airflow", "db", "migrate"], check=True, stdout=subprocess.DEVNULL)
        check_example("Airflow", run_day)


if __name__ == "__main__":
    main()
