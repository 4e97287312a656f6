"""Engines for tests: imported if they are installed, and started on this machine."""

import importlib
import os
import shutil
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def import_or_skip(name, extra):
    """Return a module; where it is missing, skip the file of tests that needs it, or fail in CI."""
    try:
        return importlib.import_module(name)
    except ImportError:
        give_up(f"{name} is not installed: pip install 'cio-frames[{extra}]'", allow_module_level=True)


def require_java():
    """Skip a test where Spark cannot run, or fail in CI."""
    if not shutil.which("java"):
        give_up("java is not installed: apt-get install default-jre-headless")


def give_up(reason, **options):
    if os.environ.get("CI"):
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason, **options)


def start_spark(master, **settings):
    """Return a session whose workers run the Python of these tests."""
    os.environ["PYSPARK_PYTHON"] = sys.executable
    os.environ["SPARK_LOCAL_IP"] = "127.0.0.1"
    from pyspark.sql import SparkSession

    quiet = {
        "spark.log.level": "ERROR",
        "spark.ui.showConsoleProgress": "false",
        "spark.sql.shuffle.partitions": "2",
        "spark.driver.host": "127.0.0.1",
        "spark.executorEnv.PYTHONPATH": str(ROOT),
        "spark.executorEnv.PYTHONWARNINGS": "ignore::FutureWarning",
        "spark.sql.session.timeZone": "UTC",
    }
    builder = SparkSession.builder.master(master).appName("cio-frames")
    for name, value in {**quiet, **settings}.items():
        builder = builder.config(name.replace("__", "."), value)
    return builder.getOrCreate()
