"""How a reply is read: its message, its wait, and what is kept of it."""

import pytest

from cio_frames.delivery.replies import error_message, mask_key, read_body, reply_message, retry_after_seconds

KEY = "sekret-key-123"


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b'{"meta":{"errors":["event is missing","userId is missing"]}}', "event is missing; userId is missing"),
        (b'{"meta":{"error":"Unauthorized"}}', "Unauthorized"),
        (b'{"code":"invalid_request","message":"event is missing"}', "event is missing"),
        (b'{"errors":[{"reason":"required","field":"userId","message":"is blank"}]}', "userId: is blank"),
        (b'[{"reason":"required","field":"userId"}]', "userId: required"),
        (b'{"message":"invalid","errors":[{"field":"event","message":"is blank"}]}', "invalid; event: is blank"),
        (b'{"error":{"message":"no such key"}}', "no such key"),
        (b'"just text"', "just text"),
        (b'{"detail":"not known to us"}', '{"detail":"not known to us"}'),
        (b'{"message":7}', '{"message":7}'),
        (b"{}", ""),
        (b"[]", ""),
        (b"null", ""),
        (b"", ""),
        (b"   ", ""),
        (b"slow down", "slow down"),
        (b"<html><head><style>a{}</style></head><body><h1>502 Bad\n Gateway</h1></body></html>", "502 Bad Gateway"),
        (b"<script>alert('<b>')</script>Gone<br/>away", "Gone away"),
        ("zu gro\u00df".encode("latin-1"), "zu gro\ufffd"),
        (b"\x1b[31mred\x00", "[31mred"),
        (b'{"error":"\\u001b[31mred"}', "[31mred"),
        (b'{"error":"cut o', '{"error":"cut o'),
        (b"[" * 900 + b"]" * 900, "[" * 900 + "]" * 900),
    ],
)
def test_the_message_of_any_known_error_body_is_found(body, message):
    assert error_message(body) == message


@pytest.mark.parametrize(("body", "message"), [(b"<" * 16_384, "<" * 16_384), (b"<script" * 2_340, "<script" * 2_340)])
def test_markup_that_never_ends_is_kept_as_text(body, message):
    assert error_message(body) == message


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("0", 0.0),
        ("3", 3.0),
        (" 2.5 ", 2.5),
        ("86400", 300.0),
        ("9" * 400, 300.0),
        ("-5", None),
        ("soon", None),
        ("", None),
        ("1e3", None),
        ("nan", None),
        (None, None),
        ("Thu, 01 Jan 1970 00:01:00 GMT", 20.0),
        ("Thu, 01 Jan 1970 00:01:00", 20.0),
        ("Thu, 01 Jan 1970 00:01:00 -0000", 20.0),
        ("Thu, 01 Jan 1970 00:00:10 GMT", 0.0),
        ("Fri, 31 Dec 9999 23:59:59 GMT", 300.0),
        ("Thu, 41 Jan 1970 00:00:10 GMT", None),
    ],
)
def test_retry_after_is_read_as_seconds_or_a_date_within_bounds(header, seconds):
    assert retry_after_seconds(header, now=40.0) == seconds


@pytest.mark.parametrize(
    ("key", "text", "masked"),
    [
        ("wrong", "the write key is wrong or missing", "the write key is wrong or missing"),
        ("wrong", "there is no key 'wrong' here", "there is no key '(write key)' here"),
        ("wrong", "no such key: wrong", "no such key: (write key)"),
        ("wrong", "wrong", "(write key)"),
        ("k", "this key is k no more", "this key is k no more"),
        (KEY, f"Basic{KEY}_ is no key", "Basic(write key)_ is no key"),
    ],
)
def test_a_key_that_may_be_any_word_is_masked_in_the_place_of_a_key_only(key, text, masked):
    assert mask_key(text, key) == masked


def test_a_key_is_masked_before_a_message_is_cut_so_that_no_part_of_it_is_left():
    assert reply_message("x" * 495 + f" {KEY} is wrong", KEY) == "x" * 495 + " (wri"


class Clock:
    """Moves on by a second each time it is read."""

    seconds = 0.0

    def __call__(self):
        self.seconds += 1.0
        return self.seconds


def test_a_body_that_drips_is_read_until_the_deadline():
    pieces = iter([b"x"] * 1_000)
    assert read_body(pieces, 5.0, clock=Clock()) == b"x" * 6
    assert len(list(pieces)) == 994


def test_of_a_large_body_only_the_start_is_read():
    pieces = iter([b"x" * 16_384] * 1_000)
    assert len(read_body(pieces)) == 16_384
    assert len(list(pieces)) == 999
