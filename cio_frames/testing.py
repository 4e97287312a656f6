"""A pytest plugin for the tests of your own pipelines: the fixture ``cio_sandbox``.

pytest finds it by itself where cio-frames is installed. Nothing else of this package needs pytest.

Examples
--------
A test of a pipeline that ends in ``df.cio`` and reads its client from the environment::

    def test_orders_arrive(cio_sandbox):
        my_pipeline.run()
        assert cio_sandbox.events()["event"].value_counts()["Order Completed"] == 20

and one of how it bears trouble::

    @pytest.mark.cio_sandbox(faults=["503@0-2", "cut:0.1"])
    def test_orders_arrive_all_the_same(cio_sandbox): ...
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from cio_frames.sandbox import Sandbox

_MARK = "cio_sandbox(**options): options of the Sandbox that the fixture cio_sandbox starts, for example faults."


def pytest_configure(config: pytest.Config) -> None:
    """Make the mark known."""
    config.addinivalue_line("markers", _MARK)


@pytest.fixture
def cio_sandbox(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Sandbox]:
    """Start a Customer.io on this machine for one test.

    ``CIO_WRITE_KEY`` and ``CIO_ENDPOINT`` lead to it meanwhile, so code that reads its client from the environment
    runs unchanged; ``cio_sandbox.client`` is for code that takes one.
    """
    mark = request.node.get_closest_marker("cio_sandbox")
    with Sandbox(**(mark.kwargs if mark else {})) as sandbox:
        monkeypatch.setenv("CIO_WRITE_KEY", sandbox.client.write_key)
        monkeypatch.setenv("CIO_ENDPOINT", sandbox.url)
        monkeypatch.delenv("CIO_REGION", raising=False)
        yield sandbox
