"""An inspector that was fitted on images of good parts alone.

PatchCore (Roth et al. 2022, arXiv:2106.08265) with folds: a part is compared with good parts by
distances that were computed in the same manner, each without the fold of the good part. Names of
arrays end in their axes: H height and W width in pixels, h and w in patches, N patches, F folds.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np

from mm.errors import InvalidInput, SpaceMismatch
from mm.inspection.bank.patch_bank import BankSearch, PatchBank, leave_out_each_fold
from mm.inspection.features.backbone import Backbone
from mm.inspection.features.framing import count_patches, cover_patches, extract_tiles
from mm.inspection.scoring.heat_map import build_heat_map
from mm.inspection.scoring.regions import find_regions
from mm.inspection.scoring.score import mean_of_largest
from mm.inspection.settings import FitSettings
from mm.inspection.thresholds.conformal import Calibration
from mm.inspection.types import Inspection, Mask, Threshold, Verdict
from mm.media.types import RGB
from mm.models.inputs import require_image
from mm.numerics import Float32


@dataclass(frozen=True, eq=False)
class FittedInspector:
    """Implements `mm.inspection.types.Inspector`. It is not changed; a new version is another."""

    name: str
    version: int
    settings: FitSettings
    bank: PatchBank
    calibration: Calibration
    region_threshold: float
    """Heat above which a pixel belongs to a region; infinite without held-out images."""
    backbone: Backbone = field(repr=False)
    backbone_digest: str

    def __post_init__(self) -> None:
        if self.backbone.digest != self.backbone_digest:
            raise SpaceMismatch(
                f"The inspector {self.name} was fitted with other weights of the backbone '{self.settings.backbone}' than those "
                "that are installed. Fit it again."
            )

    @cached_property
    def threshold(self) -> Threshold:
        """The threshold for the rate of the settings."""
        return self.calibration.compute_threshold(self.settings.rate)

    @cached_property
    def _search(self) -> BankSearch:
        return BankSearch(self.bank)

    def with_rate(self, rate: float) -> FittedInspector:
        """The same inspector for another rate of false alarms. Raises `InvalidInput`."""
        return replace(self, settings=replace(self.settings, rate=rate))

    def inspect(self, image_HWC: RGB, mask_HW: Mask | None = None) -> Inspection:
        """As `Inspector.inspect`."""
        require_image(image_HWC)
        scaled_HWC = self.settings.framing.scale(image_HWC)
        inside_hw = _select_patches(mask_HW, image_HWC.shape[:2], scaled_HWC.shape[:2])
        outside_hwF = leave_out_each_fold(self.measure_distances(scaled_HWC))
        score_F = mean_of_largest(outside_hwF[inside_hw], self.settings.share)
        p_value = self.calibration.compute_p_value(score_F)
        verdict = self._decide(p_value)
        mean_hw = np.where(inside_hw, outside_hwF.mean(2), 0).astype(np.float32)
        heat_HW = build_heat_map(mean_hw, scaled_HWC.shape[:2], image_HWC.shape[:2])
        if mask_HW is not None:
            heat_HW[~mask_HW] = 0
        regions = () if verdict == "pass" else find_regions(heat_HW, self.region_threshold)
        return Inspection(
            float(score_F.mean()), p_value, verdict, heat_HW, regions, self.name, self.version, self._describe_limits()
        )

    def measure_distances(self, scaled_HWC: RGB) -> Float32:
        """Distances (h, w, F) of the patches of a scaled image from each fold of the bank."""
        distances_hwF = np.empty((*count_patches(*scaled_HWC.shape[:2]), self.bank.num_folds), np.float32)
        for rows, columns, vectors_hwC in extract_tiles(self.backbone, scaled_HWC):
            found_NF = self._search.search(vectors_hwC.reshape(-1, vectors_hwC.shape[-1]))
            distances_hwF[rows, columns] = found_NF.reshape(*vectors_hwC.shape[:2], -1)
        return distances_hwF

    def _decide(self, p_value: float) -> Verdict:
        """Compare a p-value with the requested rate.

        If it is the smallest that the good images allow and above the rate, there is no verdict.
        """
        rate = self.settings.rate
        if p_value <= rate:
            return "fail"
        return "undecided" if self.calibration.smallest_rate > rate and p_value <= self.calibration.smallest_rate else "pass"

    def _describe_limits(self) -> tuple[str, ...]:
        groups, smallest = self.calibration.num_groups, self.calibration.smallest_rate
        if not groups:
            return (
                "One group of good images has no held-out scores: every verdict is undecided. Add good images of further parts.",
            )
        if smallest > self.settings.rate:
            needed = int(np.ceil(1 / self.settings.rate - 1e-9)) - 1
            return (
                f"{groups} groups of good images allow a false-alarm rate of {smallest:.1%}, not {self.settings.rate:.1%}: "
                f"that needs {needed} groups. A part with a higher score than all of them is undecided.",
            )
        return ()


def _select_patches(mask_HW: Mask | None, size: tuple[int, ...], scaled: tuple[int, ...]) -> Mask:
    """The patches (h, w) that a region of interest covers; all of them without one."""
    if mask_HW is None:
        return np.ones(count_patches(*scaled), np.bool_)
    if mask_HW.shape != size or mask_HW.dtype != np.bool_:
        raise InvalidInput(f"The region of interest must be bool {tuple(size)}, not {mask_HW.dtype} {mask_HW.shape}.")
    inside_hw = cover_patches(mask_HW, (scaled[0], scaled[1]))
    if not inside_hw.any():
        raise InvalidInput("The region of interest covers no patch of the image: it is empty or too small.")
    return inside_hw
