"""Recognizes the frames of engines, without importing an engine.

What is below ``cio_frames.engines`` hands such a frame over by name: :func:`driver_of` imports the driver when it is
given one.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Any

from cio_frames.errors import FrameError, parameter

# The modules of the classes of frames, and the names of their engines.
_DEFAULTS: Mapping[str, Any] = {
    "output": None,
    "fresh": False,
    "senders": 1,
    "order_by": None,
    "keep": None,
    "buckets": None,
}
_FRAME_MODULES = {"dask.dataframe": "dask", "dask_expr": "dask", "pyspark.sql": "spark"}


def supported_engine(thing: object) -> str | None:
    """Return the engine whose DataFrame something is: ``"dask"``, ``"spark"``, or None.

    >>> supported_engine([1]) is None
    True
    """
    for each in type(thing).__mro__:
        module = f"{each.__module__}."
        for prefix, engine in _FRAME_MODULES.items():
            if each.__name__ == "DataFrame" and module.startswith(f"{prefix}."):
                return engine
    return None


def driver_of(frame: object) -> Any:
    """Return the module that runs calls on the frame's engine; None for frames of this process."""
    return None if supported_engine(frame) is None else import_module("cio_frames.engines.driver")


def refuse_engine_frame(thing: object, function: str) -> None:
    """Raise if something is the frame of an engine, which a function does not support.

    >>> refuse_engine_frame("people.parquet", "sync")
    """
    engine = supported_engine(thing)
    if engine is not None:
        write = "ddf.to_parquet('people')" if engine == "dask" else "sdf.write.parquet('people')"
        raise FrameError(
            f"cio.{function} is not supported for {engine.title()} frames. Write the frame to Parquet, and give the "
            f"folder: {write}, then cio.{function}('people', ...). Nothing was sent."
        )


def refuse_engine_options(options: Mapping[str, Any]) -> None:
    """Raise if parameters for engines are given with a frame of this process.

    >>> refuse_engine_options({"senders": 2})
    Traceback (most recent call last):
    ...
    cio_frames.errors.FrameError: senders= is supported for Dask and Spark frames only. Leave it out, or use cio.load, \
which writes results to a folder.
    """
    for name, value in options.items():
        if value != _DEFAULTS[name]:
            raise FrameError(
                f"{parameter(name)} is supported for Dask and Spark frames only. Leave it out, or use cio.load, which "
                "writes results to a folder."
            )
