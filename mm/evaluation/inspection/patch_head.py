"""A head on patch vectors, trained on a few marked frames: the baseline for sequences.

Logistic regression with an L2 penalty by iteratively reweighted least squares, in numpy. Names of
arrays end in their axes: H height and W width in pixels, h and w in patches, N patches, C numbers
of a patch.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from mm.errors import InvalidInput
from mm.inspection.features.backbone import Backbone
from mm.inspection.features.framing import Framing, cover_patches, extract_patches
from mm.media.types import RGB
from mm.metrics.inspection.regions import Mask
from mm.numerics import Float32, Float64, sigmoid

PENALTY = 1.0
"""Weight of the squared length of the standardised coefficients, per 1,000 patches."""
NUM_STEPS = 12
"""Newton steps; the fit of so few numbers converges in fewer."""


@dataclass(frozen=True, slots=True, eq=False)
class PatchHead:
    """Probability of each patch to be marked."""

    backbone: Backbone
    framing: Framing
    mean_C: Float64
    scale_C: Float64
    weights_C: Float64
    bias: float

    def predict(self, image_HWC: RGB) -> Float32:
        """Probabilities (H, W) at the resolution of the image."""
        vectors_hwC = extract_patches(self.backbone, self.framing.scale(image_HWC))
        logits_hw = ((vectors_hwC - self.mean_C) / self.scale_C @ self.weights_C + self.bias).astype(np.float32)
        height, width = image_HWC.shape[:2]
        return sigmoid(np.asarray(cv2.resize(logits_hw, (width, height), interpolation=cv2.INTER_LINEAR), np.float32))


def fit_patch_head(frames: Sequence[tuple[RGB, Mask]], backbone: Backbone, framing: Framing) -> PatchHead:
    """Fit on images (H, W, 3) with their masks (H, W).

    A patch is marked if half of it is. Raises `InvalidInput` when no patch is marked or all are.
    """
    vectors, labels = [], []
    for image_HWC, mask_HW in frames:
        scaled_HWC = framing.scale(image_HWC)
        vectors_hwC = extract_patches(backbone, scaled_HWC)
        vectors.append(vectors_hwC.reshape(-1, vectors_hwC.shape[-1]))
        labels.append(cover_patches(mask_HW, (scaled_HWC.shape[0], scaled_HWC.shape[1])).ravel())
    if not labels or np.concatenate(labels).all() or not np.concatenate(labels).any():
        raise InvalidInput(f"The {len(frames)} marked frames have no marked patch, or no other.")
    vectors_NC, is_marked_N = np.concatenate(vectors).astype(np.float64), np.concatenate(labels)
    mean_C, scale_C = vectors_NC.mean(0), np.maximum(vectors_NC.std(0), 1e-6)
    weights = fit_logistic((vectors_NC - mean_C) / scale_C, is_marked_N, PENALTY * len(vectors_NC) / 1000)
    return PatchHead(backbone, framing, mean_C, scale_C, weights[:-1], float(weights[-1]))


def fit_logistic(vectors_NC: Float64, is_marked_N: Mask, penalty: float) -> Float64:
    """Coefficients (C + 1,) of the penalised logistic regression; the last is the intercept."""
    inputs = np.column_stack([vectors_NC, np.ones(len(vectors_NC))])
    penalties = np.append(np.full(vectors_NC.shape[1], penalty), 0.0)  # the intercept is free
    weights = np.zeros(inputs.shape[1])
    for _ in range(NUM_STEPS):
        probability_N = sigmoid(np.asarray(inputs @ weights, np.float64))
        curvature_N = np.maximum(probability_N * (1 - probability_N), 1e-6)
        gradient = inputs.T @ (is_marked_N - probability_N) - penalties * weights
        hessian = (inputs * curvature_N[:, None]).T @ inputs + np.diag(penalties)
        weights = weights + np.linalg.solve(hessian, gradient)
    return weights
