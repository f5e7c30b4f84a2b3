"""`mm bench flood`: a client beside hostile connections."""

from __future__ import annotations

import click

from mm.cli.commands.bench.common import exit_with


@click.command()
@click.option(
    "--seconds", type=click.FloatRange(1), default=60.0, show_default=True, help="Seconds with each attack, and as many without."
)
@click.option(
    "--connections", type=click.IntRange(1), default=200, show_default=True, metavar="N", help="Connections of each attack."
)
@click.option("--kind", "kinds", multiple=True, metavar="KIND", help="Only this kind of attack; repeatable.")
def command(seconds: float, connections: int, kinds: tuple[str, ...]) -> None:
    """Time a client of an API while many hostile connections of one key attack it."""
    from mm.bench.flood.report import KINDS
    from mm.bench.flood.service import measure

    if unknown := set(kinds) - set(KINDS):
        raise click.BadParameter(f"{unknown.pop()!r} is not one of: {', '.join(KINDS)}.", param_hint="--kind")
    report = measure([kind for kind in KINDS if not kinds or kind in kinds], connections, seconds)
    exit_with(report, passed=report.passed)
