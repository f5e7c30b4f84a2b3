"""A logical inspector as the settings and arrays of a file."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Any

import numpy as np
import numpy.typing as npt

from mm.inspection.bank.patch_bank import PatchBank
from mm.inspection.features.backbone import Backbone
from mm.inspection.logical.inspector import LogicalInspector
from mm.inspection.logical.presence import RegionBank
from mm.inspection.logical.regions import NamedRegion, check_regions
from mm.inspection.logical.settings import LogicalSettings
from mm.inspection.thresholds.conformal import Calibration
from mm.models.inputs import require_image

Array = npt.NDArray[np.generic]

REFERENCE = "reference"
SCORES, GROUPS, FOLDS = "scores", "score_groups", "score_folds"


def store_logical(inspector: LogicalInspector) -> tuple[dict[str, object], dict[str, Array]]:
    """Settings as JSON values, and arrays by name. Banks are numbered as their regions."""
    calibration = inspector.calibration
    arrays: dict[str, Array] = {
        REFERENCE: inspector.reference_HWC,
        SCORES: calibration.score_N,
        GROUPS: calibration.group_N.astype(np.int32),
        FOLDS: calibration.fold_N.astype(np.int32),
    }
    for index, region in enumerate(inspector.regions):
        if region.name in inspector.banks:
            bank = inspector.banks[region.name].bank
            arrays[f"vectors.{index}"], arrays[f"folds.{index}"] = bank.vectors_BC, bank.fold_B.astype(np.int32)
    stored: dict[str, object] = {
        "settings": asdict(inspector.settings),
        "regions": [asdict(region) for region in inspector.regions],
        "scales": {name: bank.scale for name, bank in inspector.banks.items()},
        "steps": {name: bank.step for name, bank in inspector.banks.items()},
        "match_limits": dict(inspector.match_limits),
        "backbone_digest": inspector.backbone_digest,
    }
    return stored, arrays


def restore_logical(
    stored: Mapping[str, Any], tensors: Mapping[str, Array], load_backbone: Callable[[str], Backbone]
) -> LogicalInspector:
    """The inspector of a file. Raises one of several errors when something is missing or wrong."""
    values = dict(stored["settings"])
    settings = LogicalSettings(**{**values, "brightness": tuple(map(float, values["brightness"]))})
    regions = tuple(_restore_region(entry) for entry in stored["regions"])
    check_regions(regions)
    reference_HWC = tensors[REFERENCE].astype(np.uint8)
    require_image(reference_HWC)
    banks = {}
    for index, region in enumerate(regions):
        region.require_inside((reference_HWC.shape[0], reference_HWC.shape[1]))
        if region.count is None:
            bank = PatchBank(tensors[f"vectors.{index}"].astype(np.float16), tensors[f"folds.{index}"].astype(np.int64))
            banks[region.name] = RegionBank(bank, float(stored["steps"][region.name]), float(stored["scales"][region.name]))
    score_N = tensors[SCORES].astype(np.float64)
    calibration = Calibration(score_N, tensors[GROUPS].astype(np.int64), tensors[FOLDS].astype(np.int64))
    _check(banks, calibration)
    digest = stored["backbone_digest"]
    return LogicalInspector(
        name=str(stored["name"]),
        version=int(stored["version"]),
        settings=settings,
        regions=regions,
        reference_HWC=reference_HWC,
        banks=banks,
        match_limits={region.name: float(stored["match_limits"][region.name]) for region in regions if region.count},
        calibration=calibration,
        backbone=load_backbone(settings.backbone) if banks else None,
        backbone_digest=None if digest is None else str(digest),
    )


def _restore_region(entry: Mapping[str, Any]) -> NamedRegion:
    example = entry["example"]
    polygon = tuple((float(x), float(y)) for x, y in entry["polygon"])
    return NamedRegion(str(entry["name"]), polygon, entry["count"], None if example is None else tuple(map(int, example)))  # type: ignore[arg-type]


def _check(banks: Mapping[str, RegionBank], calibration: Calibration) -> None:
    lengths = {len(calibration.score_N), len(calibration.group_N), len(calibration.fold_N)}
    if len(lengths) != 1 or not np.isfinite(calibration.score_N).all():
        raise ValueError("its scores do not fit their groups")
    for bank in banks.values():
        if not np.isfinite(bank.bank.vectors_BC).all() or not bank.scale > 0:
            raise ValueError("it holds numbers that are not finite")
        if len(calibration.fold_N) and int(calibration.fold_N.max()) >= bank.bank.num_folds:
            raise ValueError("a score belongs to a fold that a bank does not have")
