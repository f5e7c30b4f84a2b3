"""`mm train languages`: distill the text tower into other languages."""

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
@output_folder
@click.option("--seed", type=int, help="Seed of the run.")
@click.option("--epochs", type=click.IntRange(1), help="Epochs of the run.")
@click.option("--batch", type=click.IntRange(1), help="Texts per step.")
@click.option("--vocabulary", type=click.IntRange(1), help="Tokens in the vocabulary of the tower.")
@options.as_json
def command(data: Path, out: Path, as_json: bool, **values: object) -> None:
    """Distill the text tower into other languages. An interrupted run continues."""
    require_torch()
    from mm.training.languages.recipe import LanguagesConfig
    from mm.training.languages.train import train_languages

    config = LanguagesConfig(data=data, out=out, **options_set(values))  # type: ignore[arg-type]
    print_output("weights", train_languages(config, print_epoch), as_json)
