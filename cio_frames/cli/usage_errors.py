"""Arguments that typer refuses, as errors of cio_frames."""

from __future__ import annotations

import re
import shlex
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import typer

from cio_frames._util.did_you_mean import closest_name
from cio_frames.cli.help import argument_name, value_name
from cio_frames.errors import ConfigurationError

# A class of click, which newer versions of typer have a copy of.
_UsageError: Any = typer.BadParameter.__bases__[0]


@contextmanager
def translate_usage_errors(ctx: Any, arguments: Sequence[str]) -> Iterator[None]:
    """Raise what typer says about the arguments of a command as an error of cio_frames."""
    given = list(arguments)  # typer consumes them.
    try:
        yield
    except _UsageError as error:
        raise ConfigurationError(_usage_sentence(error, ctx, given)) from None


def check_command_name(ctx: Any, name: str) -> None:
    """Raise a ConfigurationError if a group has no such command."""
    if name not in ctx.command.commands:
        raise ConfigurationError(f"command {name} not found. {_remedy(ctx, name, ctx.command.commands)}")


def _usage_sentence(error: Any, ctx: Any, given: Sequence[str]) -> str:
    parameters = {name: each for each in ctx.command.get_params(ctx) for name in (*each.opts, *each.secondary_opts)}
    option, parameter = getattr(error, "option_name", None), getattr(error, "param", None)
    if option in parameters:
        wrong = parameters[option]
        return f"{option} takes no value." if wrong.is_flag else f"{option} requires a value: {value_name(wrong)}."
    if option is not None:
        names = [name for name, each in parameters.items() if name.startswith("-") and not each.hidden]
        return f"option {option} not found. {_remedy(ctx, option, names)}"
    if parameter is not None and hasattr(error, "param_type"):
        return f"required argument {argument_name(parameter)} is missing. {_remedy(ctx)}"
    if parameter is not None:
        return _value_sentence(error, given)
    extra = re.search(r"unexpected extra argument.*? \((.*)\)$", error.message)
    if extra is None:
        return f"{error.message.rstrip('.')}. {_remedy(ctx)}"
    # A pattern without quotes is the likely cause: the shell replaces it by the names of files.
    last = next((word for word in reversed(given) if extra[1].endswith(word)), extra[1])
    return f"unexpected argument {shlex.quote(last)}. Put patterns and names with spaces in quotes: '*.csv'."


def _value_sentence(error: Any, given: Sequence[str]) -> str:
    """Return what is wrong with the value of an option; those that are not text are numbers."""
    names = error.param.opts
    value = _value_of(names, given)
    kind = str(getattr(error.param, "type_descriptor", None) or error.param.type)
    wanted = "a whole number" if "int" in kind.lower() else "a number"
    return f"{names[-1]}{'' if value is None else f' {shlex.quote(value)}'} is invalid. Use {wanted}."


def _value_of(names: Collection[str], given: Sequence[str]) -> str | None:
    """Return the value that an option has among the arguments.

    >>> _value_of(["--workers"], ["a.csv", "--workers", "x"]), _value_of(["--workers"], ["--workers=y"])
    ('x', 'y')
    """
    for word, following in zip(given, [*given[1:], None], strict=True):
        name, has_value, value = word.partition("=")
        if name in names:
            return value if has_value else following
    return None


def _remedy(ctx: Any, name: str = "", known: Collection[str] = ()) -> str:
    """Return the name that was probably meant; without one, where to look."""
    begin = [each for each in known if name.strip("-") and each.startswith(name)]
    meant = begin[0] if begin else closest_name(name, known)
    return f"Did you mean {meant}?" if meant else f"See {ctx.command_path} --help."
