"""A baseline: a state without sending, as claimed and not as delivered."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pyarrow as pa

from cio_frames.client import Client, offline_client
from cio_frames.errors import FrameError, parameter
from cio_frames.loading.address_secrets import masked_errors
from cio_frames.loading.chunks import read_ahead
from cio_frames.loading.source import Source
from cio_frames.syncing.compare import SENT, Action
from cio_frames.syncing.draft import Draft
from cio_frames.syncing.examine import Examiner
from cio_frames.syncing.identity import endpoint_name, key_fingerprint, refuse_other_workspace
from cio_frames.syncing.jobs import SyncJob, require_client
from cio_frames.syncing.records import Evidence, pack_digests, pack_hashes, texts_of
from cio_frames.syncing.result import SyncResult
from cio_frames.syncing.running import refuse_other_mapping
from cio_frames.syncing.state import State


def write_baseline(
    job: SyncJob, *, confirm: int | None, client: Client | None = None, dry_run: bool = False,
    progress: bool | None = None,
) -> pd.DataFrame | SyncResult:  # fmt: skip
    """Write the state without sending: these subjects are at the other end already, the caller says.

    Raises
    ------
    FrameError
        ``confirm`` is not the number of rows that are claimed; the state stays as it was.
    """
    path, call_spec = job.options.state, job.call_spec
    require_client(client)
    with masked_errors(job.given):
        source = job.source(exclude=job.default_folder(), progress=progress)
        # Without the number of rows, no file is made.
        is_counted = dry_run or confirm is None
        with State(path, create=not is_counted) as state:
            if client is not None:
                refuse_other_workspace(state.facts, client, path, accept_key=job.options.accept_key)
            adopt = job.options.accept_mapping and not is_counted
            draft = job.draft(source, state, offline_client(), adopt=adopt, progress=progress)
            refuse_other_mapping(draft, job.options)
            claimed = draft.count(*SENT, Action.KEPT)
            if dry_run:
                return job.unsent_result(draft)
            _require_confirm(confirm, claimed)
            facts = {"call": call_spec.what, "mapping": draft.mapping.as_fact()}
            if client is not None:
                facts |= {"endpoint": endpoint_name(client.endpoint), "write_key": key_fingerprint(client.write_key)}
            state.note(**facts)
            run = state.begin("baseline", source=source.name, as_of=str(job.options.as_of.date()))
            _claim(job, source, draft, state)
            state.end(run, "done", {"claimed": claimed})
            state.compact()
            # From now on there is nothing to send for them.
            return job.unsent_result(draft, status="unchanged")


def _claim(job: SyncJob, source: Source, draft: Draft, state: State) -> None:
    fields = draft.mapping.fields
    examiner = Examiner(job.call_spec, offline_client(), fields, state, draft.index, job.options)
    plans = {chunk.number: chunk for chunk in draft.chunks}
    with read_ahead(source, job.call_spec) as chunks:
        for chunk, prepared in chunks:
            examined = examiner.examine(prepared)
            comparison = examined.comparison
            claims = np.isin(plans[chunk.number].actions[comparison.rows], (*SENT, Action.KEPT))
            rows = comparison.rows[claims]
            if len(rows):
                state.deliver(
                    texts_of(examined.keys.take(pa.array(rows))),
                    pack_digests(examined.digests[rows]),
                    state.field_set(fields),
                    pack_hashes(comparison.hashes[claims]),
                    Evidence.CLAIMED,
                )


def _require_confirm(confirm: int | None, rows: int) -> None:
    if confirm is None or isinstance(confirm, bool) or not isinstance(confirm, int) or confirm != rows:
        raise FrameError(
            f"baseline claims {rows:,} rows as being in Customer.io already, and sends nothing. Confirm the number: "
            f"{parameter('confirm', rows)}"
            + ("." if confirm is None else f"; {parameter('confirm', confirm)} does not match.")
        )
