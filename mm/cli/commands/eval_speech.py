"""`mm eval speech`: word error rates of speech recognizers by language."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import click

from mm.cli import options
from mm.cli.commands.eval_language import split


@click.command("speech")
@click.option("--root", type=options.FOLDER, help="Folder of Tux Paint, with spoken names in many languages.")
@split
@click.option(
    "--speech", "models", metavar="MODEL", multiple=True, help="Recognizer, as MM_SPEECH, may be repeated; default: moonshine."
)
@click.option("--most", type=click.IntRange(1), metavar="N", help="Most recordings of a language; default: all.")
@click.option("--least", type=click.IntRange(1), default=10, show_default=True, help="Languages with fewer are left out.")
@options.as_json
def speech(root: Path | None, split: str, models: tuple[str, ...], most: int | None, least: int, as_json: bool) -> None:
    """Recognize human speech: word and character error rates, and the language identified.

    Without --root: the two English recordings that come with a package. With it: the spoken names
    of Tux Paint, those of one language joined into tracks of at most two minutes. Whisper is
    measured twice: as it identifies the language, and with the language named.
    """
    from collections import Counter

    from mm.data.tuxpaint import read_spoken_names
    from mm.evaluation.speech.evaluate import evaluate
    from mm.evaluation.speech.recordings import read_recordings
    from mm.evaluation.speech.tracks import make_tracks, track_of
    from mm.media import MediaReader
    from mm.models.speech.choice import MOONSHINE, SpeechOptions
    from mm.settings import load_settings

    settings = SpeechOptions.from_settings(load_settings())
    recognizers = []
    for model in models or (MOONSHINE,):
        chosen = replace(settings, model=model, language="")
        recognizers.append((model, chosen))
        if model != MOONSHINE and root is not None:
            recognizers.append((f"{model}, language named", replace(chosen, language="*")))
    if root is None:
        tracks, of = [track_of(recording) for recording in read_recordings()], "Recordings of moonshine-voice"
    else:
        names = read_spoken_names(root, split)
        counts = Counter(name.language for name in names)
        with MediaReader() as reader:
            tracks = list(make_tracks(reader, [name for name in names if counts[name.language] >= least], most=most))
        of = f"Spoken names of Tux Paint, {split}, joined into {len(tracks)} tracks"
    report = evaluate(tracks, recognizers, of, lambda line: click.echo(line, err=True))
    click.echo(json.dumps(report.record(), ensure_ascii=False) if as_json else report.table())
