"""The shipped method of inspection as a callable that evaluations fit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from mm.evaluation.inspection.alarms import CachedBackbone
from mm.evaluation.inspection.runs import Fit
from mm.inspection.features.backbone import Backbone, LiteBackbone
from mm.inspection.fit import fit_inspector
from mm.inspection.settings import FitSettings
from mm.inspection.types import GoodImage, Inspector


def make_fit(settings: FitSettings, graph_cache: Path, *, has_cache: bool = False) -> Fit:
    """Fit with these settings; their seed is that of the evaluation.

    With `has_cache` the vectors of images that several fits share are computed once.

    Raises `Unavailable` when the wheel of the backbone is not installed.
    """
    backbone: Backbone = LiteBackbone(settings.backbone, graph_cache)
    if has_cache:
        backbone = CachedBackbone(backbone)

    def fit(images: Sequence[GoodImage], seed: int) -> Inspector:
        return fit_inspector(images, "evaluation", backbone, replace(settings, seed=seed))

    return fit
