"""Commands with our help, and with our errors about arguments."""

from __future__ import annotations

from typing import Any

from typer.core import TyperCommand, TyperGroup

from cio_frames.cli.help import print_help
from cio_frames.cli.usage_errors import check_command_name, translate_usage_errors


class HelpfulCommand(TyperCommand):
    """A command with our help and errors."""

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Print the help."""
        print_help(self, ctx)

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Read the arguments."""
        with translate_usage_errors(ctx, args):
            return super().parse_args(ctx, args)


class HelpfulGroup(TyperGroup):
    """A group of commands with our help and errors."""

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Print the help."""
        print_help(self, ctx)

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Read the arguments; without any, print the help."""
        if set(args) <= {"--"}:
            return super().parse_args(ctx, [])
        with translate_usage_errors(ctx, args):
            return super().parse_args(ctx, args)

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Return the command that the arguments name."""
        if not ctx.resilient_parsing:
            check_command_name(ctx, args[0])
        return super().resolve_command(ctx, args)
