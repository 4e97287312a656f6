"""One sender at a time for each bucket."""

import pickle

import pyarrow as pa
import pytest

from cio_frames.engines.leases import LeaseWatch
from cio_frames.engines.store import RunStore
from cio_frames.errors import ConfigurationError


class Clock:
    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now


@pytest.fixture
def store(tmp_path):
    return RunStore(str(tmp_path / "run"))


def watch(store, clock, seconds=0.5):
    return LeaseWatch(store, lease_seconds=seconds, clock=clock)


def test_a_lease_that_is_renewed_is_not_taken_over(store):
    clock = Clock()
    owner = watch(store, clock).try_take("bucket-0")
    other = watch(store, clock)
    for _ in range(10):
        assert other.try_take("bucket-0") is None
        clock.now += 0.3
        assert owner.renew()
    assert owner.is_held()


def test_a_silent_owner_is_replaced_after_one_lease_and_finds_out(store):
    clock = Clock()
    owner = watch(store, clock).try_take("bucket-0")
    other = watch(store, clock)
    assert other.try_take("bucket-0") is None
    clock.now += 0.4
    assert other.try_take("bucket-0") is None
    clock.now += 0.2
    taken = other.try_take("bucket-0")
    assert taken is not None
    assert not owner.is_held()
    assert not owner.renew()
    assert taken.renew()


def test_an_owner_that_was_frozen_knows_it_without_a_look_at_the_store(store):
    clock = Clock()
    owner = watch(store, clock).try_take("bucket-0")
    assert owner.is_held()
    clock.now += 0.45
    assert not owner.is_held()


@pytest.mark.parametrize("method", ["get", "put"])
def test_an_owner_that_is_frozen_while_it_renews_has_lost_its_lease(store, monkeypatch, method):
    clock = Clock()
    owner = watch(store, clock).try_take("bucket-0")
    original = getattr(store, method)

    def freeze(*arguments):
        answer = original(*arguments)
        clock.now += 7
        return answer

    monkeypatch.setattr(store, method, freeze)
    assert not owner.renew()
    assert not owner.is_held()


def test_a_table_is_written_only_if_its_writer_still_may(store, tmp_path):
    table = pa.table({"a": [1]})
    store.put_table("answers/a.parquet", table, only_if=lambda: False)
    assert store.names("answers") == []
    assert list((tmp_path / "run/answers").iterdir()) == []
    store.put_table("answers/a.parquet", table, only_if=lambda: True)
    assert store.read_table("answers/a.parquet").equals(table)


def test_a_lease_that_is_released_is_free_at_once(store):
    with LeaseWatch(store, lease_seconds=30).try_take("bucket-0"):
        assert LeaseWatch(store, lease_seconds=30).try_take("bucket-0") is None
    assert store.names("leases") == []
    assert LeaseWatch(store, lease_seconds=30).try_take("bucket-0") is not None


def test_a_lease_that_somebody_took_over_is_not_removed_by_its_first_owner(store):
    with LeaseWatch(store, lease_seconds=30).try_take("bucket-0") as owner:
        store.put(owner.path, b'{"owner": "another"}')
    assert store.get(owner.path) == b'{"owner": "another"}'


def test_files_that_are_being_written_are_not_listed(store, tmp_path):
    store.put("answers/a.parquet", b"x")
    (tmp_path / "run/answers/.b.parquet.1234.part").write_bytes(b"half")
    assert store.names("answers") == ["answers/a.parquet"]


def test_a_store_travels_as_its_address(store):
    copy = pickle.loads(pickle.dumps(store))
    store.put("asked.json", b"{}")
    assert copy.get("asked.json") == b"{}"


def test_a_folder_that_a_worker_does_not_reach_is_an_error_with_its_remedy(store):
    with pytest.raises(ConfigurationError, match=r"output= is not reachable by workers: asked\.json was written to"):
        store.require_reachable("asked.json")


def test_a_folder_that_cannot_be_written_is_an_error_with_its_remedy(tmp_path):
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(ConfigurationError, match=r"Cannot use the folder .* of output="):
        RunStore(str(tmp_path / "file")).put("asked.json", b"{}")
