"""Mark the slow tests, which ``make check`` leaves out.

They are listed here by path, so that one look shows what the fast set does not cover. An entry is a folder, a file, or a
test, as pytest writes it; the names of parametrized tests may end early.
"""

import pytest

SLOW = (
    # A browser, official clients of other vendors, servers of others, kernels of notebooks.
    "tests/browser/",
    "tests/outside/",
    "tests/docs/test_benchmarks.py",
    "tests/docs/test_notebooks.py",
)


def pytest_collection_modifyitems(items):
    for item in items:
        if item.nodeid.startswith(SLOW):
            item.add_marker(pytest.mark.slow)
