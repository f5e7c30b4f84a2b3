"""An inspector of a fixed scene: which named region lacks what it should show, or how much of it.

Names of arrays end in their axes: H height, W width, C channels, F folds.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import ClassVar, Literal

import cv2
import numpy as np

from mm.errors import InvalidInput, SpaceMismatch
from mm.inspection.features.backbone import Backbone
from mm.inspection.logical.counting import list_matches
from mm.inspection.logical.presence import RegionBank, extract_region
from mm.inspection.logical.regions import NamedRegion
from mm.inspection.logical.settings import LogicalSettings
from mm.inspection.registration.register import Registration, register
from mm.inspection.scoring.regions import describe_region
from mm.inspection.thresholds.conformal import Calibration
from mm.inspection.thresholds.statement import count_needed_groups
from mm.inspection.types import Inspection, Mask, Region, Threshold, Verdict
from mm.media.types import RGB
from mm.models.inputs import require_image
from mm.numerics import Float64

MIN_VISIBLE = 0.95
"""Share of a region that an image must show for a statement about it."""
EXTRA_MATCHES = 20
"""Copies beyond the expected number that are counted."""


@dataclass(frozen=True, slots=True, eq=False)
class RegionResult:
    """What was found in one named region."""

    region: NamedRegion
    verdict: Verdict
    kind: str | None
    """`missing: NAME` or `count: NAME 3 of 4` where the region is not as it should be."""
    score_F: Float64
    """Presence: mean distance as a multiple of the median of good images, with each fold left out.

    Count: difference from the expected number, once.
    """
    p_value: float
    """Presence: share of good parts of which any region has a score as high. Count: 1."""

    @property
    def score(self) -> float:
        """The score of the region, mean over the folds."""
        return float(self.score_F.mean())


@dataclass(frozen=True, eq=False)
class LogicalInspector:
    """Implements `mm.inspection.types.Inspector`. It is not changed; a new version is another."""

    mode: ClassVar[Literal["logical"]] = "logical"
    name: str
    version: int
    settings: LogicalSettings
    regions: tuple[NamedRegion, ...]
    reference_HWC: RGB
    """The first good image."""
    banks: Mapping[str, RegionBank]
    """Vectors of good images by the name of a region of presence."""
    match_limits: Mapping[str, float]
    """Correlation from which a place is a copy, by the name of a region with a count."""
    calibration: Calibration
    """Largest score of a region of presence of each good image, with its fold left out."""
    backbone: Backbone | None = field(repr=False)
    """None where no region is one of presence."""
    backbone_digest: str | None

    def __post_init__(self) -> None:
        if self.backbone is not None and self.backbone.digest != self.backbone_digest:
            raise SpaceMismatch(
                f"The inspector {self.name} was fitted with other weights of the backbone '{self.settings.backbone}' than those "
                "that are installed. Fit it again."
            )

    @cached_property
    def threshold(self) -> Threshold:
        """The threshold of presence for the rate of the settings. Counts have none."""
        return self.calibration.compute_threshold(self.settings.rate)

    def with_rate(self, rate: float) -> LogicalInspector:
        """The same inspector for another rate of false alarms. Raises `InvalidInput`."""
        return replace(self, settings=replace(self.settings, rate=rate))

    def inspect(self, image_HWC: RGB, mask_HW: Mask | None = None) -> Inspection:
        """As `Inspector.inspect`. A region of which less than half is in the mask is left out.

        Without registration, raises `InvalidInput` for an image of another size.
        """
        require_image(image_HWC)
        registration = self._register(image_HWC)
        heat_HW = np.zeros(image_HWC.shape[:2], np.float32)
        if registration is not None and not registration.is_reliable:
            note = f"The image could not be aligned with the first good one (correlation {registration.correlation:.2f})."
            return Inspection(0.0, 1.0, "undecided", heat_HW, (), self.name, self.version, (f"{note} Its verdict is undecided.",))
        results, hidden = self.inspect_regions(image_HWC, registration, mask_HW)
        described = []
        for result in results:
            mask = _move_mask(result.region.draw(self._size), registration, heat_HW.shape)
            heat_HW[mask] = np.maximum(heat_HW[mask], np.float32(result.score))
            if result.kind is not None and mask.any():
                described.append(_describe(mask, result))
        described.sort(key=lambda region: -region.score)
        p_value = min((result.p_value for result in results), default=1.0)
        verdict = _combine([result.verdict for result in results] + ["undecided"] * bool(hidden or not results))
        score = max((result.score for result in results), default=0.0)
        notes = (*hidden, *self._describe_limits())
        return Inspection(score, p_value, verdict, heat_HW, tuple(described), self.name, self.version, notes)

    def inspect_regions(
        self, image_HWC: RGB, registration: Registration | None, mask_HW: Mask | None = None
    ) -> tuple[list[RegionResult], list[str]]:
        """The result of each region that the image shows, and a sentence for each other one."""
        aligned_HWC, seen_HW = image_HWC, np.ones(self._size, np.bool_)
        if registration is not None:
            aligned_HWC = registration.align(image_HWC, self._size)
            seen_HW = registration.find_overlap((image_HWC.shape[0], image_HWC.shape[1]), self._size)
        wanted_HW = None if mask_HW is None else _align_mask(mask_HW, image_HWC, registration, self._size)
        results, hidden = [], []
        for region in self.regions:
            inside_HW = region.draw(self._size)
            if wanted_HW is not None and wanted_HW[inside_HW].mean() < 0.5:
                continue
            if seen_HW[inside_HW].mean() < MIN_VISIBLE:
                hidden.append(f"The region {region.name} is not inside the image: nothing is said of it.")
            else:
                results.append(self._count(aligned_HWC, region) if region.count else self._compare(aligned_HWC, region))
        return results, hidden

    def _compare(self, aligned_HWC: RGB, region: NamedRegion) -> RegionResult:
        assert self.backbone is not None  # a region of presence is never fitted without one
        patches = extract_region(aligned_HWC, region, self.backbone, self.settings.longest)
        score_F = self.banks[region.name].score(patches)
        p_value = self.calibration.compute_p_value(score_F)
        verdict = self._decide(p_value)
        return RegionResult(region, verdict, f"missing: {region.name}" if verdict == "fail" else None, score_F, p_value)

    def _count(self, aligned_HWC: RGB, region: NamedRegion) -> RegionResult:
        assert region.count is not None
        example_HWC = cut_example(self.reference_HWC, region)
        matches = list_matches(aligned_HWC, example_HWC, region.draw(self._size), region.count + EXTRA_MATCHES)
        count = sum(correlation >= self.match_limits[region.name] for correlation, _, _ in matches)
        is_right = count == region.count
        kind = None if is_right else f"count: {region.name} {count} of {region.count}"
        return RegionResult(region, "pass" if is_right else "fail", kind, np.full(1, abs(count - region.count), np.float64), 1.0)

    def _decide(self, p_value: float) -> Verdict:
        """As of other inspectors: no verdict where the good images do not allow the rate."""
        if p_value <= self.settings.rate:
            return "fail"
        return "undecided" if p_value <= self.calibration.smallest_rate else "pass"

    @property
    def _size(self) -> tuple[int, int]:
        return self.reference_HWC.shape[0], self.reference_HWC.shape[1]

    def _register(self, image_HWC: RGB) -> Registration | None:
        if self.settings.has_registration:
            return register(image_HWC, self.reference_HWC)
        if image_HWC.shape != self.reference_HWC.shape:
            sizes = [f"{each.shape[1]} x {each.shape[0]}" for each in (image_HWC, self.reference_HWC)]
            raise InvalidInput(
                f"The image has {sizes[0]} pixels, the first good one {sizes[1]}; without registration both must be equal."
            )
        return None

    def _describe_limits(self) -> tuple[str, ...]:
        notes = []
        groups, rate = self.calibration.num_groups, self.settings.rate
        if self.banks and self.calibration.smallest_rate > rate:
            notes.append(
                f"{groups} held-out groups of good images do not allow a false-alarm rate of {rate:.1%}, which needs "
                f"{count_needed_groups(rate)}: "
                "a region that differs more than in all of them is undecided."
            )
        if self.match_limits:
            notes.append("No rate of false alarms is promised for counts: they rest on the correlation with the marked example.")
        return tuple(notes)


def cut_example(reference_HWC: RGB, region: NamedRegion) -> RGB:
    """The marked example of a region with a count."""
    assert region.example is not None
    left, top, width, height = region.example
    return np.ascontiguousarray(reference_HWC[top : top + height, left : left + width])


def _combine(verdicts: list[Verdict]) -> Verdict:
    """The verdict of an image: one region that fails is enough, then one that is undecided."""
    for verdict in ("fail", "undecided"):
        if verdict in verdicts:
            return verdict
    return "pass"


def _move_mask(mask_HW: Mask, registration: Registration | None, size: tuple[int, ...]) -> Mask:
    """A mask of the reference in the coordinates of an image of `size`."""
    if registration is None:
        return mask_HW
    moved_HW = cv2.warpAffine(mask_HW.astype(np.uint8), registration.matrix_23, (size[1], size[0]), flags=cv2.INTER_NEAREST)
    return np.asarray(moved_HW > 0, np.bool_)


def _align_mask(mask_HW: Mask, image_HWC: RGB, registration: Registration | None, size: tuple[int, int]) -> Mask:
    if mask_HW.shape != image_HWC.shape[:2] or mask_HW.dtype != np.bool_ or not mask_HW.any():
        raise InvalidInput(
            f"The region of interest must be bool {image_HWC.shape[:2]} and not empty, not {mask_HW.dtype} {mask_HW.shape}."
        )
    if registration is None:
        return mask_HW
    flags = cv2.INTER_NEAREST | cv2.WARP_INVERSE_MAP
    return np.asarray(cv2.warpAffine(mask_HW.astype(np.uint8), registration.matrix_23, size[::-1], flags=flags) > 0, np.bool_)


def _describe(mask_HW: Mask, result: RegionResult) -> Region:
    rows, columns = np.nonzero(mask_HW)
    top, left = int(rows.min()), int(columns.min())
    window_hw = mask_HW[top : int(rows.max()) + 1, left : int(columns.max()) + 1]
    return describe_region(window_hw, left, top, mask_HW.shape, result.score, result.kind)
