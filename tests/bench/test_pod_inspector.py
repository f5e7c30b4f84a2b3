"""An inspector as a detector of the POD bench."""

from __future__ import annotations

import numpy as np
import pytest

from mm.bench.pod.inspector_detector import InspectorDetector
from mm.bench.pod.run import Study, fit_detector, run_trials, split
from mm.bench.pod.surfaces import generate_surfaces
from mm.errors import InvalidInput
from tests.inspection.parts import CellBackbone

STUDY = Study(sizes_mm=(0.2, 0.3), per_kind=2, num_goods=40, crop_px=96, contrasts=(30.0,))


def test_inspector_detector_finds_and_measures_strong_defects() -> None:
    detector = InspectorDetector(CellBackbone(), enlargement=1.0)
    fitting, testing = split(generate_surfaces(80, STUDY.crop_px, 0))
    fit_detector(detector, fitting, STUDY)
    trials = list(run_trials(detector, testing, STUDY))
    assert sum(trial.is_hit for trial in trials) >= 4
    errors = [trial.measures.feret_max.value / trial.size_mm - 1 for trial in trials if trial.measures is not None]
    assert np.median(np.abs(errors)) < 0.1


def test_inspector_detector_too_few_good_images_are_refused() -> None:
    goods = [np.full((64, 64), 100, np.uint8)] * 10
    with pytest.raises(InvalidInput, match="cannot show a rate"):
        InspectorDetector(CellBackbone()).fit(goods, 0.05)


def test_inspector_detector_without_a_fit_is_refused() -> None:
    with pytest.raises(InvalidInput, match="not been fitted"):
        InspectorDetector(CellBackbone()).heat(np.zeros((64, 64), np.uint8))
