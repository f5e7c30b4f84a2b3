"""In: the name of a space, or a model to export. Out: lists and cards, or files of other programs.

`mm models`: one module per command. Must not know: how a model computes.
"""

from __future__ import annotations

import click

from mm.cli.lazy import LazyGroup

COMMANDS = {
    "show": ("mm.cli.commands.models.show", "List the space and the language model; with NAME, print its card. The default."),
    "recommend": ("mm.cli.commands.models.recommend", "List language models that this machine can run."),
    "export": ("mm.cli.commands.models.export", "Write the language model as files that other programs run."),
}


class _GroupWithDefault(LazyGroup):
    """Arguments that begin with no command are those of `show`."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if not args or args[0] not in {*COMMANDS, *ctx.help_option_names}:
            args = ["show", *args]
        return super().parse_args(ctx, args)


@click.group(cls=_GroupWithDefault, commands_at=COMMANDS)
def command() -> None:
    """List models and print their cards, recommend or export language models.

    `mm models lite` is short for `mm models show lite`.
    """
