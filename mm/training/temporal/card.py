"""The model card of the temporal network."""

from __future__ import annotations

import math
import platform
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version

from mm.models.temporal.weights import list_weight_shapes
from mm.training.temporal.recipe import TemporalRecipe

_TEMPLATE = """# The temporal network

Finds where the shots and the scenes of a video begin, from all of its sampled frames in one pass: a transformer with rotary
positions in seconds, windows of {seconds:.0f} s to both sides and {globals} global tokens; {parameters:.2f} M parameters in
half precision. Its input is the vectors of the image tower and the differences of thumbnails; it makes no vectors that are
searched.

## Training data
Videos of {length:.0f} s, drawn for each step, from {images} images of Flickr8k train (Flickr terms, research), shown in fixed
or moving crops, and {clips} clips of the sets `fight_clips` and `sample_videos` that are not dev. Cuts, dissolves, fades
through black, and scenes that are repeated. Frame vectors are those of the image tower of this folder: other weights of it
need a new run.

## Shot and scene boundaries
F1 within one second on {videos} videos drawn in the same way from images and clips of dev, from vectors as in training;
thresholds from other videos of train. The first run is shipped.

{rows}

How well moments are found with it, on videos that are encoded and decoded: `mm eval moments`, docs/space.md.

## Recipe
{recipe}

Python {python}, torch {torch}. `mm train temporal` makes the weights and this card.

## Limits
- A scene is what the training defines as one: other shots of the same source. Two places that look the same are one scene; one
  place in very different views may be two.
- Videos of images have no plot, no dialogue and no interleaved stories.
- At most two frames a second are read: what happens between them is missed.
"""


@dataclass(frozen=True, slots=True)
class RunResult:
    """Thresholds of a run, and its F1 of shots and scenes on dev."""

    seed: int
    shot_threshold: float
    scene_threshold: float
    shots: float
    scenes: float


def format_card(recipe: TemporalRecipe, results: Sequence[RunResult], num_images: int, num_clips: int, num_videos: int) -> str:
    """Markdown: training data, results, recipe, limits."""
    table = ["| run | F1 of shots | F1 of scenes | thresholds |", "| --- | --- | --- | --- |"]
    table += [
        f"| seed {row.seed} | {row.shots:.1%} | {row.scenes:.1%} | {row.shot_threshold:.2f}, {row.scene_threshold:.2f} |"
        for row in results
    ]
    settings = {name: value for name, value in asdict(recipe).items() if name not in {"data", "out", "clip_sets", "network"}}
    network = {name: value for name, value in recipe.network.to_metadata().items() if not name.startswith("least_")}
    settings |= {"window": network.pop("seconds"), **network}
    num_parameters = sum(math.prod(shape) for shape in list_weight_shapes(recipe.network).values())
    return _TEMPLATE.format(
        seconds=recipe.network.seconds,
        globals=recipe.network.num_global,
        parameters=num_parameters / 1e6,
        length=recipe.seconds,
        images=num_images,
        clips=num_clips,
        videos=num_videos,
        rows="\n".join(table),
        recipe=", ".join(f"{name} {value}" for name, value in settings.items()),
        python=platform.python_version(),
        torch=version("torch"),
    )
