"""Fine structure of patches, and the inputs of the head."""

from __future__ import annotations

import numpy as np

from mm.inspection.head.details import NUM_DETAILS, extract_details
from mm.inspection.head.inputs import build_inputs, count_inputs
from tests.inspection.parts import CellBackbone


def make_ground() -> np.ndarray:
    return np.random.default_rng(0).integers(115, 125, (64, 90, 3)).astype(np.uint8)


def test_extract_details_finds_a_thin_line_in_its_patches_alone() -> None:
    ground, lined = make_ground(), make_ground()
    lined[:, 43:45] = 90  # in the patches of column 5
    change = np.abs(extract_details(lined) - extract_details(ground)).max((0, 2))
    assert extract_details(lined).shape == (8, 12, NUM_DETAILS)
    assert change.argmax() == 5
    assert change[5] > 2 * change[[0, 1, 9, 10]].max()


def test_extract_details_of_another_exposure_are_nearly_equal() -> None:
    lined = make_ground()
    lined[20:22, 10:60] = 60
    levels = [-5, -4, -3]  # the levels themselves follow the exposure
    first, second = (np.delete(extract_details(image), levels, axis=2) for image in (lined, (lined * 0.8).astype(np.uint8)))
    assert np.abs(first - second).mean() < 0.1 * np.abs(first).mean()


def test_build_inputs_have_the_count_and_are_finite_for_a_plain_image() -> None:
    plain = np.full((32, 32, 3), 100, np.uint8)
    inputs = build_inputs(plain, CellBackbone().extract(plain[None])[0])
    assert inputs.shape == (4, 4, count_inputs(6))
    assert np.isfinite(inputs).all()
