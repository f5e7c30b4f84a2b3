"""`mm eval reading`: text recognition in a folder of images."""

from __future__ import annotations

import json
from pathlib import Path

import click

from mm.cli import options


@click.command("reading")
@click.option("--root", type=options.FOLDER, required=True, help="Folder of images, with its subfolders.")
@click.option("--images", "limit", type=click.IntRange(1), default=200, show_default=True, help="Size of the random sample.")
@click.option("--drawn", type=click.IntRange(0), default=20, show_default=True, help="Images without text to draw words on.")
@click.option("--threads", type=click.IntRange(1), default=1, show_default=True, help="Threads of the recognizer.")
@options.as_json
def reading(root: Path, limit: int, drawn: int, threads: int, as_json: bool) -> None:
    """Measure text recognition in your images: what screening skips and misses, and the cost."""
    from mm.evaluation.reading import evaluate
    from mm.media import MediaReader
    from mm.models.ocr.recognizer import TextRecognizer

    recognizer = TextRecognizer(threads)
    with MediaReader() as reader:
        reports = evaluate(recognizer, reader, root, limit, drawn, lambda line: click.echo(line, err=True))
    if as_json:
        click.echo(json.dumps([report.record() for report in reports]))
        return
    click.echo("\n\n".join(report.table() for report in reports))
