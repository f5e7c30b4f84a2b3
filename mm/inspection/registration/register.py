"""Finds how an image lies relative to a reference: shift, rotation and a small change of scale.

First the enhanced correlation coefficient (Evangelidis and Psarakis 2008, "Parametric Image
Alignment Using Enhanced Correlation Coefficient Maximization") from the identity, on a pyramid.
Where that fails, ORB keypoints (Rublee et al. 2011) with RANSAC give a start for it. Names of
arrays end in their axes: H height, W width, C channels.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np

from mm.inspection.types import Mask
from mm.media.types import RGB
from mm.models.inputs import require_image
from mm.numerics import Float32

LONGEST = 512
"""Longer side, in pixels, at which images are compared."""
LEVELS = (0.25, 0.5, 1.0)
"""Scales of the pyramid, coarse to fine."""
MIN_CORRELATION = 0.75
"""Correlation of the aligned grey values below which a registration is poor."""
MIN_OVERLAP = 0.6
"""Share of the reference that the aligned image must cover."""
MAX_SCALE = 1.25
"""Largest change of scale, in either direction."""
KEYPOINTS, MIN_MATCHES = 1000, 8
ITERATIONS, PRECISION = 60, 1e-5

Grey = Float32


@dataclass(frozen=True, slots=True, eq=False)
class Registration:
    """The motion from coordinates x, y of the reference to those of the image, in pixels."""

    matrix_23: Float32
    correlation: float
    """Of the grey values of both where they overlap, -1 to 1."""
    method: Literal["ecc", "orb"]
    is_reliable: bool
    """False when correlation, overlap or change of scale is outside its limit."""

    def align(self, image_HWC: RGB, size: tuple[int, int]) -> RGB:
        """The image as the reference of `size` (height, width) shows it, reflected at its edges."""
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        aligned = cv2.warpAffine(image_HWC, self.matrix_23, size[::-1], flags=flags, borderMode=cv2.BORDER_REFLECT_101)
        return np.asarray(aligned, np.uint8)

    def find_overlap(self, image: tuple[int, int], size: tuple[int, int]) -> Mask:
        """The pixels of the reference of `size` that an image of a size `image` covers."""
        flags = cv2.INTER_NEAREST | cv2.WARP_INVERSE_MAP
        covered = cv2.warpAffine(np.ones(image, np.uint8), self.matrix_23, size[::-1], flags=flags)
        return np.asarray(covered > 0, np.bool_)


def register(image_HWC: RGB, reference_HWC: RGB) -> Registration:
    """Register an image to a reference, both uint8 RGB of any sizes.

    The result may be unreliable: check `is_reliable`. Raises `InvalidInput` for another type.
    """
    require_image(image_HWC)
    require_image(reference_HWC)
    factor = min(1.0, LONGEST / max(*image_HWC.shape[:2], *reference_HWC.shape[:2]))
    image_HW, reference_HW = _prepare(image_HWC, factor), _prepare(reference_HWC, factor)
    best: tuple[float, Float32, Literal["ecc", "orb"]] = (-1.0, np.eye(2, 3, dtype=np.float32), "ecc")
    starts: tuple[Literal["ecc", "orb"], ...] = ("ecc", "orb")
    for method in starts:
        start = np.eye(2, 3, dtype=np.float32) if method == "ecc" else _match_keypoints(image_HW, reference_HW)
        if start is None:
            continue
        matrix_23 = _maximize_correlation(image_HW, reference_HW, start)
        correlation = _measure(image_HW, reference_HW, matrix_23)[0]
        if correlation > best[0]:
            best = correlation, matrix_23, method
        if best[0] >= MIN_CORRELATION:
            break
    correlation, matrix_23, method = best
    overlap = _measure(image_HW, reference_HW, matrix_23)[1]
    scale = float(np.sqrt(abs(np.linalg.det(matrix_23[:, :2]))))
    is_reliable = correlation >= MIN_CORRELATION and overlap >= MIN_OVERLAP and 1 / MAX_SCALE <= scale <= MAX_SCALE
    return Registration(_rescale(matrix_23, 1 / factor), correlation, method, is_reliable)


def _prepare(image_HWC: RGB, factor: float) -> Grey:
    grey_HW = cv2.cvtColor(image_HWC, cv2.COLOR_RGB2GRAY).astype(np.float32)
    if factor < 1:
        size = (max(round(grey_HW.shape[1] * factor), 1), max(round(grey_HW.shape[0] * factor), 1))
        grey_HW = cv2.resize(grey_HW, size, interpolation=cv2.INTER_AREA)
    return np.asarray(grey_HW, np.float32)


def _rescale(matrix_23: Float32, factor: float) -> Float32:
    """The motion for coordinates that are `factor` times as large, with pixel centres kept.

    A coordinate x becomes (x + 0.5) factor - 0.5.
    """
    linear, shift = matrix_23[:, :2].astype(np.float64), matrix_23[:, 2].astype(np.float64)
    half = np.full(2, 0.5)
    moved = factor * (shift + half - linear @ half) + linear @ half - half
    return np.column_stack([linear, moved]).astype(np.float32)


def _maximize_correlation(image_HW: Grey, reference_HW: Grey, start_23: Float32) -> Float32:
    """Refine a motion from coarse to fine. A level that does not converge leaves it as it was."""
    matrix_23 = start_23
    criteria = (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, ITERATIONS, PRECISION)
    for level in LEVELS:
        small = [cv2.resize(grey, None, fx=level, fy=level, interpolation=cv2.INTER_AREA) for grey in (reference_HW, image_HW)]
        if min(*small[0].shape, *small[1].shape) < 16:
            continue
        start = _rescale(matrix_23, level)
        try:
            _, refined = cv2.findTransformECC(small[0], small[1], start.copy(), cv2.MOTION_EUCLIDEAN, criteria, None, 5)
        except cv2.error:  # no convergence, or one of them has a single colour
            continue
        matrix_23 = _rescale(np.asarray(refined, np.float32), 1 / level)
    return matrix_23


def _match_keypoints(image_HW: Grey, reference_HW: Grey) -> Float32 | None:
    """The motion of most pairs of keypoints; None when too few agree."""
    detector = cv2.ORB.create(KEYPOINTS)
    found = [detector.detectAndCompute(np.clip(grey, 0, 255).astype(np.uint8), None) for grey in (reference_HW, image_HW)]
    if any(descriptors is None for _, descriptors in found):
        return None
    (reference_points, reference_codes), (image_points, image_codes) = found
    pairs = cv2.BFMatcher(cv2.NORM_HAMMING, crossCheck=True).match(reference_codes, image_codes)
    if len(pairs) < MIN_MATCHES:
        return None
    sources = np.array([reference_points[pair.queryIdx].pt for pair in pairs], np.float32)
    targets = np.array([image_points[pair.trainIdx].pt for pair in pairs], np.float32)
    matrix_23, inliers = cv2.estimateAffinePartial2D(sources, targets, method=cv2.RANSAC, ransacReprojThreshold=3.0)
    if matrix_23 is None or int(inliers.sum()) < MIN_MATCHES:
        return None
    return np.asarray(matrix_23, np.float32)


def _measure(image_HW: Grey, reference_HW: Grey, matrix_23: Float32) -> tuple[float, float]:
    """Correlation where both overlap, and the share of the reference that they do."""
    size = reference_HW.shape[::-1]
    aligned_HW = cv2.warpAffine(image_HW, matrix_23, size, flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP)
    covered_HW = cv2.warpAffine(np.ones_like(image_HW), matrix_23, size, flags=cv2.INTER_NEAREST | cv2.WARP_INVERSE_MAP) > 0
    if covered_HW.sum() < 2:
        return -1.0, 0.0
    first, second = aligned_HW[covered_HW].astype(np.float64), reference_HW[covered_HW].astype(np.float64)
    spread = float(first.std() * second.std())
    correlation = float(((first - first.mean()) * (second - second.mean())).mean() / spread) if spread > 1e-9 else -1.0
    return correlation, float(covered_HW.mean())
