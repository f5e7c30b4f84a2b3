"""Scores of good images, and of the same images with rendered defects, on a bank without them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from mm.inspection.bank.relative import MIN_FOLDS
from mm.inspection.good_pixels import GoodPixels
from mm.inspection.inspector import FittedInspector
from mm.inspection.scoring.score import mean_of_largest
from mm.inspection.selection.rendered_defects import DEFECTS
from mm.inspection.view import View, create_view
from mm.media.types import RGB
from mm.metrics.auc import auc
from mm.numerics import Float32, Float64

MAX_COMPARED = 8
"""Good images over which plain and relative distances are compared."""

MeasureScores = Callable[[View, int], Float64]
"""Scores (S,) of a view with a fold left out, one for each of several settings."""


def score_defects(
    inspector: FittedInspector, goods: GoodPixels, measure: MeasureScores, num_images: int
) -> tuple[Float64, Float64]:
    """Scores of up to `num_images` good images (N, S), and of copies with each defect (M, S).

    `inspector` has no calibration yet; each image is scored with its own fold left out.
    """
    random = np.random.default_rng(inspector.settings.seed)
    good, defective = [], []
    for index in np.sort(random.permutation(len(goods))[:num_images]):
        fold = inspector.group_folds[goods.images[index].group]

        def score(image_HWC: RGB, fold: int = fold) -> Float64:
            return measure(create_view(image_HWC, inspector.settings, inspector.reference_HWC), fold)

        image_HWC = goods.read(int(index))
        good.append(score(image_HWC))
        defective += [score(draw(image_HWC, random)) for draw in DEFECTS]
    return np.stack(good), np.stack(defective)


def measure_auc(good_N: Float64, defective_M: Float64) -> float:
    """Area under the ROC curve of scores, all good images against all copies with defects."""
    labels = np.concatenate([np.zeros(len(good_N), bool), np.ones(len(defective_M), bool)])
    return auc(np.concatenate([good_N, defective_M]), labels)


def prefers_relative(inspector: FittedInspector, goods: GoodPixels) -> bool:
    """Whether relative distances separate rendered defects from good images better than plain ones.

    Never with fewer than three folds, which have no relative distances.
    """
    if inspector.bank.num_folds < MIN_FOLDS:
        return False

    def measure(view: View, fold: int) -> Float64:
        inside_hw = view.select_patches(None)
        both = inspector.measure_both_distances(view.pixels_HWC)
        return np.array([_score(distances_hwF[..., fold], inside_hw, inspector.settings.share) for distances_hwF in both])

    good_N2, defective_M2 = score_defects(inspector, goods, measure, MAX_COMPARED)
    plain, relative = (measure_auc(good_N2[:, column], defective_M2[:, column]) for column in (0, 1))
    return relative > plain


def _score(distances_hw: Float32, inside_hw: npt.NDArray[np.bool_], share: float) -> float:
    return float(mean_of_largest(distances_hw[inside_hw][:, None], share)[0])
