"""Compares settings by how well they separate good images from the same images with defects.

Each image, and its copies with rendered defects, is scored with its own fold left out of the bank,
so neither the image nor another of its group is in the bank that judges it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from mm.errors import InvalidInput
from mm.inspection.features.backbone import Backbone
from mm.inspection.fit import OnProgress, fit_inspector
from mm.inspection.good_pixels import GoodPixels, ReadImage
from mm.inspection.inspector import FittedInspector
from mm.inspection.scoring.score import mean_of_largest
from mm.inspection.selection.separation import measure_auc, score_defects
from mm.inspection.settings import FitSettings
from mm.inspection.types import GoodImage
from mm.inspection.view import View
from mm.numerics import Float64

SHARES = (0.003, 0.01, 0.03, 0.1)
"""Shares of the score that are compared; they cost nothing, since the distances are the same."""
MAX_IMAGES = 24
"""Good images that are scored in a comparison."""
MIN_GROUPS = 2


@dataclass(frozen=True, slots=True)
class Trial:
    """How well one set of settings separates good images from rendered defects."""

    settings: FitSettings
    auc: float
    """Area under the ROC curve, all good images against all copies with defects."""
    gap: float
    """Mean difference of the scores in standard deviations of the good ones; decides ties."""


def choose_settings(
    images: Sequence[GoodImage],
    candidates: Sequence[FitSettings],
    load_backbone: Callable[[str], Backbone],
    read_image: ReadImage | None = None,
    on_progress: OnProgress = lambda line: None,
) -> list[Trial]:
    """Trials of each candidate with each of `SHARES`, the best first.

    Raises `InvalidInput` for fewer than two groups of good images, and as `fit_inspector`.
    """
    if len({image.group for image in images}) < MIN_GROUPS:
        raise InvalidInput("Settings are compared on held-out images: that needs good images of at least two groups.")
    trials: list[Trial] = []
    for candidate in candidates:
        inspector = fit_inspector(images, "trial", load_backbone(candidate.backbone), candidate, read_image)
        good, defective = _score(inspector, GoodPixels(images, inspector.settings, read_image))
        for column, share in enumerate(SHARES):
            trials.append(_compare(replace(candidate, share=share), good[:, column], defective[:, column]))
        best = max(trials[-len(SHARES) :], key=_rank)
        on_progress(f"{candidate.backbone}, {candidate.framing}: AUROC {best.auc:.3f} with the largest {best.settings.share:.1%}")
    return sorted(trials, key=_rank, reverse=True)


def _rank(trial: Trial) -> tuple[float, float]:
    return round(trial.auc, 3), trial.gap


def _score(inspector: FittedInspector, goods: GoodPixels) -> tuple[Float64, Float64]:
    """Held-out scores by share, of the good images (N, S) and of their copies (N * defects, S)."""

    def measure(view: View, fold: int) -> Float64:
        distances_hw = inspector.measure_distances(view.pixels_HWC)[..., fold]
        inside_N1 = distances_hw[view.select_patches(None)][:, None]
        return np.array([mean_of_largest(inside_N1, share)[0] for share in SHARES])

    return score_defects(inspector, goods, measure, MAX_IMAGES)


def _compare(settings: FitSettings, good_N: Float64, defective_M: Float64) -> Trial:
    spread = max(float(good_N.std()), 1e-9)
    return Trial(settings, measure_auc(good_N, defective_M), float(defective_M.mean() - good_N.mean()) / spread)
