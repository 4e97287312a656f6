"""What a write key says about itself, and how it is kept out of reprs and tracebacks."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar

from cio_frames.errors import CioFramesError

# Keys of 2025 and later: kind, region, random text, checksum. Older keys have no prefix.
_PREFIX = re.compile(r"(?P<kind>pk|sk|wk|ak)_(?P<region>us|eu)_.")
_KEY_KINDS = {"pk": "a public key", "sk": "a private key", "wk": "a write key", "ak": "an API key"}

AnyClass = TypeVar("AnyClass", bound=type)


class WriteKey(str):
    """A write key whose repr does not show it, so that tools that record local variables do not either.

    >>> WriteKey("sk_eu_0123456789_abcdef")
    (write key)
    """

    __slots__ = ()

    def __repr__(self) -> str:
        return "(write key)"

    @property
    def region(self) -> str | None:
        """The region that the key names, None if it names none.

        >>> WriteKey("sk_eu_0123456789_abcdef").region, WriteKey("0123456789").region
        ('eu', None)
        """
        found = _PREFIX.match(self)
        return found["region"] if found else None

    @property
    def kind(self) -> str | None:
        """The kind of key in words, None if it has no prefix.

        >>> WriteKey("sk_eu_0123456789_abcdef").kind
        'a private key (sk_eu_...)'
        """
        found = _PREFIX.match(self)
        return f"{_KEY_KINDS[found['kind']]} ({found['kind']}_{found['region']}_...)" if found else None


def drop_arguments_on_error(cls: AnyClass) -> AnyClass:
    """Let the constructor of a class raise without its arguments in the frames of the traceback.

    Tools that record the local variables of a traceback would show a write key there.
    """
    construct: Callable[..., None] = cls.__init__  # type: ignore[misc]

    @wraps(construct)
    def __init__(self: Any, **arguments: Any) -> None:  # noqa: N807 -- it replaces the constructor
        failure: Exception | None = None
        try:
            construct(self, **arguments)
        except (CioFramesError, TypeError) as error:
            failure = error.with_traceback(None)
        if failure is not None:
            # Its repr shows what it was given, such as an endpoint that holds the key.
            del self
            arguments.clear()
            raise failure

    cls.__init__ = __init__  # type: ignore[misc]
    return cls
