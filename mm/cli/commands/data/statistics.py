"""`mm data statistics`: what annotations alone say, without a video and without a model."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from mm.cli import options

if TYPE_CHECKING:
    from mm.data.activitynet.statistics import Kind, SpanStatistics, WordStatistics


@click.group()
def command() -> None:
    """Print statistics of the annotations of a data set; its files are not read."""


@command.command("activitynet")
@click.option("--root", type=options.FOLDER, required=True, help="Folder with the annotations; videos are not needed.")
@click.option(
    "--split", type=click.Choice(["train", "validation", "val_2"]), default="validation", show_default=True, help="Split."
)
@options.as_json
def activitynet(root: Path, split: str, as_json: bool) -> None:
    """Print durations, spans, words, and the recall of proposals that read no video.

    The prior is chosen on train: five spans, as shares of the duration, that reach the most spans.
    """
    from mm.data.activitynet.layout import read
    from mm.data.activitynet.statistics import choose_prior, measure_spans, measure_words, relative_spans

    train, data = read(root, "train"), read(root, split)
    spans: dict[str, SpanStatistics] = {}
    priors = {}
    kinds: dict[str, Kind] = {"segments": "label", "sentences": "text"}
    for name, kind in kinds.items():
        prior = choose_prior(relative_spans(train, kind))
        priors[name] = prior.tolist()
        spans[name] = measure_spans(data, kind, prior)
    words = measure_words(data, None if split == "train" else train)
    if as_json:
        described = {name: asdict(statistics) for name, statistics in spans.items()}
        click.echo(json.dumps({"split": split, "priors": priors, "spans": described, "words": asdict(words)}))
        return
    _print(split, priors, spans, words)


def _print(split: str, priors: dict[str, list[list[float]]], spans: dict[str, SpanStatistics], words: WordStatistics) -> None:
    columns = list(spans.values())
    click.echo(f"Annotations of {split}:\n\n| | {' | '.join(spans)} |\n| --- |{' --- |' * len(spans)}")
    rows = {
        "videos": [f"{each.num_videos:,}" for each in columns],
        "spans": [f"{each.num_spans:,}" for each in columns],
        "median seconds": [f"{each.median_seconds:.1f}" for each in columns],
        "mean share of the video": [f"{each.mean_share:.1%}" for each in columns],
        "spans of nine tenths of the video or more": [f"{each.share_whole:.1%}" for each in columns],
        **{name: [f"{each.recalls[name]:.1%}" for each in columns] for name in columns[0].recalls},
    }
    for name, values in rows.items():
        click.echo(f"| {name} | {' | '.join(values)} |")
    for name, prior in priors.items():
        click.echo(f"prior of {name} of train: " + ", ".join(f"{start:g} to {end:g}" for start, end in prior))
    click.echo(f"{words.num_sentences:,} sentences, {words.mean_words:.1f} words each, {words.num_words:,} different words")
    if words.share_outside_train is not None and words.share_rare is not None:
        click.echo(
            f"{words.share_outside_train:.1%} of the words in the text are not in train, {words.share_rare:.1%} are rare there"
        )
