"""The state file: what it keeps, and which files it refuses."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys

import numpy as np
import pytest

from cio_frames.errors import ConfigurationError
from cio_frames.syncing.digests import DIGEST_VERSION
from cio_frames.syncing.records import Evidence, Pending, pack_hashes
from cio_frames.syncing.state import FORMAT_VERSION, State
from cio_frames.syncing.state_report import describe_state, export_subjects, forget_subjects


@pytest.fixture
def path(tmp_path):
    return tmp_path / "people.sqlite"


def deliver(state, keys, digest=b"d" * 16, fields=("plan",)):
    hashes = pack_hashes(np.ones((len(keys), len(fields)), dtype=np.uint64))
    state.deliver(keys, [digest] * len(keys), state.field_set(fields), hashes, Evidence.DELIVERED)


def test_a_delivered_subject_is_found_again_and_its_revision_counts_up(path):
    with State(path, create=True) as state:
        deliver(state, ["u:ada"])
        deliver(state, ["u:ada"], digest=b"e" * 16)
    with State(path, create=False) as state:
        records = state.look_up(["u:bo", "u:ada"])

    assert records.revision.tolist() == [0, 2]
    assert records.digest.tolist() == [None, b"e" * 16]
    assert records.evidence.tolist() == [Evidence.NONE, Evidence.DELIVERED]


def test_a_missing_file_reads_as_an_empty_state_and_is_not_made(path):
    with State(path, create=False) as state:
        assert state.count() == 0

    assert not path.exists()


def test_a_call_that_left_is_pending_until_it_is_answered(path):
    pending = Pending("0" * 26, b"d" * 16, 1, np.array([True])).pack()
    with State(path, create=True) as state:
        state.field_set(("plan",))
        state.before_send(["u:ada"], [pending])
        left = state.look_up(["u:ada"]).pending.tolist()
        deliver(state, ["u:ada"])
        answered = state.look_up(["u:ada"]).pending.tolist()

    assert left == [pending]
    assert answered == [None]


def test_the_same_content_rejected_again_is_counted_and_other_content_begins_at_one(path):
    with State(path, create=True) as state:
        state.before_send(["u:ada"], [b"p" * 20])
        for digest in (b"d" * 16, b"d" * 16):
            state.reject(["u:ada"], [digest], [None])
        twice = state.look_up(["u:ada"]).rejections.tolist()
        state.reject(["u:ada"], [b"e" * 16], [None])
        anew = state.look_up(["u:ada"]).rejections.tolist()

    assert (twice, anew) == ([2], [1])


def test_each_set_of_fields_is_kept_once(path):
    with State(path, create=True) as state:
        first, second, again = (state.field_set(names) for names in (("a", "b"), ("a",), ("a", "b")))
    with State(path, create=False) as state:
        assert state.field_sets == {first: ("a", "b"), second: ("a",)}
    assert first == again


def test_two_states_have_different_ids(tmp_path):
    ids = []
    for name in ("one.sqlite", "two.sqlite"):
        with State(tmp_path / name, create=True) as state:
            ids.append(state.state_id)

    assert ids[0] != ids[1]


@pytest.mark.parametrize("fields", [1, 12, 120])
def test_a_subject_takes_at_most_80_bytes_plus_its_key_and_8_a_field(path, fields):
    names = tuple(f"field_{number}" for number in range(fields))
    keys = [f"u:customer-{number * 7919 % 20_000:08d}" for number in range(20_000)]
    with State(path, create=True, fields=fields) as state:
        for start in range(0, len(keys), 1_000):
            block = keys[start : start + 1_000]
            digests = [os.urandom(16) for _ in block]
            hashes = [os.urandom(8 * fields) for _ in block]
            state.deliver(block, digests, state.field_set(names), hashes, Evidence.DELIVERED)
        state.compact()

    # Besides the subjects, a file has a page for each table.
    assert path.stat().st_size <= len(keys) * (80 + 8 * fields + len(keys[0])) + 20 * 16_384


def not_sqlite(path):
    path.write_bytes(b"people and their traits, as text" * 200)


def other_database(path):
    with sqlite3.connect(path) as database:
        database.execute("CREATE TABLE loads (load INTEGER)")
    database.close()


def damaged(path):
    with State(path, create=True) as state:
        deliver(state, [f"u:{number}" for number in range(5_000)])
    with path.open("r+b") as file:
        file.seek(40_000)
        file.write(os.urandom(8_192))


def truncated(path):
    with State(path, create=True) as state:
        deliver(state, [f"u:{number}" for number in range(5_000)])
    os.truncate(path, path.stat().st_size // 2)


def newer(path):
    with State(path, create=True):
        pass
    with sqlite3.connect(path) as database:
        database.execute(f"PRAGMA user_version = {FORMAT_VERSION + 1}")
    database.close()


def other_digests(path):
    with State(path, create=True) as state:
        state.note(digest_version=DIGEST_VERSION + 1)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (not_sqlite, "damaged, or not a sync state"),
        (other_database, "but not a cio_frames sync state"),
        (damaged, "damaged"),
        (truncated, "damaged"),
        (newer, "newer version"),
        (other_digests, "digests of version"),
    ],
)
def test_a_file_that_cannot_be_used_is_refused_in_words_and_stays_as_it_was(path, make, words):
    make(path)
    before = path.read_bytes()

    with pytest.raises(ConfigurationError, match=words):
        State(path, create=True)

    assert path.read_bytes() == before


def test_a_state_in_use_by_another_process_is_locked(path):
    code = (
        "import sys, time; from pathlib import Path; from cio_frames.syncing.state import State\n"
        "with State(Path(sys.argv[1]), create=True):\n print('open', flush=True); sys.stdin.read()"
    )
    other = subprocess.Popen(
        [sys.executable, "-c", code, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        assert other.stdout.readline() == "open\n"
        with pytest.raises(ConfigurationError, match="Another process is working on the state"):
            State(path, create=False)
    finally:
        other.communicate("")
    with State(path, create=False) as state:
        assert state.exists


def test_a_state_that_is_locked_can_be_described_and_exported(path):
    with State(path, create=True) as state:
        state.note(call="identify")
        state.begin("sync", source="people.parquet", as_of="2026-11-28")
        deliver(state, ["u:ada"])
        facts = describe_state(path)
        assert (facts["subjects"], facts["runs"][0]["phase"]) == ({"delivered": 1}, "running")
        assert export_subjects(path)["subject"].tolist() == ["u:ada"]
        with pytest.raises(ConfigurationError, match="Another process is working on the state"):
            forget_subjects(path, ["u:ada"])


def test_subjects_are_forgotten_by_key(path):
    with State(path, create=True) as state:
        deliver(state, ["u:ada", "u:bo"])
        assert state.forget(["u:ada", "u:nobody"]) == 1
        assert state.count() == 1


@pytest.mark.skipif(os.name != "posix", reason="Windows has other permissions")
def test_the_file_and_what_is_beside_it_are_private(path):
    with State(path, create=True) as state:
        deliver(state, ["u:ada"])
        modes = {each.name: each.stat().st_mode & 0o077 for each in path.parent.iterdir() if "lock" not in each.name}

    assert set(modes.values()) == {0}


def test_an_empty_file_that_a_killed_process_left_is_a_new_state(path):
    path.touch()
    with State(path, create=True) as state:
        deliver(state, ["u:ada"])
    with State(path, create=False) as state:
        assert state.count() == 1
