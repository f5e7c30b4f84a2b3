"""A board and its template as masks of copper, in the coordinates of the inspected image.

Names of arrays end in their axes: H height, W width, C channels, h and w of a window.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from mm.inspection.template.candidates import Candidate
from mm.inspection.template.settings import Conductor
from mm.inspection.types import Mask
from mm.media.types import RGB


@dataclass(frozen=True, slots=True, eq=False)
class Board:
    """Copper of an image and of its template."""

    image_HW: Mask
    template_HW: Mask
    inside_HW: Mask
    """Pixels that both show."""
    conductor: Conductor

    @classmethod
    def of(cls, image_HWC: RGB, template_HWC: RGB, inside_HW: Mask, level: int, conductor: Conductor) -> Board:
        """Separate copper at a grey value of grey images (H, W, 1)."""
        image_HW, template_HW = (each[..., 0] > level for each in (image_HWC, template_HWC))
        if conductor == "dark":
            image_HW, template_HW = ~image_HW, ~template_HW
        return cls(image_HW, template_HW, inside_HW, conductor)

    def is_added(self, candidate: Candidate) -> bool:
        """Whether a candidate is copper that the template does not have, rather than lacks."""
        return (candidate.change == "darker") == (self.conductor == "dark")

    def cut(self, candidate: Candidate, margin_px: int) -> Window:
        """The surroundings of a candidate, with material and void exchanged for lacking copper.

        A lack of copper is an addition of void: what holds for one holds for the other.
        """
        height, width = candidate.mask_hw.shape
        top, left = max(candidate.top - margin_px, 0), max(candidate.left - margin_px, 0)
        rows, columns = slice(top, candidate.top + height + margin_px), slice(left, candidate.left + width + margin_px)
        image_hw, template_hw = self.image_HW[rows, columns], self.template_HW[rows, columns]
        mask_hw = np.zeros(image_hw.shape, np.bool_)
        mask_hw[candidate.top - top :, candidate.left - left :][:height, :width] = candidate.mask_hw
        if not self.is_added(candidate):
            image_hw, template_hw = ~image_hw, ~template_hw
        return Window(mask_hw, image_hw, template_hw, self.inside_HW[rows, columns])


@dataclass(frozen=True, slots=True, eq=False)
class Window:
    """A candidate and what is around it, as if it were added material."""

    mask_hw: Mask
    image_hw: Mask
    template_hw: Mask
    inside_hw: Mask


def find_level(grey_HWC: RGB) -> int:
    """The grey value halfway between the two classes of an image (H, W, 1), after Otsu 1979.

    The threshold of that method itself may be the darkest value of an image of two values.
    """
    grey_HW = grey_HWC[..., 0]
    threshold, _ = cv2.threshold(grey_HW, 0, 255, cv2.THRESH_BINARY | cv2.THRESH_OTSU)
    is_light_HW = grey_HW > threshold
    if is_light_HW.all() or not is_light_HW.any():
        return int(threshold)
    return int((float(grey_HW[is_light_HW].mean()) + float(grey_HW[~is_light_HW].mean())) / 2)
