"""The recipe of an alignment, as a value."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path

from mm.errors import InvalidInput
from mm.training.align.augment import Views


@dataclass(frozen=True, slots=True)
class Variant:
    """One run of the recipe, and in what it differs from the others: runs that err differently are
    right together."""

    name: str  # of its state's file
    seed: int
    views: Views = field(default_factory=Views)
    drop_path: float = 0.2  # share of pictures that skip the last residual block; falls to 0 towards the input
    dropout: float = 0.3  # of the features before the head
    text_noise: float = 0.0  # length of the random vector that is added to a caption's unit vector
    unlabeled: bool = False  # learns from the pictures without captions too, if there are any


VARIANTS = (
    Variant("plain", 0),
    Variant("noise", 1, text_noise=0.3),
    Variant("unlabeled", 2, unlabeled=True),
    Variant("views", 3, Views(smallest_crop=0.25, colour=0.5)),
    Variant("dropout", 4, drop_path=0.3, dropout=0.5),
)


@dataclass(frozen=True, slots=True)
class AlignConfig:
    """The recipe. Defaults are those of the shipped weights, but for the seeds, which were not
    kept."""

    data: Path  # folder of captioned pictures with the splits train and dev
    out: Path  # folder that the checkpoint, the card and the states to resume from go to
    unlabeled: Path | None = None  # folder of pictures without captions
    variants: tuple[Variant, ...] = VARIANTS  # one run each; the mean of their weights is the result
    epochs: int = 28  # of each run
    batch: int = 500  # pictures a step, over all processes
    size: int = 288  # pixels; side of the input in training
    served: int = 320  # pixels; side at which the result reads: whole pictures show things smaller than random crops do
    stored: int = 224  # pixels; side at which pictures are kept in memory
    rate: float = 1e-3  # highest learning rate
    weight_decay: float = 0.2
    average: float = 0.98  # decay of the moving average, a step
    retention: float = 0.3  # weight of keeping the ImageNet classifier's answers
    class_gain: float = 2.5  # of the class names in the result: captions need less, things that no caption names need more
    save_every: int = 5  # epochs
    teacher: str | None = None  # id of the space that says what pictures show; without one, their captions do
    told: int = 5  # sentences that a teacher says of a picture

    def __post_init__(self) -> None:
        """Raises `InvalidInput` for a recipe that means nothing."""
        names = [variant.name for variant in self.variants]
        if not names or len(set(names)) < len(names):
            raise InvalidInput(f"Every run needs a name of its own, not {names}.")


def fingerprint(config: AlignConfig) -> str:
    """What must be the same for a state to be taken up: all of the recipe but where it writes and
    how often."""
    return repr(replace(config, out=Path(), save_every=0))
