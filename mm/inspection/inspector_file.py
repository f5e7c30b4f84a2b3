"""The file of an inspector: safetensors with the settings as JSON.

The file holds no pickles, so that one from another user is safe to open. It is written once and
renamed; a new version is a new file.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from mm.errors import Corrupt, InvalidInput, UnsupportedVersion
from mm.files import write_atomic
from mm.inspection.bank.patch_bank import PatchBank
from mm.inspection.features.framing import Framing
from mm.inspection.inspector import FittedInspector
from mm.inspection.settings import FitSettings
from mm.inspection.thresholds.conformal import Calibration

if TYPE_CHECKING:
    from collections.abc import Callable

    from mm.inspection.features.backbone import Backbone

SUFFIX = ".inspector"
FORMAT = 1
"""Version of the format; increase it when files of before cannot be read as they are."""
METADATA = "inspector"
TENSORS = ("vectors", "folds", "scores", "score_groups", "score_folds")


def write_inspector(inspector: FittedInspector, path: Path) -> None:
    """Write an inspector. A crash leaves the previous file or the new one. Raises `OSError`."""
    calibration = inspector.calibration
    arrays = (
        inspector.bank.vectors_BC,
        inspector.bank.fold_B.astype(np.int32),
        calibration.score_N,
        calibration.group_N.astype(np.int32),
        calibration.fold_N.astype(np.int32),
    )
    stored = {
        "format": FORMAT,
        "name": inspector.name,
        "version": inspector.version,
        "settings": asdict(inspector.settings),
        # JSON has no infinity.
        "region_threshold": inspector.region_threshold if np.isfinite(inspector.region_threshold) else None,
        "backbone_digest": inspector.backbone_digest,
    }
    tensors = {name: np.ascontiguousarray(array) for name, array in zip(TENSORS, arrays, strict=True)}
    write_atomic(path, bytes(save(tensors, {METADATA: json.dumps(stored)})))


def read_inspector(path: Path, load_backbone: Callable[[str], Backbone]) -> FittedInspector:
    """Read an inspector; `load_backbone` returns the backbone of a name.

    Raises `Corrupt` when the file is missing or no inspector, `UnsupportedVersion` when a later
    version of the service wrote it, and `SpaceMismatch` when the installed weights of the backbone
    are others than those it was fitted with.
    """
    try:
        with safe_open(path, "np") as file:
            stored = json.loads((file.metadata() or {})[METADATA])
            number = int(stored["format"])
            if number != FORMAT:
                raise UnsupportedVersion(f"{path.name} has the inspector format {number}; this version reads format {FORMAT}.")
            vectors, folds, scores, groups, score_folds = (file.get_tensor(name) for name in TENSORS)
        settings = _parse_settings(stored["settings"])
        bank = PatchBank(vectors.astype(np.float16), folds.astype(np.int64))
        calibration = Calibration(scores.astype(np.float64), groups.astype(np.int64), score_folds.astype(np.int64))
        _check_shapes(bank, calibration)
        threshold = stored["region_threshold"]
        region_threshold = float("inf") if threshold is None else float(threshold)
        name, version, digest = str(stored["name"]), int(stored["version"]), str(stored["backbone_digest"])
    except (OSError, SafetensorError, InvalidInput, KeyError, TypeError, ValueError) as error:
        raise Corrupt(f"{path} is no inspector: {error}.") from error
    return FittedInspector(name, version, settings, bank, calibration, region_threshold, load_backbone(settings.backbone), digest)


def _parse_settings(stored: dict[str, object]) -> FitSettings:
    """The settings from their JSON object. Raises `TypeError` for unknown or missing names."""
    values = dict(stored)
    framing = values.pop("framing")
    brightness = values.pop("brightness")
    if not isinstance(framing, dict) or not isinstance(brightness, list):
        raise TypeError("its settings have another form")
    settings: FitSettings = FitSettings(**values, framing=Framing(**framing), brightness=tuple(map(float, brightness)))  # type: ignore[arg-type]
    return settings


def _check_shapes(bank: PatchBank, calibration: Calibration) -> None:
    lengths = {len(calibration.score_N), len(calibration.group_N), len(calibration.fold_N)}
    if bank.vectors_BC.ndim != 2 or len(lengths) != 1:
        raise ValueError("its arrays have different lengths")
    if len(calibration.fold_N) and not 0 <= calibration.fold_N.min() <= calibration.fold_N.max() < bank.num_folds:
        raise ValueError("a score belongs to a fold that the bank does not have")
    if not np.isfinite(bank.vectors_BC).all() or not np.isfinite(calibration.score_N).all():
        raise ValueError("it holds numbers that are not finite")
