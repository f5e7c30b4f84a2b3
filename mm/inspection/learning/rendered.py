"""Draws cracks on images of good parts, with what they cover.

A network that was trained to separate them from good parts also finds real defects (Zavrtanik et
al. 2021, "DRAEM", arXiv:2108.07610). Sizes are pixels at the resolution of the inspector, since a
thin defect is what distances between vectors of many pixels miss. Depths are relative to the
brightness around, before the exposure is corrected: that is how a crack looks in a dark image and
in a bright one.
Names of arrays end in their axes: H height and W width in pixels.
"""

from __future__ import annotations

from collections.abc import Iterator

import cv2
import numpy as np
import numpy.typing as npt

from mm.inspection.good_pixels import GoodPixels
from mm.inspection.inspector import FittedInspector
from mm.inspection.learning.examples import Example, Patches, read_patches
from mm.inspection.types import Mask
from mm.media.types import RGB
from mm.numerics import Float32

Random = np.random.Generator

MIN_COPIES, MAX_COPIES, MAX_COPIES_PER_IMAGE = 100, 300, 12
"""Copies with cracks: one of each good image up to the second number, and several of each if fewer
images than the first are good, up to the third."""
CRACKS_PER_COPY = 2
CRACK_LENGTH, CRACK_WIDTH, CRACK_STEPS = (25.0, 140.0), (1, 4), (3, 6)
"""Pixels, and the number of straight pieces."""
CRACK_BEND, CRACK_SHIFT = 0.05, 0.8
"""Standard deviations of the angle in radians and of the ends of the pieces in pixels."""
UPRIGHT_SHARE = 0.5
"""Share of the cracks along the columns of the image, as grooves often are."""
SOFTNESS = (0.4, 1.2)
"""Range of the standard deviation of the blur of edges, pixels."""
DEPTH = (0.25, 0.8)
"""Share of the local brightness by which a crack is darker."""
BRIGHT_SHARE, BRIGHT_DEPTH = 0.2, 0.7
"""Share of the cracks that are brighter instead, and their depth relative to dark ones."""
AROUND_SIGMA = 8.0
"""Standard deviation in pixels of the window of the local brightness."""
MIN_COVERAGE = 0.3
"""Coverage from which a pixel counts as defective."""


def render_patches(inspector: FittedInspector, goods: GoodPixels) -> Iterator[tuple[int, Patches]]:
    """Fold and patches of copies of good images with cracks, drawn by the seed of the settings."""
    settings = inspector.settings
    per_image = min(MAX_COPIES_PER_IMAGE, max(1, MIN_COPIES // len(goods)))
    chosen = np.random.default_rng(settings.seed).permutation(len(goods))[:MAX_COPIES]
    for index in np.sort(chosen).tolist():
        image_HWC, group = goods.read(index), goods.images[index].group
        scale = image_HWC.shape[0] / settings.framing.compute_size(*image_HWC.shape[:2])[0]
        for copy in range(per_image):
            rendered_HWC, mask_HW = render_cracks(image_HWC, scale, np.random.default_rng([settings.seed, index, copy]))
            example = _make_example(f"copy of good image {index + 1}", group, inspector.group_folds[group], rendered_HWC, mask_HW)
            yield example.fold, read_patches(example, inspector.backbone, settings, inspector.reference_HWC)


def _make_example(name: str, group: str, fold: int, rendered_HWC: RGB, mask_HW: Mask) -> Example:
    return Example("rendered", name, group, fold, lambda: rendered_HWC, lambda height, width: [(mask_HW, None)])


def render_cracks(image_HWC: RGB, scale: float, random: Random) -> tuple[RGB, Mask]:
    """The image with cracks, and the pixels that they cover.

    `scale` is the number of its pixels that become one pixel of the inspector, along an axis.
    """
    height, width = image_HWC.shape[:2]
    covered_HW = np.zeros((height, width), np.bool_)
    for _ in range(CRACKS_PER_COPY):
        coverage_HW = draw_crack(height, width, scale, random)
        image_HWC = _change(image_HWC, coverage_HW, scale, random)
        covered_HW |= coverage_HW >= MIN_COVERAGE
    return image_HWC, covered_HW


def draw_crack(height: int, width: int, scale: float, random: Random) -> Float32:
    """Coverage (H, W), 0 to 1, of a thin broken line."""
    mask_HW = np.zeros((height, width), np.uint8)
    steps = int(random.integers(CRACK_STEPS[0], CRACK_STEPS[1] + 1))
    length = scale * random.uniform(*CRACK_LENGTH) / steps
    angle = (np.pi / 2 if random.random() < UPRIGHT_SHARE else random.uniform(0, np.pi)) + random.normal(0, CRACK_BEND)
    start = random.uniform(0.05, 0.95, 2) * (width, height)
    pieces = np.array([np.cos(angle), np.sin(angle)]) * length + random.normal(0, scale * CRACK_SHIFT, (steps, 2))
    points = start + np.concatenate([np.zeros((1, 2)), pieces.cumsum(0)])
    sixteenths = np.rint(points * 16).astype(np.int32)
    thickness = max(1, round(scale * random.integers(CRACK_WIDTH[0], CRACK_WIDTH[1] + 1)))
    cv2.polylines(mask_HW, [sixteenths], False, 255, thickness, cv2.LINE_AA, 4)
    return _soften(mask_HW, scale * random.uniform(*SOFTNESS))


def _soften(mask_HW: npt.NDArray[np.uint8], sigma: float) -> Float32:
    return np.asarray(cv2.GaussianBlur(mask_HW / np.float32(255), (0, 0), sigma), np.float32)


def _change(image_HWC: RGB, coverage_HW: Float32, scale: float, random: Random) -> RGB:
    """Darken or brighten what is covered by a share of the brightness around it."""
    depth = random.uniform(*DEPTH)
    factor = np.float32(BRIGHT_DEPTH * depth if random.random() < BRIGHT_SHARE else -depth)
    values_HWC = image_HWC.astype(np.float32)
    around_HWC = cv2.GaussianBlur(values_HWC, (0, 0), scale * AROUND_SIGMA)
    changed_HWC = values_HWC + factor * around_HWC * coverage_HW[..., None]
    return np.asarray(np.clip(np.rint(changed_HWC), 0, 255), np.uint8)
