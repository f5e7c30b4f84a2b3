"""`mm train quantize`: quantize the weights of the image tower to 8 bits."""

from __future__ import annotations

import tempfile
from pathlib import Path

import click

from mm.cli import options
from mm.cli.commands.train.common import captioned_images, image_weights, print_progress


@click.command()
@captioned_images
@image_weights
@click.option(
    "--pictures",
    "num_images",
    type=click.IntRange(1),
    default=64,
    show_default=True,
    help="Images of train that set the activation ranges.",
)
@options.as_json
def command(data: Path, weights: Path | None, num_images: int, as_json: bool) -> None:
    """Quantize weights to 8 bits, and measure on dev the loss at 8 and 16 bits.

    Writes two files into the folder of the weights.
    """
    from mm.spaces.registry import WEIGHTS
    from mm.training.quantization.precisions import format_losses, quantize_weights

    with tempfile.TemporaryDirectory() as cache:
        path = weights or WEIGHTS / "lite" / "image.safetensors"
        losses = quantize_weights(path, data, Path(cache), num_images, print_progress)
    click.echo(losses.model_dump_json() if as_json else format_losses(losses))
