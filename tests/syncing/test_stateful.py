"""After any sequence of edits, faults and interruptions, a sync makes the other end equal to the frame."""

from __future__ import annotations

import _thread
import shutil
import tempfile
import threading
from pathlib import Path

import pandas as pd
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

import cio_frames as cio
from tests.faults import OK, Answer, FaultServer
from tests.syncing.helpers import client_of

# Few people, so that edits and faults meet.
IDS = st.sampled_from([f"u{number}" for number in range(4)])
TRAITS = ("plan", "age", "note")
VALUES = {
    "plan": st.sampled_from(["free", "team", "7"]),
    "age": st.integers(0, 5),
    "note": st.sampled_from(["a", "b"]),
}
REFUSED = "refused"
CUT = Answer(200, b"{}", bytes_sent=0)
KILLS = ("kill", "kill accepted")
FAULTS = st.lists(
    st.sampled_from(["ok", "cut", "429", "503", "503 accepted", "interrupt", *KILLS]), min_size=1, max_size=4
)


class OtherEnd:
    """People as a strict server would hold them: it drops repeated message ids, and refuses one value.

    A kill of the process that sends is what the disk held at that moment, and no request after it.
    """

    def __init__(self, state):
        self.people = {}
        self.calls = []
        self.faults = []
        self.killed = False
        self._state = state
        self._seen = set()
        self._one_at_a_time = threading.Lock()

    def __call__(self, received):
        with self._one_at_a_time:
            return self._answer(received)

    def restart(self):
        """Put the state back to what the disk held when the process was killed; return whether it was."""
        was_killed, self.killed = self.killed, False
        if was_killed:
            for file in self._files():
                file.unlink(missing_ok=True)
                if (copy := file.with_name(f"{file.name}.copy")).exists():
                    copy.rename(file)
        return was_killed

    def _files(self):
        return [self._state.with_name(f"{self._state.name}{end}") for end in ("", "-wal", "-shm")]

    def _kill(self):
        self.killed = True
        for file in self._files()[:2]:
            if file.exists():
                shutil.copy(file, file.with_name(f"{file.name}.copy"))

    def _answer(self, received):
        if self.killed:
            return Answer(503)
        fault = self.faults.pop(0) if self.faults else "ok"
        if fault in KILLS:
            self._kill()
        if fault in ("429", "503", "kill"):
            return Answer(int(fault) if fault.isdigit() else 503, headers={"Retry-After": "0"})
        if any(REFUSED in str(call.get("traits")) for call in received.calls):
            return Answer(400, b'{"meta":{"errors":["no"]}}')
        for call in received.calls:
            self._take(call)
        if fault == "interrupt":
            _thread.interrupt_main()
        return {"cut": CUT, "503 accepted": Answer(503), "kill accepted": Answer(503)}.get(fault, OK)

    def _take(self, call):
        self.calls.append(call)
        if call["messageId"] in self._seen:
            return
        self._seen.add(call["messageId"])
        if call.get("event") == "User Deleted":
            self.people.pop(call["userId"], None)
            return
        traits = self.people.setdefault(call["userId"], {})
        for name, value in call["traits"].items():
            if value is None:
                traits.pop(name, None)
            else:
                traits[name] = value


class SyncMachine(RuleBasedStateMachine):
    """Edits of a frame, and syncs of it."""

    def __init__(self):
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.state = self.folder / "people.sqlite"
        self.end = OtherEnd(self.state)
        self.server = FaultServer(self.end)
        self.server.__enter__()
        self.client = client_of(self.server, attempts=1, workers=2, max_call_bytes=400, max_body_bytes=500)
        self.rows = {}
        self.day = 0
        self.float_ages = self.reverse = False

    def teardown(self):
        self.server.__exit__(None, None, None)
        shutil.rmtree(self.folder)

    @rule(user_id=IDS, data=st.data())
    def add_or_replace(self, user_id, data):
        self.rows[user_id] = {name: data.draw(st.none() | VALUES[name]) for name in TRAITS}

    @rule(user_id=IDS, name=st.sampled_from(TRAITS), data=st.data())
    def change(self, user_id, name, data):
        if user_id in self.rows:
            self.rows[user_id][name] = data.draw(VALUES[name])

    @rule(user_id=IDS, name=st.sampled_from(TRAITS))
    def clear(self, user_id, name):
        if user_id in self.rows:
            self.rows[user_id][name] = None

    @rule(user_id=IDS)
    def remove(self, user_id):
        self.rows.pop(user_id, None)

    @rule(user_id=IDS)
    def spoil(self, user_id):
        """Give a person a value that the other end refuses."""
        if user_id in self.rows:
            self.rows[user_id]["note"] = REFUSED

    @rule()
    def reorder(self):
        self.rows = dict(reversed(self.rows.items()))
        self.reverse = not self.reverse

    @rule()
    def retype(self):
        self.float_ages = not self.float_ages

    def frame(self):
        names = ["user_id", *(reversed(TRAITS) if self.reverse else TRAITS)]
        rows = [{"user_id": user_id, **traits} for user_id, traits in self.rows.items()]
        frame = pd.DataFrame(rows, columns=names).astype({"plan": "string", "note": "string"})
        return frame.astype({"age": "float64" if self.float_ages else "Int64"})

    def sync(self):
        """Sync, and return the result frame, also of a run that stopped."""
        self.day += 1
        as_of = pd.Timestamp("2026-01-01") + pd.Timedelta(days=self.day)
        try:
            return cio.sync(
                self.frame(), "identify", state=self.state, client=self.client, removed="delete",
                complete=True, cleared="null", grace_runs=1, max_removed="100%", min_rows=0, retry_rejected=True,
                as_of=as_of, progress=False,
            )  # fmt: skip
        except cio.DeliveryError as error:
            return error.result

    @rule(faults=FAULTS)
    def sync_with_faults(self, faults):
        self.end.faults = list(faults)
        try:
            result = self.sync()
        except KeyboardInterrupt:
            return
        finally:
            self.end.faults = []
            killed = self.end.restart()
        if killed:
            return
        # What the state takes for delivered is there.
        known = result["status"].isin(["delivered", "unchanged"]).to_numpy()
        for user_id in self.frame()["user_id"][known]:
            assert self.end.people[user_id] == self.traits(user_id)

    def traits(self, user_id):
        return {name: value for name, value in self.rows[user_id].items() if value is not None}

    @precondition(lambda self: self.rows or self.day)
    @rule()
    def sync_until_done(self):
        for _ in range(3):
            self.sync()
        calls = len(self.end.calls)
        result = self.sync()
        assert len(self.end.calls) == calls
        good = {user_id for user_id, traits in self.rows.items() if traits["note"] != REFUSED}
        assert set(result["status"].astype(str)) <= {"unchanged", "rejected"}
        assert {user_id: self.end.people.get(user_id) for user_id in good} == {
            user_id: self.traits(user_id) for user_id in good
        }
        # Whoever was not in the frame is gone.
        assert set(self.end.people) <= set(self.rows)

    @invariant()
    def ids_are_text(self):
        assert all(isinstance(user_id, str) for user_id in self.end.people)


SyncMachine.TestCase.settings = settings(
    max_examples=25, stateful_step_count=25, deadline=None, suppress_health_check=list(HealthCheck)
)
TestSync = SyncMachine.TestCase
