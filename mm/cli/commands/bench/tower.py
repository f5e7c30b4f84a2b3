"""`mm bench tower`: throughput of the image tower."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from mm.cli import options
from mm.cli.commands.bench.common import print_report

if TYPE_CHECKING:
    from mm.bench.towers.tower import TowerReport
    from mm.bench.towers.tower_gpu import GpuReport


@click.command()
@click.option("--runtime", "names", multiple=True, metavar="NAME", help="Only this runtime; default: all of this machine.")
@click.option(
    "--batch", default="1,8,32", show_default=True, metavar="N,N", help="Batch sizes; on a GPU the powers of 2 from 1 to 512."
)
@click.option("--device", type=click.Choice(["cpu", "cuda"]), default="cpu", show_default=True, help="Device to measure.")
@click.option("--threads", default=0, metavar="N", help="CPU threads; 0, the default, is all cores.")
@options.as_json
@click.pass_context
def command(ctx: click.Context, names: tuple[str, ...], batch: str, device: str, threads: int, as_json: bool) -> None:
    """Time the image tower: runtimes against eager torch; on a GPU against the roofline."""
    from mm.settings import load_settings
    from mm.spaces.registry import image_weights_path

    settings = load_settings()
    weights = image_weights_path(settings.space)
    is_set = ctx.get_parameter_source("batch") is not click.core.ParameterSource.DEFAULT
    sizes = _parse_sizes(batch if is_set or device == "cpu" else ",".join(str(2**power) for power in range(10)))
    if device == "cuda":
        from mm.models.image.tower import read_size
        from mm.runtimes.gpu import require_gpu

        require_gpu()
        from mm.bench.towers.tower_gpu import run as run_gpu

        report: TowerReport | GpuReport = run_gpu(weights, read_size(weights), sizes)
    else:
        from mm.bench.towers.tower import run

        report = run(weights, settings.root / "cache" / "graphs", names, sizes, threads)
    print_report(report, as_json)


def _parse_sizes(text: str) -> list[int]:
    """Parse comma-separated whole numbers from 1. Raises `BadParameter` for anything else."""
    numbers = text.split(",")
    if not all(number.strip().isdecimal() and int(number) > 0 for number in numbers):
        raise click.BadParameter(f"{text!r} is not a comma-separated list of whole numbers from 1.", param_hint="--batch")
    return [int(number) for number in numbers]
