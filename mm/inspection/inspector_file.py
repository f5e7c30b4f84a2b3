"""The file of an inspector: safetensors with the settings as JSON.

The file holds no pickles, so that one from another user is safe to open. It is written once and
renamed; a new version is a new file.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from mm.errors import Corrupt, InvalidInput, UnsupportedVersion
from mm.files import write_atomic
from mm.inspection.bank.patch_bank import PatchBank
from mm.inspection.features.framing import Framing
from mm.inspection.head.tensors import pack_head, unpack_head
from mm.inspection.inspector import FittedInspector
from mm.inspection.logical.inspector import LogicalInspector
from mm.inspection.logical.stored import restore_logical, store_logical
from mm.inspection.settings import FitSettings
from mm.inspection.template.inspector import TemplateInspector
from mm.inspection.template.stored import restore_template, store_template
from mm.inspection.thresholds.conformal import Calibration
from mm.models.inputs import require_image

if TYPE_CHECKING:
    from collections.abc import Callable

    from mm.inspection.features.backbone import Backbone

Array = npt.NDArray[np.generic]

SUFFIX = ".inspector"
FORMAT, LATER_FORMAT, HEAD_FORMAT = 1, 2, 3
"""Versions of the format: of an inspector of patches that was fitted, of one with a segmentation
head, which is the last, and of every other one.

All are read, and heads in files of format 2. Versions of the service that know only lower ones must
refuse a higher one: they have no templates and named regions, and without its head, or with other
inputs of it, the scores of a taught inspector mean nothing.
"""
TYPE = "type"
"""Entry with the mode of the inspector; files without it are of patches."""
METADATA = "inspector"
AnyInspector = FittedInspector | TemplateInspector | LogicalInspector
"""Inspectors that have files: of the modes `patches`, `template` and `logical`."""
REFERENCE = "reference"
"""Name of the tensor of the reference image, which only inspectors with registration have."""
SETTINGS_BEFORE: dict[str, object] = {
    "has_exposure_correction": False,
    "has_relative_distances": False,
    "has_fine_patches": False,
    "has_rendered_cracks": False,
    "bank_tiles": None,
}
"""Settings of files that do not name them: the inspector was fitted without."""
TENSORS = ("vectors", "folds", "scores", "score_groups", "score_folds")


def write_inspector(inspector: AnyInspector, path: Path) -> None:
    """Write an inspector. A crash leaves the previous file or the new one. Raises `OSError`."""
    if isinstance(inspector, TemplateInspector):
        stored, tensors = store_template(inspector)
    elif isinstance(inspector, LogicalInspector):
        stored, tensors = store_logical(inspector)
    else:
        stored, tensors = _store(inspector)
    header = {"format": LATER_FORMAT, TYPE: inspector.mode, "name": inspector.name, "version": inspector.version, **stored}
    contiguous = {name: np.ascontiguousarray(array) for name, array in tensors.items()}
    write_atomic(path, bytes(save(contiguous, {METADATA: json.dumps(header)})))


def _store(inspector: FittedInspector) -> tuple[dict[str, object], dict[str, Array]]:
    """Settings of an inspector of patches as JSON values, and arrays by name."""
    calibration = inspector.calibration
    arrays = (
        inspector.bank.vectors_BC,
        inspector.bank.fold_B.astype(np.int32),
        calibration.score_N,
        calibration.group_N.astype(np.int32),
        calibration.fold_N.astype(np.int32),
    )
    is_taught = inspector.head is not None or inspector.comparison is not None
    stored: dict[str, object] = {
        "format": LATER_FORMAT if is_taught else FORMAT,
        "settings": asdict(inspector.settings),
        # JSON has no infinity.
        "region_threshold": inspector.region_threshold if np.isfinite(inspector.region_threshold) else None,
        "backbone_digest": inspector.backbone_digest,
        "group_folds": dict(inspector.group_folds),
    }
    tensors: dict[str, Array] = dict(zip(TENSORS, arrays, strict=True))
    if is_taught:
        stored |= {"marked_folds": dict(inspector.marked_folds), "comparison": inspector.comparison, "head": None}
    if inspector.head is not None:
        stored["format"] = HEAD_FORMAT
        head_tensors, stored["head"] = pack_head(inspector.head)
        tensors |= head_tensors
    if inspector.reference_HWC is not None:
        tensors[REFERENCE] = inspector.reference_HWC
    return stored, tensors


def read_inspector(path: Path, load_backbone: Callable[[str], Backbone]) -> AnyInspector:
    """Read an inspector; `load_backbone` returns the backbone of a name.

    Raises `Corrupt` when the file is missing or no inspector, `UnsupportedVersion` when a later
    version of the service wrote it, and `SpaceMismatch` when the installed weights of the backbone
    are others than those it was fitted with.
    """
    try:
        with safe_open(path, "np") as file:
            stored = json.loads((file.metadata() or {})[METADATA])
            number = int(stored["format"])
            if not FORMAT <= number <= HEAD_FORMAT:
                raise UnsupportedVersion(
                    f"{path.name} has the inspector format {number}; this version reads formats {FORMAT} to {HEAD_FORMAT}."
                )
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (no mapping)
        mode = stored.get(TYPE, FittedInspector.mode)
        if mode == TemplateInspector.mode:
            return restore_template(stored, tensors)
        if mode == LogicalInspector.mode:
            return restore_logical(stored, tensors, load_backbone)
        if mode != FittedInspector.mode:
            raise UnsupportedVersion(f"{path.name} is an inspector of the type '{mode}', which this version does not have.")
        return _build(stored, tensors, load_backbone)
    except (OSError, SafetensorError, InvalidInput, KeyError, TypeError, ValueError) as error:
        raise Corrupt(f"{path} is no inspector: {error}.") from error


def _build(stored: dict[str, Any], tensors: dict[str, Array], load_backbone: Callable[[str], Backbone]) -> FittedInspector:
    """The inspector of a file. Raises one of several errors when something is missing or wrong."""
    vectors, folds, scores, groups, score_folds = (tensors[name] for name in TENSORS)
    bank = PatchBank(vectors.astype(np.float16), folds.astype(np.int64))
    calibration = Calibration(scores.astype(np.float64), groups.astype(np.int64), score_folds.astype(np.int64))
    group_folds = {str(group): int(fold) for group, fold in stored["group_folds"].items()}
    _check_arrays(bank, calibration, group_folds)
    settings, threshold = _parse_settings(stored["settings"]), stored["region_threshold"]
    reference_HWC = tensors[REFERENCE].astype(np.uint8) if settings.has_registration else None
    if reference_HWC is not None:
        require_image(reference_HWC)
    return FittedInspector(
        name=str(stored["name"]),
        version=int(stored["version"]),
        settings=settings,
        bank=bank,
        calibration=calibration,
        region_threshold=float("inf") if threshold is None else float(threshold),
        backbone=load_backbone(settings.backbone),
        backbone_digest=str(stored["backbone_digest"]),
        group_folds=group_folds,
        reference_HWC=reference_HWC,
        head=unpack_head(tensors, stored["head"]) if stored.get("head") is not None else None,
        marked_folds={str(group): int(fold) for group, fold in stored.get("marked_folds", {}).items()},
        comparison=None if stored.get("comparison") is None else str(stored["comparison"]),
    )


def _parse_settings(stored: dict[str, object]) -> FitSettings:
    """The settings from their JSON object. Raises `TypeError` for unknown or missing names."""
    values = {**SETTINGS_BEFORE, **stored}
    framing = values.pop("framing")
    brightness = values.pop("brightness")
    if not isinstance(framing, dict) or not isinstance(brightness, list):
        raise TypeError("its settings have another form")
    settings: FitSettings = FitSettings(**values, framing=Framing(**framing), brightness=tuple(map(float, brightness)))  # type: ignore[arg-type]
    return settings


def _check_arrays(bank: PatchBank, calibration: Calibration, group_folds: dict[str, int]) -> None:
    lengths = {len(calibration.score_N), len(calibration.group_N), len(calibration.fold_N)}
    if bank.vectors_BC.ndim != 2 or len(lengths) != 1:
        raise ValueError("its arrays have different lengths")
    if not {*calibration.fold_N.tolist(), *group_folds.values()} <= set(range(bank.num_folds)):
        raise ValueError("a score or a group belongs to a fold that the bank does not have")
    if not np.isfinite(bank.vectors_BC).all() or not np.isfinite(calibration.score_N).all():
        raise ValueError("it holds numbers that are not finite")


def require_patches(inspector: AnyInspector) -> FittedInspector:
    """The inspector if it is one of patches, which alone can be taught by marks.

    Raises `InvalidInput` for another mode.
    """
    if not isinstance(inspector, FittedInspector):
        raise InvalidInput(
            f"The inspector {inspector.name} is of the type '{inspector.mode}'; this needs one of the type 'patches'. "
            "Fit another one with that mode."
        )
    return inspector
