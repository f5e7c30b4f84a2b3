"""Patches of two resolutions."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from mm.inspection.features import fine
from mm.inspection.features.backbone import STRIDE
from mm.inspection.features.fine import CONTRAST, FineBackbone, flatten_contrast
from mm.inspection.features.framing import extract_patches
from tests.inspection.parts import CellBackbone, render_part


def test_fine_backbone_joins_the_patches_and_means_of_four_of_the_flat_image() -> None:
    image = render_part(1, 96)
    vectors = FineBackbone(CellBackbone()).extract(image[None])[0]
    np.testing.assert_array_equal(vectors[..., :6], CellBackbone().extract(image[None])[0])
    large = cv2.resize(flatten_contrast(image), None, fx=2, fy=2, interpolation=cv2.INTER_CUBIC)
    four = CellBackbone().extract(np.repeat(large[None, ..., None], 3, -1))[0].reshape(12, 2, 12, 2, 6)
    np.testing.assert_allclose(vectors[..., 6:], four.mean((1, 3)), atol=1e-4)


def test_fine_backbone_tiles_equal_one_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    image = np.ascontiguousarray(render_part(2, 160)[:96])
    whole = FineBackbone(CellBackbone()).extract(image[None])
    monkeypatch.setattr(fine, "SIDE", 128)
    np.testing.assert_array_equal(FineBackbone(CellBackbone()).extract(image[None]), whole)


def test_fine_backbone_impulse_moves_the_patch_of_its_place_most() -> None:
    image = render_part(3, 96)
    changed = image.copy()
    changed[43:45, 59:61] = 255
    backbone = FineBackbone(CellBackbone())
    moved = np.abs(extract_patches(backbone, changed) - extract_patches(backbone, image))[..., 6:].sum(2)
    assert np.unravel_index(moved.argmax(), moved.shape) == (43 // STRIDE, 59 // STRIDE)


def test_flatten_contrast_removes_gain_and_gradient_of_the_light() -> None:
    random = np.random.default_rng(4)
    texture = random.normal(0, 1, (160, 160))
    light = np.linspace(0.5, 1.5, 160)[None] * 100
    dim, bright = (np.repeat(np.clip(gain * light * (1 + 0.1 * texture), 0, 255)[..., None], 3, 2) for gain in (0.6, 1.0))
    flat_dim, flat_bright = (flatten_contrast(np.rint(each).astype(np.uint8)).astype(float) for each in (dim, bright))
    assert abs(flat_bright[:, 40:80].mean() - flat_bright[:, 80:120].mean()) < 5
    assert flat_bright.std() == pytest.approx(CONTRAST, rel=0.2)
    assert np.corrcoef(flat_dim.ravel(), flat_bright.ravel())[0, 1] > 0.98
