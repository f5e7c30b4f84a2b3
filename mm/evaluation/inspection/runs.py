"""Fits an inspector several times, inspects every image, and keeps what the measures need.

Names of arrays end in their axes: N images.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from mm.data.inspection.types import MarkedImage, choose_good_images
from mm.errors import InvalidInput
from mm.evaluation.inspection.jobs import run_jobs
from mm.inspection.types import GoodImage, Inspector
from mm.metrics.inspection.pimo import aupimo
from mm.metrics.inspection.pixel_counts import PixelCounts, count_pixels
from mm.metrics.inspection.regions import Heat, Mask
from mm.numerics import Float64

NUM_SEEDS = 3
"""Choices of good images; seed by seed others are chosen, from as many groups as possible."""

Progress = Callable[[str], None]


class Fit(Protocol):
    """Fits an inspector on good images."""

    def __call__(self, images: Sequence[GoodImage], seed: int) -> Inspector: ...


@dataclass(frozen=True, slots=True, eq=False)
class Run:
    """Results of one fitted inspector over all images."""

    score_N: Float64
    p_value_N: Float64
    marked_M: npt.NDArray[np.int64]
    """Images whose marks are known: good ones, and defective ones with marked pixels."""
    pixels: PixelCounts
    """Of the marked images, in their order."""
    aupimo_D: Float64 | None
    """Of the defective ones among them; None where it cannot be measured."""
    aupimo_note: str = ""
    """Why it cannot, such as too few normal pixels."""


@dataclass(frozen=True, slots=True, eq=False)
class Trial:
    """One fit on `num_good` of the good images, which the seed chooses, and what it inspects."""

    fit: Fit
    good: Sequence[MarkedImage]
    images: Sequence[MarkedImage]
    num_good: int
    seed: int


def run_trials(trials: Sequence[Trial], on_progress: Progress = lambda line: None, num_jobs: int = 1) -> list[Run]:
    """Results of the trials, in their order; `num_jobs` run at once, and are then pickled.

    Raises `InvalidInput` as `choose_good_images` and as the inspector.
    """
    runs = []
    for trial, run in zip(trials, run_jobs(_run_trial, trials, num_jobs), strict=True):
        on_progress(f"{trial.num_good} good images, seed {trial.seed}: {len(trial.images)} images inspected")
        runs.append(run)
    return runs


def _run_trial(trial: Trial) -> Run:
    chosen = choose_good_images(trial.good, trial.num_good, trial.seed)
    inspector = trial.fit([GoodImage(image.read(), image.group) for image in chosen], trial.seed)
    return inspect_images(inspector, trial.images)


def inspect_images(inspector: Inspector, images: Sequence[MarkedImage]) -> Run:
    """Inspect images; their heat maps are held in memory until they are counted."""
    scores, p_values, marked = [], [], []
    heats: list[Heat] = []
    masks: list[Mask] = []
    for index, image in enumerate(images):
        pixels = image.read()
        result = inspector.inspect(pixels)
        scores.append(result.score)
        p_values.append(result.p_value)
        mask = image.read_mask(pixels.shape[:2])
        if mask is not None:
            marked.append(index)
            heats.append(result.heat_HW)
            masks.append(mask)
    try:
        areas, note = aupimo(heats, masks), ""
    except InvalidInput as error:
        areas, note = None, str(error)
    return Run(np.array(scores), np.array(p_values), np.array(marked), count_pixels(heats, masks), areas, note)
