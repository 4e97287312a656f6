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


def test_a_lease_whose_owner_is_about_to_write_its_name_is_not_taken(store, tmp_path):
    """A file is there before it has content; whoever reads it then must not think that the owner was silent."""
    clock = Clock()
    clock.now = 1_000_000.0
    store.put("leases/bucket-0.json", b"")
    other = watch(store, clock)
    assert other.try_take("bucket-0") is None
    clock.now += 0.6
    assert other.try_take("bucket-0") is not None


@pytest.mark.parametrize("comes_through", [True, False])
def test_a_lease_survives_a_write_that_fails(store, monkeypatch, comes_through):
    clock = Clock()
    owner = watch(store, clock).try_take("bucket-0")
    put = store.put

    def fail(name, content):
        if comes_through:
            put(name, content)
        raise ConfigurationError("no route to host")

    monkeypatch.setattr(store, "put", fail)
    with pytest.raises(ConfigurationError):
        owner.renew()
    monkeypatch.undo()
    assert owner.is_held()
    assert owner.renew()
    clock.now += 0.3
    assert owner.renew()


def test_an_error_is_not_replaced_by_that_of_releasing_the_lease(store, monkeypatch):
    def fail(name):
        raise ConfigurationError("no route to host")

    def end_with_an_error():
        with watch(store, Clock()).try_take("bucket-0"):
            monkeypatch.setattr(store, "get", fail)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        end_with_an_error()


def frozen_before(store, monkeypatch, method, act):
    """Let something happen right before the next call of a method of the store."""
    original = getattr(store, method)

    def thawed(*arguments):
        monkeypatch.setattr(store, method, original)
        act()
        return original(*arguments)

    monkeypatch.setattr(store, method, thawed)


@pytest.mark.parametrize("is_local", [True, False], ids=["disk", "address"])
@pytest.mark.parametrize("frozen_by", [0, 7], ids=["at the same moment", "for long"])
def test_of_two_that_take_a_free_lease_only_one_has_it(tmp_path, monkeypatch, is_local, frozen_by):
    clock = Clock()
    root = str(tmp_path / "run") if is_local else f"memory://bucket/{tmp_path.name}"
    stores = RunStore(root), RunStore(root)
    taken = []

    def take_meanwhile():
        taken.append(watch(stores[1], clock).try_take("bucket-0"))
        clock.now += frozen_by

    # Between the look and the write, where a store has no create-if-absent; on a disk, before both.
    frozen_before(stores[0], monkeypatch, "create" if is_local else "put", take_meanwhile)
    late = watch(stores[0], clock).try_take("bucket-0")
    owners = [lease for lease in (late, *taken) if lease is not None and lease.renew()]
    assert len(owners) == 1 or (frozen_by and not owners)


def test_whoever_takes_over_and_is_frozen_before_it_writes_does_not_send_beside_another(store, monkeypatch):
    clock = Clock()
    watch(store, clock).try_take("bucket-0")
    slow, quick = watch(store, clock), watch(store, clock)
    assert slow.try_take("bucket-0") is quick.try_take("bucket-0") is None
    clock.now += 0.6
    taken = []
    frozen_before(store, monkeypatch, "put", lambda: taken.append(quick.try_take("bucket-0")))
    late = slow.try_take("bucket-0")
    assert taken[0] is not None
    assert not taken[0].renew()
    assert late.renew()
