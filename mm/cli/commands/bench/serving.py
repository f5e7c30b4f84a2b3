"""`mm bench serving`: throughput of the generation engine."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from mm.cli import options
from mm.cli.commands.bench.common import print_report

if TYPE_CHECKING:
    from mm.bench.serving.cpu import CpuServingReport
    from mm.bench.serving.gpu import GpuServingReport


@click.command()
@click.option("--device", type=click.Choice(["cpu", "cuda"]), default="cpu", show_default=True, help="Device to measure.")
@click.option("--requests", type=click.IntRange(2), default=1000, show_default=True, metavar="N", help="Concurrent requests.")
@click.option("--baseline/--no-baseline", default=True, show_default=True, help="On a GPU: serve them with transformers, too.")
@click.option("--threads", default=0, metavar="N", help="CPU threads; 0, the default, is all cores.")
@options.as_json
def command(device: str, requests: int, baseline: bool, threads: int, as_json: bool) -> None:
    """Serve many requests with one engine: on a CPU captions, compared with one at a time.

    On a GPU requests of mixed lengths with random weights; the kernels of decoding are compared
    with their references and timed, too.
    """
    report: CpuServingReport | GpuServingReport
    if device == "cuda":
        from mm.runtimes.gpu import require_gpu

        require_gpu()
        from mm.bench.serving.gpu import run as run_gpu

        report = run_gpu(requests, baseline)
    else:
        from mm.bench.serving.cpu import run
        from mm.models.language.graph.builtin import BuiltinModel
        from mm.settings import load_settings

        settings = load_settings()
        report = run(BuiltinModel(settings.root / "cache" / "graphs", settings.language_precision), requests, threads)
    print_report(report, as_json)
