"""Mark the tests that ``make check`` leaves out: slow ones, property tests, and whole loads and commands.

The lists are in one place, so that one look shows what the fast set does not cover. An entry is the start of a
test's id: a folder, a file, or a test.
"""

import importlib.util

import hypothesis
import pytest

SLOW = (
    # Other programs: a browser, official clients, S3, kernels of notebooks, libraries to compare with.
    "tests/arrow/test_tables.py",
    "tests/browser/",
    "tests/cli/test_demo.py",
    "tests/cli/test_sandbox.py",
    "tests/docs/test_benchmarks.py",
    "tests/docs/test_notebooks.py",
    "tests/engines/test_dask.py",
    "tests/engines/test_hostile_senders.py",
    "tests/engines/test_spark.py",
    "tests/engines/test_spark_options.py",
    "tests/outside/",
    "tests/test_testing.py",
    # Some hundred loads.
    "tests/arrow/test_every_arrow_type.py",
    # Outages, kills, and waiting.
    "tests/delivery/test_server_faults.py",
    "tests/engines/test_runs.py",
    "tests/loading/test_stop_signals.py",
    "tests/loading/test_starting_over.py",
    "tests/loading/test_damaged_ledgers.py",
    "tests/loading/test_kill_in_each_phase.py",
    "tests/syncing/test_killed_syncs.py",
    "tests/syncing/test_stateful.py",
    "tests/loading/test_full_disk.py",
    "tests/loading/test_killed_loads.py",
    "tests/loading/test_load_faults.py",
    "tests/loading/test_resumed_loads.py",
    "tests/sandbox/test_assumptions.py",
    "tests/sandbox/test_faults_on_demand.py",
    "tests/sandbox/test_fuzz.py",
    "tests/sandbox/test_sandbox.py",
    "tests/util/test_progress.py",
    # Large tables.
    "tests/loading/test_load_dtypes.py",
    "tests/sandbox/test_full_bodies.py",
    "tests/syncing/test_acceptance.py::test_a_second_sync_of_the_same_people",
    "tests/syncing/test_acceptance.py::test_a_row_that_is_refused",
)
# Whole loads, commands, syncs and guides: quick one by one, and minutes together.
INTEGRATION = (
    "README.md",
    "cio_frames/",
    "notebooks/guides/",
    "notebooks/index.md",
    "tests/cli/",
    "tests/delivery/",
    "tests/docs/",
    "tests/loading/",
    "tests/pipeline/test_flow.py",
    "tests/report/",
    "tests/sandbox/",
    "tests/syncing/",
    "tests/test_ipython.py",
)
FAST = "not slow and not integration"
# Modules and guides that import an engine; their examples are left out where it is not installed.
ENGINE_MODULES = {
    "cio_frames/dask.py": "dask",
    "cio_frames/engines/dask_engine.py": "dask",
    "cio_frames/engines/spark_engine.py": "pyspark",
    "cio_frames/engines/spark_source.py": "pyspark",
    "cio_frames/spark.py": "pyspark",
    "notebooks/guides/larger_than_one_machine.md": "dask",
}


def pytest_ignore_collect(collection_path, config):
    """Do not even import what is not run: slow files import large libraries, and engines may be missing."""
    path = collection_path.relative_to(config.rootpath).as_posix() + ("/" if collection_path.is_dir() else "")
    engine = ENGINE_MODULES.get(path)
    if engine is not None and importlib.util.find_spec(engine) is None:
        return True
    left_out = {"not slow": SLOW, FAST: (*SLOW, *INTEGRATION)}.get(config.getoption("markexpr"))
    return True if left_out is not None and path.startswith(left_out) else None


@pytest.hookimpl(tryfirst=True)  # before pytest selects by marker
def pytest_collection_modifyitems(items):
    for item in items:
        is_property = hypothesis.is_hypothesis_test(getattr(item, "obj", None))
        if item.nodeid.startswith(SLOW) or is_property:
            item.add_marker(pytest.mark.slow)
        if item.nodeid.startswith(INTEGRATION):
            item.add_marker(pytest.mark.integration)
