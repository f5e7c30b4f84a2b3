"""`mm actions`: recognize actions in videos, by name or by a classifier of `mm train actions`."""

from __future__ import annotations

import json
from pathlib import Path

import click

from mm.cli import options
from mm.errors import SpaceMismatch

FPS = 2.0
"""Frames per second that are compared with names; a head has its own rate."""


@click.command()
@click.argument("videos", nargs=-1, required=True, type=options.FILE)
@click.option("--names", type=options.FILE, help="Names of actions, one per line; default: the 200 classes of ActivityNet.")
@click.option("--head", type=options.FILE, help="Head of `mm train actions`, instead of names.")
@click.option("--top", type=click.IntRange(1), default=3, show_default=True, help="Number of actions printed for each scene.")
@options.as_json
def command(videos: tuple[Path, ...], names: Path | None, head: Path | None, top: int, as_json: bool) -> None:
    """Print the most probable actions of each scene of VIDEOS. Needs no service.

    Names are compared zero-shot, and their probabilities sum to 1. A trained head gives an
    independent probability for each of its labels.
    """
    if names is not None and head is not None:
        raise click.UsageError("--names and --head cannot be combined.")
    from mm.media import MediaReader
    from mm.media.types import Span
    from mm.models.temporal.action_head import FPS as HEAD_FPS
    from mm.models.temporal.action_head import ActionHead, compute_features
    from mm.settings import load_settings
    from mm.spaces import load_space
    from mm.spaces.encode.actions import (
        ACTIVITYNET,
        encode_frame_sequence,
        read_action_names,
        require_temporal_tower,
        score_actions_by_name,
        split_scenes,
    )

    settings = load_settings()
    space = load_space(settings.space, settings)
    trained = None if head is None else ActionHead.read(head)
    if trained is not None and trained.space != str(space.id):
        raise SpaceMismatch(f"The head is for vectors of {trained.space}, and the space here is {space.id}.")
    actions = {} if trained is not None else read_action_names(names or ACTIVITYNET)
    tower = require_temporal_tower(space)
    with MediaReader.from_settings(settings) as reader:
        for path in videos:
            file = reader.probe_file(path, path.name)
            fps = FPS if trained is None else HEAD_FPS
            frames = encode_frame_sequence(space, reader, file, Span(0.0, file.info.duration), fps)
            for end, scene in split_scenes(tower, frames, file.info.duration):
                if trained is None:
                    labels, probabilities = list(actions), score_actions_by_name(space, scene, list(actions.values()))
                else:
                    labels, probabilities = list(trained.labels), trained.predict_probabilities(compute_features(tower, scene))
                start = 0.0 if scene.times_L[0] == frames.times_L[0] else float(scene.times_L[0])
                best = [(labels[index], float(probabilities[index])) for index in (-probabilities).argsort(kind="stable")[:top]]
                if as_json:
                    click.echo(json.dumps({"video": str(path), "start": start, "end": end, "actions": dict(best)}))
                else:
                    summary = ", ".join(f"{label} {probability:.0%}" for label, probability in best)
                    click.echo(f"{path.name}  {start:7.1f} - {end:7.1f} s  {summary}")
