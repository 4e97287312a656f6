"""Secrets in the address of a source: left out of the ledger, of results and of errors.

pyarrow and fsspec take keys and passwords in an address (``s3://KEY:SECRET@bucket``), and signed addresses are keys by
themselves. Without them, an address names the same source.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import Any, Concatenate, ParamSpec, TypeVar
from urllib.parse import parse_qsl, unquote, urlsplit, urlunsplit

from cio_frames.errors import CioFramesError

Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")

# Of signed addresses, which change with each signature, and of settings of file systems.
_SECRET_NAMES = re.compile(
    r"x-amz-|x-goog-|signature|token|secret|password|passwd|pwd|credential|expires|policy|api_?key|access_?key|key-pair"
    r"|^(sig|key|auth|se|sp|sv|sr|st|spr|sip|skoid|sktid|skt|ske|sks|skv)$",
    re.IGNORECASE,
)
_MASK = "***"
# Shorter ones may be any word of a sentence.
_MIN_SECRET_LENGTH = 6


def without_secrets(source: str) -> str:
    """Return an address without its user name, password and secret parameters; any other text as it is.

    >>> without_secrets("s3://AKIA:SECRET@bucket/orders/?region=eu-west-1&X-Amz-Signature=0ff")
    's3://bucket/orders/?region=eu-west-1'
    >>> without_secrets("orders@2026.csv")
    'orders@2026.csv'
    """
    if "://" not in source:
        return source
    try:
        parts = urlsplit(source)
    except ValueError:
        # Whatever it is, what stands before the host is not told.
        return re.sub(r"://[^/]*@", "://", source).partition("?")[0]
    host = parts.netloc.rpartition("@")[2]
    kept = [
        pair for pair in parts.query.split("&") if pair and not _SECRET_NAMES.search(unquote(pair.partition("=")[0]))
    ]
    return urlunsplit(parts._replace(netloc=host, query="&".join(kept)))


def mask_secrets(text: str, source: str) -> str:
    """Return a text about a source without the secrets of its address, in any form that they may have.

    >>> mask_secrets("cannot open s3://AKIA:SECRET@bucket: SECRET is wrong", "s3://AKIA:SECRET@bucket")
    'cannot open s3://bucket: *** is wrong'
    """
    if "://" not in source:
        return text
    text = text.replace(source, without_secrets(source))
    for secret in sorted(_find_secrets(source), key=len, reverse=True):
        text = text.replace(secret, _MASK)
    return text


def _find_secrets(source: str) -> set[str]:
    try:
        parts = urlsplit(source)
    except ValueError:
        return set(re.findall(r"://([^/]*)@", source))
    user_info = parts.netloc.rpartition("@")[0]
    found = {user_info, *user_info.split(":")}
    found |= {value for name, value in parse_qsl(parts.query) if _SECRET_NAMES.search(name)}
    found |= {pair.partition("=")[2] for pair in parts.query.split("&") if _SECRET_NAMES.search(pair.partition("=")[0])}
    return {form for each in found for form in (each, unquote(each)) if len(form) >= _MIN_SECRET_LENGTH}


@contextmanager
def masked_errors(source: Any) -> Iterator[None]:
    """Mask the secrets of a source's address in errors that are raised inside."""
    try:
        yield
    except CioFramesError as error:
        if isinstance(source, str) and "://" in source:
            error.args = tuple(mask_secrets(each, source) if isinstance(each, str) else each for each in error.args)
            for name in ("message", "where"):
                if isinstance(getattr(error, name, None), str):
                    setattr(error, name, mask_secrets(getattr(error, name), source))
            # What it was made of names the address in full.
            error.__cause__ = None
            error.__suppress_context__ = True
        raise


def masks_secrets(
    function: Callable[Concatenate[Any, Parameters], Result],
) -> Callable[Concatenate[Any, Parameters], Result]:
    """Decorate a function of a source so that its errors do not hold the secrets of the source's address."""

    @wraps(function)
    def masked(given: Any, /, *args: Parameters.args, **options: Parameters.kwargs) -> Result:
        with masked_errors(given):
            return function(given, *args, **options)

    return masked
