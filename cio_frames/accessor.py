"""``df.cio``: every method is derived from the function of the same name, with the frame in front."""

from __future__ import annotations

import functools
import inspect
import re
from collections.abc import Callable
from typing import Any, Concatenate, ParamSpec, TypeVar

import pandas as pd

from cio_frames import functions, operations

_P = ParamSpec("_P")
_R = TypeVar("_R")


def _method(function: Callable[Concatenate[pd.DataFrame, _P], _R]) -> Callable[Concatenate[CioAccessor, _P], _R]:
    """Return a method that calls a function with the accessor's frame."""

    def method(self: CioAccessor, /, *args: _P.args, **kwargs: _P.kwargs) -> _R:
        __tracebackhide__ = True
        return function(self._frame, *args, **kwargs)

    functools.update_wrapper(method, function)
    # TAB and ? read the signature; __wrapped__ would lead them to the function, which takes df.
    del method.__wrapped__  # type: ignore[attr-defined]
    signature = inspect.signature(function)
    self_parameter = inspect.Parameter("self", inspect.Parameter.POSITIONAL_OR_KEYWORD)
    parameters = [self_parameter, *list(signature.parameters.values())[1:]]
    method.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
    method.__module__, method.__qualname__ = __name__, f"CioAccessor.{function.__name__}"
    method.__doc__ = _method_docstring(function)
    return method


def _frame_method(
    function: Callable[Concatenate[Any, _P], Any],
) -> Callable[Concatenate[CioAccessor, _P], pd.DataFrame]:
    """Return a method of a function that takes other sources too; of a frame it returns a frame."""
    return _method(function)


def _method_docstring(function: Callable[..., object]) -> str:
    """Return a function's docstring without ``df``, and with examples that call the method."""
    text = re.sub(r"(?m)^df : .*\n(?: {4}.*\n)+", "", inspect.cleandoc(function.__doc__ or ""))
    name = function.__name__
    return re.sub(rf"(?<=[ (]){name}\((\w+)(?:, )?", rf"\1.cio.{name}(", text)


@pd.api.extensions.register_dataframe_accessor("cio")
class CioAccessor:
    """Send the rows of this frame to Customer.io.

    Examples
    --------
    >>> orders = pd.DataFrame({"user_id": ["ada"], "total": [12.5]})
    >>> orders.cio.track("Order Completed", dry_run=True)["status"].tolist()
    ['ready']
    """

    def __init__(self, frame: pd.DataFrame) -> None:
        # pandas makes an accessor for every access, TAB included: nothing else may happen here.
        self._frame = frame

    def __repr__(self) -> str:
        rows, columns = self._frame.shape
        return f"<df.cio: {rows:,} rows, {columns:,} columns>"

    identify = _method(functions.identify)
    track = _method(functions.track)
    page = _method(functions.page)
    screen = _method(functions.screen)
    group = _method(functions.group)
    alias = _method(functions.alias)
    batch = _method(functions.batch)
    delete_people = _method(operations.delete_people)
    suppress_people = _method(operations.suppress_people)
    unsuppress_people = _method(operations.unsuppress_people)
    add_devices = _method(operations.add_devices)
    delete_devices = _method(operations.delete_devices)
    delete_objects = _method(operations.delete_objects)
    delete_relationships = _method(operations.delete_relationships)
    report_deliveries = _method(operations.report_deliveries)
    report_content = _method(operations.report_content)
    plan = _method(functions.plan)
    sync = _frame_method(functions.sync)
    baseline = _method(functions.baseline)
    validate = _method(functions.validate)
    payloads = _method(functions.payloads)
