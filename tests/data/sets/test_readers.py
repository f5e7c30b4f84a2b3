"""Readers of sounds, clips, translated descriptions and marked images, on rendered folders."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest
from PIL import Image

from mm.data.inspection.types import read_item_mask
from mm.data.sets.catalog import Described, check_set, describe_set, list_sets, read_set
from mm.errors import InvalidInput
from tests.data.inspection.folders import write_split


def add_images(root: Path, *names: str) -> None:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (4, 4)).save(root / name)


def find_faults(name: str, root: Path, split: str) -> str:
    return "\n".join(f"{problem.severity}: {problem}" for problem in check_set(describe_set(name), root, split))


@pytest.mark.parametrize("name", [described.name for described in list_sets(with_tasks=False)])
def test_set_of_an_empty_folder_is_an_error_that_says_how_to_get_it(name: str, tmp_path: Path) -> None:
    described = describe_set(name)
    split = described.splits[0] if described.splits else "all"
    problems = check_set(described, tmp_path, split)
    assert problems[0].severity == "error"
    assert problems[0].remedy
    assert described.licence
    assert described.get
    assert (described.folder / "CARD.md").is_file()
    with pytest.raises(InvalidInput):
        read_set(described, tmp_path, split)


def test_moments_are_made_from_captioned_photos_in_a_layout_of_flickr8k(tmp_path: Path) -> None:
    add_images(tmp_path / "images", "a.png", "b.png")
    rows = [{"image": f"{name}.png", "captions": ["a dog"], "split": "dev"} for name in "ab"]
    (tmp_path / "captions.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    described = describe_set("moments")
    assert [item.id for item in read_set(described, tmp_path, "dev").items] == ["a.png", "b.png"]
    assert described.own_tasks == ("moments",)
    (tmp_path / "images" / "b.png").unlink()
    assert "b.png" in find_faults("moments", tmp_path, "dev")


@pytest.mark.parametrize(
    ("name", "item"),
    [
        ("breast_ultrasound", {"class": "benign", "group": "1", "masks": ["a_mask.png", "b_mask.png"]}),
        ("bus_bra", {"class": "lesion", "group": "1", "mask": "a_mask.png"}),
    ],
)
def test_lesions_are_read_with_their_masks_and_groups(name: str, item: dict[str, object], tmp_path: Path) -> None:
    add_images(tmp_path, "a.png", "a_mask.png", "b_mask.png")
    write_split(tmp_path, "supervised", {"dev": ["a.png"]}, {"a.png": item})
    (found,) = read_set(describe_set(name), tmp_path, "dev").items
    assert found.group == "1"
    assert len(found.masks) == len(list(item.get("masks", [1])))  # type: ignore[call-overload]
    (tmp_path / "a.png").unlink()
    assert "a.png" in find_faults(name, tmp_path, "dev")


def test_deep_pcb_and_tuxpaint_are_read_in_their_layouts(tmp_path: Path) -> None:
    boards, stamps = tmp_path / "boards", tmp_path / "stamps"
    add_images(boards, "1_test.png", "1_temp.png")
    (boards / "1.txt").write_text("1 1 3 3 1\n")
    item: dict[str, object] = {"group": "1", "board": "b", "template": "1_temp.png", "annotation": "1.txt"}
    write_split(boards, "board", {"dev": ["1_test.png"]}, {"1_test.png": item})
    assert [found.group for found in read_set(describe_set("deep_pcb"), boards, "dev").items] == ["1"]
    add_images(stamps, "bee.png")
    row = {"id": "bee", "image": "bee.png", "image_type": "png", "text": {"en": "A bee."}, "group": "bee", "split": "dev"}
    (stamps / "manifest.jsonl").write_text(json.dumps(row) + "\n")
    assert [(found.id, found.texts) for found in read_set(describe_set("tuxpaint"), stamps, "dev").items] == [
        ("bee", ("A bee.",))
    ]


def write_esc50(root: Path) -> None:
    rows = [("1-7-A-0.wav", 1, "dog", True, 7), ("4-8-A-0.wav", 4, "dog", True, 8), ("4-9-A-1.wav", 4, "sea_waves", False, 9)]
    (root / "meta").mkdir()
    (root / "audio").mkdir()
    lines = [f"{name},{fold},0,{label},{ten},{source},A\n" for name, fold, label, ten, source in rows]
    (root / "meta" / "esc50.csv").write_text("filename,fold,target,category,esc10,src_file,take\n" + "".join(lines))
    for name, *_ in rows:
        (root / "audio" / name).write_bytes(b"RIFF")


def test_esc50_folds_are_splits_and_esc10_is_a_part_of_it(tmp_path: Path) -> None:
    write_esc50(tmp_path)
    data = read_set(describe_set("esc50"), tmp_path, "dev")
    assert [(item.labels, item.group) for item in data.items] == [(("dog",), "freesound:8"), (("sea waves",), "freesound:9")]
    assert data.labels == ("dog", "sea waves")
    ten = read_set(describe_set("esc10"), tmp_path, "dev")
    assert [item.id for item in ten.items] == ["4-8-A-0.wav"]
    assert ten.labels == ("dog",)
    (tmp_path / "audio" / "4-9-A-1.wav").unlink()
    assert "warning" in find_faults("esc50", tmp_path, "dev")
    assert "1 of 2 clips are missing: 4-9-A-1.wav." in find_faults("esc50", tmp_path, "dev")


def test_manifest_sets_name_files_groups_and_faults(tmp_path: Path) -> None:
    rows = [
        {"id": "a", "file": "fight/a.mp4", "label": "fight", "group": "yt:1", "split": "dev"},
        {"id": "b", "file": "no/b.mp4", "label": "no_fight", "group": "yt:2", "split": "dev"},
        {"id": "c", "file": "../c.mp4", "label": "fight", "group": "yt:3", "split": "train"},
    ]
    (tmp_path / "fight").mkdir()
    (tmp_path / "fight" / "a.mp4").write_bytes(b"x")
    path = tmp_path / "manifest.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    data = read_set(describe_set("fight_clips"), tmp_path, "dev")
    assert [(item.id, item.group) for item in data.items] == [("a", "yt:1"), ("b", "yt:2")]
    assert data.missing == ("b",)
    assert "error" in find_faults("fight_clips", tmp_path, "train")
    path.write_text(json.dumps(rows[0]) + "\n" + json.dumps(rows[0]) + "\n" + '{"split": "dev"}\n')
    faults = find_faults("fight_clips", tmp_path, "dev")
    assert "manifest.jsonl, row 2: the id 'a' is there already." in faults
    assert "manifest.jsonl, row 3: a field is missing" in faults


def test_multi30k_languages_are_splits_in_both_layouts(tmp_path: Path) -> None:
    add_images(tmp_path / "images", "1.jpg", "2.jpg")
    (tmp_path / "val.en").write_text("a dog\na cat\n")
    (tmp_path / "val.de.gz").write_bytes(gzip.compress(b"ein Hund\neine Katze\n"))
    (tmp_path / "val.txt").write_text("1.jpg\n2.jpg\n")
    described = describe_set("multi30k")
    assert [item.texts for item in read_set(described, tmp_path, "dev").items] == [("a dog",), ("a cat",)]
    german = read_set(described, tmp_path, "dev.de")
    assert [(item.id, item.texts, item.language) for item in german.items] == [
        ("1.jpg", ("ein Hund",), "de"), ("2.jpg", ("eine Katze",), "de")
    ]  # fmt: skip
    assert "expected val.fr or val.fr.gz and the list val.txt" in find_faults("multi30k", tmp_path, "dev.fr")
    (tmp_path / "val.en").write_text("a dog\n")
    assert "val.en: 1 lines, and 2 in val.txt" in find_faults("multi30k", tmp_path, "dev")
    (tmp_path / "task1_val.jsonl").write_text('{"image": "1.jpg", "en": "a dog", "fr": "un chien"}\n')
    assert read_set(described, tmp_path, "dev.fr").items[0].texts == ("un chien",)


def test_mvtec_ad_root_is_a_category_or_the_whole_set(tmp_path: Path) -> None:
    names = ["train/good/0.png", "test/good/1.png", "test/hole/2.png", "ground_truth/hole/2_mask.png"]
    add_images(tmp_path, *(f"{category}/{name}" for category in ("bottle", "cable") for name in names))
    described = describe_set("mvtec_ad")
    whole = read_set(described, tmp_path, "test")
    assert [item.id for item in whole.items] == [
        "bottle/test/good/1.png", "bottle/test/hole/2.png", "cable/test/good/1.png", "cable/test/hole/2.png"
    ]  # fmt: skip
    assert [item.category for item in whole.items] == ["bottle", "bottle", "cable", "cable"]
    bottle = read_set(described, tmp_path / "bottle", "test")
    assert [(item.labels, len(item.masks)) for item in bottle.items] == [(("good",), 0), (("hole",), 1)]
    assert find_faults("mvtec_ad", tmp_path, "test") == ""


def test_visa_is_read_by_its_table_of_splits(tmp_path: Path) -> None:
    add_images(tmp_path, "candle/1.JPG", "candle/2.JPG", "candle/2.png")
    (tmp_path / "split_csv").mkdir()
    rows = [
        "test,normal,candle/1.JPG,",
        "test,anomaly,candle/2.JPG,candle/2.png",
        "test,anomaly,candle/3.JPG,m.png",
    ]
    (tmp_path / "split_csv" / "1cls.csv").write_text(
        "object,split,label,image,mask\n" + "".join(f"candle,{row}\n" for row in rows)
    )
    data = read_set(describe_set("visa"), tmp_path, "test")
    assert [(item.labels, len(item.masks)) for item in data.items] == [(("good",), 0), (("anomaly",), 1), (("anomaly",), 0)]
    assert data.missing == ("candle/3.JPG",)
    assert {item.category for item in data.items} == {"candle"}
    assert "1cls.csv, line 4: the mask of candle/3.JPG is missing." in find_faults("visa", tmp_path, "test")


def test_marked_sets_have_kinds_groups_and_masks(tmp_path: Path) -> None:
    items: dict[str, dict[str, object]] = {
        "a.png": {"class": "free", "group": "1"}, "b.png": {"class": "crack", "group": "2", "mask": "b_mask.png"}
    }  # fmt: skip
    write_split(tmp_path, "anomaly", {"dev": ["a.png", "b.png"]}, items)
    data = read_set(describe_set("magnetic_tile"), tmp_path, "dev")
    assert [(item.labels, item.group, len(item.masks)) for item in data.items] == [(("good",), "1", 0), (("crack",), "2", 1)]
    (tmp_path / "a.png").unlink()
    assert "1 of 2 images are missing: a.png." in find_faults("magnetic_tile", tmp_path, "dev")


def test_fabric_strips_have_their_fabric_as_category_and_are_grey(tmp_path: Path) -> None:
    items: dict[str, dict[str, object]] = {
        "a.png": {"class": "good", "group": "1", "fabric": "02", "support": True},
        "b.png": {"class": "defect", "group": "2", "fabric": "02", "mask": "b_mask.png"},
    }
    write_split(tmp_path, "anomaly", {"dev": ["a.png", "b.png"]}, items)
    data = read_set(describe_set("aitex_fabric"), tmp_path, "dev")
    assert [(item.category, item.is_support, item.is_grey) for item in data.items] == [("02", True, True), ("02", False, True)]
    assert describe_set("aitex_fabric").defaults == {"defects": {"longest": "0"}}


@pytest.mark.parametrize(("grey", "marked"), [((0, 255, 90), 1), ((0, 3, 1), 2), ((0, 0, 0), 0)])
def test_read_item_mask_marks_bright_pixels_or_small_numbers(grey: tuple[int, int, int], marked: int, tmp_path: Path) -> None:
    Image.frombytes("L", (3, 1), bytes(grey)).save(tmp_path / "mask.png")
    assert read_item_mask(tmp_path / "mask.png").sum() == marked


@pytest.mark.parametrize("described", list_sets(with_tasks=False), ids=lambda described: described.name)
def test_each_set_has_a_task_or_a_command_of_its_own(described: Described) -> None:
    from mm.cli.commands.eval import command

    assert described.tasks or described.own_tasks
    assert not described.own_tasks or described.name in command.commands
