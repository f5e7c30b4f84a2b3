"""`mm train objects`: fit which objects an image shows, by which captions are checked."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

import click

from mm.cli import options
from mm.cli.commands.train.common import captioned_images


@click.command()
@captioned_images
@click.option("--half", type=click.IntRange(0, 1), help="Half of dev that is measured, by the hash of the names; default: both.")
@click.option(
    "--out", type=click.Path(path_type=Path, dir_okay=False), required=True, help="File for the weights, objects.safetensors."
)
@options.as_json
def command(data: Path, half: int | None, out: Path, as_json: bool) -> None:
    """Fit the head of objects on train, and measure it on dev."""
    from mm.data.captioned_images import read_captioned_images
    from mm.data.halves import select_half
    from mm.evaluation.language.objects import evaluate_objects
    from mm.evaluation.near_duplicates import embed_images
    from mm.files import write_atomic
    from mm.settings import Settings
    from mm.spaces import load_space
    from mm.training.calibration.fit_objects import fit_objects

    train, dev = read_captioned_images(data, "train"), select_half(read_captioned_images(data, "dev"), half)
    with tempfile.TemporaryDirectory() as home:
        space = load_space("lite", Settings(home=Path(home), runtime="onnxruntime"))
        vectors = [embed_images(space.image, [row.path for row in rows], lambda image: image) for rows in (train, dev)]
        head = fit_objects(train, vectors[0], space.calibration.image_weights)
    write_atomic(out, head.to_bytes())
    report = evaluate_objects(head, dev, vectors[1])
    click.echo(json.dumps({"weights": str(out), **report.record()}) if as_json else f"Weights: {out}\n\n{report.table()}")
