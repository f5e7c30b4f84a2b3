"""The recipe of an alignment, as a value."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path

from mm.errors import InvalidInput
from mm.training.augment import Views


@dataclass(frozen=True, slots=True)
class AlignConfig:
    """The recipe. Defaults are those of the shipped checkpoint."""

    data: Path  # folder of captioned pictures with the splits train and dev
    out: Path  # folder that the checkpoint, the card and the states to resume from go to
    seeds: tuple[int, ...] = (0, 1, 2)  # one run each; the mean of their weights is the result
    epochs: int = 39  # of each run
    shared: int = 16  # epochs that the runs have in common, after which they part
    batch: int = 500  # pictures a step, over all processes
    size: int = 288  # pixels; side of the input in training
    served: int = 320  # pixels; side at which the result reads: whole pictures show things smaller than random crops do
    stored: int = 224  # pixels; side at which pictures are kept in memory
    rate: float = 1e-3  # highest learning rate
    weight_decay: float = 0.2
    dropout: float = 0.3  # of the features before the head
    average: float = 0.98  # decay of the moving average, a step
    retention: float = 0.3  # weight of keeping the ImageNet classifier's answers
    views: Views = field(default_factory=Views)
    class_gain: float = 5.0  # of the class names in the result: captions need less, things that no caption names need more
    save_every: int = 5  # epochs

    def __post_init__(self) -> None:
        """Raises `InvalidInput` for a recipe that means nothing."""
        if not self.seeds or len(set(self.seeds)) < len(self.seeds):
            raise InvalidInput(f"Every run needs a seed of its own, not {self.seeds}.")
        if not 0 <= self.shared < self.epochs:
            raise InvalidInput(f"Of {self.epochs} epochs, {self.shared} cannot be shared: at least one must be each run's own.")


def fingerprint(config: AlignConfig) -> str:
    """What must be the same for a state to be taken up: all of the recipe but where it writes and how often."""
    return repr(replace(config, out=Path(), save_every=0))
