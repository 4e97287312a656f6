"""What the API's documentation leaves open, and how this sandbox decides it.

``Assumptions`` holds the switches: the first value of each is the default. ``FIXED_ASSUMPTIONS`` have no switch. The
page ``/about`` lists both.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Literal, NamedTuple, Self, get_args, get_type_hints

from cio_frames.errors import ConfigurationError, parameter


def _define_switch(default: str, description: str) -> Any:
    return field(default=default, metadata={"description": description})


@dataclass(frozen=True, slots=True, kw_only=True)
class Assumptions:
    """How undocumented behavior is decided; each value is one of a few."""

    wrong_key: Literal["swallow", "refuse"] = _define_switch(
        "swallow", "Response of permissive mode to a missing or invalid write key: 200 (swallow) or 401 (refuse)."
    )
    bad_json: Literal["400", "200"] = _define_switch(
        "400", "Response of permissive mode to a body that is not valid JSON."
    )
    oversize_call: Literal["400", "413"] = _define_switch("400", "Response of strict mode to a call over the limit.")
    oversize_body: Literal["413", "400"] = _define_switch("413", "Response of strict mode to a body over the limit.")
    kilobyte: Literal["1024", "1000"] = _define_switch("1024", "Bytes in a KB, for the limits of 32 KB and 500 KB.")
    measured: Literal["plain", "wire"] = _define_switch(
        "plain", "Whether the size of a body is measured without compression (plain) or as it is sent (wire)."
    )
    gzip: Literal["read", "refuse"] = _define_switch("read", "Whether a gzip body is read, or refused with 415.")
    content_type: Literal["any", "json"] = _define_switch(
        "any", "Whether any Content-Type is accepted, or all but application/json are refused with 415."
    )
    empty_batch: Literal["take", "refuse"] = _define_switch("take", "Whether strict mode accepts a batch of no calls.")
    batch_calls: Literal["any", "100"] = _define_switch("any", "Maximum number of calls in a batch.")
    repeats: Literal["ulid", "all", "none"] = _define_switch(
        "ulid", "Which events with a repeated message id are ignored: those whose id is a ULID, all, or none."
    )
    null_traits: Literal["erase", "keep"] = _define_switch(
        "erase", 'Whether null and "" remove a person\'s trait (documented for objects only), or are stored.'
    )
    object_traits: Literal["flat", "nested"] = _define_switch(
        "flat", "Where a group's attributes are: in traits (flat), or in traits.objectAttributes (nested)."
    )
    unknown_people: Literal["make", "ignore"] = _define_switch(
        "make", "Whether an event, group or device of an unknown person creates the person, or is ignored."
    )
    email_changes: Literal["refuse", "allow"] = _define_switch(
        "refuse", "Whether an identify by user id may change or remove an email (an identify by cio_ id always may)."
    )
    future_times: Literal["keep", "clamp"] = _define_switch(
        "keep", "Whether a timestamp in the future is kept, or replaced by the time of receipt."
    )

    @classmethod
    def from_choices(cls, choices: Mapping[str, str]) -> Self:
        """Return the defaults, replaced where there is a choice.

        >>> Assumptions.from_choices({"empty_batch": "refuse"}).empty_batch
        'refuse'
        """
        known = {switch.name: switch.choices for switch in list_switches()}
        for name, value in choices.items():
            if name not in known:
                names = ", ".join(map(repr, known))
                raise ConfigurationError(f"{parameter('assume')} must name one of {names}, got {name!r}.")
            if value not in known[name]:
                valid = " or ".join(map(repr, known[name]))
                raise ConfigurationError(f"{parameter('assume')} {name} must be {valid}, got {value!r}.")
        values: dict[str, Any] = dict(choices)
        return cls(**values)


class Switch(NamedTuple):
    """One assumption with a switch."""

    name: str
    choices: tuple[str, ...]
    description: str


def list_switches() -> Iterator[Switch]:
    """Yield the switches, the default of each first among its choices."""
    hints = get_type_hints(Assumptions)
    for each in fields(Assumptions):
        # A Literal keeps its order, and the default is written first; a test checks that.
        yield Switch(each.name, get_args(hints[each.name]), each.metadata["description"])


# The descriptions of the two assumptions that are options of their own.
OPTION_DESCRIPTIONS = {
    "batch_errors": "Which calls strict mode rejects if a batch has an invalid call: all of the batch (whole), that "
    "call with the response 400 (item), or that call with the response 207 and its batch_index (multi_status).",
    "error_body": "Shape of error responses. Each is documented or read by an official client.",
}
FIXED_ASSUMPTIONS = (
    "A password beside the write key makes the key invalid.",
    "An unknown path gets 404 and a wrong method 405, in both modes.",
    "A call whose type contradicts its path is rejected.",
    "An id must be text; a number or white space alone is not a valid id.",
    "A date without a time is not a valid timestamp; a time without a time zone is UTC.",
    "Batch-level integrations, which the current documentation does not have, apply to calls without their own, as "
    "batch-level context does.",
    "POST /v1/b accepts what the vendor's mobile SDK sends: gzip, text/plain, and the write key as writeKey in the "
    "body if there is no Authorization header. The switches gzip and content_type do not apply to it.",
    "Permissive mode accepts the valid calls of a batch and drops the others.",
    "The types of a semantic event's properties are not checked.",
    "NaN, Infinity and unpaired surrogates are not valid JSON; of a repeated key the last value counts; an integer of "
    "more than 64 bits is stored as a float.",
    "A body may nest 1,024 levels deep, and a call 254.",
    "A visitor, who has an anonymous id alone, is listed among the people, without a cio_ id.",
    "When a visitor is identified, the visitor's traits fill gaps in the person's.",
    "Later calls with an anonymous id that was assigned to a person belong to the person; the vendor's window of five "
    "minutes for late events is not applied.",
    "A rejected change of email or user id leaves the other traits of the call in force.",
    "Text that is a date stays text, although Customer.io converts it to seconds.",
    "An object type exists as soon as an object of it is sent.",
    "An object type is an integer or a string of digits; a call with any other leaves objects unchanged.",
    "A device belongs to a person: two people may have the same token.",
    "A merge transfers devices and relationships of the merged person.",
    "User Unsuppressed also frees the email or id that was suppressed with the one that it names.",
    "Events of a deleted person are kept, without a person.",
    "A message id is remembered forever.",
    "There is no rate limit; a fault of 429 shows its effect.",
    "The limits of Customer.io's store behind the API (150 bytes per id, 300 traits per person, and so on) are not "
    "applied, since the API's responses do not show them.",
    "The traits id, cio_id and anonymous_id are reserved and never stored as traits; id can set a missing id.",
    "_update and _timestamp are ordinary traits.",
    "originalTimestamp and sentAt do not correct a client's clock.",
    "The event of a page or screen call has the call's name, whatever its url.",
)
