"""Fine structure of patches, and the inputs of the head."""

from __future__ import annotations

import cv2
import numpy as np

from mm.inspection.features.fine import flatten_contrast
from mm.inspection.features.framing import extract_patches
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
    inputs = build_inputs(plain, CellBackbone().extract(plain[None])[0], CellBackbone())
    assert inputs.shape == (4, 4, count_inputs(6, 6))
    assert np.isfinite(inputs).all()


def test_build_inputs_of_the_enlarged_image_are_mean_and_largest_of_four_places() -> None:
    image = np.ascontiguousarray(make_ground()[:, :83])  # 11 columns of patches, the last one beyond the image
    image[20:22, 30:36] = 40
    vectors = extract_patches(CellBackbone(), image)
    inputs = build_inputs(image, vectors, CellBackbone())
    padded = cv2.copyMakeBorder(image, 0, 0, 0, 5, cv2.BORDER_REFLECT_101)
    large = cv2.resize(flatten_contrast(padded), None, fx=2, fy=2, interpolation=cv2.INTER_CUBIC)
    four = CellBackbone().extract(np.repeat(large[None, ..., None], 3, -1))[0].reshape(8, 2, 11, 2, 6)
    expected = np.concatenate([four.mean((1, 3)), four.max((1, 3))], -1)
    np.testing.assert_allclose(inputs[..., count_inputs(6) : -4], expected, rtol=1e-3)
    np.testing.assert_array_equal(inputs[..., : count_inputs(6)], build_inputs(image, vectors, None))


def test_build_inputs_say_how_near_the_edges_are() -> None:
    image = make_ground()
    edges = build_inputs(image, extract_patches(CellBackbone(), image), CellBackbone())[..., -4:]
    np.testing.assert_array_equal(edges, edges[::-1, ::-1])
    assert (edges[0, 0] == 1).all()
    assert (edges[4, 6] < edges[4, 1]).tolist() == [False, True, False, True]
    assert (edges[4, 6] < edges[1, 6]).tolist() == [True, False, True, False]
