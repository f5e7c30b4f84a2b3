"""An inspector as a detector of the POD bench."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from mm.bench.pod.detector import Grey, Heat
from mm.errors import InvalidInput
from mm.inspection.features.backbone import Backbone, LiteBackbone
from mm.inspection.features.framing import Framing
from mm.inspection.fit import fit_inspector
from mm.inspection.inspector import FittedInspector
from mm.inspection.settings import FitSettings
from mm.inspection.types import GoodImage
from mm.media.types import RGB

ENLARGEMENT = 2.0
"""Scale of the images that the network receives: the smallest defects are below its patches."""
BANK_SIZE = 2000


class InspectorDetector:
    """A `Detector`: the heat of an inspector, with a threshold from the maxima of good images."""

    is_loose = True

    def __init__(
        self, backbone: Backbone, enlargement: float = ENLARGEMENT, *,
        has_fine_patches: bool = False, has_rendered_cracks: bool = False,
    ) -> None:  # fmt: skip
        fine = ", patches of two resolutions" if has_fine_patches else ""
        cracks = ", learned from rendered cracks" if has_rendered_cracks else ""
        self.name = f"inspector ({backbone.name}, images enlarged {enlargement:g} times{fine}{cracks})"
        self._has_fine_patches, self._has_rendered_cracks = has_fine_patches, has_rendered_cracks
        self.threshold = math.inf
        self._backbone = backbone
        self._enlargement = enlargement
        self._inspector: FittedInspector | None = None

    def fit(self, goods: Sequence[Grey], rate: float) -> None:
        """Half of the good images fit the inspector, the others the threshold.

        Raises `InvalidInput` when the others are too few for the rate: with n images the smallest
        rate is 1 / (n + 1).
        """
        half = len(goods) // 2
        count = len(goods) - half
        if half < 1 or rate * (count + 1) < 1:
            raise InvalidInput(f"{count} good images cannot show a rate of {rate:g}; the smallest is {1 / (count + 1):.3g}.")
        settings = FitSettings(
            self._backbone.name,
            Framing(None, self._enlargement),
            bank_size=BANK_SIZE,
            has_fine_patches=self._has_fine_patches,
            has_rendered_cracks=self._has_rendered_cracks,
        )
        images = [GoodImage(_to_rgb(good), f"image {number}") for number, good in enumerate(goods[:half])]
        self._inspector = fit_inspector(images, "pod", self._backbone, settings)
        highest = np.sort([float(self.heat(good).max()) for good in goods[half:]])
        self.threshold = float(highest[math.ceil((1 - rate) * (count + 1)) - 1])

    def heat(self, grey_HW: Grey) -> Heat:
        """Heat (H, W) of an image (H, W). Raises `InvalidInput` before `fit`."""
        if self._inspector is None:
            raise InvalidInput("The detector has not been fitted.")
        return self._inspector.inspect(_to_rgb(grey_HW)).heat_HW


def create_inspector_detector(
    graph_cache: Path, enlargement: float, threads: int = 0, *,
    has_fine_patches: bool = False, has_rendered_cracks: bool = False,
) -> InspectorDetector:  # fmt: skip
    """The detector with the backbone `imagenet`; it can be called by name in another process."""
    backbone = LiteBackbone("imagenet", graph_cache, threads=threads)
    return InspectorDetector(backbone, enlargement, has_fine_patches=has_fine_patches, has_rendered_cracks=has_rendered_cracks)


def _to_rgb(grey_HW: Grey) -> RGB:
    return np.asarray(cv2.cvtColor(grey_HW, cv2.COLOR_GRAY2RGB), np.uint8)
