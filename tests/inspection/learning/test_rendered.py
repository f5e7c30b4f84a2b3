"""Rendered cracks: where they are, and that a seed draws the same ones."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mm.inspection.features.framing import Framing
from mm.inspection.fit import fit_inspector
from mm.inspection.good_pixels import GoodPixels
from mm.inspection.learning.rendered import MIN_COPIES, draw_crack, render_cracks, render_patches
from mm.inspection.settings import FitSettings
from tests.inspection.parts import CellBackbone, render_good_images, render_part

SETTINGS = FitSettings(backbone="cells", framing=Framing(None))


@given(seed=st.integers(0, 1 << 31), height=st.integers(16, 200), width=st.integers(16, 200))
def test_draw_coverage_is_a_share_of_each_pixel(seed: int, height: int, width: int) -> None:
    coverage = draw_crack(height, width, 1.0, np.random.default_rng(seed))
    assert coverage.shape == (height, width)
    assert 0 <= coverage.min() <= coverage.max() <= 1 + 1e-6


@given(seed=st.integers(0, 1 << 31))
def test_render_cracks_changes_the_image_where_the_mask_says(seed: int) -> None:
    image = render_part(0)
    before = image.copy()
    rendered, mask = render_cracks(image, 1.0, np.random.default_rng(seed))
    np.testing.assert_array_equal(image, before)
    assert rendered.shape == image.shape
    assert rendered.dtype == np.uint8
    change = np.abs(rendered.astype(int) - image).max(2)
    assert not mask.any() or change[mask].mean() > change[~mask].mean()
    assert (change[~mask] == 0).mean() > 0.5


def test_render_patches_same_seed_is_equal_and_stays_within_the_limit() -> None:
    images = render_good_images(9)
    inspector, goods = fit_inspector(images, "disc", CellBackbone(), SETTINGS), GoodPixels(images, SETTINGS)
    first, second = (list(render_patches(inspector, goods)) for _ in range(2))
    assert len(first) == 9 * (MIN_COPIES // 9)
    assert {fold for fold, _ in first} == set(inspector.group_folds.values())
    for (_, left), (_, right) in zip(first, second, strict=True):
        np.testing.assert_array_equal(left.inputs_ND, right.inputs_ND)
        np.testing.assert_array_equal(left.share_N, right.share_N)
    assert any((patches.share_N > 0.15).any() for _, patches in first)


def test_render_patches_of_more_images_than_the_limit_draws_one_copy_of_a_part_of_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mm.inspection.learning.rendered.MIN_COPIES", 2)
    monkeypatch.setattr("mm.inspection.learning.rendered.MAX_COPIES", 5)
    images = render_good_images(9)
    inspector, goods = fit_inspector(images, "disc", CellBackbone(), SETTINGS), GoodPixels(images, SETTINGS)
    assert len(list(render_patches(inspector, goods))) == 5


def test_render_cracks_of_a_larger_image_are_larger_by_its_scale() -> None:
    """An inspector that reads images at a quarter of their size gets cracks of the same size."""
    covered = [render_cracks(render_part(0, 96 * scale), scale, np.random.default_rng(3))[1].mean() for scale in (1, 4)]
    assert covered[1] == pytest.approx(covered[0], rel=0.35)
