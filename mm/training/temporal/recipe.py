"""The configuration of the temporal network's training."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path

from mm.errors import InvalidInput
from mm.models.temporal.config import TemporalConfig


@dataclass(frozen=True, slots=True)
class TemporalRecipe:
    """The defaults made the shipped checkpoint."""

    data: Path  # captioned images: captions.jsonl, images/
    out: Path  # folder for weights, card and the states to resume from
    clip_sets: tuple[Path, ...] = ()  # folders of clips: manifest.jsonl
    space: str = "lite"  # its image tower encodes the frames
    network: TemporalConfig = field(default_factory=TemporalConfig)
    max_images: int = 2400  # of train
    seeds: tuple[int, ...] = (0, 1, 2)  # one run each; the result is the first
    steps: int = 2500  # of each run
    batch: int = 8  # videos a step
    seconds: float = 200.0  # of a video
    rate: float = 1.5e-3  # highest learning rate
    decay: float = 0.05  # weight decay
    dropout: float = 0.1
    average: float = 0.995  # decay of the moving average of the weights
    noise: float = 0.03  # length of the random vectors added to the frame vectors
    save_every: int = 100  # steps

    def __post_init__(self) -> None:
        """Raises `InvalidInput` when seeds are missing or repeated."""
        if not self.seeds or len(set(self.seeds)) < len(self.seeds):
            raise InvalidInput(f"Every run needs a seed of its own, not {self.seeds}.")


def fingerprint(recipe: TemporalRecipe) -> str:
    """Identify the recipe of a saved state: all but output folder, save interval and other runs."""
    return repr(replace(recipe, out=Path(), save_every=0, seeds=(0,)))
