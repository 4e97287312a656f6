"""``cio.load`` with small chunks and short waits, for tests of loads."""

import os
from dataclasses import fields
from pathlib import Path

from cio_frames.columns import ColumnMapping
from cio_frames.delivery.retry import Backoff
from cio_frames.loading import load_source
from cio_frames.loading.tuning import LoadTuning
from cio_frames.pipeline.call_spec import build_call_spec

SMALL = LoadTuning(chunk_rows=10, backoff=Backoff(first_seconds=0.01))
COLUMNS = {each.name for each in fields(ColumnMapping)} - {"event", "type_column"}


def load_rows(source, client=None, *, call="identify", event=None, schema="spec", tuning=SMALL, **options):
    """Load rows as ``cio.load`` does, by default people into the folder out."""
    columns = {name: options.pop(name) for name in COLUMNS & options.keys()}
    call_spec = build_call_spec(call, event, schema=schema, **columns)
    defaults = {
        "dry_run": False,
        "on_invalid": "skip",
        "ledger": None,
        "output": "out",
        "fresh": False,
        "allow_campaigns": False,
        "progress": False,
    }
    return load_source(source, call_spec, client, tuning=tuning, **{**defaults, **options})


def environment_for(sandbox):
    """Return the environment of a program of its own that loads to a sandbox and may import these tests."""
    root = str(Path(__file__).parents[2])
    path = os.pathsep.join([root, *filter(None, [os.environ.get("PYTHONPATH")])])
    return os.environ | {"CIO_WRITE_KEY": "sandbox", "CIO_ENDPOINT": sandbox.url, "PYTHONPATH": path}
