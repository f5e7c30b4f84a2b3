"""`mm bench voice`: spoken questions."""

from __future__ import annotations

from pathlib import Path

import click

from mm.cli import options
from mm.cli.commands.bench.common import print_report


@click.command()
@click.option("--audio", type=options.FILE, help="Recording of a question; default is four seconds of the speech package.")
@click.option(
    "--questions", type=click.IntRange(1), default=10, show_default=True, metavar="N", help="Questions after the first."
)
@options.service
def command(audio: Path | None, questions: int, url: str | None, as_json: bool) -> None:
    """Time spoken questions to the running service, from the end of speech."""
    from mm.bench.voice.latency import run
    from mm.embedded.connect import connect

    with connect(url) as client:
        report = run(client, audio, questions)
    print_report(report, as_json)
