"""Towers that each leave out a fold of the images, and the folds."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.numpy import load_file

from mm.errors import Corrupt, InvalidInput
from mm.training.align.folds import FOLDS, Folds, assign_folds, name_tower, read_folds, write_folds
from mm.training.align.recipe import AlignConfig, Variant, select_variants
from mm.training.align.run import AlignRun
from mm.training.align.train import align, train_part

pytestmark = pytest.mark.xdist_group("align")


def write_noise(folder: Path, names: list[str], seeds: list[int]) -> list[Path]:
    """One image of coarse noise for each name; equal seeds give equal images."""
    for name, seed in zip(names, seeds, strict=True):
        blocks = np.random.default_rng(seed).integers(0, 255, (8, 8, 3), np.uint8).repeat(4, 0).repeat(4, 1)
        Image.fromarray(blocks).save(folder / name)
    return [folder / name for name in names]


def test_assign_folds_keeps_close_numbers_and_near_duplicates_together(tmp_path: Path) -> None:
    names = [f"{number}_0123456789.png" for number in (100, 5_000, 14_000, 900_000, 2_000_000, 3_000_000, 4_000_000)]
    files = write_noise(tmp_path, names, [0, 1, 2, 3, 4, 3, 6])
    folds = assign_folds(files, 3).get_folds(files)
    assert folds[0] == folds[1] == folds[2], "each is within 10,000 of the next"
    assert folds[3] == folds[5], "the same image"
    assert set(folds) == {0, 1, 2}
    assert (np.sort(np.bincount(folds)) == [2, 2, 3]).all()


def test_assign_folds_ignores_numbers_that_are_not_of_flickr(tmp_path: Path) -> None:
    files = write_noise(tmp_path, ["1.png", "2.png"], [0, 1])
    assert set(assign_folds(files, 2).get_folds(files)) == {0, 1}


def test_assign_folds_of_fewer_groups_than_folds_raises_invalid_input(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="1 groups of images"):
        assign_folds(write_noise(tmp_path, ["1.png", "2.png"], [0, 0]), 2)


def test_folds_are_read_as_written_and_name_an_unknown_image(tmp_path: Path) -> None:
    folds = Folds(2, {"a": 0, "b": 1})
    write_folds(tmp_path, folds)
    assert read_folds(tmp_path) == folds
    with pytest.raises(InvalidInput, match=r"image c\.png"):
        folds.get_folds([Path("a.png"), Path("c.png")])


def test_read_folds_of_another_folder_or_content_raises(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="--folds"):
        read_folds(tmp_path)
    (tmp_path / FOLDS).write_text("[]")
    with pytest.raises(Corrupt, match=r"folds\.json"):
        read_folds(tmp_path)


@pytest.mark.usefixtures("one_thread")
def test_align_with_folds_trains_a_tower_without_each_and_continues_from_parts(
    captioned_folder: Path, class_vectors: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out, counts = tmp_path / "out", list[int]()
    (out / "vectors").mkdir(parents=True)
    shutil.copy(class_vectors, out / "vectors")
    config = AlignConfig(
        captioned_folder, out, variants=(Variant("plain", 0),), epochs=1, batch=3, size=32, serving_size=32, stored_size=32,
        save_every=1, num_folds=2,
    )  # fmt: skip
    advance = AlignRun.advance

    def count_images(run: AlignRun) -> torch.Tensor:
        counts.append(len(run.train.images))
        return advance(run)

    monkeypatch.setattr(AlignRun, "advance", count_images)
    train_part(config, lambda *_: None, 1, "plain")
    assert [path.name for path in out.glob("*.pt")] == ["fold-1-run-plain.pt"]
    reports: list[tuple[int, int, str]] = []
    assert align(config, lambda *report: reports.append(report)) == out / "image.safetensors"
    assert [report[:2] for report in reports] == [(1, 2)], "the other fold is complete"
    folds = read_folds(out)
    sizes = np.bincount(list(folds.fold_of.values()))
    assert counts == [12 - sizes[1], 12 - sizes[0]]
    mean, *towers = (load_file(out / name)["head.bias"] for name in ("image.safetensors", name_tower(0), name_tower(1)))
    np.testing.assert_allclose(mean, (towers[0] + towers[1]) / 2, atol=1e-6)
    assert "`fold-1.safetensors`" in (out / "CARD.md").read_text()
    with pytest.raises(InvalidInput, match="has 2 folds"):
        align(replace(config, num_folds=3), lambda *_: None)


@pytest.mark.parametrize(("fold", "name", "message"), [(2, None, "no fold 2"), (None, "other", "not other")])
def test_train_part_that_the_recipe_lacks_raises_invalid_input(fold: int | None, name: str | None, message: str) -> None:
    config = AlignConfig(Path("data"), Path("out"), variants=(Variant("plain", 0),), num_folds=2)
    with pytest.raises(InvalidInput, match=message):
        train_part(config, lambda *_: None, fold, name)


def test_select_variants_keeps_the_order_of_the_recipe_and_refuses_unknown_names() -> None:
    assert [variant.name for variant in select_variants(["views", "plain"])] == ["plain", "views"]
    with pytest.raises(InvalidInput, match="not square"):
        select_variants(["square"])
