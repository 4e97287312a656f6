"""Clusters on this machine, one for all tests."""

import os

import pytest

from tests.engines.clusters import ROOT, import_or_skip, require_java, start_spark


@pytest.fixture(scope="session")
def dask_client():
    """Two workers with one thread each, in processes of their own."""
    import_or_skip("distributed", "dask")
    import dask
    from dask.distributed import Client, LocalCluster

    dask.config.set({"distributed.scheduler.worker-ttl": "4 s", "distributed.admin.tick.limit": "60 s"})
    with (
        LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address="127.0.0.1:0") as cluster,
        Client(cluster) as client,
    ):
        yield client


@pytest.fixture(scope="session")
def spark(tmp_path_factory):
    """Two executors with processes of their own, and a page and an event log to look for secrets in."""
    require_java()
    events = tmp_path_factory.mktemp("events")
    os.environ["PYTHONPATH"] = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
    session = start_spark(
        "local-cluster[2,1,1024]",
        spark__eventLog__enabled="true",
        spark__eventLog__dir=events.as_uri(),
        spark__ui__port="0",
    )
    session.event_folder = events
    yield session
    session.stop()
