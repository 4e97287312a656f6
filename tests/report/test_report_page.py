"""The page of a report, as text."""

import re
from html.parser import HTMLParser
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest

from cio_frames.report import ColumnFacts
from cio_frames.report.findings import MAX_CHECKS, MAX_FINDINGS, Findings, Tally
from cio_frames.report.sizes import histogram
from cio_frames.report.validation_page import validation_page
from tests.reports import SCRIPT, cases, facts, report

VOID = {"meta", "input", "br", "rect", "line"}


class Elements(HTMLParser):
    """Every element of a page with its attributes, and the text between; fails where tags do not match."""

    def __init__(self, text):
        super().__init__()
        self.found, self.texts, self._open = [], [], []
        self.feed(text)
        assert self._open == []

    def handle_starttag(self, tag, attributes):
        self.found.append((tag, dict(attributes)))
        if tag not in VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.found.append((tag, dict(attributes)))

    def handle_endtag(self, tag):
        assert self._open.pop() == tag

    def handle_data(self, text):
        if self._open and self._open[-1] not in {"script", "style"}:
            self.texts.append(text)

    @property
    def words(self):
        return re.sub(r"\s+", " ", "".join(self.texts))


def words(shown, *, show_values=False):
    return Elements(validation_page(shown, show_values=show_values)).words


NOTHING = cases()
WARNING = (0, "city", "known", "warning", "Atlantis", "is not known")
ERROR = (0, "total", "number", "error", "free", "must be a number")
OTHER_ERROR = (1, "total", "number", "error", "free", "must be a number")


@pytest.mark.parametrize(
    ("failures", "rows", "answer"),
    [
        (NOTHING, 0, "There are no rows to send"),
        (NOTHING, 1, "The one row can be sent Every row passes every check."),
        (NOTHING, 6_919, "All 6,919 rows can be sent Every row passes every check."),
        (cases(WARNING), 2, "All 2 rows can be sent 1 of them has a warning"),
        (cases(ERROR), 1, "The one row is held back No row of this frame"),
        (cases(ERROR, OTHER_ERROR), 2, "All 2 rows are held back No row of this frame"),
        (cases(ERROR), 3, "1 of 3 rows is held back The other 2 can be sent."),
        (
            cases(ERROR, WARNING, (1, *WARNING[1:])),
            3,
            "are held back"[:0] + "The other 2 can be sent, 1 of them with a",
        ),
    ],
)
def test_the_answer_is_on_top(failures, rows, answer):
    assert answer in words(report(failures, rows=rows))


def test_the_page_says_what_was_checked():
    expected = [
        "track 'Order Completed'",
        "Rows100",
        "Customer.io’s spec of August 2025",
        "24 November 2026, 17:03 UTC",
    ]
    text = words(report())
    assert [part for part in expected if part not in text] == []


def test_a_row_counts_once_and_as_what_is_worst_of_it():
    findings = Findings(report().failure_cases, rows=100)
    assert findings.total == Tally(None, good=94, with_warnings=1, held_back=5)
    assert findings.tallies(["customer_id", "ordered_on", "total", "city"]) == [
        Tally("total", 97, 0, 3),
        Tally("customer_id", 98, 0, 2),
        Tally(None, 99, 0, 1),
        Tally("city", 98, 2, 0),
        Tally("ordered_on", 100, 0, 0),
    ]


def test_labels_that_are_no_text_and_labels_that_repeat_are_one_line_each():
    failures = cases((0, 0, "c", "error", None, "r"), (1, ("a", 1), "c", "error", None, "r"))
    labels = [tally.label for tally in Findings(failures, 2).tallies(["0", "('a', 1)", "b", "b"])]
    assert labels == ["0", "('a', 1)", "b"]


def test_a_check_is_named_by_its_words_where_they_are_the_same_for_all():
    failures = cases(ERROR, (1, "discount", "number", "error", "free", "must be a number"))
    (check,), more = Findings(failures, 2).checks(show_values=False)
    assert (check.title, check.columns, check.rows, check.reasons_differ, more) == (
        "must be a number", ["total", "discount"], 2, False, 0
    )  # fmt: skip


def test_a_check_with_several_wordings_shows_them():
    failures = cases(
        (0, None, "max_call_bytes", "error", None, "call is 33,188 bytes; the limit is 32,000"),
        (1, None, "max_call_bytes", "error", None, "call is 33,189 bytes; the limit is 32,000"),
    )
    text = words(report(failures))
    assert "call is larger than the limit" in text
    assert "call is 33,189 bytes; the limit is 32,000" in text


def test_a_check_that_warns_and_holds_back_is_shown_twice_what_holds_back_first():
    failures = cases((0, *WARNING[1:]), (1, *WARNING[1:]), (2, "city", "known", "error", None, "is not known"))
    checks, _ = Findings(failures, 3).checks(show_values=False)
    assert [(check.holds_back, check.rows) for check in checks] == [(True, 1), (False, 2)]


def test_values_are_left_out_unless_asked_for():
    assert "a secret" not in validation_page(report(), show_values=False)
    assert "a secret" in validation_page(report(), show_values=True)
    assert "This file has no values of cells and no labels of the frame’s index." in words(report())
    assert "This file has values of failing cells" in words(report(), show_values=True)


def test_values_are_cut_and_values_without_text_are_named_by_type():
    class Mute:
        def __str__(self):
            raise ValueError("no words")

    failures = cases(
        (0, "a", "c", "error", "x" * 40_000, "r"),
        (1, "a", "c", "error", [1, None], "r"),
        (2, "a", "c", "error", Mute(), "r"),
        (3, "a", "c", "error", np.nan, "r"),
        (4, "a", "c", "error", "half \ud83d", "r"),
    )
    text = validation_page(report(failures), show_values=True)
    assert "x" * 201 not in text
    assert "x" * 200 + "…" in text
    for value in ["[1, None]", "&lt;Mute&gt;", "null", "half ?"]:
        assert f'<td class="value">{value}</td>' in text
    text.encode("utf-8")


HOSTILE = "\"><img src=x onerror=alert(1)>'{{ 7 * 7 }}" + SCRIPT


def hostile():
    """A report all of whose words come from a frame that means ill."""
    columns = facts().column_facts
    failures = cases(
        (1, HOSTILE, HOSTILE, "error", HOSTILE, HOSTILE), (2, HOSTILE, HOSTILE, "warning", HOSTILE, HOSTILE + "2")
    )
    failures["index"] = pd.Series([HOSTILE, (HOSTILE, 1)], dtype=object)
    column = type(columns[0])(HOSTILE, HOSTILE, HOSTILE, HOSTILE, 3, ((HOSTILE, 2),))
    known = facts(column_facts=(column, *columns), recent={HOSTILE: 3})
    return report(failures, what=HOSTILE, against=HOSTILE, facts=known)


def test_nothing_of_a_frame_becomes_markup_or_stands_in_an_attribute():
    elements = Elements(validation_page(hostile(), show_values=True))
    assert elements.words.count(HOSTILE) > 15
    assert [tag for tag, _ in elements.found if tag in {"img", "script"}] == ["script"]
    values = [value or "" for _, attributes in elements.found for value in attributes.values()]
    assert [value for value in values if "onerror" in value or "7 * 7" in value] == []


def test_the_page_asks_nobody_for_anything():
    elements = Elements(validation_page(report(), show_values=True))
    asking = {"src", "srcset", "data", "action", "style", "onclick"}
    assert [attributes for _, attributes in elements.found if asking & attributes.keys()] == []
    links = {attributes["href"] for tag, attributes in elements.found if "href" in attributes}
    assert {link[0] for link in links} == {"#"}
    targets = {attributes.get("id") for _, attributes in elements.found}
    assert {link[1:] for link in links} <= targets
    (policy,) = [attributes["content"] for tag, attributes in elements.found if "http-equiv" in attributes]
    assert policy.startswith("default-src 'none'; script-src 'sha256-")
    assert "unsafe" not in policy


def test_ids_are_unique_and_headings_are_in_order():
    elements = Elements(validation_page(report(), show_values=True))
    ids = [attributes["id"] for _, attributes in elements.found if "id" in attributes]
    assert len(ids) == len(set(ids))
    for attribute in ["aria-labelledby", "for"]:
        assert {attributes[attribute] for _, attributes in elements.found if attribute in attributes} <= set(ids)
    levels = [int(tag[1]) for tag, _ in elements.found if re.fullmatch("h[1-6]", tag)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after - before <= 1 for before, after in pairwise(levels))


def test_without_facts_their_sections_are_not_on_the_page_and_a_note_says_so():
    text = words(report(facts=None))
    assert "This report has no times, sizes and conversion to JSON" in text
    assert "Only columns with findings" in text
    for left_out in ["campaign", "Sizes and requests", "nanoseconds"]:
        assert left_out not in text


def test_what_can_start_campaigns_is_on_the_page_the_most_frequent_event_first():
    text = words(report())
    assert "32 rows can start campaigns" in text
    assert text.index("Order Completed28") < text.index("Order Refunded4")
    assert "1 row has no timestamp: Customer.io takes the time at which it receives it." in text
    none = words(report(facts=facts(recent={}, untimed=0, earliest=None, latest=None)))
    assert "No row can start a campaign: all are older than 72 hours." in none
    assert "No row has a timestamp." in none


def test_the_conversion_to_json_is_shown_column_by_column():
    text = words(report())
    assert "1 column of 4 has values that are changed or rounded." in text
    assert "ordered_on timestamp datetime64[ns, UTC] time nanoseconds cut to milliseconds in 3 cells" in text
    assert "total properties.total float64 number none" in text


def test_filled_rows_distinct_values_and_repeats_are_shown_column_by_column():
    columns = (
        ColumnFacts("id", "userId", "str", "string", 98, distinct=90),
        ColumnFacts("note", "traits.note", "str", "string", 50, distinct=40, distinct_is_cut=True),
        ColumnFacts("tags", "traits.tags", "object", "array", 7),
    )
    text = words(report(facts=facts(column_facts=columns)))
    assert "id 98 98% 90 8 note 50 50% at least 40 unknown tags 7 7% unknown unknown" in text


def test_sizes_and_requests_are_shown_against_their_limits():
    text = words(report())
    assert "Half of the 100 calls have up to 300 bytes; the smallest has 300, the largest 33,188." in text
    assert "1 call is over the limit of 32,000 bytes." in text
    assert "2 requests would carry 95,000 bytes." in text
    assert "Half of their bodies have up to 47,500 bytes; the smallest has 20,000, the largest 75,000." in text
    assert "The largest takes 15.8% of the 475,000 bytes allowed for a body." in text
    none = words(report(facts=facts(call_bytes=np.array([], dtype=np.int64), bodies=np.array([], dtype=np.int64))))
    assert "No row can be encoded as a call." in none
    assert "No request would be sent." in none
    one = words(report(facts=facts(bodies=np.array([475_000]))))
    assert "1 request would carry 475,000 bytes. Its body takes 100% of the 475,000 bytes allowed for a body." in one


def test_the_sizes_of_calls_and_of_bodies_are_drawn_and_shown_as_tables():
    elements = Elements(validation_page(report(), show_values=False))
    drawn = [attributes["aria-labelledby"] for _, attributes in elements.found if attributes.get("role") == "img"]
    assert drawn == ["sizes-calls-text", "sizes-bodies-text"]
    assert "limit 32,000" in elements.words
    assert "limit 475,000" in elements.words
    assert "Calls by size in bytes" in elements.words
    assert "Bodies by size in bytes" in elements.words


@pytest.mark.parametrize("sizes", [[1], [32_000], [32_001], [0, 10**7], [280, 300, 9_000, 31_999, 32_000, 40_000]])
def test_a_histogram_counts_every_call_once_and_has_an_edge_at_the_limit(sizes):
    found = histogram(np.array(sizes), 32_000)
    assert sum(bar.count for bar in found.bars) == len(sizes)
    assert sum(bar.count for bar in found.bars if bar.over_limit) == sum(size > 32_000 for size in sizes)
    assert 32_000 in {bar.up_to for bar in found.bars}
    assert len(found.bars) < 60


def test_an_index_is_shown_where_it_says_more_than_positions_and_values_may_be_shown():
    shown = report()
    assert "Index" not in words(shown, show_values=True)
    shown.failure_cases["index"] = [f"ada-{position}@example.com" for position in shown.failure_cases["position"]]
    assert "ada-99@example.com" in words(shown, show_values=True)
    assert "and labels of the frame’s index: share it only with people" in words(shown, show_values=True)
    assert "Index" not in words(shown)
    assert "ada-" not in validation_page(shown, show_values=False)


def test_a_million_bad_rows_make_a_small_page():
    count = 1_000_000
    positions = np.arange(count)
    failures = pd.DataFrame(
        {
            "position": positions,
            "index": positions,
            "column": pd.Series(["customer_id"] * count, dtype=object),
            "check": "max_call_bytes",
            "severity": "error",
            "value": None,
            "reason": pd.Series(positions).astype(str) + " bytes, and a call may have 32,000",
        }
    )
    text = validation_page(report(failures, rows=count), show_values=True)
    assert len(text) < 1_000_000
    assert f"The first {MAX_FINDINGS:,} of 1,000,000 findings are in this file." in Elements(text).words
    assert text.count("bytes, and a call may have 32,000") == MAX_FINDINGS


def test_many_checks_share_the_room_and_a_note_counts_the_rest():
    places = [(check, row) for check in range(300) for row in range(60)]
    failures = cases(*((row, f"c{check}", f"check {check}", "error", "x" * 500, f"is {row}") for check, row in places))
    text = validation_page(report(failures), show_values=True)
    assert len(text) < 5_000_000
    assert "100 more checks have findings." in Elements(text).words
    assert text.count('<section class="check"') == MAX_CHECKS
    assert "The first 50 of 60 findings are in this file." in Elements(text).words
