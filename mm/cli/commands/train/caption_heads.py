"""`mm train caption-heads`: fit what captions of an image are likely to say."""

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
@click.option("--out", type=options.NEW_FOLDER, required=True, help="Folder for objects.safetensors and phrases.safetensors.")
@options.as_json
def command(data: Path, half: int | None, out: Path, as_json: bool) -> None:
    """Fit the heads of objects and phrases on train, and measure them on dev."""
    from mm.data.captioned_images import read_captioned_images
    from mm.data.halves import select_half
    from mm.evaluation.language.caption_heads import evaluate_caption_heads
    from mm.evaluation.near_duplicates import embed_images
    from mm.files import write_atomic
    from mm.models.image.caption_heads import OBJECTS, PHRASES
    from mm.settings import Settings
    from mm.spaces import load_space
    from mm.training.calibration.fit_caption_heads import fit_caption_heads

    train, dev = read_captioned_images(data, "train"), select_half(read_captioned_images(data, "dev"), half)
    with tempfile.TemporaryDirectory() as home:
        space = load_space("lite", Settings(home=Path(home), runtime="onnxruntime"))
        vectors = [embed_images(space.image, [row.path for row in rows], lambda image: image) for rows in (train, dev)]
        heads = fit_caption_heads(train, vectors[0], space.calibration.image_weights)
    out.mkdir(parents=True, exist_ok=True)
    write_atomic(out / OBJECTS, heads.objects.to_bytes())
    write_atomic(out / PHRASES, heads.phrases.to_bytes())
    report = evaluate_caption_heads(heads, dev, vectors[1])
    click.echo(json.dumps({"weights": str(out), **report.record()}) if as_json else f"Weights: {out}\n\n{report.table()}")
