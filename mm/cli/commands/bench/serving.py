"""`mm bench serving`: throughput of the generation engine."""

from __future__ import annotations

import click

from mm.cli import options
from mm.cli.commands.bench.common import print_report


@click.command()
@click.option("--requests", type=click.IntRange(2), default=1000, show_default=True, metavar="N", help="Concurrent requests.")
@click.option("--baseline/--no-baseline", default=True, show_default=True, help="Whether to serve them with transformers, too.")
@options.as_json
def command(requests: int, baseline: bool, as_json: bool) -> None:
    """Serve requests of mixed lengths on a GPU, and time kernels of decoding, with random weights.

    Compares the kernels with their references first.
    """
    from mm.runtimes.gpu import require_gpu

    require_gpu()
    from mm.bench.serving.gpu import run

    print_report(run(requests, baseline), as_json)
