"""A template inspector as the settings and arrays of a file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import numpy as np
import numpy.typing as npt

from mm.inspection.template.inspector import TemplateInspector
from mm.inspection.template.settings import TemplateSettings
from mm.inspection.thresholds.conformal import Calibration
from mm.models.inputs import require_image

Array = npt.NDArray[np.generic]

TEMPLATE, LOW, HIGH = "template", "low", "high"
SCORES, GROUPS, FOLDS = "scores", "score_groups", "score_folds"


def store_template(inspector: TemplateInspector) -> tuple[dict[str, object], dict[str, Array]]:
    """Settings as JSON values, and arrays by name."""
    calibration = inspector.calibration
    arrays: dict[str, Array] = {
        TEMPLATE: inspector.template_HWC, LOW: inspector.limits[0], HIGH: inspector.limits[1],
        SCORES: calibration.score_N, GROUPS: calibration.group_N.astype(np.int32), FOLDS: calibration.fold_N.astype(np.int32),
    }  # fmt: skip
    return {"settings": asdict(inspector.settings)}, arrays


def restore_template(stored: Mapping[str, Any], tensors: Mapping[str, Array]) -> TemplateInspector:
    """The inspector of a file. Raises one of several errors when something is missing or wrong."""
    template_HWC, low_HWC, high_HWC = (tensors[name].astype(np.uint8) for name in (TEMPLATE, LOW, HIGH))
    settings = TemplateSettings(**stored["settings"])
    require_image(template_HWC)
    channels = 3 if settings.conductor is None else 1
    if {low_HWC.shape, high_HWC.shape} != {(*template_HWC.shape[:2], channels)} or (low_HWC > high_HWC).any():
        raise ValueError("its tolerance band does not fit its template")
    score_N, group_N = tensors[SCORES].astype(np.float64), tensors[GROUPS].astype(np.int64)
    if score_N.shape != group_N.shape or score_N.ndim != 1 or not np.isfinite(score_N).all():
        raise ValueError("its scores do not fit their groups")
    calibration = Calibration(score_N, group_N, np.zeros(len(score_N), np.int64))
    return TemplateInspector(
        str(stored["name"]), int(stored["version"]), settings, template_HWC, (low_HWC, high_HWC), calibration
    )
