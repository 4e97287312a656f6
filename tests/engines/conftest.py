"""Clusters on this machine, one for all tests; what is not installed is skipped, and fails in CI."""

import importlib.util
import os
import shutil
import sys
from pathlib import Path

import pytest


def require(*missing):
    """Skip a test, or fail in CI, if something that it needs is missing."""
    if missing:
        message = (
            f"{' and '.join(missing)} not found: pip install 'cio-frames[dask,spark]', apt install default-jre-headless"
        )
        if os.environ.get("CI"):
            pytest.fail(message)
        pytest.skip(message)


def missing_modules(*names):
    return [name for name in names if importlib.util.find_spec(name) is None]


@pytest.fixture(scope="session")
def dask_client():
    """Two workers with one thread each, in processes of their own."""
    require(*missing_modules("dask", "distributed"))
    import dask
    from dask.distributed import Client, LocalCluster

    dask.config.set({"distributed.scheduler.worker-ttl": "4 s", "distributed.admin.tick.limit": "60 s"})
    with (
        LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address="127.0.0.1:0") as cluster,
        Client(cluster) as client,
    ):
        yield client


def start_spark(master, **settings):
    """Return a session whose workers run the Python of these tests."""
    require(*missing_modules("pyspark"), *([] if shutil.which("java") else ["java"]))
    os.environ["PYSPARK_PYTHON"] = sys.executable
    os.environ["SPARK_LOCAL_IP"] = "127.0.0.1"
    from pyspark.sql import SparkSession

    root = str(Path(__file__).resolve().parents[2])
    quiet = {
        "spark.log.level": "ERROR",
        "spark.ui.showConsoleProgress": "false",
        "spark.sql.shuffle.partitions": "2",
        "spark.driver.host": "127.0.0.1",
        "spark.executorEnv.PYTHONPATH": root,
        "spark.executorEnv.PYTHONWARNINGS": "ignore::FutureWarning",
        "spark.sql.session.timeZone": "UTC",
    }
    builder = SparkSession.builder.master(master).appName("cio-frames")
    for name, value in {**quiet, **settings}.items():
        builder = builder.config(name.replace("__", "."), value)
    return builder.getOrCreate()


@pytest.fixture(scope="session")
def spark(tmp_path_factory):
    """Two threads that run tasks, each with four tries, and a page and an event log to look for secrets in."""
    events = tmp_path_factory.mktemp("events")
    os.environ["PYTHONPATH"] = os.pathsep.join([str(Path.cwd()), *filter(None, [os.environ.get("PYTHONPATH")])])
    session = start_spark(
        "local[2,4]", spark__eventLog__enabled="true", spark__eventLog__dir=events.as_uri(), spark__ui__port="0"
    )
    session.event_folder = events
    yield session
    session.stop()
