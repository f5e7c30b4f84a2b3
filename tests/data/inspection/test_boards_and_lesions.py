"""Readers of boards, ultrasound images and endoscopy sequences, on rendered data sets."""

from __future__ import annotations

from pathlib import Path

import pytest

from mm.data.inspection import KINDS, read_breast_ultrasound, read_bus_bra, read_cvc_clinicdb, read_deep_pcb
from mm.errors import InvalidInput
from tests.data.inspection.folders import write_split


def write_board(folder: Path, annotation: str) -> None:
    item = {"class": "pair", "group": "g", "board": "b", "template": "1_temp.png", "annotation": "1.txt"}
    write_split(folder, "board", {"dev": ["1_test.png"]}, {"1_test.png": dict(item)})
    (folder / "1.txt").write_text(annotation)


def test_read_deep_pcb_reads_boxes_with_their_kinds(tmp_path: Path) -> None:
    write_board(tmp_path, "1 2 5 6 1\n3 4 10 11 6\n")
    (pair,) = read_deep_pcb(tmp_path, "dev")
    assert pair.boxes.corners_P4.tolist() == [[1, 2, 5, 6], [3, 4, 10, 11]]
    assert pair.boxes.kinds == ("open", "pin-hole") == (KINDS[0], KINDS[5])
    tested, template = pair.read()
    assert tested.shape == template.shape == (12, 16, 3)
    assert pair.board == "b"


def test_read_deep_pcb_of_an_empty_annotation_has_no_boxes(tmp_path: Path) -> None:
    write_board(tmp_path, "")
    assert read_deep_pcb(tmp_path, "dev")[0].boxes.corners_P4.shape == (0, 4)


@pytest.mark.parametrize("line", ["1 2 3 4", "1 2 3 4 7", "1 2 3 4 0", "1 2 x 4 1", "5 2 3 4 1"])
def test_read_deep_pcb_names_an_invalid_line(tmp_path: Path, line: str) -> None:
    write_board(tmp_path, line)
    with pytest.raises(InvalidInput, match=r"1\.txt"):
        read_deep_pcb(tmp_path, "dev")


def test_read_deep_pcb_without_annotation_raises_invalid_input(tmp_path: Path) -> None:
    write_board(tmp_path, "1 2 5 6 1")
    (tmp_path / "1.txt").unlink()
    with pytest.raises(InvalidInput, match=r"1\.txt cannot be read"):
        read_deep_pcb(tmp_path, "dev")


def test_read_breast_ultrasound_reads_each_mask_and_no_diagnosis(tmp_path: Path) -> None:
    items: dict[str, dict[str, object]] = {
        "benign/1.png": {"class": "benign", "group": "a", "masks": ["benign/1_mask.png", "benign/1_mask_1.png"]},
        "malignant/2.png": {"class": "malignant", "group": "b", "masks": ["malignant/2_mask.png"]},
        "normal/3.png": {"class": "normal", "group": "c", "masks": []},
    }
    write_split(tmp_path, "supervised", {"dev": list(items)}, items)
    two, one, none = read_breast_ultrasound(tmp_path, "dev")
    assert [image.kind for image in (two, one, none)] == ["lesion", "lesion", "good"]
    assert [len(image.read_masks()) for image in (two, one, none)] == [2, 1, 0]
    union = two.read_mask((12, 16))
    assert union is not None
    assert union.sum() == 40


def test_read_bus_bra_groups_by_patient_and_requires_a_mask(tmp_path: Path) -> None:
    items: dict[str, dict[str, object]] = {
        "1-l.png": {"group": "p1", "mask": "m1.png"},
        "1-r.png": {"group": "p1", "mask": "m2.png"},
    }
    write_split(tmp_path, "supervised", {"dev": list(items)}, items)
    assert [image.group for image in read_bus_bra(tmp_path, "dev")] == ["p1", "p1"]
    del items["1-r.png"]["mask"]
    write_split(tmp_path, "supervised", {"dev": list(items)}, items)
    with pytest.raises(InvalidInput, match=r"1-r\.png has no mask"):
        read_bus_bra(tmp_path, "dev")


def test_read_cvc_clinicdb_orders_frames_by_number(tmp_path: Path) -> None:
    items: dict[str, dict[str, object]] = {
        f"images/{number}.png": {"group": "s", "mask": f"masks/{number}.png", "sequence": 1 + number // 3, "number": number}
        for number in (4, 2, 10)
    }
    write_split(tmp_path, "supervised", {"dev": list(items)}, items)
    frames = read_cvc_clinicdb(tmp_path, "dev")
    assert [(frame.number, frame.sequence) for frame in frames] == [(2, 1), (4, 2), (10, 4)]
    items["images/4.png"]["sequence"] = "x"
    write_split(tmp_path, "supervised", {"dev": list(items)}, items)
    with pytest.raises(InvalidInput, match="whole number 'sequence'"):
        read_cvc_clinicdb(tmp_path, "dev")
