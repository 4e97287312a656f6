"""Never run: mistakes that mypy and pyright must both find, in functions and in methods.

mypy reports a comment that ignores nothing, and so does pyright with the setting below: each line must be an error.
"""

# pyright: reportUnnecessaryTypeIgnoreComment=true

import pandas as pd

import cio_frames as cio

frame = pd.DataFrame({"user_id": ["ada"]})
accessor = cio.CioAccessor(frame)


def use_wrong_names() -> None:
    """Pass parameters that do not exist."""
    cio.track(frame, "Seen", userid="id")  # type: ignore[call-arg]
    accessor.track("Seen", userid="id")  # type: ignore[call-arg]
    cio.unsuppress_people(frame, confirm=1)  # type: ignore[call-arg]
    accessor.unsuppress_people(confirm=1)  # type: ignore[call-arg]
    cio.trak(frame, "Seen")  # type: ignore[attr-defined]
    accessor.trak("Seen")  # type: ignore[attr-defined]


def use_wrong_literals() -> None:
    """Pass values that are not among the choices."""
    cio.track(frame, "Seen", on_invalid="ignore")  # type: ignore[arg-type]
    accessor.track("Seen", on_invalid="ignore")  # type: ignore[arg-type]
    cio.identify(frame, nulls="drop")  # type: ignore[arg-type]
    accessor.identify(nulls="drop")  # type: ignore[arg-type]
    cio.validate(frame, "sing")  # type: ignore[arg-type]
    accessor.validate("sing")  # type: ignore[arg-type]
    cio.identify(frame, schema=7)  # type: ignore[arg-type]
    accessor.identify(schema=7)  # type: ignore[arg-type]
    accessor.delete_people(confirm="2")  # type: ignore[arg-type]


def use_too_many_arguments() -> None:
    """Pass columns by position."""
    cio.identify(frame, "user_id")  # type: ignore[call-arg]
    accessor.identify("user_id")  # type: ignore[call-arg]
    cio.track(frame, "Seen", "user_id")  # type: ignore[call-arg]
    accessor.track("Seen", "user_id")  # type: ignore[call-arg]


def use_wrong_results() -> None:
    """Take results for something else."""
    first: str = cio.track(frame, "Seen")  # type: ignore[assignment]
    second: str = accessor.track("Seen")  # type: ignore[assignment]
    third: pd.DataFrame = accessor.validate("page")  # type: ignore[assignment]
    fourth: int = cio.sample("orders")  # type: ignore[assignment]
