"""Patch features of the real weights."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch.nn import functional

from mm.errors import InvalidInput
from mm.inspection.features.backbone import SHIPPED_WEIGHTS, STRIDE, LiteBackbone
from mm.inspection.features.framing import extract_patches
from mm.inspection.features.graph import TAPS, build_patch_graph, count_channels
from mm.models.image.efficientnet_lite_torch import PIXEL_MEAN, PIXEL_SCALE, ImageEncoder, load_encoder, load_imagenet_weights


@pytest.fixture(scope="module")
def backbone(tmp_path_factory: pytest.TempPathFactory) -> LiteBackbone:
    return LiteBackbone("imagenet", tmp_path_factory.mktemp("graphs"), threads=1)


def smooth_noise(height: int, width: int, seed: int = 0) -> np.ndarray:
    coarse = torch.from_numpy(np.random.default_rng(seed).uniform(40, 200, (1, 3, height // 8, width // 8)))
    image = functional.interpolate(coarse, (height, width), mode="bicubic", align_corners=False)[0].permute(1, 2, 0)
    return image.clamp(0, 255).numpy().astype(np.uint8)


def compute_patches_with_torch(encoder: ImageEncoder, pixels_NHWC: np.ndarray) -> np.ndarray:
    """Reference implementation of the graph: blocks of the torch module, then loops over places."""
    with torch.inference_mode():
        x_NCHW = (torch.from_numpy(pixels_NHWC).permute(0, 3, 1, 2).float() - PIXEL_MEAN) / PIXEL_SCALE
        x_NCHW = functional.relu6(encoder.stem(x_NCHW))
        outputs = []
        for index, block in enumerate(encoder.blocks[: TAPS[-1] + 1]):
            x_NCHW = block(x_NCHW)
            if index in TAPS:
                outputs.append(functional.avg_pool2d(x_NCHW, 3, 1, 1, count_include_pad=False).numpy())
    fine, coarse = outputs
    wide = np.zeros((*coarse.shape[:2], *fine.shape[2:]), np.float32)
    for row, column in np.ndindex(*fine.shape[2:]):
        for row_step, column_step in np.ndindex(2, 2):  # (i - 1) / 2 is a place, or halfway between two
            rows = max((row - 1 + row_step) // 2, 0) if row else 0
            columns = max((column - 1 + column_step) // 2, 0) if column else 0
            wide[:, :, row, column] += coarse[:, :, rows, columns] / 4
    return np.concatenate([fine, wide], 1).transpose(0, 2, 3, 1)


@pytest.mark.parametrize("name", ["imagenet", "lite"])
def test_lite_backbone_equals_torch(tmp_path: Path, name: str) -> None:
    if name == "lite":
        encoder = load_encoder(SHIPPED_WEIGHTS)
    else:
        encoder = ImageEncoder().eval()
        encoder.load_state_dict(load_imagenet_weights()[0], strict=False)
    pixels = np.stack([smooth_noise(64, 96, seed) for seed in range(2)])
    patches = LiteBackbone(name, tmp_path, threads=1).extract(pixels)
    assert patches.shape == (2, 8, 12, count_channels())
    np.testing.assert_allclose(patches, compute_patches_with_torch(encoder, pixels), atol=2e-2, rtol=1e-3)


def test_lite_backbone_unknown_name_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="imagenet, lite"):
        LiteBackbone("resnet", tmp_path)


@pytest.mark.parametrize("taps", [(), (6, 6), (14, 6), (3, 99)])
def test_build_patch_graph_invalid_taps_are_refused(taps: tuple[int, ...]) -> None:
    with pytest.raises((ValueError, IndexError)):
        build_patch_graph({}, taps)


def test_lite_backbone_impulse_moves_patches_around_its_place(backbone: LiteBackbone) -> None:
    """The centre of the change is at most 3 pixels, less than half a patch, from the impulse."""
    image = smooth_noise(160, 192)
    before = extract_patches(backbone, image)
    offsets = []
    for row, column in [(60, 70), (83, 101), (95, 120), (71, 132), (100, 64)]:
        changed = image.copy()
        changed[row - 1 : row + 2, column - 1 : column + 2] = 255
        energy_hw = ((extract_patches(backbone, changed) - before) ** 2).sum(2)
        rows, columns = np.indices(energy_hw.shape) * STRIDE + (STRIDE - 1) / 2
        centre = [float((energy_hw * places).sum() / energy_hw.sum()) for places in (rows, columns)]
        offsets.append((centre[0] - row, centre[1] - column))
    assert np.abs(np.mean(offsets, 0)).max() < 3


def test_extract_patches_margin_reduces_the_effect_of_edges(backbone: LiteBackbone) -> None:
    """In an image of one colour, patches differ only by their distance from the edges."""
    image = np.full((96, 96, 3), 150, np.uint8)
    with_margin, without = extract_patches(backbone, image), backbone.extract(image[None])[0]
    deviations = [np.linalg.norm(patches - with_margin[6, 6], axis=2).mean() for patches in (with_margin, without)]
    assert deviations[0] < 0.5 * deviations[1]
