"""Validation of a source, file by file, as a load reads it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd

from cio_frames.client import Client, offline_client
from cio_frames.loading.address_secrets import masks_secrets
from cio_frames.loading.chunks import read_ahead, require_columns, use_stored_message_ids
from cio_frames.loading.load import mapped_labels, with_column_types
from cio_frames.loading.notes import SourceNotes
from cio_frames.loading.read_options import ReadOptions
from cio_frames.loading.source import last_change, source_label
from cio_frames.loading.sources import source_of
from cio_frames.loading.tuning import CHUNK_ROWS
from cio_frames.pipeline.call_spec import CallSpec
from cio_frames.pipeline.report_builder import ReportBuilder
from cio_frames.report import MAX_CASES_KEPT, ValidationReport


@masks_secrets
def validate_source(
    given: Any,
    call_spec: CallSpec,
    client: Client | None = None,
    *,
    read_options: ReadOptions | None = None,
    exclude: Path | None = None,
    chunk_rows: int = CHUNK_ROWS,
    checked_at: pd.Timestamp | None = None,
    on_cases: Callable[[pd.DataFrame], object] | None = None,
) -> tuple[ValidationReport, SourceNotes]:
    """Check the rows of a source as a load of it would, and send nothing.

    Memory does not depend on the size of the source: of each column and check, the first thousand failure cases are
    kept, and all are counted. ``on_cases`` receives all of them, chunk by chunk.

    Returns
    -------
    ValidationReport
        Its positions count all rows of the source, from 0.
    SourceNotes
        What was left out of the source.

    Examples
    --------
    >>> from cio_frames.pipeline.call_spec import build_call_spec
    >>> from cio_frames.spec.package_data import package_folder
    >>> orders = package_folder("sample_data") / "orders.csv"
    >>> call_spec = build_call_spec("track", "Order Completed", user_id="customer_id", timestamp="ordered_on")
    >>> report, notes = validate_source(orders, call_spec)
    >>> report.ok, report.rows
    (True, 6919)
    """
    call_spec = with_column_types(call_spec, read_options)
    source = source_of(
        given, read_options, exclude=exclude, keep=mapped_labels(call_spec.mapping), chunk_rows=chunk_rows
    )
    call_spec = use_stored_message_ids(source, call_spec)
    require_columns(source, call_spec)
    checked_at = checked_at or pd.Timestamp.now("UTC")
    builder = ReportBuilder(
        call_spec, client or offline_client(), checked_at, max_cases=MAX_CASES_KEPT, on_cases=on_cases
    )
    with read_ahead(source, call_spec) as chunks:
        for chunk, prepared in chunks:
            builder.add(prepared, file=chunk.file, first_row=chunk.first_row)
    destination = client.destination if client is not None else None
    report = builder.report(source=source_label(source), source_changed=last_change(source), destination=destination)
    return report, source.notes()
