"""`mm train calibrate-captions`: fit the weight of written captions in a search, and confidence."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import click

from mm.cli import options
from mm.cli.commands.train.common import captioned_images

if TYPE_CHECKING:
    from mm.data.captioned_images import CaptionedImage
    from mm.generation.caption_ranking import GeneratedCaption


@click.command()
@captioned_images
@click.option("--split", default="dev", show_default=True, help="Split that the captions are of.")
@click.option("--captions", type=options.FILE, required=True, help="Captions that `mm eval captions --save` wrote.")
@click.option("--weights", type=options.FILE, help="Trained weights that wrote them; default: the shipped ones.")
@click.option(
    "--out", type=click.Path(path_type=Path, dir_okay=False), required=True, help="File for the calibration, captions.json."
)
@click.option("--half", type=click.IntRange(0, 1), help="Only this half of the images, by the hash of their names.")
@click.option("--other-data", type=options.FOLDER, help="Images unlike the training data, captioned, for the confidence.")
@click.option("--other-captions", type=options.FILE, help="Captions of these that `mm eval captions --save` wrote.")
@options.as_json
def command(
    data: Path, split: str, captions: Path, weights: Path | None, out: Path,
    half: int | None, other_data: Path | None, other_captions: Path | None, as_json: bool,
) -> None:  # fmt: skip
    """Fit the calibrator of captions beside that of images, and the confidence of captions."""
    from mm.errors import InvalidInput
    from mm.evaluation.near_duplicates import embed_images
    from mm.files import write_atomic
    from mm.models.language.checkpoint.file import SHIPPED, read_metadata
    from mm.settings import Settings
    from mm.spaces import load_space
    from mm.training.calibration.fit_captions import fit_captions
    from mm.training.calibration.fit_confidence import fit_confidence, make_examples

    if (other_data is None) != (other_captions is None):
        raise InvalidInput("--other-data and --other-captions belong together.")
    sources = [(data, captions)]
    if other_data is not None and other_captions is not None:
        sources.append((other_data, other_captions))
    with tempfile.TemporaryDirectory() as home:
        space = load_space("lite", Settings(home=Path(home), runtime="onnxruntime"))
        sets = []
        for folder, file in sources:
            rows, written = _read_rows(folder, split, file, half)
            sets.append((rows, embed_images(space.image, [row.path for row in rows], lambda image: image), written))
        confidence = fit_confidence([make_examples(space, *entry) for entry in sets])
        rows, images, written = sets[0]
        weights_hash = read_metadata(weights or SHIPPED).sha256
        calibration = fit_captions(space, rows, images, [caption.text for caption in written], confidence, weights_hash)
    write_atomic(out, (calibration.model_dump_json(indent=2) + "\n").encode())
    click.echo(json.dumps({"calibration": str(out)}) if as_json else f"Calibration: {out} ({len(rows):,} captions).")


def _read_rows(folder: Path, split: str, file: Path, half: int | None) -> tuple[list[CaptionedImage], list[GeneratedCaption]]:
    """The images of a split that have a caption in a file, and these captions."""
    from mm.data.captioned_images import read_captioned_images
    from mm.data.halves import select_half
    from mm.data.language.generated_captions import read_generated_captions
    from mm.errors import InvalidInput

    written = {name: caption for name, caption in read_generated_captions(file).items() if caption.text}
    rows = [row for row in select_half(read_captioned_images(folder, split), half) if row.path.name in written]
    if not rows:
        raise InvalidInput(f"{file} has no caption of an image of {split}.")
    return rows, [written[row.path.name] for row in rows]
