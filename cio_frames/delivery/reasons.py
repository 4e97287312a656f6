"""What replies mean for rows, in words: the status and the reason of a batch, and why a delivery stops."""

from __future__ import annotations

from cio_frames._util.write_keys import WriteKey
from cio_frames.client import Client
from cio_frames.delivery.outcomes import BLOCKED
from cio_frames.delivery.replies import Content, Reply
from cio_frames.delivery.retry import NOT_ACCEPTED_STATUSES, Disposition
from cio_frames.errors import by_door, parameter
from cio_frames.results import Status

MAY_BE_ACCEPTED = "; it may have been accepted"
EARLIER_MAY_BE_ACCEPTED = "; an earlier attempt may have been accepted"
NOT_RETRIED = f"its batch was refused, and delivery stopped before this call was retried{MAY_BE_ACCEPTED}"
ANSWER_NOT_AWAITED = f"delivery stopped before an answer came{MAY_BE_ACCEPTED}"
NOT_CONFIRMED = "the API answered 200 with strict mode off, which it also does for calls that it drops"


def final_status(
    disposition: Disposition,
    reply: Reply,
    client: Client,
    *,
    in_doubt: bool,
    was_unanswered: bool = False,
    note: str = "",
) -> tuple[Status, str | None]:
    """Return the status and the reason of a batch that will not be sent again; a note goes into the reason.

    >>> final_status(Disposition.REFUSED, Reply(400, "event is missing"), Client(write_key="secret"), in_doubt=False)
    ('rejected', '400: event is missing')
    """
    is_page = disposition is Disposition.REFUSED and reply.content is Content.PAGE
    is_blocked = disposition is Disposition.BLOCKED or is_page
    match disposition:
        case Disposition.ACCEPTED | Disposition.PARTLY_ACCEPTED:
            return accepted_status(client)
        case _ if is_blocked:
            reason = f"{describe_reply(reply)}: {BLOCKED}"
            # What blocks a call now does not know what became of an earlier attempt.
            return ("unknown", f"{reason}{EARLIER_MAY_BE_ACCEPTED}") if was_unanswered else ("rejected", reason)
        case Disposition.REFUSED:
            return "rejected", describe_reply(reply)
        case Disposition.UNAUTHORIZED:
            reason = f"the API does not accept this write key ({describe_reply(reply)})"
            return ("unknown", f"{reason}{EARLIER_MAY_BE_ACCEPTED}") if in_doubt else ("unsent", reason)
        case Disposition.RETRY if not in_doubt:
            return "unsent", f"{describe_reply(reply)}{note}"
        case Disposition.RETRY:
            may_be_this = reply.sent and reply.status not in NOT_ACCEPTED_STATUSES
            doubt = MAY_BE_ACCEPTED if may_be_this else EARLIER_MAY_BE_ACCEPTED
            return "unknown", f"{describe_reply(reply)}{note}{doubt}"
        case Disposition.UNEXPECTED if reply.status == 431 and not in_doubt:
            return "unsent", describe_reply(reply)
        case _:
            return "unknown", f"unexpected answer ({describe_reply(reply)}){MAY_BE_ACCEPTED}"


def accepted_status(client: Client) -> tuple[Status, str | None]:
    """Return the status and the reason of calls that the API has accepted."""
    return ("delivered", None) if client.strict else ("acknowledged", NOT_CONFIRMED)


def describe_reply(reply: Reply) -> str:
    """Return a reply for people to read.

    >>> describe_reply(Reply(400, "event is missing")), describe_reply(Reply(502, "", content=Content.PAGE))
    ('400: event is missing', 'answered 502 with a web page')
    """
    if reply.status is None:
        return reply.message
    if reply.message:
        return f"{reply.status}: {reply.message}"
    match reply.content:
        case Content.PAGE:
            return f"answered {reply.status} with a web page"
        case Content.OTHER:
            return f"answered {reply.status} with text that is not JSON of the API"
        case Content.FAILURE:
            return f"answered {reply.status} with JSON that tells of a failure"
        case Content.CUT:
            return f"answered {reply.status}, and the answer was cut off"
        case _:
            return f"answered {reply.status}"


def rejection_reason(reply: Reply, message: str) -> str:
    """Return the reason of a call that a reply names.

    >>> rejection_reason(Reply(207, ""), "email: not an email"), rejection_reason(Reply(207, ""), "")
    ('207: email: not an email', '207: the API rejected this call')
    """
    return f"{reply.status}: {message or 'the API rejected this call'}"


def describe_wait(reply: Reply, own_seconds: float, budget_seconds: float) -> str:
    """Return what to add to a reason where the server asks for a longer wait than this delivery makes, or nothing.

    >>> describe_wait(Reply(429, "", 3_600.0), 0.5, 120.0)
    '; it asks to wait 3,600 s; retry_budget_seconds is 120'
    """
    wait = reply.retry_after_seconds
    if wait is None or wait <= own_seconds:
        return ""
    budget = f"; retry_budget_seconds is {budget_seconds:g}" if wait > budget_seconds else ""
    return f"; it asks to wait {wait:,.0f} s{budget}"


def unauthorized_message(reply: Reply, client: Client) -> str:
    """Return why a delivery stops at a key that is not accepted, with the kind of key that was used."""
    variable = by_door("CIO_WRITE_KEY (or write_key=)", "CIO_WRITE_KEY")
    kind = WriteKey(client.write_key).kind
    if kind is not None:
        used = f"The key is {kind}."
    else:
        used = (
            "The key does not say its kind; the required one is the write key of a source in Data Pipelines, not a "
            "Track API key or an App API key."
        )
    return (
        f"The API does not accept this write key: it answered {reply.status}. {used} Check {variable}, and that "
        f"{parameter('region')} is your workspace's."
    )


def unexpected_message(reply: Reply, client: Client) -> str:
    """Return why a delivery stops at answers that are not the API's.

    Without the reply's message: an unknown server may repeat what was sent to it.
    """
    if reply.status == 431:
        return (
            "The request headers are too large for the server or a proxy in between: it answered 431. "
            "Check the proxy, which may add headers."
        )
    if reply.status == 402:
        return "The API answered 402: the account is not paid for, or over its plan. Check the account."
    page = " with a web page" if reply.content is Content.PAGE else ""
    blocked = f" Perhaps {BLOCKED}." if reply.status == 403 else ""
    return (
        f"{client.endpoint} does not answer as Customer.io does: it answered {reply.status}{page}.{blocked} "
        f"Check {parameter('endpoint')}."
    )
