"""What the tests of syncing share: what a sandbox holds, and a server that drops repeated message ids."""

from __future__ import annotations

import pandas as pd

import cio_frames as cio


def held(sandbox):
    """Return the traits of each person at a sandbox, by user id."""
    people = sandbox.people()
    return dict(zip(people["userId"], people["traits"], strict=True))


def wanted(frame, user_id="user_id"):
    """Return the traits that each row of a frame stands for, by user id."""
    rows = frame.astype(object).where(frame.notna(), None).to_dict("records")
    return {
        row.pop(user_id): {name: value for name, value in row.items() if value is not None} for row in map(dict, rows)
    }


def people_frame(rows, **columns):
    """Return as many people, all different."""
    return pd.DataFrame(
        {"user_id": [f"u{row}" for row in range(rows)], "plan": ["free", "team"] * (rows // 2) + ["free"] * (rows % 2)}
        | {"logins": range(rows)}
        | columns
    )


def client_of(server, **settings):
    """Return a client of a server that misbehaves."""
    return cio.Client(write_key="sandbox", endpoint=server.url, **settings)


def sync(frame, state, client, **options):
    """Sync people, and return the result frame."""
    return cio.sync(frame, "identify", state=state, client=client, progress=False, **options)
