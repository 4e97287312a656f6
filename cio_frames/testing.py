"""A pytest plugin for tests of pipelines: the fixture ``cio_sandbox``.

pytest loads it where cio-frames is installed. No other module of this package requires pytest.

Examples
--------
A pipeline that sends with ``df.cio`` and reads its client from the environment::

    def test_orders_arrive(cio_sandbox):
        my_pipeline.run()
        assert cio_sandbox.events()["event"].value_counts()["Order Completed"] == 20

The same pipeline with faults::

    @pytest.mark.cio_sandbox(faults=["503@0-2", "cut:0.1"])
    def test_orders_arrive_despite_faults(cio_sandbox): ...
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from cio_frames.sandbox import Sandbox

_MARKER_HELP = "cio_sandbox(**options): options of the Sandbox that the fixture cio_sandbox starts, for example faults."


def pytest_configure(config: pytest.Config) -> None:
    """Register the marker."""
    config.addinivalue_line("markers", _MARKER_HELP)


@pytest.fixture
def cio_sandbox(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Sandbox]:
    """Start a sandbox for one test.

    ``CIO_WRITE_KEY`` and ``CIO_ENDPOINT`` point to it during the test, so code that reads its client from the
    environment runs unchanged; ``cio_sandbox.client`` is for code that takes a client.
    """
    marker = request.node.get_closest_marker("cio_sandbox")
    with Sandbox(**(marker.kwargs if marker else {})) as sandbox:
        monkeypatch.setenv("CIO_WRITE_KEY", sandbox.client.write_key)
        monkeypatch.setenv("CIO_ENDPOINT", sandbox.url)
        monkeypatch.delenv("CIO_REGION", raising=False)
        yield sandbox
