"""What nobody documents about the API, and what this sandbox does about it.

``Assumed`` holds the switches: the first value of each is the default. ``FIXED`` is assumed too and cannot be
switched. The page ``/about`` and the README list both.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Literal, NamedTuple, Self, get_args, get_type_hints

from cio_frames.errors import ConfigurationError


def _switch(default: str, says: str) -> Any:
    return field(default=default, metadata={"says": says})


@dataclass(frozen=True, slots=True, kw_only=True)
class Assumed:
    """How the undocumented is decided; all values are among a few."""

    wrong_key: Literal["swallow", "refuse"] = _switch(
        "swallow", "What permissive mode does with a wrong or missing write key: answer 200, or 401."
    )
    bad_json: Literal["400", "200"] = _switch("400", "What permissive mode answers to a body that is not JSON.")
    oversize_call: Literal["400", "413"] = _switch("400", "What strict mode answers to a call over the limit.")
    oversize_body: Literal["413", "400"] = _switch("413", "What strict mode answers to a body over the limit.")
    kilobyte: Literal["1024", "1000"] = _switch("1024", "How many bytes a KB has in the limits of 32 and 500 KB.")
    measured: Literal["plain", "wire"] = _switch("plain", "Whether a body is measured before gzip, or as it travels.")
    gzip: Literal["read", "refuse"] = _switch("read", "Whether a gzip body is read, or answered 415.")
    content_type: Literal["any", "json"] = _switch(
        "any", "Whether any Content-Type will do, or all but application/json are answered 415."
    )
    empty_batch: Literal["take", "refuse"] = _switch("take", "What strict mode does with a batch of no calls.")
    batch_calls: Literal["any", "100"] = _switch("any", "How many calls a batch may hold.")
    repeats: Literal["ulid", "all", "none"] = _switch(
        "ulid", "Which events with a message id seen before are ignored: those with a ULID, all, or none."
    )
    null_traits: Literal["erase", "keep"] = _switch(
        "erase", 'Whether null and "" erase a person\'s trait (as is documented for objects), or are kept.'
    )
    object_traits: Literal["flat", "nested"] = _switch(
        "flat", "Where a group's attributes are: flat in traits, or in traits.objectAttributes."
    )
    unknown_people: Literal["make", "ignore"] = _switch(
        "make", "Whether an event, group or device of an unknown person makes the person, or is ignored."
    )
    email_changes: Literal["refuse", "allow"] = _switch(
        "refuse", "Whether an identify by user id may change or erase an email that is set (cio_ ids always may)."
    )
    future_times: Literal["keep", "clamp"] = _switch(
        "keep", "Whether a time in the future is kept, or becomes the time of receipt."
    )

    @classmethod
    def of(cls, chosen: Mapping[str, str]) -> Self:
        """Return the defaults but for what was chosen.

        >>> Assumed.of({"empty_batch": "refuse"}).empty_batch
        'refuse'
        """
        known = {switch.name: switch.choices for switch in switches()}
        for name, value in chosen.items():
            if name not in known:
                raise ConfigurationError(f"assume={name!r} is unknown; there are {', '.join(map(repr, known))}.")
            if value not in known[name]:
                choices = ", ".join(map(repr, known[name]))
                raise ConfigurationError(f"assume {name}={value!r} is unknown; pass one of {choices}.")
        values: dict[str, Any] = dict(chosen)
        return cls(**values)


class Switch(NamedTuple):
    """One assumption that can be switched."""

    name: str
    choices: tuple[str, ...]
    says: str


def switches() -> Iterator[Switch]:
    """Yield the switches, the default of each first among its choices."""
    hints = get_type_hints(Assumed)
    for each in fields(Assumed):
        # A Literal keeps the order in which it is written, and the default is written first; a test holds that.
        yield Switch(each.name, get_args(hints[each.name]), each.metadata["says"])


FIXED = (
    "A password beside the write key makes the key wrong.",
    "An unknown path is answered 404 and a wrong method 405, in both modes.",
    "A call whose type contradicts its path is refused.",
    "White space alone is no id, and a number is none either.",
    "A date without time is no timestamp; a time without zone is read as UTC.",
    "Of context and integrations, the call's own win field by field, and the batch's fill the gaps.",
    "Permissive mode keeps the good calls of a batch and swallows the bad ones.",
    "Types of the properties of semantic events are not judged.",
    "NaN, Infinity and half a surrogate pair are no JSON; of a key that is repeated the last value counts; an integer "
    "of more than 64 bits is kept as a float.",
    "A body may nest 1,024 levels deep, and a call 254.",
    "A visitor who is known by an anonymous id alone is listed among the people, without a cio_ id.",
    "A visitor's traits fill gaps in the person who turns out to be the visitor.",
    "Later calls with an anonymous id that was joined to a person are the person's; the five minutes in which the "
    "vendor joins late events are not measured.",
    "A change of email or user id that the API refuses leaves the other traits of the call in force.",
    "Strings that are dates stay strings, though Customer.io makes seconds of them.",
    "An object type exists as soon as an object of it is sent.",
    "An object type is an integer or a string of digits; with any other, nothing happens to the object.",
    "A device belongs to a person: the same token may be with two.",
    "A merge moves devices and relationships of the person who is merged away.",
    "User Unsuppressed also frees the email or id that was suppressed along with the one that it names.",
    "What a deleted person did stays among the events, as nobody's.",
    "A message id is remembered for good.",
    "No rate limit is applied; a fault of 429 shows what one does.",
    "Limits of what lies behind the API (150 bytes an id, 300 traits a person, and so on) are not applied, since its "
    "answers do not show them.",
    "_update and _timestamp are traits like any other.",
    "originalTimestamp and sentAt correct no clock.",
    "The event of a page or screen call has the call's name, whatever its url.",
)
