"""`mm bench speech`: memory and speed of a speech recognizer."""

from __future__ import annotations

from dataclasses import replace

import click

from mm.cli import options
from mm.cli.commands.bench.common import print_report


@click.command()
@click.option("--speech", "model", metavar="MODEL", help="Recognizer, as MM_SPEECH; default: that of the settings.")
@click.option("--minutes", type=click.FloatRange(2), default=120.0, show_default=True, help="Length of the speech.")
@click.option("--every", type=click.FloatRange(2), default=10.0, show_default=True, metavar="MINUTES", help="Speech of one row.")
@click.option("--threads", type=click.IntRange(0), default=0, show_default=True, help="Threads of Whisper; 0 uses all cores.")
@click.option("--keep", "never_replaced", is_flag=True, help="One process for all of it, as before it was replaced.")
@options.as_json
def command(model: str | None, minutes: float, every: float, threads: int, never_replaced: bool, as_json: bool) -> None:
    """Transcribe hours of looped real speech, and measure memory and speed."""
    from mm.bench.speech.hours import run
    from mm.models.speech.choice import SpeechOptions
    from mm.settings import load_settings

    chosen = SpeechOptions.from_settings(load_settings())
    chosen = replace(chosen, model=model or chosen.model, threads=threads or chosen.threads)
    report = run(chosen, minutes, every, lambda line: click.echo(line, err=True), replaces=not never_replaced)
    print_report(report, as_json)
