"""Values that inspectors take and return. Marks, metrology, lines and reports use them.

Names of arrays end in their axes: H height, W width, C channels, P points, 2 the coordinates x, y.
Coordinates are in pixels of the inspected image; (0, 0) is the centre of its first pixel.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

import numpy as np
import numpy.typing as npt

from mm.media.types import RGB
from mm.numerics import Float32

Verdict = Literal["pass", "fail", "undecided"]
Mask = npt.NDArray[np.bool_]
"""Region of interest or of a defect, shape (H, W), true inside."""


@dataclass(frozen=True, slots=True, eq=False)
class GoodImage:
    """An image of a good part, and what it must not be separated from."""

    image: Path | RGB
    """A file, or uint8 (H, W, 3)."""
    group: str
    """Part, batch or exposure series. No group is on both sides of a fold."""


@dataclass(frozen=True, slots=True)
class Threshold:
    """The score above which a part fails, and how often a good part does."""

    score: float
    """A part with a higher score fails, or is undecided if the requested rate is unreachable.

    Infinite without held-out images.
    """
    rate_requested: float
    """Share of good parts that may fail, in (0, 1)."""
    num_good: int
    """Good images whose held-out scores the threshold stands on."""
    num_groups: int
    """Groups of these images: the count that limits which rates are reachable."""
    smallest_rate: float
    """The smallest rate that so many groups allow, 1 / (num_groups + 1)."""
    interval: tuple[float, float]
    """Clopper-Pearson bounds of the rate at this score, 95 %, from the held-out good images."""
    rate_observed: float | None = None
    """Share of the parts that were later confirmed as good and had failed; None before any is."""
    catches: tuple[int, int] | None = None
    """Parts that were later confirmed as defective: how many did not pass, of how many."""
    has_tolerance: bool = False
    """Whether verdicts rest on a fixed tolerance where the rate is unreachable."""

    @property
    def is_reachable(self) -> bool:
        """Whether enough groups of good images are known for the requested rate."""
        return self.smallest_rate <= self.rate_requested


@dataclass(frozen=True, slots=True, eq=False)
class Region:
    """An area of an image that differs from good parts, in one piece or in several close ones."""

    polygon_P2: Float32
    """Outer boundary of the piece with the longest one, without repetition of the first point."""
    mask_rle: str
    """Run lengths of the mask as in COCO files, compressed; the size is that of the image."""
    area_px: float
    score: float
    """Largest value of the heat map inside."""
    kind: str | None = None
    """Name of the kind of defect, where one was determined."""
    further: tuple[Float32, ...] = ()
    """Outer boundaries (P, 2) of the other pieces."""


@dataclass(frozen=True, slots=True, eq=False)
class Inspection:
    """What an inspector found in one image."""

    score: float
    """Distance from good parts; comparable only within one version of one inspector."""
    p_value: float
    """Share of good parts with a score at least as high, in (0, 1]."""
    verdict: Verdict
    heat_HW: Float32
    """Anomaly of each pixel, in the unit of `score`; 0 outside the region of interest."""
    regions: tuple[Region, ...]
    """In descending order of their scores."""
    inspector: str
    version: int
    notes: tuple[str, ...] = ()
    """Full sentences: conversions of the image, an unreachable rate, a refused registration."""


class Inspector(Protocol):
    """Decides whether an image shows a good part."""

    @property
    def name(self) -> str: ...

    @property
    def version(self) -> int: ...

    @property
    def threshold(self) -> Threshold: ...

    def inspect(self, image_HWC: RGB, mask_HW: Mask | None = None) -> Inspection:
        """Inspect an image, uint8 RGB (H, W, 3), within the region of interest if one is given.

        Raises `InvalidInput` for another type or shape, and for an empty mask or another size of
        it.
        """
        ...
