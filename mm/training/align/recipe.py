"""The configuration of an alignment."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from mm.errors import InvalidInput
from mm.training.align.augment import Views


@dataclass(frozen=True, slots=True)
class Variant:
    """One run, and the settings in which it differs from the others."""

    name: str  # part of the file name of the saved state
    seed: int
    views: Views = field(default_factory=Views)
    drop_path: float = 0.2  # share of images that skip the last residual block; decreases to 0 towards the input
    dropout: float = 0.3  # of the features before the head
    text_noise: float = 0.0  # length of the random vector that is added to a caption's unit vector
    unlabeled: bool = False  # also trains on the images without captions, if there are any


VARIANTS = (
    Variant("plain", 0),
    Variant("noise", 1, text_noise=0.3),
    Variant("unlabeled", 2, unlabeled=True),
    Variant("views", 3, Views(smallest_crop=0.25, colour=0.5)),
    Variant("dropout", 4, drop_path=0.3, dropout=0.5),
)


def select_variants(names: Sequence[str]) -> tuple[Variant, ...]:
    """The variants of these names, in the order of the recipe.

    Raises `InvalidInput` for an unknown name.
    """
    known = [variant.name for variant in VARIANTS]
    unknown = next((name for name in names if name not in known), None)
    if unknown is not None:
        raise InvalidInput(f"The variants are {', '.join(known)}, not {unknown}.")
    return tuple(variant for variant in VARIANTS if variant.name in names)


@dataclass(frozen=True, slots=True)
class AlignConfig:
    """The recipe. Its defaults made the shipped weights; only their seeds were not recorded."""

    data: Path  # folder of captioned images with the splits train and dev
    out: Path  # folder for the checkpoint, the card and the states to resume from
    unlabeled: Path | None = None  # folder of images without captions
    variants: tuple[Variant, ...] = VARIANTS  # one run each; the mean of their weights is the result
    epochs: int = 28  # of each run
    batch: int = 500  # images a step, over all processes
    size: int = 288  # pixels; side of the input in training
    serving_size: int = 320  # pixels; side of the input in serving: objects are smaller in whole images than in random crops
    stored_size: int = 224  # pixels; side at which images are held in memory
    rate: float = 1e-3  # highest learning rate
    weight_decay: float = 0.2
    average: float = 0.98  # decay of the moving average, a step
    retention: float = 0.3  # weight of staying close to the logits of the ImageNet classifier
    class_gain: float = 2.5  # gain of the class vectors in the result; higher than captions need, for objects they do not name
    save_every: int = 5  # epochs
    teacher: str | None = None  # id of the space that chooses the captions; without one, images have their own
    captions_per_image: int = 5  # captions that a teacher chooses for each image
    num_folds: int = 0  # towers, each trained without one fold of the images with captions; 0: one tower, trained on all

    def __post_init__(self) -> None:
        """Raises `InvalidInput` for missing variants, for a shared name, and for a single fold."""
        names = [variant.name for variant in self.variants]
        if not names or len(set(names)) < len(names):
            raise InvalidInput(f"Every run needs a name of its own, not {names}.")
        if self.num_folds == 1:
            raise InvalidInput("Cross-fitting needs at least 2 folds, not 1.")


def fingerprint(config: AlignConfig) -> str:
    """Identify the recipe of a saved state: all but the output folder and the save interval."""
    return repr(replace(config, out=Path(), save_every=0))
