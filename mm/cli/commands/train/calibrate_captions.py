"""`mm train calibrate-captions`: fit how much a written caption counts in a search."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

import click

from mm.cli import options
from mm.cli.commands.eval_language import read_saved_captions
from mm.cli.commands.train.common import captioned_images


@click.command()
@captioned_images
@click.option("--split", default="dev", show_default=True, help="Split that the captions are of.")
@click.option("--captions", type=options.FILE, required=True, help="Captions that `mm eval captions --save` wrote.")
@click.option("--weights", type=options.FILE, help="Trained weights that wrote them; default: the shipped ones.")
@click.option(
    "--out", type=click.Path(path_type=Path, dir_okay=False), required=True, help="File for the calibration, captions.json."
)
@options.as_json
def command(data: Path, split: str, captions: Path, weights: Path | None, out: Path, as_json: bool) -> None:
    """Fit the calibrator of captions beside that of images."""
    from mm.data.captioned_images import read_captioned_images
    from mm.errors import InvalidInput
    from mm.evaluation.near_duplicates import embed_images
    from mm.files import write_atomic
    from mm.models.language.checkpoint.file import SHIPPED, read_metadata
    from mm.settings import Settings
    from mm.spaces import load_space
    from mm.training.calibration.fit_captions import fit_captions

    texts = read_saved_captions(captions)
    rows = [row for row in read_captioned_images(data, split) if texts.get(row.path.name)]
    if not rows:
        raise InvalidInput(f"{captions} has no caption of an image of {split}.")
    with tempfile.TemporaryDirectory() as home:
        space = load_space("lite", Settings(home=Path(home), runtime="onnxruntime"))
        images = embed_images(space.image, [row.path for row in rows], lambda image: image)
        weights_hash = read_metadata(weights or SHIPPED).sha256
        calibration = fit_captions(space, rows, images, [texts[row.path.name] for row in rows], weights_hash)
    write_atomic(out, (calibration.model_dump_json(indent=2) + "\n").encode())
    click.echo(json.dumps({"calibration": str(out)}) if as_json else f"Calibration: {out} ({len(rows):,} captions).")
