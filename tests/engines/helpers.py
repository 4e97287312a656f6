"""Runs on the frames of this process, with short waits; and how frames are split."""

from dataclasses import replace
from itertools import pairwise

import numpy as np

from cio_frames.delivery.retry import Backoff
from cio_frames.engines.driver import answers_of, check_call, engine_for, run_request
from cio_frames.engines.engine import LocalEngine
from cio_frames.engines.request import build_request
from cio_frames.engines.sending import RunTuning
from cio_frames.loading.tuning import LoadTuning
from cio_frames.pipeline.call_spec import build_call_spec

SHORT = Backoff(first_seconds=0.01)
FAST = RunTuning(
    part_rows=500,
    lease_seconds=1.0,
    load=LoadTuning(chunk_rows=400, backoff=SHORT),
    bucket=LoadTuning(chunk_rows=100, backoff=SHORT),
)


def split_frame(frame, parts):
    """Return a frame as the partitions of an engine."""
    bounds = np.linspace(0, len(frame), parts + 1).astype(int)
    return [frame.iloc[start:stop] for start, stop in pairwise(bounds)]


def orders_spec(**options):
    return build_call_spec("track", "Order Placed", user_id="customer", timestamp="at", **options)


def run_locally(frames, output, client=None, *, call_spec=None, tuning=FAST, **options):
    """Send frames as an engine does, each frame a partition; return the run and its answers."""
    engine = LocalEngine(frames)
    call_spec = call_spec or orders_spec()
    check_call(engine, call_spec)
    request = build_request(output=str(output), client=client, progress=False, **options)
    run = run_request(engine, call_spec, request, tuning)
    return run.result, answers_of(engine, run, request.keep)


def engine_run(frame, output, client, *, tuning=FAST, **options):
    """Send the frame of an engine with short waits; return the run."""
    request = build_request(output=str(output), client=client, progress=False, **options)
    return run_request(engine_for(frame), orders_spec(), request, tuning)


def small_bodies(client, **settings):
    """Return a client whose requests carry about sixty calls."""
    return replace(client, max_call_bytes=2_000, max_body_bytes=10_000, **settings)
