"""The card of the temporal network."""

from __future__ import annotations

import math
import platform
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version

from mm.models.temporal.weights import list_weight_shapes
from mm.training.temporal.recipe import TemporalRecipe

_TEMPLATE = """# The temporal network

Tells where the shots and the scenes of a video begin, from all of its sampled frames in one pass: a transformer with
rotary positions in seconds, windows of {seconds:.0f} s to both sides and {globals} global tokens; {parameters:.2f} M
parameters in half precision. It sees vectors of the image tower and differences of pictures in little, and makes no
vectors that are searched.

## What it was trained on
Films of {length:.0f} s, drawn anew for each step, from {photographs} photographs of Flickr8k train (Flickr terms,
research), filmed in crops that stand or move, and {clips} clips of the sets `fight_clips` and `sample_videos` that are
not dev. Cuts, dissolves, fades through black, and scenes that come again. Their vectors are those of the image tower of
this folder: other weights of it need a new run.

## Beginnings of shots and scenes
F1 within one second on {films} films drawn in the same way from photographs and clips of dev, from vectors as in
training; thresholds from other films of train. The first run ships.

{rows}

How well moments are found with it, on films that were really made and read: `mm eval moments`, docs/space.md.

## Recipe
{recipe}

Python {python}, torch {torch}. `mm train temporal` makes the weights and this card.

## Limits
- A scene is what the training made one: other shots of the same thing. Two places that look alike are one scene, one
  place in very different views may be two.
- Films of photographs have no plot, no dialogue and no crossing of stories.
- It looks at two frames a second at most: what happens between them is not seen.
"""


@dataclass(frozen=True, slots=True)
class Found:
    """What a run found on dev."""

    seed: int
    shot_threshold: float
    scene_threshold: float
    shots: float
    scenes: float


def temporal_card(recipe: TemporalRecipe, rows: Sequence[Found], photographs: int, clips: int, films: int) -> str:
    """Markdown."""
    table = ["| run | F1 of shots | F1 of scenes | thresholds |", "| --- | --- | --- | --- |"]
    table += [
        f"| seed {row.seed} | {row.shots:.1%} | {row.scenes:.1%} | {row.shot_threshold:.2f}, {row.scene_threshold:.2f} |"
        for row in rows
    ]
    told = {name: value for name, value in asdict(recipe).items() if name not in {"data", "out", "films", "network"}}
    shape = {name: value for name, value in recipe.network.to_metadata().items() if not name.startswith("least_")}
    told |= {"window": shape.pop("seconds"), **shape}
    count = sum(math.prod(shape) for shape in list_weight_shapes(recipe.network).values())
    return _TEMPLATE.format(
        seconds=recipe.network.seconds,
        globals=recipe.network.num_global,
        parameters=count / 1e6,
        length=recipe.seconds,
        photographs=photographs,
        clips=clips,
        films=films,
        rows="\n".join(table),
        recipe=", ".join(f"{name} {value}" for name, value in told.items()),
        python=platform.python_version(),
        torch=version("torch"),
    )
