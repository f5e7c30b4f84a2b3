"""Renders pictures of a part for the demo: a brushed plate with a hole, and a scratch on one."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from mm.bench.pod.defects import Defect, create_defect, render_coverage
from mm.files import write_atomic
from mm.numerics import Float64

SIDE = 480
"""Pixels of a picture along each side."""
PLATE_MM, MM_PER_PX = 8.0, 0.02
"""Side of the plate, and the scale of the pictures."""
SCRATCH_MM, SCRATCH_CONTRAST = 1.2, 60.0
"""Length of the scratch, and its brightness above the plate in grey levels."""
NUM_GOOD, NUM_NEW = 20, 3
"""Good pictures to fit on, and further good ones to inspect beside the one with the scratch."""
LENS_BLUR_PX = 0.5


@dataclass(frozen=True, slots=True)
class DemoParts:
    """The rendered files."""

    good: tuple[Path, ...]
    new: tuple[Path, ...]
    """Further good parts, and the scratched one."""
    scratched: Path


def write_parts(folder: Path, seed: int = 0) -> DemoParts:
    """Write the pictures `good/part-NN.png`, `new/part-NN.png` and `new/scratch.png`.

    Other files of the folder stay.
    """
    names = [f"{'good' if number < NUM_GOOD else 'new'}/part-{number + 1:02}.png" for number in range(NUM_GOOD + NUM_NEW)]
    paths = [folder / name for name in names]
    for number, path in enumerate(paths):
        _write(path, render_part(np.random.default_rng((seed, number))))
    scratched = folder / "new" / "scratch.png"
    random = np.random.default_rng((seed, NUM_GOOD + NUM_NEW))
    _write(scratched, render_part(random, create_defect("scratch", SCRATCH_MM, random)))
    return DemoParts(tuple(paths[:NUM_GOOD]), (*paths[NUM_GOOD:], scratched), scratched)


def render_part(random: np.random.Generator, scratch: Defect | None = None) -> Float64:
    """Grey levels (SIDE, SIDE) of a plate with a hole; plates differ in place, texture, light."""
    shift_x, shift_y = random.uniform(-3, 3, 2)
    half = PLATE_MM / MM_PER_PX / 2
    centre = SIDE / 2 + shift_x, SIDE / 2 + shift_y
    y, x = np.mgrid[:SIDE, :SIDE].astype(np.float64)
    inside = _ramp(half - np.abs(x - centre[0])) * _ramp(half - np.abs(y - centre[1]))
    hole = _ramp(60 - np.hypot(x - centre[0] + 90, y - centre[1] + 70))
    brushed = cv2.GaussianBlur(random.normal(0, 1, (SIDE, SIDE)), (0, 0), sigmaX=12, sigmaY=0.6)
    brushed *= 4 / brushed.std()
    light = 1 + random.uniform(-0.04, 0.04) + random.uniform(-0.0001, 0.0001) * (x - centre[0])
    plate = (150 + brushed) * light
    plate = plate * (1 - hole) + 35 * hole
    if scratch is not None:
        place = centre[0] + 60, centre[1] + 60
        plate = plate + SCRATCH_CONTRAST * render_coverage(scratch, plate.shape, place, MM_PER_PX, LENS_BLUR_PX)
    picture: Float64 = 40 * (1 - inside) + plate * inside + random.normal(0, 2, (SIDE, SIDE))
    return picture


def _ramp(distance: Float64) -> Float64:
    """Coverage of a pixel whose centre lies this far inside an edge, both in pixels, blurred."""
    coverage: Float64 = np.clip(distance / (2 * LENS_BLUR_PX) + 0.5, 0, 1)
    return coverage


def _write(path: Path, picture_HW: Float64) -> None:
    encoded = cv2.imencode(".png", np.clip(np.rint(picture_HW), 0, 255).astype(np.uint8))[1]
    write_atomic(path, encoded.tobytes(), durable=False)
