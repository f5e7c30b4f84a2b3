"""Inspectors that align images with a reference."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from mm.errors import InvalidInput
from mm.inspection.features.framing import Framing
from mm.inspection.fit import fit_inspector
from mm.inspection.inspector import FittedInspector
from mm.inspection.inspector_file import read_inspector, write_inspector
from mm.inspection.types import GoodImage
from mm.inspection.view import create_view
from tests.inspection.parts import CellBackbone, add_scratch, render_part
from tests.inspection.test_fit import SETTINGS

SIDE = 160
ALIGNED = replace(SETTINGS, has_registration=True)


def move(image: np.ndarray, degrees: float, shift: tuple[float, float]) -> np.ndarray:
    matrix = cv2.getRotationMatrix2D((SIDE / 2, SIDE / 2), degrees, 1.0)
    matrix[:, 2] += shift
    return cv2.warpAffine(image, matrix, (SIDE, SIDE), borderMode=cv2.BORDER_REFLECT_101)


@pytest.fixture(scope="module")
def inspector() -> FittedInspector:
    random = np.random.default_rng(0)
    images = [render_part(0, SIDE)]
    images += [move(render_part(seed, SIDE), random.uniform(-6, 6), tuple(random.uniform(-6, 6, 2))) for seed in range(1, 14)]
    return fit_inspector([GoodImage(image, str(index)) for index, image in enumerate(images)], "disc", CellBackbone(), ALIGNED)


def test_inspect_moved_part_fails_where_the_scratch_is(inspector: FittedInspector) -> None:
    image = move(add_scratch(render_part(50, SIDE), 60, 95), 5.0, (4.0, -5.0))
    without = move(render_part(50, SIDE), 5.0, (4.0, -5.0))
    result = inspector.inspect(image)
    assert result.verdict == "fail"
    assert not result.notes
    peak = np.unravel_index(result.heat_HW.argmax(), result.heat_HW.shape)
    rows, columns = np.nonzero(np.abs(image.astype(int) - without).sum(2) > 60)
    assert rows.min() - 8 <= peak[0] <= rows.max() + 8
    assert columns.min() - 8 <= peak[1] <= columns.max() + 8
    assert inspector.inspect(without).p_value > result.p_value


def test_inspect_region_of_interest_moves_with_the_image(inspector: FittedInspector) -> None:
    image = move(add_scratch(render_part(50, SIDE), 60, 95), 5.0, (4.0, -5.0))
    mask = np.ones((SIDE, SIDE), bool)
    mask[:, 80:] = False  # the scratch is in the right half
    result = inspector.inspect(image, mask)
    assert result.score < inspector.inspect(image).score
    assert not result.heat_HW[~mask].any()


def test_inspect_unrelated_image_is_undecided(inspector: FittedInspector) -> None:
    image = np.random.default_rng(0).integers(0, 256, (SIDE, SIDE, 3), np.uint8)
    result = inspector.inspect(image)
    assert result.verdict == "undecided"
    assert "could not be aligned" in result.notes[0]
    assert result.heat_HW.shape == (SIDE, SIDE)


def test_read_inspector_keeps_the_reference(inspector: FittedInspector, tmp_path: Path) -> None:
    write_inspector(inspector, tmp_path / "disc.inspector")
    again = read_inspector(tmp_path / "disc.inspector", lambda name: CellBackbone())
    assert again.reference_HWC is not None
    assert inspector.reference_HWC is not None
    np.testing.assert_array_equal(again.reference_HWC, inspector.reference_HWC)


def test_fit_inspector_image_that_cannot_be_aligned_is_named() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (SIDE, SIDE, 3), np.uint8)
    with pytest.raises(InvalidInput, match="Good image 2 of 2"):
        fit_inspector([GoodImage(render_part(0, SIDE), "a"), GoodImage(noise, "b")], "disc", CellBackbone(), ALIGNED)


@pytest.mark.parametrize("shift", [(0.0, 0.0), (7.0, -4.0)])
def test_view_heat_map_of_a_reduced_image_is_at_its_place(shift: tuple[float, float]) -> None:
    """The heat of a patch is where its pixels are in the image, which is twice as large."""
    reference = cv2.resize(render_part(0, SIDE), (SIDE // 2, SIDE // 2), interpolation=cv2.INTER_AREA)
    image = move(render_part(0, SIDE), 0.0, shift)
    view = create_view(image, replace(ALIGNED, framing=Framing(SIDE // 2)), reference)
    assert view.is_aligned
    distances = np.zeros((10, 10), np.float32)
    distances[4, 6] = 1
    rows, columns = np.nonzero(view.build_heat_map(distances) > 0.5)
    expected = 2 * (np.array([4, 6]) * 8 + 4) - 0.5 + np.array([shift[1], shift[0]])
    np.testing.assert_allclose([rows.mean(), columns.mean()], expected, atol=1.5)
