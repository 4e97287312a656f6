"""A validation report on rows that come in parts: one frame, or the chunks of a source."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from cio_frames import validation
from cio_frames.client import Client
from cio_frames.encoding import EncodeError
from cio_frames.pipeline.call_spec import CallSpec
from cio_frames.pipeline.encode_run import EncodedSlice, EncodeRun
from cio_frames.pipeline.prepared import Prepared
from cio_frames.report import (
    CaseTallies,
    DistinctCounts,
    SourcePart,
    Survey,
    ValidationReport,
    column_facts,
    merge_column_facts,
    with_distinct,
)
from cio_frames.report.facts import ColumnFacts

_BUILDER_SETTINGS = ("_call_spec", "_client", "_on_cases")


class ReportBuilder:
    """Checks and encodes rows part by part, and keeps of them what a report says.

    Parameters
    ----------
    call_spec : CallSpec
        What the caller asks for.
    client : Client
        The client whose limits count.
    checked_at : pandas.Timestamp
        The time that events are compared with.
    max_cases : int, optional
        How many failure cases to keep of each column and check. Default is all of them.
    on_cases : callable, optional
        Receives all failure cases, part by part.
    """

    def __init__(
        self,
        call_spec: CallSpec,
        client: Client,
        checked_at: pd.Timestamp,
        *,
        max_cases: int | None = None,
        on_cases: Callable[[pd.DataFrame], object] | None = None,
    ) -> None:
        self._call_spec = call_spec
        self._client = client
        self._survey = Survey(checked_at, max_call_bytes=client.max_call_bytes, max_body_bytes=client.max_body_bytes)
        self._cases: list[pd.DataFrame] = []
        self._tallies = None if max_cases is None else CaseTallies(max_cases)
        self._on_cases = on_cases
        self._columns: list[ColumnFacts] = []
        self._distinct: DistinctCounts | None = None
        self._parts: list[SourcePart] = []
        self._warnings = validation.SourceWarnings()
        self._rows = 0

    def add(self, prepared: Prepared, *, file: str | None = None, first_row: int = 0) -> None:
        """Add the rows of one part, and where they are in their file."""
        if file is not None:
            self._parts.append(SourcePart(self._rows, file, first_row))
        if self._distinct is None:
            self._distinct = DistinctCounts(sum(len(group.columns.sources) for group in prepared.call_groups))
        encode_run = EncodeRun(prepared, self._client, message_ids=None)
        for _, batch in encode_run.batches(survey_slices(prepared, encode_run, self._survey, with_sizes=True)):
            self._survey.add_request(body_bytes=batch.body_bytes)
        cases = validation.concat_failures(_failure_cases(prepared, encode_run))
        if len(cases):
            self._add_cases(cases.assign(position=cases["position"] + self._rows) if self._rows else cases)
        found = (
            each
            for call_group in prepared.call_groups
            for each in column_facts(
                call_group.frame, call_group.columns, self._call_spec.options.timezone, self._distinct
            )
        )
        self._columns = merge_column_facts([*self._columns, *found])
        self._warnings.add(encode_run.warning_counts(), encode_run.people_rows())
        self._rows += prepared.rows

    def _add_cases(self, cases: pd.DataFrame) -> None:
        if self._on_cases is not None:
            self._on_cases(cases)
        if self._tallies is not None:
            self._tallies.add(cases)
        else:
            self._cases.append(cases)

    def __getstate__(self) -> dict[str, Any]:
        # What travels from a worker is what was found; the other settings are known where it arrives.
        return {name: value for name, value in vars(self).items() if name not in _BUILDER_SETTINGS}

    def extend(self, other: ReportBuilder) -> None:
        """Add what another builder, with the same settings, found of later rows."""
        if self._tallies is not None and other._tallies is not None:
            self._tallies.extend(other._tallies, self._rows)
        self._cases += [cases.assign(position=cases["position"] + self._rows) for cases in other._cases]
        self._survey.extend(other._survey)
        self._columns = merge_column_facts([*self._columns, *other._columns])
        self._warnings.extend(other._warnings)
        if self._distinct is None:
            self._distinct = other._distinct
        elif other._distinct is not None:
            self._distinct.extend(other._distinct)
        self._parts += [replace(part, position=part.position + self._rows) for part in other._parts]
        self._rows += other._rows

    def report(
        self,
        index: pd.Index[Any] | None = None,
        *,
        source: str | None = None,
        source_changed: pd.Timestamp | None = None,
        destination: str | None = None,
    ) -> ValidationReport:
        """Return the report; rows have their numbers as labels unless an index is passed."""
        columns = self._columns if self._distinct is None else with_distinct(self._columns, self._distinct)
        return ValidationReport(
            self._call_spec.what,
            pd.RangeIndex(self._rows) if index is None else index,
            validation.concat_failures(self._cases if self._tallies is None else self._tallies.kept()),
            self._survey.facts(columns),
            warnings=self._warnings.warnings(),
            against=self._call_spec.against,
            tallies=self._tallies,
            source=source,
            source_changed=source_changed,
            destination=destination,
            parts=self._parts,
        )


def survey_slices(
    prepared: Prepared, encode_run: EncodeRun, survey: Survey, *, with_sizes: bool = False
) -> Iterator[EncodedSlice]:
    """Yield the encoded slices of a run, and add the times of their calls to a survey; sizes and repeats if wanted."""
    events = prepared.events()
    for encoded in encode_run.encoded_slices():
        if with_sizes:
            survey.add_call_sizes(encoded.sizes[~encoded.invalid])
            survey.add_payloads(encoded.payloads)
        sent = np.flatnonzero(np.asarray(encoded.payloads.is_valid()))
        survey.add_timestamps(encoded.timestamp_ms[sent], events[encoded.start + sent])
        yield encoded


def _failure_cases(prepared: Prepared, encode_run: EncodeRun) -> list[pd.DataFrame]:
    """Return all failure cases of rows that were encoded."""
    cases = [prepared.failures]
    cases += [
        validation.failure_cases(
            encode_error.rows,
            encode_error.label,
            encode_error.check,
            encode_error.reason,
            values=_failing_cells(prepared.frame, encode_error),
        )
        for encode_error in encode_run.encode_errors
    ]
    cases += [validation.failure_cases(rows, None, "max_call_bytes", reasons) for rows, reasons in encode_run.too_large]
    return [*cases, prepared.warnings, *encode_run.warnings]


def _failing_cells(frame: pd.DataFrame, encode_error: EncodeError) -> npt.NDArray[np.object_] | None:
    """Return the cells of an encode error; None if its label is not the label of one column."""
    places = [place for place, label in enumerate(frame.columns) if label in {encode_error.label}]
    return frame.iloc[:, places[0]].iloc[encode_error.rows].to_numpy(dtype=object) if len(places) == 1 else None
