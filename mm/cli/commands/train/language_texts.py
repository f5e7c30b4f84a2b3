"""`mm train language-texts`: captions without images, with vectors, for the first stage."""

from __future__ import annotations

from pathlib import Path

import click

from mm.cli import options
from mm.cli.commands.train.common import captioned_images, print_output, require_torch


@click.command()
@captioned_images
@click.option("--multi30k", type=options.FOLDER, required=True, help="Multi30k, of which task 2 is read.")
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), required=True, help="File to write.")
@options.as_json
def command(data: Path, multi30k: Path, out: Path, as_json: bool) -> None:
    """Embed the captions of Multi30k whose images are not in DATA, for `mm train language`."""
    require_torch()
    from mm.training.language.data_sets.text_captions import embed_text_captions

    print_output("texts", embed_text_captions(multi30k, data, out), as_json, others="cache")
