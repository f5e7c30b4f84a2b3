"""Surfaces without defects: read from a folder of good images, or generated."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from mm.errors import InvalidInput, MediaError
from mm.media import MediaReader
from mm.metrology.edges import grey_levels

Float64 = npt.NDArray[np.float64]

HIGH_PASS_PX = 3.0
"""Structures wider than about this many pixels are shading, not noise."""
NOISE = 4.0
"""Standard deviation of the noise of generated surfaces, in grey levels."""
SUFFIXES = {".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp"}


@dataclass(frozen=True, slots=True, eq=False)
class Surface:
    """Grey levels (H, W) of a surface without defects; `name` is its file or its number."""

    name: str
    grey_HW: Float64


def read_surfaces(folder: Path, size: int) -> list[Surface]:
    """Images of a folder with both sides of at least `size` px, sorted by name.

    Raises `InvalidInput` when there are fewer than two: thresholds are fitted on some surfaces and
    used on others.
    """
    surfaces = []
    with MediaReader() as reader:
        for path in sorted(path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES):
            try:
                image = reader.image(path, path.name)
            except MediaError as error:
                raise InvalidInput(f"{path} is no surface: {error}.") from error
            if min(image.shape[:2]) >= size:
                surfaces.append(Surface(path.name, grey_levels(image)))
    if len(surfaces) < 2:
        raise InvalidInput(f"{folder} has {len(surfaces)} images of at least {size} x {size} px; two are needed.")
    return surfaces


def generate_surfaces(count: int, size: int, seed: int) -> list[Surface]:
    """Ground metal under uneven light: white noise, lines of a random direction, shading."""
    random = np.random.default_rng((seed, 77))
    surfaces = []
    for number in range(count):
        lines = ndimage.rotate(
            ndimage.gaussian_filter1d(random.normal(0, 1, (2 * size, 2 * size)), 12, axis=1),
            random.uniform(0, 180),
            reshape=False,
        )[size // 2 : size // 2 + size, size // 2 : size // 2 + size]
        y, x = np.mgrid[:size, :size] / size - 0.5
        shading = 12 * (random.uniform(-1, 1) * x + random.uniform(-1, 1) * y)
        grey = 128 + shading + 0.6 * NOISE * lines / lines.std() + random.normal(0, 0.8 * NOISE, (size, size))
        surfaces.append(Surface(str(number), grey))
    return surfaces


def crop(surface: Surface, size: int, random: np.random.Generator) -> Float64:
    """A random square (size, size) of a surface."""
    top, left = (int(random.integers(side - size + 1)) for side in surface.grey_HW.shape)
    return surface.grey_HW[top : top + size, left : left + size]


def local_noise(grey_HW: Float64) -> float:
    """Standard deviation of the fine structure, by the median of absolute deviations."""
    residual = grey_HW - ndimage.gaussian_filter(grey_HW, HIGH_PASS_PX)
    # The high pass leaves 1 - 1 / (pi s^2) + 1 / (4 pi s^2) of the variance of white noise.
    remaining = 1 - 3 / (4 * math.pi * HIGH_PASS_PX**2)
    deviation = 1.4826 * float(np.median(np.abs(residual - np.median(residual))))
    return max(0.5, deviation / math.sqrt(remaining))
