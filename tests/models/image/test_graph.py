"""The ONNX graph of the image tower compared with torch."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from mm.models.image.efficientnet_lite import CLASSES, DIMENSIONS, FEATURES, INPUT, OUTPUT, list_blocks
from mm.models.image.efficientnet_lite_torch import ImageEncoder
from mm.models.image.graph import build_graph
from mm.runtimes import load_graph


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def patches(count: int, size: int, seed: int) -> np.ndarray:
    """Images of a few large patches of colour: noise averages to the same features."""
    random = np.random.default_rng(seed)
    coarse = random.integers(0, 256, (count, 4, 4, 3), np.uint8)
    rows = np.arange(size) * 4 // size
    return coarse[:, rows][:, :, rows]


def random_encoder(seed: int) -> ImageEncoder:
    """An encoder with random weights.

    The statistics of the batch norms are measured: with others the signal vanishes in 21 blocks.
    """
    torch.manual_seed(seed)
    encoder = ImageEncoder().train()
    with torch.no_grad():
        for module in encoder.modules():
            if isinstance(module, torch.nn.BatchNorm2d):
                module.weight.uniform_(0.8, 1.6)
                module.bias.uniform_(-0.2, 0.6)
                module.momentum = None
        encoder(torch.from_numpy(patches(6, 64, seed)).permute(0, 3, 1, 2).float())
        encoder.class_vectors.normal_()
        encoder.class_gain.fill_(0.7)
        encoder.classes.weight.mul_(30)  # so that some classes have a high probability
    return encoder.eval()


@pytest.mark.parametrize("runtime", ["onnxruntime", "openvino"])
@pytest.mark.parametrize(("seed", "size"), [(0, 64), (1, 75), (2, 97)])
def test_image_graph_equals_torch(tmp_path: Path, runtime: str, seed: int, size: int) -> None:
    encoder = random_encoder(seed)
    path = tmp_path / "image.onnx"
    path.write_bytes(build_graph({name: tensor.numpy() for name, tensor in encoder.state_dict().items()}, size))
    pixels = patches(3, size, seed + 10)
    with torch.inference_mode():
        expected = encoder(torch.from_numpy(pixels).permute(0, 3, 1, 2).float()).numpy()
    computed = load_graph(path, runtime, threads=1).run({INPUT: pixels})[OUTPUT]
    assert expected.std(0).max() > 1e-3  # the outputs differ between images
    np.testing.assert_allclose(computed, expected, atol=2e-4)
    np.testing.assert_allclose(np.linalg.norm(computed, axis=1), 1, atol=1e-5)


def test_image_graph_vectors_do_not_depend_on_the_batch(tmp_path: Path) -> None:
    encoder = random_encoder(3)
    path = tmp_path / "image.onnx"
    path.write_bytes(build_graph({name: tensor.numpy() for name, tensor in encoder.state_dict().items()}, 64))
    graph = load_graph(path, threads=1)
    pixels = patches(5, 64, 0)
    together = graph.run({INPUT: pixels})[OUTPUT]
    separate = np.concatenate([graph.run({INPUT: row[None]})[OUTPUT] for row in pixels])
    np.testing.assert_allclose(together, separate, atol=1e-5)


def test_build_graph_missing_weight_is_named() -> None:
    weights = {name: tensor.numpy() for name, tensor in ImageEncoder().state_dict().items()}
    del weights["blocks.3.project.conv.weight"]
    with pytest.raises(KeyError, match=r"blocks\.3\.project\.conv\.weight"):
        build_graph(weights, 64)


def test_list_blocks_equals_efficientnet_lite2() -> None:
    """Counts of the reference: 21 blocks, 6.09 million parameters with the classifier."""
    encoder = ImageEncoder()
    backbone = sum(w.numel() for name, w in encoder.named_parameters() if name.startswith(("stem", "blocks", "top", "classes")))
    assert len(list_blocks()) == 21
    assert backbone == 6_092_072
    assert encoder.head.weight.shape == (DIMENSIONS, FEATURES)
    assert encoder.class_vectors.shape == (CLASSES, DIMENSIONS)
