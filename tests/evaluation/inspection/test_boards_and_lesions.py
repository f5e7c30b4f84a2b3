"""Evaluations of boards, ultrasound images and sequences, with methods of known errors."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mm.errors import InvalidInput
from mm.evaluation.inspection.boards import evaluate_deep_pcb
from mm.evaluation.inspection.lesions import (
    MarkedRegions,
    evaluate_breast_ultrasound,
    evaluate_bus_bra,
    evaluate_cvc_clinicdb,
)
from mm.lesions.types import NOTICE
from mm.media.types import RGB
from mm.metrics.inspection.boxes import Boxes
from mm.metrics.report import Report
from tests.data.inspection.folders import write_split


def values(report: Report) -> dict[str, float]:
    return {measure.name: measure.interval.value for measure in report.measures}


def test_evaluate_deep_pcb_measures_boxes_and_kinds(tmp_path: Path) -> None:
    items: dict[str, dict[str, object]] = {}
    for number in range(3):
        items[f"{number}_test.png"] = {
            "group": str(number), "board": f"b{number}", "template": f"{number}_temp.png", "annotation": f"{number}.txt",
        }  # fmt: skip
        (tmp_path / f"{number}.txt").write_text("1 1 5 5 1\n8 6 12 10 2\n")
    write_split(tmp_path, "board", {"dev": list(items)}, items)

    def compare(tested: RGB, template: RGB) -> Boxes:
        assert tested.shape == template.shape
        return Boxes(
            np.array([[1, 1, 5, 5], [8, 6, 12, 11], [1, 8, 3, 11]], float), ("open", "spur", "open"), np.array([3, 2, 1.0])
        )

    report = evaluate_deep_pcb(compare, tmp_path, "dev")
    measured = values(report)
    assert report.of == "DeepPCB, 3 boards of 3 layouts with 6 defects of dev"
    assert measured["F1 at IoU 0.33"] == pytest.approx(0.8)
    assert measured["recall at IoU 0.33"] == 1.0
    assert measured["accuracy of the kind of found defects at IoU 0.33"] == 0.5
    assert measured["mean average precision, lowest and highest kind"] == pytest.approx(0.5, abs=0.01)


def write_lesions(folder: Path, num_frames: int = 0) -> None:
    items: dict[str, dict[str, object]] = {
        f"{number}.png": {
            "class": "benign", "group": str(number), "mask": f"{number}_mask.png", "masks": [f"{number}_mask.png"],
            "sequence": 1 + number // 4, "number": number,
        }
        for number in range(num_frames or 4)
    }  # fmt: skip
    if not num_frames:
        items["normal.png"] = {"class": "normal", "group": "n", "masks": []}
    write_split(folder, "supervised", {"dev": list(items)}, items)
    Image.new("RGB", (16, 12), (5, 5, 5)).save(folder / "normal.png")


def lesion_mask(shift: int = 0) -> np.ndarray:
    mask = np.zeros((12, 16), bool)
    mask[2:6, 1 + shift : 6 + shift] = True
    return mask


def test_evaluate_breast_ultrasound_measures_masks_and_candidates(tmp_path: Path) -> None:
    write_lesions(tmp_path)

    def segment(image: RGB) -> MarkedRegions:
        if image.max() == 5:  # the image without a lesion
            return MarkedRegions(np.zeros((12, 16), bool), (lesion_mask(9),), (0.9,))
        return MarkedRegions(lesion_mask(), (lesion_mask(), lesion_mask(9)), (0.8, 0.4))

    report = evaluate_breast_ultrasound(segment, tmp_path, "dev")
    measured = values(report)
    assert report.of == f"BUSI, 5 images of dev, 4 with a lesion. {NOTICE}"
    assert measured["Dice of images with a lesion"] == 1.0
    assert measured["sensitivity at 0.5 false positives an image"] == 1.0
    assert measured["calibration error of confidences"] == pytest.approx((0.9 + 4 * 0.2 + 4 * 0.4) / 9)


def test_evaluate_bus_bra_of_a_method_that_marks_nothing_has_no_sensitivity(tmp_path: Path) -> None:
    write_lesions(tmp_path, 4)
    measured = values(evaluate_bus_bra(lambda image: MarkedRegions(np.zeros((12, 16), bool), (), ()), tmp_path, "dev"))
    assert measured["Dice of images with a lesion"] == measured["sensitivity at 0.5 false positives an image"] == 0.0
    assert measured["calibration error of confidences"] == 1.0


def test_evaluate_cvc_clinicdb_counts_changes_of_identity(tmp_path: Path) -> None:
    write_lesions(tmp_path, 8)

    def track(frames: Sequence[RGB]) -> list[list[tuple[int, np.ndarray]]]:
        return [[(1 if index < 3 else 2, lesion_mask())] if index else [] for index in range(len(frames))]

    report = evaluate_cvc_clinicdb(track, tmp_path, "dev")
    measured = values(report)
    assert report.of == f"CVC-ClinicDB, 2 sequences with 8 frames of dev. {NOTICE}"
    assert measured["identity recall"] == 0.5
    assert measured["identity precision"] == pytest.approx(4 / 6)
    assert measured["IDF1"] == pytest.approx(8 / 14)
    with pytest.raises(InvalidInput, match="tracks of 0 frames"):
        evaluate_cvc_clinicdb(lambda frames: [], tmp_path, "dev")
