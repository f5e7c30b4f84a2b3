"""Fits a template inspector on one or more good images.

Two passes over the images: the first collects the tolerance band, the second computes the score of
each image beside the band of the other groups. The band of an inspected image has all groups and is
wider, so that a promised rate is kept with a margin. Memory does not depend on the number of
images.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from mm.errors import InvalidInput
from mm.inspection.good_pixels import MIN_CONTRAST, ReadImage, read_good_image
from mm.inspection.template.alignment import Placement, place_equal, place_in_good_image
from mm.inspection.template.band import BandBuilder
from mm.inspection.template.inspector import TemplateInspector, select_channels
from mm.inspection.template.settings import TemplateSettings
from mm.inspection.thresholds.conformal import Calibration
from mm.inspection.types import GoodImage
from mm.media.types import RGB
from mm.models.inputs import require_image

OnProgress = Callable[[str], None]


def fit_template(
    images: Sequence[GoodImage],
    name: str,
    settings: TemplateSettings | None = None,
    read_image: ReadImage | None = None,
    on_progress: OnProgress = lambda line: None,
) -> TemplateInspector:
    """Fit version 1 of an inspector. The first image is the template that others are aligned with.

    `read_image` decodes the images that are files. Raises `InvalidInput`, which names the image,
    for one of a single colour, one that cannot be aligned, or has another size where there is no
    registration; and without images.
    """
    settings = settings or TemplateSettings()
    if not images:
        raise InvalidInput("A template inspector needs at least one image of a good part.")
    group_N = np.unique([image.group for image in images], return_inverse=True)[1].astype(np.int64)
    aligner = _Aligner(images, settings, read_image)
    builder = BandBuilder(aligner.get(0), int(group_N[0]))
    for index in range(1, len(images)):
        builder.add(aligner.get(index), int(group_N[index]))
        on_progress(f"tolerance band of {index + 1} of {len(images)} images")
    empty = Calibration(np.zeros(0), np.zeros(0, np.int64), np.zeros(0, np.int64))
    inspector = TemplateInspector(name, 1, settings, aligner.template_HWC, builder.get_limits(), empty)
    if len(set(group_N.tolist())) == 1:
        return inspector
    scores = []
    placement = place_equal(aligner.template_HWC)
    for index, group in enumerate(group_N):
        low_HWC, high_HWC = builder.leave_out(int(group))
        defects = inspector.find_differences(aligner.get_rgb(index), low_HWC, high_HWC, placement.is_inside_HW, placement)
        scores.append(max((defect.score for defect in defects), default=0.0))
        on_progress(f"held-out scores of {index + 1} of {len(images)} images")
    calibration = Calibration(np.array(scores), group_N, np.zeros(len(images), np.int64))
    return TemplateInspector(name, 1, settings, inspector.template_HWC, inspector.limits, calibration)


class _Aligner:
    """The good images in the coordinates of the first one, decoded at each access."""

    def __init__(self, images: Sequence[GoodImage], settings: TemplateSettings, read_image: ReadImage | None) -> None:
        self._images, self._settings, self._read_image = images, settings, read_image
        self.template_HWC = self._read(0)

    def get(self, index: int) -> RGB:
        """What is compared of an image: grey (H, W, 1) or RGB."""
        return select_channels(self.get_rgb(index), self._settings)

    def get_rgb(self, index: int) -> RGB:
        """An image in the coordinates of the template, whose pixels it has where it shows none."""
        if not index:
            return self.template_HWC
        image_HWC = self._read(index)
        placement = self._place(image_HWC, index)
        return np.where(placement.is_inside_HW[..., None], placement.sample(image_HWC), self.template_HWC)

    def _place(self, image_HWC: RGB, index: int) -> Placement:
        if not self._settings.has_registration:
            if image_HWC.shape != self.template_HWC.shape:
                raise InvalidInput(f"{self._label(index)} has another size than the first one; fit with registration.")
            return place_equal(image_HWC)
        placement = place_in_good_image(self.template_HWC, image_HWC)
        if placement is None:
            raise InvalidInput(f"{self._label(index)} could not be aligned with the first one. Remove it.")
        return placement

    def _read(self, index: int) -> RGB:
        image_HWC = read_good_image(self._images[index], self._read_image)
        require_image(image_HWC)
        if int(image_HWC.max()) - int(image_HWC.min()) < MIN_CONTRAST:
            raise InvalidInput(f"{self._label(index)} has a single colour.")
        return image_HWC

    def _label(self, index: int) -> str:
        return f"Good image {index + 1} of {len(self._images)} (group {self._images[index].group})"
