"""`mm train languages`: train the text tower for other languages."""

from __future__ import annotations

from pathlib import Path

import click

from mm.cli import options
from mm.cli.commands.train.common import options_set, output_folder, print_epoch, print_output, require_torch


@click.command()
@click.option(
    "--data", type=options.FOLDER, required=True, help="Multi30k: task1_train.jsonl, task1_val.jsonl, task2_train.jsonl."
)
@click.option("--tuxpaint", type=options.FOLDER, help="Tux Paint: manifest.jsonl, images described in many languages.")
@click.option("--left-out", type=options.FILE, multiple=True, help="List of images whose sentences are excluded from training.")
@click.option("--wordnets", type=options.FOLDER, help="Open Multilingual Wordnet: wn-*.tab, words of many languages.")
@click.option("--emoji", type=options.FOLDER, help="Annotations of the Unicode CLDR: LOCALE/annotations.json, names of emoji.")
@click.option("--translations", type=options.FOLDER, help="More translations of Multi30k: train.LANG, a line for each sentence.")
@click.option("--images", type=options.FOLDER, help="Captioned images whose ranking is learned: captions.jsonl, images/.")
@output_folder
@click.option("--seed", type=int, help="Seed of the run.")
@click.option("--epochs", type=click.IntRange(1), help="Epochs of the run.")
@click.option("--batch", type=click.IntRange(1), help="Texts per step.")
@click.option("--rank", type=click.IntRange(0), help="Rank of the updates of the encoder; 0 trains the map alone.")
@click.option("--captions", type=click.IntRange(0), help="English captions without translations.")
@click.option("--ranking", type=click.FloatRange(0), help="Weight of the ranking of images, beside the cosine loss.")
@click.option("--words", type=click.IntRange(0), help="English words without translations.")
@options.as_json
def command(data: Path, out: Path, as_json: bool, **values: object) -> None:
    """Train the text tower for other languages. An interrupted run continues."""
    require_torch()
    from mm.training.languages.recipe import LanguagesConfig
    from mm.training.languages.train import train_languages

    config = LanguagesConfig(data=data, out=out, **options_set(values))  # type: ignore[arg-type]
    print_output("weights", train_languages(config, print_epoch), as_json)
