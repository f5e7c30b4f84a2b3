"""The 8-bit graph and the torch graph compared with the float32 graph, on random weights."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file

from mm.errors import Corrupt, InvalidInput, Unavailable
from mm.files import hash_file
from mm.models.image.efficientnet_lite import INPUT, OUTPUT
from mm.models.image.graph import build_graph
from mm.models.image.graph_int8 import WEIGHT_LIMIT, Quantization, build_quantized_graph
from mm.models.image.precisions import PRECISIONS_FILE, PrecisionLoss, Precisions, read_precisions
from mm.models.image.sample_photos import load_sample_batch
from mm.models.image.torch_graph import TorchImageGraph
from mm.models.image.tower import RANGES_FILE, ImageTower
from mm.runtimes import load_graph
from mm.spaces.registry import WEIGHTS
from mm.training.checkpoint import load_encoder, write_encoder
from mm.training.quantization.ranges import calibrate_int8, find_ranges, mean_activations
from mm.training.quantization.rounded_graph import build_rounded_graph
from tests.models.image.test_graph import patches, random_encoder

pytestmark = pytest.mark.xdist_group("int8")
SIZE = 32
SHIPPED = WEIGHTS / "lite" / "image.safetensors"


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint with its ranges beside it."""
    path = tmp_path_factory.mktemp("weights") / "image.safetensors"
    write_encoder(path, random_encoder(5).state_dict(), SIZE)
    quantization = calibrate_int8(load_file(path), hash_file(path, digits=16), patches(4, SIZE, 1))
    path.with_name(RANGES_FILE).write_bytes(quantization.to_bytes())
    return path


@pytest.fixture(scope="module")
def graphs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("graphs")


def cosines(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return (a * b).sum(1)


@pytest.mark.parametrize("runtime", ["onnxruntime-int8", "openvino-int8"])
def test_int8_tower_vectors_are_close_to_float32(weights: Path, graphs: Path, runtime: str) -> None:
    images = list(patches(24, SIZE, 2))
    plain = ImageTower(weights, graphs, threads=1).embed(images)
    rows = ImageTower(weights, graphs, runtime, threads=1).embed(images)
    np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-5)
    other_rows = cosines(plain, np.roll(plain, 1, 0))
    assert (1 - cosines(plain, rows)).mean() < 0.25 * (1 - other_rows).mean(), "closer than another image"
    assert np.abs(rows - plain).max() > 1e-5, "computed in other arithmetic"


def test_int8_tower_runtimes_agree(weights: Path, graphs: Path) -> None:
    images = list(patches(4, SIZE, 3))
    onnxruntime_rows, openvino_rows = (
        ImageTower(weights, graphs, f"{name}-int8", threads=1).embed(images) for name in ("onnxruntime", "openvino")
    )
    assert cosines(onnxruntime_rows, openvino_rows).min() > 0.99


@pytest.mark.parametrize("runtime", ["onnxruntime-int8", "openvino-int8"])
def test_shipped_int8_tower_vectors_are_close_to_float32(tmp_path: Path, runtime: str) -> None:
    images = list(load_sample_batch(320)[:8])
    plain = ImageTower(SHIPPED, tmp_path, threads=1).embed(images)
    assert cosines(plain, ImageTower(SHIPPED, tmp_path, runtime, threads=1).embed(images)).mean() > 0.99


def test_quantization_corrections_restore_channel_means(weights: Path) -> None:
    tensors, images = load_file(weights), patches(4, SIZE, 1)  # the images of the calibration
    corrected = Quantization.read(weights.with_name(RANGES_FILE))
    raw = Quantization(corrected.ranges, {}, "")

    def error(quantization: Quantization) -> float:
        graph = build_quantized_graph(tensors, SIZE, quantization)
        return float(np.abs(mean_activations(graph, ["top.linear"], images)["top.linear"] - wanted_C).mean())

    wanted_C = mean_activations(build_graph(tensors, SIZE), ["top.linear"], images)["top.linear"]
    assert error(corrected) < error(raw) / 5


def test_build_quantized_graph_keeps_the_bias_of_a_channel_with_tiny_weights() -> None:
    """With a scale for the tiny kernel alone the bias would not fit into 32 bits."""
    import onnx
    from onnx import numpy_helper

    encoder = random_encoder(6)
    with torch.no_grad():
        encoder.stem.conv.weight[0] = 1e-20
        encoder.stem.norm.bias[0] = 3.0
        encoder.stem.norm.running_mean[0] = 0.0
    tensors = {name: tensor.numpy() for name, tensor in encoder.state_dict().items()}
    ranges = find_ranges(build_graph(tensors, SIZE), patches(4, SIZE, 1))
    quantization = Quantization(ranges, {"stem": np.full(32, 0.25, np.float32)}, "")
    model = onnx.load_from_string(build_quantized_graph(tensors, SIZE, quantization))
    constants = {c.name: numpy_helper.to_array(c) for c in model.graph.initializer}
    makers = {node.output[0]: node for node in model.graph.node}
    conv = next(node for node in model.graph.node if node.output[0] == "stem.linear")
    kernel, bias = (makers[name].input for name in conv.input[1:])
    assert np.abs(constants[kernel[0]]).max() <= WEIGHT_LIMIT
    assert constants[bias[0]][0] * constants[bias[1]][0] == pytest.approx(3.25, abs=1e-3)


def test_quantization_read_is_the_inverse_of_to_bytes(weights: Path, tmp_path: Path) -> None:
    stored = Quantization.read(weights.with_name(RANGES_FILE))
    assert stored.weights == hash_file(weights, digits=16)
    (tmp_path / "again").write_bytes(stored.to_bytes())
    again = Quantization.read(tmp_path / "again")
    assert again.ranges == stored.ranges
    assert all((again.corrections[name] == bias_C).all() for name, bias_C in stored.corrections.items())
    assert len(stored.corrections) == 64


@pytest.mark.parametrize("damage", ["absent", "noise", "cut", "other weights", "lacking"])
def test_int8_tower_invalid_ranges_file_is_refused(weights: Path, tmp_path: Path, damage: str) -> None:
    path = tmp_path / "image.safetensors"
    path.write_bytes(weights.read_bytes())
    whole = Quantization.read(weights.with_name(RANGES_FILE))
    bad = {
        "noise": b"\xff" * 100,
        "cut": whole.to_bytes()[:5000],
        "other weights": Quantization(whole.ranges, whole.corrections, "0123").to_bytes(),
        "lacking": Quantization({}, whole.corrections, whole.weights).to_bytes(),
    }
    if damage in bad:
        path.with_name(RANGES_FILE).write_bytes(bad[damage])
    with pytest.raises((Corrupt, Unavailable), match=r"int8\.safetensors|missing"):
        ImageTower(path, tmp_path / "graphs", "onnxruntime-int8", threads=1)
    assert not list(tmp_path.glob("graphs/*"))
    assert ImageTower(path, tmp_path / "graphs", threads=1).embed(list(patches(1, SIZE, 0))).shape == (1, 384)


@pytest.mark.parametrize(("precision", "min_cosine"), [("bfloat16", 0.99), ("float16", 0.9999)])
def test_rounded_graph_vectors_are_close_to_float32(weights: Path, tmp_path: Path, precision: str, min_cosine: float) -> None:
    pixels = patches(4, SIZE, 9)
    rows = []
    for name, graph in (
        ("plain", build_graph(load_file(weights), SIZE)),
        ("rounded", build_rounded_graph(load_file(weights), SIZE, precision)),  # type: ignore[arg-type]
    ):
        (tmp_path / f"{name}.onnx").write_bytes(graph)
        rows.append(load_graph(tmp_path / f"{name}.onnx", threads=1).run({INPUT: pixels})[OUTPUT])
    assert min_cosine < cosines(*rows).mean() < 1
    assert (rows[0] != rows[1]).any()


@pytest.mark.parametrize(("precision", "tolerance"), [(torch.float32, 2e-4), (torch.float16, 2e-2)])
@pytest.mark.parametrize("size", [64, 75])
def test_torch_image_graph_equals_onnx_graph(tmp_path: Path, precision: torch.dtype, tolerance: float, size: int) -> None:
    """On the CPU device of torch, which runs the same code."""
    encoder = random_encoder(8)
    with torch.no_grad():
        encoder.classes.weight.div_(30)  # as in training; otherwise rounding changes the most probable class
    (tmp_path / "image.onnx").write_bytes(build_graph({n: t.numpy() for n, t in encoder.state_dict().items()}, size))
    pixels = patches(3, size, np.random.default_rng().integers(1 << 30))
    graph = load_graph(tmp_path / "image.onnx", threads=1).run({INPUT: pixels})[OUTPUT]
    rows = TorchImageGraph(encoder, torch.device("cpu"), precision).run({INPUT: pixels})[OUTPUT]
    assert rows.dtype == np.float32
    np.testing.assert_allclose(rows, graph, atol=tolerance)


def test_torch_image_graph_invalid_input_is_refused(weights: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    module = TorchImageGraph(load_encoder(weights), torch.device("cpu"), torch.float32)
    for inputs in (
        {},
        {"x": patches(1, SIZE, 0)},
        {INPUT: patches(1, SIZE, 0).astype(np.float32)},
        {INPUT: patches(1, SIZE, 0)[0]},
    ):
        with pytest.raises(InvalidInput):
            module.run(inputs)
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    with pytest.raises(Unavailable, match="GPU"):
        ImageTower(weights, tmp_path, "cuda")


def test_read_precisions_of_other_weights_is_empty(tmp_path: Path) -> None:
    path = tmp_path / "image.safetensors"
    lost = {"runtime": "onnxruntime-int8", "cosine": 0.99, "worst": 0.9, "text_to_image": 0.1}
    precisions = Precisions(
        weights="a",
        pictures=3,
        losses={"int8": PrecisionLoss(**lost, image_to_text=0.6), "bfloat16": PrecisionLoss(**lost, image_to_text=-0.2)},
    )
    path.with_name(PRECISIONS_FILE).write_text(precisions.model_dump_json())
    assert read_precisions(path, "a") == precisions
    assert "0.6 points" in precisions.describe_rejection("int8")
    assert precisions.describe_rejection("float32") == precisions.describe_rejection("bfloat16") == ""
    assert "not measured" in read_precisions(path, "b").describe_rejection("bfloat16")
    assert "not measured" in precisions.describe_rejection("float16")
    path.with_name(PRECISIONS_FILE).write_text(precisions.model_dump_json()[:-5])
    with pytest.raises(Corrupt, match=PRECISIONS_FILE):
        read_precisions(path, "a")


def test_shipped_ranges_and_precisions_match_the_shipped_weights() -> None:
    digest = hash_file(SHIPPED, digits=16)
    assert Quantization.read(SHIPPED.with_name(RANGES_FILE)).weights == digest
    recorded = read_precisions(SHIPPED, digest)
    assert "int8" in recorded.losses
    assert all(loss.cosine > 0.995 and loss.recall_loss <= 0.5 for loss in recorded.losses.values())
    assert recorded.pictures == 1000
