"""An inspector that was fitted on images of good parts alone.

PatchCore (Roth et al. 2022, arXiv:2106.08265) with folds: a part is compared with good parts by
distances that were computed in the same manner, each without the fold of the good part. Names of
arrays end in their axes: H height and W width in pixels, h and w in patches, N patches, F folds.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import ClassVar, Literal

import numpy as np
import numpy.typing as npt

from mm.errors import InvalidInput, SpaceMismatch
from mm.inspection.bank.nearest_folds import NearestFoldSearch
from mm.inspection.bank.patch_bank import PatchBank
from mm.inspection.bank.relative import RelativeSearch
from mm.inspection.features.backbone import Backbone
from mm.inspection.features.fine import FineBackbone
from mm.inspection.features.framing import count_patches, extract_patches, extract_tiles
from mm.inspection.head.head import SegmentationHead
from mm.inspection.head.inputs import build_inputs, count_inputs
from mm.inspection.head.name_kinds import name_kinds
from mm.inspection.head.network import Inputs
from mm.inspection.scoring.regions import find_regions
from mm.inspection.scoring.score import mean_of_largest
from mm.inspection.settings import FitSettings
from mm.inspection.thresholds.conformal import Calibration
from mm.inspection.types import Inspection, Mask, Threshold, Verdict
from mm.inspection.view import View, create_view
from mm.media.types import RGB
from mm.numerics import Float32, Float64


def choose_patches(backbone: Backbone, settings: FitSettings) -> Backbone:
    """The backbone, or the one of two resolutions around it."""
    return FineBackbone(backbone) if settings.has_fine_patches else backbone


@dataclass(frozen=True, eq=False)
class FittedInspector:
    """Implements `mm.inspection.types.Inspector`. It is not changed; a new version is another."""

    mode: ClassVar[Literal["patches"]] = "patches"
    name: str
    version: int
    settings: FitSettings
    bank: PatchBank
    calibration: Calibration
    region_threshold: float
    """Heat above which a pixel belongs to a region; infinite without held-out images."""
    backbone: Backbone = field(repr=False)
    backbone_digest: str
    group_folds: Mapping[str, int]
    """Fold of each group of good images."""
    reference_HWC: RGB | None = None
    """The image that others are aligned with, at the resolution of the inspector."""
    head: SegmentationHead | None = field(default=None, repr=False)
    """What was learned from marked defects; None without marks."""
    marked_folds: Mapping[str, int] = field(default_factory=dict)
    """Fold of each group of marked images that the version was taught with."""
    comparison: str | None = None
    """JSON text of the comparison with the version before; None of one that was fitted."""

    def __post_init__(self) -> None:
        if self.backbone.digest != self.backbone_digest:
            raise SpaceMismatch(
                f"The inspector {self.name} was fitted with other weights of the backbone '{self.settings.backbone}' than those "
                "that are installed. Fit it again."
            )
        if self.head is not None and len(self.head.weight_F) != self.bank.num_folds:
            raise InvalidInput("The segmentation head of an inspector has a weight for each fold of the bank.")

    @cached_property
    def threshold(self) -> Threshold:
        """The threshold for the rate of the settings."""
        return self.calibration.compute_threshold(self.settings.rate)

    @cached_property
    def patch_backbone(self) -> Backbone:
        """The network of the patches, as the settings say."""
        return choose_patches(self.backbone, self.settings)

    @cached_property
    def _plain_search(self) -> NearestFoldSearch:
        return NearestFoldSearch(self.bank)

    @cached_property
    def _relative_search(self) -> RelativeSearch:
        return RelativeSearch(self.bank)

    def with_rate(self, rate: float) -> FittedInspector:
        """The same inspector for another rate of false alarms. Raises `InvalidInput`."""
        return replace(self, settings=replace(self.settings, rate=rate))

    @cached_property
    def judging_folds(self) -> npt.NDArray[np.int64]:
        """Columns that scores are averaged over: the folds of held-out good images.

        Those of accepted parts, which have no held-out scores, are left out.
        """
        folds = np.unique(self.calibration.fold_N)
        return folds if len(folds) else np.arange(self.bank.num_folds)

    def inspect(self, image_HWC: RGB, mask_HW: Mask | None = None) -> Inspection:
        """As `Inspector.inspect`."""
        view = create_view(image_HWC, self.settings, self.reference_HWC)
        inside_hw = view.select_patches(mask_HW)
        anomaly_hwF, inputs_hwD = self._measure_anomaly(view.pixels_HWC)
        score_F = self.score_patches(anomaly_hwF[inside_hw])
        p_value = self.calibration.compute_p_value(score_F)
        notes = [*self._describe_limits(), *self._describe_registration(view)]
        verdict = self._decide(p_value, view)
        mean_hw = anomaly_hwF[..., self.judging_folds].mean(2)
        heat_HW = view.build_heat_map(np.where(inside_hw, mean_hw, 0).astype(np.float32))
        if mask_HW is not None:
            heat_HW[~mask_HW] = 0
        regions = () if verdict == "pass" else find_regions(heat_HW, self.region_threshold)
        if inputs_hwD is not None and self.head is not None:
            regions = name_kinds(regions, view, inputs_hwD, self.head)
        score = float(score_F[self.judging_folds].mean())
        return Inspection(score, p_value, verdict, heat_HW, regions, self.name, self.version, tuple(notes))

    def score_patches(self, anomaly_NF: Float32) -> Float64:
        """Scores (F,) of an image from the anomaly of its patches, without each fold in turn."""
        if self.head is None:
            return mean_of_largest(anomaly_NF, self.settings.share)
        return np.array([rule.score(each_N) for each_N, rule in zip(anomaly_NF.T, self.head.rules_F, strict=True)])

    def measure_patches(self, vectors_NC: Float32, inputs_ND: Inputs) -> Float32:
        """Anomaly (N, F) of patches without each fold in turn.

        The inputs begin with those of the head: one of an earlier version takes fewer.
        """
        distances_NF = self._search(vectors_NC)
        if self.head is None:
            return distances_NF
        return self.head.combine(distances_NF, self.head.predict(inputs_ND[:, : self.head.num_inputs]))

    def _measure_anomaly(self, scaled_HWC: RGB) -> tuple[Float32, Inputs | None]:
        """Anomaly (h, w, F) of the patches of a scaled image, and inputs (h, w, D) of a head."""
        if self.head is None:
            return self.measure_distances(scaled_HWC), None
        vectors_hwC = extract_patches(self.patch_backbone, scaled_HWC)
        height, width, num_channels = vectors_hwC.shape
        has_fine = self.head.num_inputs > count_inputs(num_channels)
        inputs_hwD = build_inputs(scaled_HWC, vectors_hwC, self.backbone if has_fine else None)
        anomaly_NF = self.measure_patches(vectors_hwC.reshape(height * width, -1), inputs_hwD.reshape(height * width, -1))
        return anomaly_NF.reshape(height, width, -1), inputs_hwD

    def measure_distances(self, scaled_HWC: RGB) -> Float32:
        """Distances (h, w, F) of the patches of a scaled image from the bank without each fold.

        They are relative ones if the settings say so (`mm.inspection.bank.relative`).
        """
        distances_hwF = np.empty((*count_patches(*scaled_HWC.shape[:2]), self.bank.num_folds), np.float32)
        for rows, columns, vectors_hwC in extract_tiles(self.patch_backbone, scaled_HWC):
            found_NF = self._search(vectors_hwC.reshape(-1, vectors_hwC.shape[-1]))
            distances_hwF[rows, columns] = found_NF.reshape(*vectors_hwC.shape[:2], -1)
        return distances_hwF

    def _search(self, vectors_NC: Float32) -> Float32:
        """Distances (N, F) of vectors from the bank without each fold, as the settings say."""
        if self.settings.has_relative_distances:
            return self._relative_search.search(vectors_NC)
        return self._plain_search.search(vectors_NC).leave_out_each(self.bank.num_folds)

    def measure_both_distances(self, scaled_HWC: RGB) -> tuple[Float32, Float32]:
        """As `measure_distances`, plain and relative ones, whatever the settings say."""
        size = (*count_patches(*scaled_HWC.shape[:2]), self.bank.num_folds)
        both = np.empty(size, np.float32), np.empty(size, np.float32)
        for rows, columns, vectors_hwC in extract_tiles(self.patch_backbone, scaled_HWC):
            found = self._relative_search.search_both(vectors_hwC.reshape(-1, vectors_hwC.shape[-1]))
            for distances_hwF, found_NF in zip(both, found, strict=True):
                distances_hwF[rows, columns] = found_NF.reshape(*vectors_hwC.shape[:2], -1)
        return both

    def _decide(self, p_value: float, view: View) -> Verdict:
        """Compare a p-value with the requested rate.

        There is no verdict if the p-value is the smallest that the good images allow and above the
        rate, or if the image could not be aligned.
        """
        rate, smallest = self.settings.rate, self.calibration.smallest_rate
        if self.reference_HWC is not None and not view.is_aligned:
            return "undecided"
        if p_value <= rate:
            return "fail"
        return "undecided" if p_value <= smallest else "pass"

    def _describe_limits(self) -> tuple[str, ...]:
        groups, rate = self.calibration.num_groups, self.settings.rate
        if not groups:
            return (
                "One group of good images has no held-out scores: every verdict is undecided. Add good images of further parts.",
            )
        if self.calibration.smallest_rate <= rate:
            return ()
        needed = math.ceil(1 / rate - 1e-9) - 1
        return (
            f"{groups} groups of good images allow a false-alarm rate of {self.calibration.smallest_rate:.1%}, not {rate:.1%}: "
            f"that needs {needed} groups. A part with a higher score than all of them is undecided.",
        )

    def _describe_registration(self, view: View) -> tuple[str, ...]:
        if view.registration is None or view.is_aligned:
            return ()
        return (
            f"The image could not be aligned with the reference (correlation {view.registration.correlation:.2f}): "
            "its verdict is undecided.",
        )
