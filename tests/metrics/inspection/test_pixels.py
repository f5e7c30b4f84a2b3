"""Pixel AUROC, AUPRO and AUPIMO, against anomalib, scikit-learn and each other."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from anomalib.metrics.aupro import _AUPRO
from anomalib.metrics.pimo.functional import aupimo_scores
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from mm.errors import InvalidInput
from mm.metrics.inspection import aupimo, aupro, count_pixels, pixel_auroc


def make_images(
    seed: int, sizes: list[tuple[int, int]], num_defective: int, num_scores: int = 40
) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Heat maps with ties, and masks of rectangles of which the first images have two."""
    random = np.random.default_rng(seed)
    heats, masks = [], []
    for number, (height, width) in enumerate(sizes):
        mask = np.zeros((height, width), bool)
        if number < num_defective:
            mask[1 : 1 + height // 4, 1 : 1 + width // 3] = True
            mask[height // 2 : height // 2 + 2, width // 2 : width // 2 + 3] = True
        heat = random.integers(0, num_scores, mask.shape) + mask * random.integers(0, num_scores, mask.shape)
        heats.append(heat.astype(np.float32))
        masks.append(mask)
    return heats, masks


seeds = st.integers(0, 2**31)


@settings(deadline=None, max_examples=25)
@given(seed=seeds, limit=st.sampled_from([0.05, 0.3, 1.0]), num_scores=st.sampled_from([2, 7, 1000]))
def test_aupro_equals_anomalib(seed: int, limit: float, num_scores: int) -> None:
    heats, masks = make_images(seed, [(16, 20)] * 3, 2, num_scores)
    metric = _AUPRO(fpr_limit=limit)
    metric.update(torch.tensor(np.stack(heats)), torch.tensor(np.stack(masks)).int())
    assert aupro(heats, masks, limit) == pytest.approx(float(metric.compute()), abs=1e-5)


@settings(deadline=None, max_examples=25)
@given(seed=seeds)
def test_pixel_auroc_equals_scikit_learn(seed: int) -> None:
    heats, masks = make_images(seed, [(9, 12), (14, 8), (10, 10)], 2)
    expected = roc_auc_score(np.concatenate([mask.ravel() for mask in masks]), np.concatenate([heat.ravel() for heat in heats]))
    assert pixel_auroc(heats, masks) == pytest.approx(expected)


@settings(deadline=None, max_examples=25)
@given(seed=seeds, num_scores=st.sampled_from([3, 30, 100_000]), num_levels=st.sampled_from([16, 256]))
def test_pixel_counts_equal_sorted_pixels_within_half_a_level(seed: int, num_scores: int, num_levels: int) -> None:
    heats, masks = make_images(seed, [(16, 20), (12, 30), (20, 20), (18, 18)], 3, num_scores)
    counts = count_pixels(heats, masks, num_levels)
    # With few distinct scores each level holds one of them, and the counts are exact.
    tolerance = 1e-9 if num_scores < num_levels else 0.5 / (num_levels - 1) + 2e-3
    assert counts.auroc() == pytest.approx(pixel_auroc(heats, masks), abs=tolerance)
    assert counts.aupro() == pytest.approx(aupro(heats, masks), abs=tolerance / 0.3)


def test_pixel_counts_of_repeated_images_equal_the_measures_of_these_images() -> None:
    heats, masks = make_images(5, [(16, 20), (12, 30), (20, 20)], 2)
    rows = np.array([0, 0, 2])
    counts = count_pixels(heats, masks, 512)
    chosen = [heats[row] for row in rows], [masks[row] for row in rows]
    assert counts.auroc(rows) == pytest.approx(pixel_auroc(*chosen))
    assert counts.aupro(rows) == pytest.approx(aupro(*chosen))


def test_pixel_counts_take_defects_hotter_than_all_normal_pixels_as_found() -> None:
    mask = np.zeros((20, 20), bool)
    mask[4:8, 4:8] = True
    counts = count_pixels([mask * 1000.0 + np.linspace(0, 1, 400).reshape(20, 20)], [mask])
    assert counts.auroc() == counts.aupro() == 1.0


def test_aupro_of_ignored_defects_is_zero_and_of_constant_heat_follows_the_diagonal() -> None:
    mask = np.zeros((20, 20), bool)
    mask[4:8, 4:8] = True
    assert aupro([-mask.astype(float)], [mask]) == 0.0
    assert aupro([np.zeros((20, 20))], [mask], 0.3) == pytest.approx(0.15)


@settings(deadline=None, max_examples=10)
@given(seed=seeds)
def test_aupimo_equals_anomalib(seed: int) -> None:
    random = np.random.default_rng(seed)
    masks = [np.zeros((64, 64), bool) for _ in range(6)]
    masks[0][5:20, 5:20] = True
    masks[1][40:44, 10:50] = True
    heats = [(random.random(mask.shape) + 0.5 * random.random(mask.shape) * mask).astype(np.float32) for mask in masks]
    rates = (1e-2, 1e-1)
    *_, scores, _ = aupimo_scores(
        torch.tensor(np.stack(heats)), torch.tensor(np.stack(masks)), num_thresholds=40_000, fpr_bounds=rates
    )
    # anomalib samples thresholds at equal distances, so its bounds are only near the rates
    np.testing.assert_allclose(aupimo(heats, masks, rates), scores[:2].numpy(), atol=4e-3)


def test_aupimo_weighs_normal_images_of_other_sizes_equally() -> None:
    mask = np.zeros((10, 10), bool)
    mask[:2] = True
    heats = [np.full((10, 10), 0.5), np.arange(400.0).reshape(20, 20) / 400, np.zeros((100, 100))]
    masks = [mask, np.zeros((20, 20), bool), np.zeros((100, 100), bool)]
    # From 0.5 on are half the pixels of one normal image and none of the other: a rate of 0.25.
    area = aupimo(heats, masks, (0.2, 0.3))
    assert area[0] == pytest.approx(np.log(0.3 / 0.25) / np.log(0.3 / 0.2), abs=0.02)


@pytest.mark.parametrize(
    ("heat", "mask"),
    [
        (np.zeros((4, 4)), np.zeros((4, 5), bool)),
        (np.zeros((4, 4)), np.zeros((4, 4))),
        (np.full((4, 4), np.nan), np.eye(4, dtype=bool)),
        (np.zeros((4, 4)), np.zeros((4, 4), bool)),
        (np.zeros((4, 4)), np.ones((4, 4), bool)),
    ],
    ids=["sizes differ", "mask of numbers", "heat not finite", "nothing defective", "all defective"],
)
def test_pixel_measures_of_invalid_images_raise_invalid_input(heat: np.ndarray, mask: np.ndarray) -> None:
    with pytest.raises(InvalidInput):
        pixel_auroc([heat], [mask])
    with pytest.raises(InvalidInput):
        aupro([heat], [mask])
    with pytest.raises(InvalidInput):
        aupimo([heat], [mask])
    with pytest.raises(InvalidInput):
        count_pixels([heat], [mask]).aupro()


def test_aupimo_of_too_few_normal_pixels_raises_invalid_input() -> None:
    with pytest.raises(InvalidInput, match="more or larger images"):
        aupimo([np.eye(4), np.zeros((4, 4))], [np.eye(4, dtype=bool), np.zeros((4, 4), bool)])


@pytest.mark.parametrize("limit", [0.0, 1.5])
def test_aupro_of_an_invalid_limit_raises_invalid_input(limit: float) -> None:
    with pytest.raises(InvalidInput):
        aupro([np.eye(4)], [np.eye(4, dtype=bool)], limit)
