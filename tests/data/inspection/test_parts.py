"""Readers of parts and fabrics, and the choice of good images, on a rendered data set."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mm.data.inspection import (
    MarkedImage,
    choose_good_images,
    read_aitex_fabric,
    read_breast_ultrasound,
    read_bus_bra,
    read_cvc_clinicdb,
    read_deep_pcb,
    read_magnetic_tile,
    read_mvtec_transistor,
)
from mm.errors import InvalidInput
from tests.data.inspection.folders import write_split

READERS = [
    read_mvtec_transistor,
    read_magnetic_tile,
    read_aitex_fabric,
    read_deep_pcb,
    read_breast_ultrasound,
    read_bus_bra,
    read_cvc_clinicdb,
]


def test_read_mvtec_transistor_reads_kinds_groups_and_masks(tmp_path: Path) -> None:
    items = {
        "test/cut/1.png": {"class": "cut_lead", "group": "a", "mask": "masks/1.png"},
        "test/good/2.png": {"class": "good", "group": "b"},
    }
    write_split(tmp_path, "anomaly", {"dev": list(items)}, items)
    cut, good = read_mvtec_transistor(tmp_path, "dev")
    assert (cut.kind, cut.group, cut.is_good, cut.read().shape) == ("cut_lead", "a", False, (12, 16, 3))
    mask = cut.read_mask((12, 16))
    assert mask is not None
    assert mask.sum() == 20
    empty = good.read_mask((12, 16))
    assert empty is not None
    assert not empty.any()


def test_read_magnetic_tile_takes_free_tiles_as_good_and_an_empty_mask_of_a_defect_as_none(tmp_path: Path) -> None:
    items = {
        "free.png": {"class": "free", "group": "1", "mask": "free_mask.png"},
        "uneven.png": {"class": "uneven", "group": "2", "mask": "uneven_mask.png"},
    }
    write_split(tmp_path, "anomaly", {"dev": list(items)}, items)
    Image.new("L", (16, 12)).save(tmp_path / "uneven_mask.png")
    Image.new("L", (16, 12), 20).save(tmp_path / "free_mask.png")  # noise of a JPEG
    free, uneven = read_magnetic_tile(tmp_path, "dev")
    mask = free.read_mask((12, 16))
    assert mask is not None
    assert not mask.any()
    assert uneven.read_mask((12, 16)) is None
    with pytest.raises(InvalidInput, match="protocol 'supervised'"):
        read_magnetic_tile(tmp_path, "train", "supervised")


def test_read_aitex_fabric_reads_strips_as_grey_and_marks_support(tmp_path: Path) -> None:
    items = {
        "good/1.png": {"class": "good", "group": "02", "fabric": "02", "support": True},
        "defect/2.png": {"class": "defect", "group": "02", "fabric": "02", "masked": True},
    }
    write_split(tmp_path, "anomaly", {"dev": list(items)}, items)
    Image.new("RGBA", (16, 12), (200, 0, 0, 3)).save(tmp_path / "good" / "1.png")
    good, defect = read_aitex_fabric(tmp_path, "dev")
    assert (good.fabric, good.is_support, good.group) == ("02", True, "good/1.png")
    assert np.unique(good.read()).tolist() == [60]
    assert not defect.is_support
    assert defect.read_mask((12, 16)) is None


@pytest.mark.parametrize("read", READERS)
def test_readers_of_a_folder_without_split_raise_invalid_input(read: Callable[[Path, str], object], tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match=r"split\.json"):
        read(tmp_path, "dev")
    (tmp_path / "split.json").write_text("[]")
    with pytest.raises(InvalidInput, match="no protocol"):
        read(tmp_path, "dev")
    content = {"items": {}, "protocols": {name: {"dev": []} for name in ("anomaly", "board", "supervised")}}
    (tmp_path / "split.json").write_text(json.dumps(content))
    with pytest.raises(InvalidInput, match="no items in the split 'dev'"):
        read(tmp_path, "dev")


@pytest.mark.parametrize(
    ("item", "message"),
    [
        (None, "does not describe"),
        ({"group": "a"}, "no text 'class'"),
        ({"class": "cut", "group": 3}, "no text 'group'"),
        ({"class": "cut", "group": "a", "mask": 4}, "no text 'mask'"),
    ],
)
def test_read_mvtec_transistor_names_an_invalid_item(tmp_path: Path, item: dict[str, object] | None, message: str) -> None:
    write_split(tmp_path, "anomaly", {"dev": ["a.png"]}, {"a.png": {}})
    content = json.loads((tmp_path / "split.json").read_text())
    content["items"] = {} if item is None else {"a.png": item}
    (tmp_path / "split.json").write_text(json.dumps(content))
    with pytest.raises(InvalidInput, match=message):
        read_mvtec_transistor(tmp_path, "dev")


def test_read_mvtec_transistor_names_a_file_that_does_not_exist(tmp_path: Path) -> None:
    write_split(tmp_path, "anomaly", {"dev": ["a.png"]}, {"a.png": {"class": "good", "group": "a"}})
    (tmp_path / "a.png").unlink()
    with pytest.raises(InvalidInput, match=r"a\.png does not exist"):
        read_mvtec_transistor(tmp_path, "dev")


def test_marked_image_of_a_mask_that_does_not_fit_raises_invalid_input(tmp_path: Path) -> None:
    items = {"a.png": {"class": "cut", "group": "a", "mask": "mask.png"}}
    write_split(tmp_path, "anomaly", {"dev": ["a.png"]}, items)
    (image,) = read_mvtec_transistor(tmp_path, "dev")
    with pytest.raises(InvalidInput, match="must be of one size"):
        image.read_mask((16, 12))
    (tmp_path / "mask.png").write_bytes(b"no mask")
    with pytest.raises(InvalidInput, match="cannot be read as a mask"):
        image.read_mask((12, 16))


def test_choose_good_images_takes_each_group_before_any_twice() -> None:
    images = [MarkedImage(Path(f"{group}{number}"), group, "good") for group in "abcd" for number in range(6)]
    images.append(MarkedImage(Path("e"), "e", "cut"))
    for seed in range(5):
        assert sorted(image.group for image in choose_good_images(images, 4, seed)) == list("abcd")
        assert sorted(image.group for image in choose_good_images(images, 8, seed)) == list("aabbccdd")
    chosen = choose_good_images(images, 24, 0)
    assert len({image.path for image in chosen}) == 24
    assert choose_good_images(images, 5, 1) == choose_good_images(images, 5, 1)
    assert choose_good_images(images, 5, 1) != choose_good_images(images, 5, 2)
    with pytest.raises(InvalidInput, match="of 24"):
        choose_good_images(images, 25, 0)
