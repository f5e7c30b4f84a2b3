"""Rendered defects."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from mm.inspection.selection.rendered_defects import DEFECTS
from tests.inspection.parts import render_part


@pytest.mark.parametrize("draw", DEFECTS)
@pytest.mark.parametrize("shape", [(96, 96), (200, 64)])
def test_defect_changes_a_small_part_of_the_image(draw: Callable[..., np.ndarray], shape: tuple[int, int]) -> None:
    image = np.resize(render_part(0), (*shape, 3))
    changed = []
    for seed in range(20):
        defective = draw(image, np.random.default_rng(seed))
        assert (defective.shape, defective.dtype) == (image.shape, np.uint8)
        changed.append(float((defective != image).any(2).mean()))
    assert max(changed) < 0.25
    assert np.count_nonzero(changed) >= 18


@pytest.mark.parametrize("draw", DEFECTS)
def test_defect_is_the_same_for_the_same_seed(draw: Callable[..., np.ndarray]) -> None:
    image = render_part(0)
    np.testing.assert_array_equal(draw(image, np.random.default_rng(3)), draw(image, np.random.default_rng(3)))
    np.testing.assert_array_equal(image, render_part(0))  # the image itself is not changed
