"""A click group whose commands are imported when they are used, and whose errors are one
sentence."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import IO, Any

import click

from mm.errors import MMError

INTERRUPTED = 130  # what shells report for a command that Ctrl+C ended


class Failure(click.ClickException):
    """Ends a command with one sentence on standard error and exit code 1."""

    def show(self, file: IO[Any] | None = None) -> None:
        click.echo(self.message, file=file, err=True)


class LazyGroup(click.Group):
    """`commands_at`: name to module and one line of help. The module's `command` is imported when
    it is asked for."""

    def __init__(self, *args: Any, commands_at: Mapping[str, tuple[str, str]], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._commands_at = commands_at

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self._commands_at)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in self._commands_at:
            return None
        module, short_help = self._commands_at[cmd_name]
        command = importlib.import_module(module).command
        assert isinstance(command, click.Command)
        command.name, command.short_help = cmd_name, short_help
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The list of commands, from the table alone."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, short_help) for name, (_, short_help) in self._commands_at.items()])

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except MMError as error:
            raise Failure(str(error)) from error
        except KeyboardInterrupt:
            ctx.exit(INTERRUPTED)
