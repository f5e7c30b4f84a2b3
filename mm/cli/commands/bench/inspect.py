"""`mm bench inspect`: speed of an inspector beside anomalib's PatchCore."""

from __future__ import annotations

import click

from mm.cli import options
from mm.cli.commands.bench.common import print_report


@click.command()
@click.option("--side", type=click.IntRange(64, 8192), default=1024, show_default=True, help="Side of the parts in pixels.")
@click.option("--good", "num_good", type=click.IntRange(2), default=8, show_default=True, help="Number of good parts to fit on.")
@click.option("--bank", "bank_size", type=click.IntRange(2), default=4000, show_default=True, help="Patches in the bank.")
@click.option("--threads", type=click.IntRange(1), default=2, show_default=True, help="CPU threads of each method.")
@click.option("--rounds", type=click.IntRange(1), default=5, show_default=True, help="Timed images of each method.")
@click.option("--memory", is_flag=True, help="Measure instead the peak memory of a fit at native size, in its own process.")
@click.option(
    "--tiles", type=click.IntRange(0), default=4, show_default=True,
    help="With --memory: tiles of 1,024 pixels of each good part from which the bank is chosen; 0 is all.",
)  # fmt: skip
@options.as_json
def command(side: int, num_good: int, bank_size: int, threads: int, rounds: int, memory: bool, tiles: int, as_json: bool) -> None:
    """Time an inspector on rendered parts, beside anomalib's PatchCore with the same backbone."""
    if memory:
        from mm.bench.inspect.memory import run_memory

        print_report(run_memory(side, num_good, threads, tiles, lambda line: click.echo(line, err=True)), as_json)
        return
    from mm.bench.inspect.run import run

    print_report(run(side, num_good, bank_size, threads, rounds, lambda line: click.echo(line, err=True)), as_json)
