"""Training of the lesion network: pack, views, losses, calibration, and a run from end to end."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from mm.data.lesion_images import load_lesion_image, read_lesion_images
from mm.errors import Corrupt, InvalidInput
from mm.lesions.segmentation.segmenter import LesionSegmenter
from mm.training.lesions.augment import draw_lesion_views
from mm.training.lesions.calibrate import choose_threshold, fit_confidence
from mm.training.lesions.folds import assign_folds, split_fold
from mm.training.lesions.losses import presence_loss, segmentation_loss
from mm.training.lesions.measure import measure, measure_calibration_error
from mm.training.lesions.pack import LesionPack, PackedRow, pack_lesion_images, read_pack
from mm.training.lesions.predictions import PredictedImage, Predictions, match_predictions
from mm.training.lesions.recipe import Augmentation, LesionRecipe
from mm.training.lesions.run import balance_data_sets
from mm.training.lesions.train import train_lesions
from tests.lesions.fixtures import render_lesion, write_data_set

pytestmark = pytest.mark.xdist_group("lesion_training")


@pytest.fixture(scope="module")
def packed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A pack of two rendered data sets."""
    folder = tmp_path_factory.mktemp("lesions")
    write_data_set(folder / "first", "first", 12, 0)
    write_data_set(folder / "second", "second", 9, 100)
    assert pack_lesion_images([folder / "first", folder / "second"], folder / "pack.zip", 72) == 21
    return folder / "pack.zip"


def test_reader_of_a_data_set_returns_masks_of_lesions_only(packed: Path) -> None:
    images = read_lesion_images(packed.parent / "first", "train")
    assert [len(image.masks) for image in images] == [0, 1, 1, 1, 1, 0, 1, 1]
    grey_HW, mask_HW = load_lesion_image(images[1])
    expected_HW, expected_mask_HW = render_lesion(1)
    assert np.array_equal(grey_HW, expected_HW)
    assert np.array_equal(mask_HW, expected_mask_HW)


def test_reader_without_images_of_the_split_raises(packed: Path, tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="no images of the split 'test'"):
        read_lesion_images(packed.parent / "first", "test")
    with pytest.raises(InvalidInput, match="does not describe"):
        read_lesion_images(tmp_path, "train")


def test_pack_returns_rows_and_images(packed: Path) -> None:
    pack = read_pack(packed)
    assert {(row.data_set, row.split) for row in pack.rows} == {
        (name, split) for name in ("first", "second") for split in ("train", "dev")
    }
    assert pack.grey_NSS.shape == (21, 72, 72)
    assert len(pack.select(["first"], "dev").rows) == 4
    assert pack.mask_NSS[1].sum() > 50
    assert pack.grey_NSS[1][pack.mask_NSS[1]].mean() < 0.6 * pack.grey_NSS[1][~pack.mask_NSS[1] & (pack.grey_NSS[1] > 0)].mean()


def test_pack_that_is_another_file_raises_corrupt(tmp_path: Path) -> None:
    (tmp_path / "pack.zip").write_bytes(b"PK other")
    with pytest.raises(Corrupt, match="pack of lesion images"):
        read_pack(tmp_path / "pack.zip")


def test_folds_keep_groups_together_and_cover_all(packed: Path) -> None:
    pack = read_pack(packed)
    folds = assign_folds(pack, 3)
    by_group = {}
    for row, fold in zip(pack.rows, folds, strict=True):
        assert by_group.setdefault(row.group, fold) == fold
    assert set(folds) == {0, 1, 2}
    train, left_out = split_fold(pack, 3, 1)
    assert len(train.rows) + len(left_out.rows) == 21
    assert not {row.group for row in train.rows} & {row.group for row in left_out.rows}


def test_balance_between_sets_is_between_equal_and_proportional(packed: Path) -> None:
    pack = read_pack(packed)
    weight_N = balance_data_sets(pack, 0.5)
    first = float(weight_N[[row.data_set == "first" for row in pack.rows]].sum() / weight_N.sum())
    assert first == pytest.approx(12**0.5 / (12**0.5 + 9**0.5))


def test_views_without_artefacts_keep_image_and_mask_aligned() -> None:
    grey_NHW, mask_NHW = torch.zeros((8, 72, 72), dtype=torch.uint8), torch.zeros((8, 72, 72), dtype=torch.bool)
    grey_NHW[:, 24:44, 20:50], mask_NHW[:, 24:44, 20:50] = 200, True
    plain = Augmentation(speckle=0.0, blur=0.0, shadow=0.0, cutout=0.0)
    grey, mask = draw_lesion_views(grey_NHW, mask_NHW, 64, plain, torch.Generator().manual_seed(0))
    assert grey.shape == (8, 1, 64, 64)
    assert mask.shape == (8, 1, 32, 32)
    inside = torch.nn.functional.avg_pool2d((grey > 60).float(), 2)
    assert float((inside - mask).abs().mean()) < 0.03
    again = draw_lesion_views(grey_NHW, mask_NHW, 64, plain, torch.Generator().manual_seed(0))
    assert torch.equal(grey, again[0])


def test_views_with_artefacts_stay_within_the_range_of_pixels() -> None:
    grey_NHW = torch.randint(0, 256, (16, 72, 72), dtype=torch.uint8)
    views = draw_lesion_views(grey_NHW, grey_NHW > 250, 64, Augmentation(), torch.Generator().manual_seed(1))
    assert all(torch.isfinite(view).all() for view in views)
    assert 0 <= float(views[0].min()) <= float(views[0].max()) <= 255


def test_losses_decrease_with_better_logits() -> None:
    mask = torch.zeros(2, 1, 16, 16)
    mask[0, :, 4:12, 4:12] = 1
    good, bad = (2 * mask - 1) * 6, (1 - 2 * mask) * 6
    assert float(segmentation_loss(good, mask)) < 0.1 < float(segmentation_loss(torch.zeros_like(mask), mask))
    assert float(segmentation_loss(bad, mask)) > 3
    assert float(presence_loss(torch.tensor([5.0, -5.0]), mask)) < 0.05 < float(presence_loss(torch.tensor([-5.0, 5.0]), mask))


def _predicted(seed: int, blur: float, *, has_lesion: bool = True) -> PredictedImage:
    _, mask_HW = render_lesion(seed, has_lesion=has_lesion)
    noise_HW = np.random.default_rng(seed).normal(0, blur, mask_HW.shape)
    probability_HW = (1 / (1 + np.exp(-(6.0 * mask_HW - 3 + noise_HW)))).astype(np.float32)
    return PredictedImage(PackedRow(str(seed), "first", str(seed), "train", *mask_HW.shape), mask_HW, probability_HW, 0.0)


def test_measures_of_perfect_predictions_are_one() -> None:
    images = [_predicted(seed, 0.0, has_lesion=seed % 4 > 0) for seed in range(12)]
    assert choose_threshold(images) in {0.2, 0.5}
    confidence = fit_confidence(images, 0.5, 0.15)
    scores = measure(images, [image.find(0.5, 0.15, confidence) for image in images])
    assert (scores.dice, scores.iou, scores.sensitivity) == (1.0, 1.0, 1.0)
    assert scores.calibration_error < 0.2


def test_calibration_error_of_constant_confidence_is_its_distance_from_the_share() -> None:
    assert measure_calibration_error(np.full(10, 0.8), np.arange(10) < 5) == pytest.approx(0.3)


def test_predictions_of_a_pack_are_placed_in_the_image(tmp_path: Path) -> None:
    mask_SS = np.zeros((72, 72), bool)
    mask_SS[20:40, 30:60] = True
    pack = LesionPack([PackedRow("a", "first", "a", "dev", 60, 100)], np.zeros((1, 72, 72), np.uint8), mask_SS[None])
    logits = (mask_SS[::2, ::2] * 120 - 60).astype(np.int8)
    predictions = Predictions(("a",), logits[None], np.array([1.5], np.float32))
    predictions.write(tmp_path / "p.npz")
    image = match_predictions(pack, Predictions.read(tmp_path / "p.npz"))[0]
    assert image.truth_HW.shape == image.probability_HW.shape == (43, 72)
    found_HW = image.probability_HW > 0.5
    assert (found_HW & image.truth_HW).sum() / (found_HW | image.truth_HW).sum() > 0.9
    assert image.presence == 1.5


def test_training_from_end_to_end_writes_weights_that_segment(packed: Path, tmp_path: Path) -> None:
    recipe = LesionRecipe(packed, tmp_path / "out", None, ("first",), size=64, seeds=(4,), folds=2, steps=3, batch=2)
    lines: list[str] = []
    path = train_lesions([recipe], ["cpu"], 1, lines.append)[0]
    segmenter = LesionSegmenter.load(path, tmp_path / "cache")
    grey_HW = render_lesion(7)[0]
    assert segmenter.segment([grey_HW])[0].probability_HW.shape == grey_HW.shape
    report = json.loads((tmp_path / "out" / "lesions.json").read_text())
    assert set(report["dev"]["4"]) == {"first", "second"}
    assert report["steps"] == 3
    card = (tmp_path / "out" / "LESIONS.md").read_text()
    assert "candidate for review, research use, not a diagnosis" in card
    first = path.read_bytes()
    path.unlink()
    assert train_lesions([recipe], ["cpu"], 1, lines.append)[0].read_bytes() == first  # of runs that had ended


def test_training_with_the_state_of_another_recipe_raises(packed: Path, tmp_path: Path) -> None:
    from mm.training.lesions.jobs import RunFiles, run_plan
    from mm.training.lesions.recipe import RunPlan

    recipe = LesionRecipe(packed, tmp_path / "out", None, ("first",), size=32, seeds=(0,), steps=1, batch=2, save_every=100)
    plan = RunPlan(recipe, 0)
    run_plan(plan, "cpu")
    assert (tmp_path / "out" / "seed-0" / "weights.safetensors").is_file()
    RunFiles.of(plan).predictions.unlink()
    with pytest.raises(InvalidInput, match="another recipe"):
        run_plan(replace(plan, recipe=replace(recipe, rate=0.5)), "cpu")


@pytest.mark.parametrize("values", [{"seeds": ()}, {"seeds": (1, 1)}, {"size": 100}, {"folds": 1}])
def test_recipe_with_impossible_values_raises(values: dict[str, object]) -> None:
    with pytest.raises(InvalidInput):
        LesionRecipe(Path("pack"), Path("out"), **values)  # type: ignore[arg-type]
