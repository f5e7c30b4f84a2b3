"""Click groups whose commands are imported when they are used."""

from __future__ import annotations

import errno
import importlib
from collections.abc import Mapping
from typing import IO, Any

import click

from mm.errors import MMError

FULL = (errno.ENOSPC, errno.EDQUOT)
INTERRUPTED = 130  # exit code of a command that SIGINT ended, as shells report it


class Failure(click.ClickException):
    """Ends a command with one sentence on standard error and exit code 1."""

    def show(self, file: IO[Any] | None = None) -> None:
        click.echo(self.message, file=file, err=True)


class LazyGroup(click.Group):
    """A group whose `commands_at` has the module and the short help of each command.

    The `command` of a module is imported when it is used, so that `--help` imports no module.
    """

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
        """Write the list of commands from the table."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, short_help) for name, (_, short_help) in self._commands_at.items()])


class ProgramGroup(LazyGroup):
    """The top-level group: turns errors into one sentence, and SIGINT into its exit code."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except MMError as error:
            raise Failure(str(error)) from error
        except OSError as error:
            if error.errno not in FULL:
                raise
            of = f" of {error.filename}" if error.filename else ""
            raise Failure(f"The disk{of} is full ({error.strerror}). Free space, then run the same command again.") from error
        except KeyboardInterrupt:
            ctx.exit(INTERRUPTED)
