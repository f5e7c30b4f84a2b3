"""What a list shows of an inspector file, read without its backbone and without its bank."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

import numpy as np
from safetensors import SafetensorError, safe_open

from mm.errors import Corrupt, InvalidInput
from mm.inspection.features.backbone import Backbone
from mm.inspection.inspector_file import METADATA, TYPE, read_inspector
from mm.inspection.template.inspector import TemplateInspector
from mm.inspection.thresholds.conformal import Calibration
from mm.inspection.types import Threshold


@dataclass(frozen=True, slots=True)
class InspectorSummary:
    """Name, version, settings and threshold of an inspector file."""

    name: str
    version: int
    mode: str
    """`patches`, `template` or `logical`."""
    settings: Mapping[str, object]
    """Settings of the fit, as the file holds them."""
    threshold: Threshold


def read_summary(path: Path) -> InspectorSummary:
    """Read the summary of an inspector file. Raises `Corrupt` if it is missing or damaged.

    A version is written once, so that a summary is read once for each file.
    """
    try:
        status = path.stat()
    except OSError as error:
        raise Corrupt(f"{path} is no inspector: {error}.") from error
    return _read(path, status.st_mtime_ns, status.st_size)


def _refuse_backbone(name: str) -> Backbone:
    raise InvalidInput(f"A template needs no backbone {name}.")


@lru_cache(maxsize=1024)
def _read(path: Path, changed_ns: int, size: int) -> InspectorSummary:
    try:
        with safe_open(path, "np") as file:
            stored = json.loads((file.metadata() or {})[METADATA])
            names = ("scores", "score_groups", "score_folds")
            scores, groups, folds = (file.get_tensor(name) for name in names)
        calibration = Calibration(scores.astype(np.float64), groups.astype(np.int64), folds.astype(np.int64))
        settings = dict(stored["settings"])
        threshold = calibration.compute_threshold(float(settings["rate"]))
        mode = str(stored.get(TYPE, "patches"))
        if mode == TemplateInspector.mode:  # its tolerance can replace a rate
            threshold = read_inspector(path, _refuse_backbone).threshold
        threshold = replace(threshold, has_tolerance=mode == "template")
        return InspectorSummary(str(stored["name"]), int(stored["version"]), mode, settings, threshold)
    except (OSError, SafetensorError, InvalidInput, KeyError, TypeError, ValueError) as error:
        raise Corrupt(f"{path} is no inspector: {error}.") from error
