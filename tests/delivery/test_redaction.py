"""What of a server's messages is shown: no write key in any form, and nothing of the people in the batch."""

import base64
from urllib.parse import quote

import orjson
import pytest

from cio_frames.delivery.redaction import MessageFilter, mask_key

KEY = "sekret+key/123"
CALLS = [
    {
        "type": "identify",
        "userId": "u7",
        "messageId": "01HF7Z6XW0D3V8Q2J5N4KCB9RT",
        "traits": {
            "email": "Ada@Example.com",
            "first_name": "Augusta",
            "city": "London",
            "plan": "pro",
            "visits": 1234567,
            "address": {"street": "12 St James's  Square"},
            "tags": ["countess"],
            "account_id": "77",
        },
    },
    {"type": "track", "anonymousId": "x", "event": "Order Completed", "context": {"device": {"id": "d"}}},
]
BODY = orjson.dumps({"batch": CALLS})


def shown(message):
    return MessageFilter(BODY, KEY).shown(message)


@pytest.mark.parametrize(
    "message",
    [
        "event is missing",
        "traits.first_name: is not a known trait",
        "email: not an email",
        "identify and track need userId or anonymousId",
        "plan pro is unknown",
        "visits 1234567 is a number",
        "u77 and xu7 are other words, as is u7_",
        "Londoner",
    ],
)
def test_a_message_of_the_apis_own_words_is_shown(message):
    assert shown(message) == message


@pytest.mark.parametrize(
    "message",
    [
        "u7 is suppressed",
        "no person 'u7'",
        "userId:u7",
        "[x] is suppressed",
        "duplicate messageId 01HF7Z6XW0D3V8Q2J5N4KCB9RT",
        "account 77 is closed",
        "device d is unknown",
        "ada@example.com is taken",
        "<Ada@Example.com>",
        "ada%40example.com is taken",
        "&lt;ada&#64;example.com&gt; is taken",
        "AUGUSTA is not a name",
        "no city of London",
        "12 St James's Square is not an address",
        "countess: unknown tag",
        "unknown event Order Completed",
    ],
)
def test_a_message_that_repeats_the_batch_is_dropped(message):
    assert shown(message) == ""


@pytest.mark.parametrize("body", [b"", b"not json", b'{"batch":7}', b'{"batch":[7,null,"text"]}', b"[]"])
def test_a_batch_that_is_not_one_hides_nothing(body):
    assert MessageFilter(body, KEY).shown("event is missing") == "event is missing"


@pytest.mark.parametrize("encode", [base64.b64encode, base64.urlsafe_b64encode])
@pytest.mark.parametrize("user", [KEY, f"{KEY}:"])
def test_a_key_is_masked_as_it_travels(encode, user):
    encoded = encode(user.encode()).decode()
    for form in (encoded, encoded.rstrip("="), quote(encoded, safe=""), quote(encoded, safe="").lower()):
        text = shown(f"blocked Basic {form} here")
        assert encoded.rstrip("=")[:12] not in text
        assert text in ("", "blocked Basic (write key) here")


@pytest.mark.parametrize("form", [KEY, quote(KEY), quote(KEY, safe=""), quote(KEY, safe="").lower(), KEY.upper()])
def test_a_key_is_masked_in_plain_and_escaped_form(form):
    assert shown(f"invalid key {form} here") == "invalid key (write key) here"


@pytest.mark.parametrize("before", ["", "x", "ab", "key:"])
def test_a_key_inside_a_longer_text_in_base64_or_hexadecimal_is_masked(before):
    text = f"{before}{KEY}:yy".encode()
    for encoded in (base64.b64encode(text).decode(), text.hex()):
        assert "(write key)" in shown(f"blocked {encoded}")


@pytest.mark.parametrize("piece", [KEY[:12], KEY[:-1], KEY[1:], KEY[1:-1].upper()])
def test_a_long_piece_of_a_key_is_masked(piece):
    assert shown(f"no key {piece}... here") == "no key (write key)... here"
    assert shown(f"{piece} {piece}") == "(write key) (write key)"


def test_a_short_piece_of_a_key_is_an_ordinary_word():
    assert shown(f"no key {KEY[:11]} here") == f"no key {KEY[:11]} here"


def test_a_key_of_which_each_character_is_escaped_is_not_shown():
    assert shown("invalid key " + "".join(f"%{ord(each):02x}" for each in KEY)) == ""
    assert shown("invalid key " + "".join(f"&#{ord(each)};" for each in KEY)) == ""


@pytest.mark.parametrize(
    ("key", "text", "masked"),
    [
        ("wrong", "the write key is wrong or missing", "the write key is wrong or missing"),
        ("wrong", "there is no key 'wrong' here", "there is no key '(write key)' here"),
        ("wrong", "no such key: wrong", "no such key: (write key)"),
        ("wrong", "wrong", "(write key)"),
        ("k", "this key is k no more", "this key is k no more"),
        ("sandbox", "Basic c2FuZGJveDo= of the sandbox", "Basic (write key) of the sandbox"),
        (KEY, f"Basic{KEY}_ is no key", "Basic(write key)_ is no key"),
    ],
)
def test_a_key_that_may_be_any_word_is_masked_in_the_place_of_a_key_only(key, text, masked):
    assert mask_key(text, key) == masked


def test_a_key_is_masked_before_a_message_is_cut_so_that_no_part_of_it_is_left():
    assert shown("x" * 495 + f" {KEY} is wrong") == "x" * 495 + " (wri"


@pytest.mark.parametrize(
    ("message", "text"),
    [
        ("\x1b[31mred\x00", "[31mred"),
        ("two\r\nlines\u2028or\u202ethree", "two lines or three"),
        ("   ", ""),
    ],
)
def test_control_characters_are_left_out(message, text):
    assert shown(message) == text
