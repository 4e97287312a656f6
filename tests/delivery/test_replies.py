"""How a reply is read: what its body is, its messages, its wait."""

import pytest

from cio_frames.delivery.replies import MAX_REPLY_BYTES, Content, parse_body, read_body, retry_after_seconds


@pytest.mark.parametrize(
    ("body", "messages"),
    [
        # The five shapes that Customer.io is known to use, and what clients of theirs expect beside them.
        (b'{"meta":{"errors":["event is missing","userId is missing"]}}', ["event is missing", "userId is missing"]),
        (b'{"meta":{"error":"Unauthorized"}}', ["Unauthorized"]),
        (b'{"errors":[{"reason":"required","field":"userId","message":"is blank"}]}', ["userId: is blank"]),
        (
            b'{"errors":[{"detail":"is blank","status":"400","source":{"pointer":"/userId"}}]}',
            ["/userId: is blank"],
        ),
        (b'{"errors":[{"detail":"is blank","status":"400"}]}', ["is blank"]),
        (b'[{"reason":"required","field":"userId"}]', ["userId: required"]),
        (b'{"message":"invalid","errors":[{"field":"event","message":"is blank"}]}', ["invalid", "event: is blank"]),
        (b'{"error":{"message":"no such key"}}', ["no such key"]),
        (b'{"error":"no such key"}', ["no such key"]),
        (b'{"Errors":["no such key"]}', ["no such key"]),
        (b'{"errors":["a","b"]}', ["a", "b"]),
        (b'{"success":false,"message":"no"}', ["no"]),
        (b'{"success":false}', []),
        (b'{"error":true}', []),
        (b'{"errors":[{"unknown":"shape of it"}]}', []),
    ],
)
def test_the_messages_of_any_known_error_body_are_found(body, messages):
    found = parse_body(body)
    assert (found.content, found.messages) == (Content.ERRORS, messages)


@pytest.mark.parametrize(
    ("body", "messages"),
    [
        (b"{}", []),
        (b' {"success": true} ', []),
        (b'{"errors":[],"error":null,"meta":{"errors":[]}}', []),
        (b'{"detail":"not known to us","title":"nor this","reason":"nor that"}', []),
        (b'{"message":7}', []),
    ],
)
def test_an_object_without_error_keys_is_no_error_and_may_explain_a_status(body, messages):
    found = parse_body(body)
    assert (found.content, found.messages) == (Content.OBJECT, messages)


@pytest.mark.parametrize(
    ("body", "content_type", "content"),
    [
        (b"", "", Content.EMPTY),
        (b" \r\n", "text/plain", Content.EMPTY),
        (b"{}", "application/json; charset=utf-8", Content.OBJECT),
        (b"{}", "text/plain", Content.OBJECT),
        (b"{}", "text/html", Content.PAGE),
        (b"", "text/html", Content.PAGE),
        (b"Welcome <html>log in</html>", "Text/HTML; charset=utf-8", Content.PAGE),
        (b"Welcome", "application/xhtml+xml", Content.PAGE),
        (b"\n <html>", "", Content.PAGE),
        (b'<?xml version="1.0"?>', "", Content.PAGE),
        ("\ufeff<html>log in</html>".encode(), "", Content.PAGE),
        ("\ufeff{}".encode(), "application/json", Content.OTHER),
        (b"slow down", "", Content.OTHER),
        (b"[]", "", Content.OTHER),
        (b"null", "", Content.OTHER),
        (b'"just text"', "", Content.OTHER),
        (b"{}{}", "", Content.OTHER),
        (b'{"error":"cut o', "", Content.OTHER),
        (b"[" * 900 + b"]" * 900, "", Content.OTHER),
        (b"[" * 100_000, "", Content.OTHER),
    ],
)
def test_a_body_that_is_not_of_the_api_has_no_message(body, content_type, content):
    found = parse_body(body, content_type)
    assert (found.content, found.messages, found.rejections) == (content, [], [])


@pytest.mark.parametrize(
    ("body", "rejections"),
    [
        (b'{"errors":[{"batch_index":1,"field":"email","message":"no"}]}', [(1, "email: no")]),
        (b'{"meta":{"errors":[{"batch_index":0,"reason":"no"}]}}', [(0, "no")]),
        (b'{"errors":[{"batch_index":2},{"batch_index":2,"message":"b"}]}', [(2, ""), (2, "b")]),
        (b'{"errors":[{"batch_index":1,"message":"a"},{"message":"b"}]}', [(1, "a"), (-1, "b")]),
        (b'{"errors":[{"batch_index":-3,"message":"a"}]}', [(-1, "a")]),
        (b'{"errors":[{"batch_index":"1","message":"a"}]}', [(-1, "a")]),
        (b'{"errors":[{"batch_index":true,"message":"a"}]}', [(-1, "a")]),
        (b'{"errors":[{"batch_index":1.0,"message":"a"}]}', [(-1, "a")]),
        (b'{"errors":{"batch_index":1,"message":"a"}}', [(1, "a")]),
        (b'{"errors":["a"]}', [(-1, "a")]),
    ],
)
def test_errors_that_name_a_call_of_the_batch_are_found_with_its_position(body, rejections):
    assert parse_body(body).rejections == rejections


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("0", 0.0),
        ("3", 3.0),
        (" 2.5 ", 2.5),
        ("86400", 86_400.0),
        ("9" * 400, 366 * 86_400.0),
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
        ("Fri, 31 Dec 9999 23:59:59 GMT", 366 * 86_400.0),
        ("Thu, 41 Jan 1970 00:00:10 GMT", None),
    ],
)
def test_retry_after_is_read_as_seconds_or_a_date_within_bounds(header, seconds):
    assert retry_after_seconds(header, now=40.0) == seconds


class Clock:
    """Moves on by a second each time it is read."""

    seconds = 0.0

    def __call__(self):
        self.seconds += 1.0
        return self.seconds


def test_a_body_that_drips_is_read_until_the_deadline_and_is_not_whole():
    pieces = iter([b"x"] * 1_000)
    assert read_body(pieces, 5.0, clock=Clock()) == (b"x" * 6, False)
    assert len(list(pieces)) == 994


def test_of_a_very_large_body_only_the_start_is_read():
    pieces = iter([b"x" * 2**20] * 1_000)
    body, is_whole = read_body(pieces)
    assert (len(body) <= MAX_REPLY_BYTES + 2**20, is_whole) == (True, False)
    assert len(list(pieces)) >= 990


@pytest.mark.parametrize(
    "body",
    [
        b'{"data":{"errors":["no"]}}',
        b'{"meta":[{"error":"no"}]}',
        b'{"results":[{"status":200},{"status":400}]}',
        b'{"responses":[{"success":false}]}',
        b'{"success":null}',
        b'{"ok":false}',
        b'{"status":"failed"}',
        b'{"statusCode":"500","body":""}',
        b'{"errorMessage":"Task timed out","errorType":"Timeout"}',
        b'{"fault":{"faultstring":"quota"}}',
        b'{"accepted_rows":1,"rejected":[0]}',
        b'{"code":"unauthorized","message":"no such key"}',
    ],
)
def test_an_object_that_tells_of_a_failure_elsewhere_proves_nothing(body):
    assert parse_body(body).content is Content.FAILURE


@pytest.mark.parametrize(
    "body",
    [b'{"success":true}', b'{"status":"ok","code":200}', b'{"errors":[],"failed":0}', b'{"default":"x"}', b'{"ok":1}'],
)
def test_an_object_without_any_sign_of_failure_is_a_success(body):
    assert parse_body(body).content is Content.OBJECT


def test_a_key_that_comes_in_two_cases_hides_no_error():
    assert parse_body(b'{"error":"no","Error":null}').messages == ["no"]


def test_errors_that_are_nested_too_deep_are_no_message():
    assert parse_body(b'{"error":' * 1_000 + b'"x"' + b"}" * 1_000).content is Content.OTHER


def test_what_explains_a_failure_is_its_message():
    assert parse_body(b'{"code":"invalid_request","message":"event is missing"}').messages == ["event is missing"]
