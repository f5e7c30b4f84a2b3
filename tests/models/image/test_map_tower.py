"""The feature map of the image tower: the graph equals torch, and the vector is unchanged."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from mm.errors import InvalidInput
from mm.models.image.efficientnet_lite import FEATURES, INPUT, MAP_OUTPUT, OUTPUT, compute_map_side
from mm.models.image.efficientnet_lite_torch import ImageEncoder
from mm.models.image.graph import build_graph
from mm.models.image.map_tower import ImageMapTower
from mm.models.image.preprocess import resize_batch
from mm.models.image.torch_graph import TorchImageGraph
from mm.models.image.tower import ImageTower
from mm.runtimes import load_graph
from mm.training.checkpoint import load_encoder, write_encoder
from tests.models.image.test_graph import patches, random_encoder

SIZE = 75


@pytest.fixture(scope="module")
def encoder() -> ImageEncoder:
    return random_encoder(4)


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory, encoder: ImageEncoder) -> Path:
    path = tmp_path_factory.mktemp("weights") / "image.safetensors"
    write_encoder(path, encoder.state_dict(), SIZE)
    return path


@pytest.mark.parametrize("runtime", ["onnxruntime", "openvino"])
@pytest.mark.parametrize("size", [64, SIZE])
def test_image_graph_with_map_equals_torch(tmp_path: Path, encoder: ImageEncoder, runtime: str, size: int) -> None:
    path = tmp_path / "image.onnx"
    path.write_bytes(build_graph({name: tensor.numpy() for name, tensor in encoder.state_dict().items()}, size, with_map=True))
    pixels = patches(3, size, 7)
    outputs = load_graph(path, runtime, threads=1).run({INPUT: pixels})
    with torch.inference_mode():
        map_NCHW = encoder.feature_map(torch.from_numpy(pixels).permute(0, 3, 1, 2).float())
        expected_vectors = encoder.project(map_NCHW.mean((2, 3)))[0]
    expected = map_NCHW.permute(0, 2, 3, 1).numpy()
    assert outputs[MAP_OUTPUT].shape == (3, compute_map_side(size), compute_map_side(size), FEATURES)
    assert expected.std() > 0.1
    np.testing.assert_allclose(outputs[MAP_OUTPUT], expected, atol=2e-3)
    np.testing.assert_allclose(outputs[OUTPUT], expected_vectors, atol=2e-4)


def test_torch_image_graph_with_map_equals_the_encoder(encoder: ImageEncoder) -> None:
    pixels = patches(2, SIZE, 8)
    outputs = TorchImageGraph(encoder, torch.device("cpu"), torch.float32, with_map=True).run({INPUT: pixels})
    with torch.inference_mode():
        expected = encoder.feature_map(torch.from_numpy(pixels).permute(0, 3, 1, 2).float()).permute(0, 2, 3, 1)
    np.testing.assert_allclose(outputs[MAP_OUTPUT], expected, atol=2e-3)
    np.testing.assert_allclose(outputs[OUTPUT], encoder(torch.from_numpy(pixels).permute(0, 3, 1, 2).float()).detach(), atol=2e-4)


def test_map_tower_gives_the_vectors_of_the_image_tower_and_maps_by_place(tmp_path: Path, weights: Path) -> None:
    images = [*patches(9, 90, 1), patches(1, 40, 2)[0][:, :20]]
    features = ImageMapTower(weights, tmp_path, threads=1).encode(images)
    vectors = ImageTower(weights, tmp_path, threads=1).embed(images)
    assert len(list(tmp_path.iterdir())) == 2  # the graph without the map is another file
    np.testing.assert_allclose([each.vector_D for each in features], vectors, atol=1e-5)
    with torch.inference_mode():
        pixels = torch.from_numpy(resize_batch(images, SIZE)).permute(0, 3, 1, 2).float()
        expected = load_encoder(weights).feature_map(pixels).permute(0, 2, 3, 1).numpy()
    np.testing.assert_allclose([each.map_HWC for each in features], expected, atol=2e-3)
    assert all(each.map_HWC.dtype == np.float32 for each in features)


def test_map_tower_without_images_gives_none_and_refuses_other_arrays(tmp_path: Path, weights: Path) -> None:
    tower = ImageMapTower(weights, tmp_path, threads=1)
    assert tower.encode([]) == []
    with pytest.raises(InvalidInput, match="image"):
        tower.encode([np.zeros((8, 8), np.uint8)])


def test_compute_map_side_of_the_shipped_input_is_ten() -> None:
    assert compute_map_side(320) == 10
