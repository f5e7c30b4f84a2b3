"""An inspector that compares an image with the tolerance band of good ones, pixel by pixel.

Names of arrays end in their axes: H height, W width, C channels, h and w of a window.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import ClassVar, Literal

import cv2
import numpy as np

from mm.errors import InvalidInput
from mm.inspection.scoring.regions import MAX_REGIONS, describe_region
from mm.inspection.template.alignment import Placement, place_equal, place_in_template
from mm.inspection.template.board import Board, find_level
from mm.inspection.template.candidates import Candidate, find_candidates
from mm.inspection.template.settings import TemplateSettings
from mm.inspection.template.topology import count_contacts, name_defect
from mm.inspection.template.verifier import load_verifier, measure_features
from mm.inspection.thresholds.conformal import Calibration
from mm.inspection.thresholds.statement import describe_threshold
from mm.inspection.types import Inspection, Mask, Region, Threshold, Verdict
from mm.media.types import RGB
from mm.models.inputs import require_image
from mm.numerics import Float32

MIN_PROBABILITY = 0.5
"""Probability of the verifier from which a candidate on a board is a defect."""


@dataclass(frozen=True, slots=True, eq=False)
class Difference:
    """A candidate with its kind and its score."""

    candidate: Candidate
    kind: str
    score: float
    """Boards: probability of the verifier. Prints: pixels outside the tolerance band."""


@dataclass(frozen=True, eq=False)
class TemplateInspector:
    """Implements `mm.inspection.types.Inspector`. It is not changed; a new version is another."""

    mode: ClassVar[Literal["template"]] = "template"
    name: str
    version: int
    settings: TemplateSettings
    template_HWC: RGB
    """The first good image, RGB."""
    limits: tuple[RGB, RGB]
    """Smallest and largest value of each pixel of the good images: grey (H, W, 1) or RGB."""
    calibration: Calibration
    """Scores of the good images without their own group; empty with one group."""

    @cached_property
    def threshold(self) -> Threshold:
        """The threshold for the rate of the settings, or of the tolerance alone.

        Where the good images do not allow the rate, `is_reachable` is false and no rate is
        promised.
        """
        threshold = self.calibration.compute_threshold(self.settings.rate)
        if threshold.is_reachable:
            return replace(threshold, has_tolerance=True)
        return replace(threshold, score=self.min_score, has_tolerance=True)

    @property
    def min_score(self) -> float:
        """Score from which a difference is a defect, whatever the rate."""
        return MIN_PROBABILITY if self.settings.conductor else float(self.settings.smallest_area_px)

    def with_rate(self, rate: float) -> TemplateInspector:
        """The same inspector for another rate of false alarms. Raises `InvalidInput`."""
        return replace(self, settings=replace(self.settings, rate=rate))

    def inspect(self, image_HWC: RGB, mask_HW: Mask | None = None) -> Inspection:
        """As `Inspector.inspect`. Without registration, raises `InvalidInput` for another size."""
        require_image(image_HWC)
        placement, note = self._place(image_HWC)
        heat_HW = np.zeros(image_HWC.shape[:2], np.float32)
        if placement is None:
            return Inspection(0.0, 1.0, "undecided", heat_HW, (), self.name, self.version, (note,))
        inside_HW = placement.is_inside_HW & _check_mask(mask_HW, image_HWC)
        low_HWC, high_HWC = (placement.sample(limit_HWC) for limit_HWC in self.limits)
        defects = self.find_differences(image_HWC, low_HWC, high_HWC, inside_HW, placement)
        score = max((defect.score for defect in defects), default=0.0)
        p_value = self.calibration.compute_p_value(np.full(1, score))
        verdict = self._decide(p_value, bool(defects))
        for defect in defects:
            _paint(heat_HW, defect)
        regions = () if verdict == "pass" else self._describe(defects, heat_HW.shape)
        return Inspection(score, p_value, verdict, heat_HW, regions, self.name, self.version, self._describe_limits())

    def find_differences(
        self, image_HWC: RGB, low_HWC: RGB, high_HWC: RGB, inside_HW: Mask, placement: Placement
    ) -> tuple[Difference, ...]:
        """Defects of an image beside a band in its coordinates, in descending order of score."""
        compared_HWC = select_channels(image_HWC, self.settings)
        candidates = find_candidates(compared_HWC, low_HWC, high_HWC, inside_HW, self.settings)
        if self.settings.conductor is None:
            found = [Difference(each, each.change, float(each.num_outside)) for each in candidates]
        else:
            board = self.separate_copper(compared_HWC, inside_HW, placement)
            contacts = [count_contacts(each, board) for each in candidates]
            probability_N = load_verifier().verify(measure_features(candidates, contacts, board)).tolist()
            found = [
                Difference(each, name_defect(board.is_added(each), count), probability)
                for each, count, probability in zip(candidates, contacts, probability_N, strict=True)
            ]
        return tuple(sorted((each for each in found if each.score >= self.min_score), key=lambda each: -each.score))

    def list_candidates(self, image_HWC: RGB) -> tuple[tuple[Candidate, ...], Board] | None:
        """Candidates of a board before they are verified; None where it cannot be aligned."""
        placement, _ = self._place(image_HWC)
        if placement is None:
            return None
        grey_HWC, inside_HW = select_channels(image_HWC, self.settings), placement.is_inside_HW
        low_HWC, high_HWC = (placement.sample(limit_HWC) for limit_HWC in self.limits)
        candidates = find_candidates(grey_HWC, low_HWC, high_HWC, inside_HW, self.settings)
        return candidates, self.separate_copper(grey_HWC, inside_HW, placement)

    def separate_copper(self, image_HWC: RGB, inside_HW: Mask, placement: Placement) -> Board:
        """Copper of a grey image (H, W, 1) and of the template. Only for boards."""
        assert self.settings.conductor is not None
        template_HWC = placement.sample(select_channels(self.template_HWC, self.settings))
        return Board.of(image_HWC, template_HWC, inside_HW, self._level, self.settings.conductor)

    @cached_property
    def _level(self) -> int:
        return find_level(select_channels(self.template_HWC, self.settings))

    def _place(self, image_HWC: RGB) -> tuple[Placement | None, str]:
        """Where the image lies in the template, or None with the reason."""
        if self.settings.has_registration:
            registration, placement = place_in_template(image_HWC, self.template_HWC)
            return placement, (
                f"The image could not be aligned with the template (correlation {registration.correlation:.2f}): "
                "its verdict is undecided."
            )
        if image_HWC.shape != self.template_HWC.shape:
            sizes = [f"{each.shape[1]} x {each.shape[0]}" for each in (image_HWC, self.template_HWC)]
            raise InvalidInput(
                f"The image has {sizes[0]} pixels, the template {sizes[1]}; without registration both must be equal."
            )
        return place_equal(image_HWC), ""

    def _decide(self, p_value: float, has_defects: bool) -> Verdict:
        if not has_defects:
            return "pass"
        return "fail" if not self.threshold.is_reachable or p_value <= self.settings.rate else "pass"

    def _describe(self, defects: tuple[Difference, ...], size: tuple[int, ...]) -> tuple[Region, ...]:
        above = [each for each in defects if not self.threshold.is_reachable or each.score > self.threshold.score]
        return tuple(
            describe_region(each.candidate.mask_hw, each.candidate.left, each.candidate.top, size, each.score, each.kind)
            for each in above[:MAX_REGIONS]
        )

    def _describe_limits(self) -> tuple[str, ...]:
        if self.threshold.is_reachable:
            return ()
        return (describe_threshold(self.threshold),)


def select_channels(image_HWC: RGB, settings: TemplateSettings) -> RGB:
    """What is compared: grey values (H, W, 1) of boards, all channels of prints."""
    return (
        image_HWC if settings.conductor is None else np.asarray(cv2.cvtColor(image_HWC, cv2.COLOR_RGB2GRAY), np.uint8)[..., None]
    )


def _check_mask(mask_HW: Mask | None, image_HWC: RGB) -> Mask:
    size = image_HWC.shape[:2]
    if mask_HW is None:
        return np.ones(size, np.bool_)
    if mask_HW.shape != size or mask_HW.dtype != np.bool_:
        raise InvalidInput(f"The region of interest must be bool {size}, not {mask_HW.dtype} {mask_HW.shape}.")
    if not mask_HW.any():
        raise InvalidInput("The region of interest is empty.")
    return mask_HW


def _paint(heat_HW: Float32, defect: Difference) -> None:
    candidate = defect.candidate
    height, width = candidate.mask_hw.shape
    window = heat_HW[candidate.top : candidate.top + height, candidate.left : candidate.left + width]
    np.maximum(window, np.where(candidate.mask_hw, np.float32(defect.score), 0), out=window)
