"""The recipe of the temporal network, as a value."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path

from mm.errors import InvalidInput
from mm.models.temporal.config import TemporalConfig


@dataclass(frozen=True, slots=True)
class TemporalRecipe:
    """Defaults are those of the shipped checkpoint."""

    data: Path  # captioned photographs: captions.jsonl, images/
    out: Path  # folder that weights, card and the states to resume from go to
    films: tuple[Path, ...] = ()  # sets of clips: manifest.jsonl
    space: str = "lite"  # whose image tower sees the frames
    network: TemporalConfig = field(default_factory=TemporalConfig)
    photographs: int = 2400  # of train, at most
    seeds: tuple[int, ...] = (0, 1, 2)  # one run each; the first is what ships
    steps: int = 2500  # of each run
    batch: int = 8  # films a step
    seconds: float = 200.0  # of a film
    rate: float = 1.5e-3  # highest learning rate
    decay: float = 0.05  # of weights
    dropout: float = 0.1
    average: float = 0.995  # of the exponential moving average of the weights
    noise: float = 0.03  # length of what is added to the vectors
    save_every: int = 100  # steps

    def __post_init__(self) -> None:
        """Raises `InvalidInput` for a recipe that means nothing."""
        if not self.seeds or len(set(self.seeds)) < len(self.seeds):
            raise InvalidInput(f"Every run needs a seed of its own, not {self.seeds}.")


def fingerprint(recipe: TemporalRecipe) -> str:
    """What must be the same for a state to be taken up: all of the recipe but where it writes, how
    often, and other runs."""
    return repr(replace(recipe, out=Path(), save_every=0, seeds=(0,)))
