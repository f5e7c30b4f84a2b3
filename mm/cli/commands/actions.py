"""`mm actions`: what is done in videos, by names or by a head that `mm train actions` made."""

from __future__ import annotations

import json
from pathlib import Path

import click

from mm.cli import options
from mm.errors import SpaceMismatch

FPS = 2.0
"""Frames a second that names are compared with; a head has its own."""


@click.command()
@click.argument("videos", nargs=-1, required=True, type=options.FILE)
@click.option("--names", type=options.FILE, help="Names of actions, a line each; without it the 200 classes of ActivityNet.")
@click.option("--head", type=options.FILE, help="What `mm train actions` made, instead of names.")
@click.option("--top", type=click.IntRange(1), default=3, show_default=True, help="Actions that are told of each scene.")
@options.as_json
def command(videos: tuple[Path, ...], names: Path | None, head: Path | None, top: int, as_json: bool) -> None:
    """Print the likeliest actions of each scene of VIDEOS. Of names nothing was learnt, their
    shares add up to 1; a head tells of each of its labels how likely it is by itself. Needs no
    service."""
    if names is not None and head is not None:
        raise click.UsageError("Give --names or --head.")
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
        raise SpaceMismatch(f"The head reads vectors of {trained.space}, the space here is {space.id}.")
    asked = {} if trained is not None else read_action_names(names or ACTIVITYNET)
    tower = require_temporal_tower(space)
    with MediaReader.from_settings(settings) as reader:
        for path in videos:
            file = reader.probe_file(path, path.name)
            fps = FPS if trained is None else HEAD_FPS
            frames = encode_frame_sequence(space, reader, file, Span(0.0, file.info.duration), fps)
            for end, scene in split_scenes(tower, frames, file.info.duration):
                if trained is None:
                    labels, chances = list(asked), score_actions_by_name(space, scene, list(asked.values()))
                else:
                    labels, chances = list(trained.labels), trained.predict_probabilities(compute_features(tower, scene))
                start = 0.0 if scene.times_L[0] == frames.times_L[0] else float(scene.times_L[0])
                best = [(labels[index], float(chances[index])) for index in (-chances).argsort(kind="stable")[:top]]
                if as_json:
                    click.echo(json.dumps({"video": str(path), "start": start, "end": end, "actions": dict(best)}))
                else:
                    told = ", ".join(f"{label} {chance:.0%}" for label, chance in best)
                    click.echo(f"{path.name}  {start:7.1f} - {end:7.1f} s  {told}")
