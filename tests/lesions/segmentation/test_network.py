"""The lesion network: torch module, ONNX graph and weights file agree."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from mm.errors import Corrupt, InvalidInput
from mm.lesions.segmentation.architecture import list_taps
from mm.lesions.segmentation.network_torch import LesionNetwork
from mm.lesions.segmentation.segmenter import GraphLogits, LesionSegmenter
from mm.lesions.segmentation.weights import LesionConfig, fuse_weights, read_lesions, serialize_lesions
from mm.runtimes import load_graph
from tests.lesions.fixtures import CONFIG, draw_weights, render_lesion


def test_taps_of_the_encoder_have_one_stride_each() -> None:
    assert [tap.stride for tap in list_taps()] == [2, 4, 8, 16, 32]


def test_graph_of_random_weights_equals_the_torch_module(tmp_path: Path) -> None:
    from mm.lesions.segmentation.graph import build_lesion_graph

    torch.manual_seed(3)
    network = LesionNetwork().eval()
    for layer in network.modules():
        if isinstance(layer, torch.nn.BatchNorm2d):
            torch.nn.init.uniform_(layer.running_mean, -0.2, 0.2)
            torch.nn.init.uniform_(layer.running_var, 0.05, 0.3)
            torch.nn.init.uniform_(layer.weight, 0.5, 1.5)
    state = {name: value.detach().numpy() for name, value in network.state_dict().items()}
    path = tmp_path / "graph.onnx"
    path.write_bytes(build_lesion_graph(fuse_weights(state), 96))
    grey_NHW = np.random.default_rng(0).integers(0, 256, (2, 96, 96), np.uint8)
    logits_NHW, presence_N = GraphLogits(load_graph(path))(grey_NHW)
    with torch.inference_mode():
        expected_N1HW, expected_N = network(torch.from_numpy(grey_NHW)[:, None].float())
    assert logits_NHW.shape == (2, 48, 48)
    np.testing.assert_allclose(logits_NHW, expected_N1HW[:, 0].numpy(), rtol=1e-3, atol=1e-4)
    np.testing.assert_allclose(presence_N, expected_N.numpy(), rtol=1e-3, atol=1e-4)


def test_weights_file_returns_kernels_within_half_a_step(tmp_path: Path) -> None:
    weights = draw_weights(0)
    path = tmp_path / "lesions.safetensors"
    path.write_bytes(serialize_lesions(CONFIG, weights))
    config, read = read_lesions(path)
    assert config == CONFIG
    assert read.keys() == weights.keys()
    for name, array in weights.items():
        limit = np.abs(array).reshape(len(array), -1).max(1) / 127 / 2 if name.endswith(".kernel") else np.zeros(len(array))
        assert np.all(np.abs(read[name] - array).reshape(len(array), -1).max(1) <= limit + 1e-7)
    assert path.stat().st_size < 7_000_000


def test_weights_file_damaged_raises_corrupt(tmp_path: Path) -> None:
    path = tmp_path / "lesions.safetensors"
    path.write_bytes(serialize_lesions(CONFIG, draw_weights(0))[:5000])
    with pytest.raises(Corrupt, match="does not hold a lesion network"):
        read_lesions(path)
    without = {name: array for name, array in draw_weights(0).items() if name != "decoder.1.kernel"}
    path.write_bytes(serialize_lesions(CONFIG, without))
    with pytest.raises(Corrupt, match=r"decoder\.1\.kernel"):
        LesionSegmenter.load(path, tmp_path)


@pytest.mark.parametrize(("size", "weak", "threshold"), [(60, 0.1, 0.5), (64, 0.6, 0.5), (64, 0.0, 0.5), (64, 0.1, 1.0)])
def test_config_with_impossible_values_raises(size: int, weak: float, threshold: float) -> None:
    with pytest.raises(ValueError, match="size"):
        LesionConfig(size, threshold, weak, CONFIG.confidence, ())


def test_segmenter_of_images_of_several_sizes_returns_maps_of_their_sizes(tmp_path: Path) -> None:
    path = tmp_path / "lesions.safetensors"
    path.write_bytes(serialize_lesions(CONFIG, draw_weights(1)))
    segmenter = LesionSegmenter.load(path, tmp_path / "cache")
    images = [render_lesion(seed)[0] for seed in range(5)]
    results = segmenter.segment(images)
    assert [result.probability_HW.shape for result in results] == [image.shape for image in images]
    assert all(result.probability_HW.min() >= 0 and result.probability_HW.max() <= 1 for result in results)
    one = segmenter.segment(images[4:])[0]
    np.testing.assert_allclose(one.probability_HW, results[4].probability_HW, atol=1e-5)
    mirrored = segmenter.segment([np.ascontiguousarray(images[0][:, ::-1])])[0]
    # The image is in the middle of the square, up to the rounding of an odd rest.
    assert abs(mirrored.presence - results[0].presence) < 0.2


@pytest.mark.parametrize("image", [np.zeros((4, 4, 3), np.uint8), np.zeros((4, 4), np.float32), np.zeros((0, 4), np.uint8)])
def test_segmenter_of_another_type_or_shape_raises(image: np.ndarray) -> None:
    segmenter = LesionSegmenter(CONFIG, lambda grey_NHW: (np.zeros((1, 32, 32), np.float32), np.zeros(1, np.float32)))
    with pytest.raises(InvalidInput, match="grey image"):
        segmenter.segment([image])
