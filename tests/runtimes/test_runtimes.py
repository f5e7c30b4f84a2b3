"""All runtimes compute the same and refuse the same inputs."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from mm.errors import Corrupt, InvalidInput, Unavailable
from mm.runtimes import find_float32_runtime, find_runtime, list_runtimes, load_graph
from mm.runtimes.registry import DEFAULT_RUNTIME, RUNTIMES, Runtime, require_runtime
from mm.settings import Settings

GRAPH_RUNTIMES = ["onnxruntime", "openvino"]
MATRIX = np.arange(12, dtype=np.float32).reshape(4, 3) / 7


@pytest.fixture(scope="module")
def graph_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """x (N, 4) -> product (N, 3) and total (N, 1)."""
    nodes = [
        helper.make_node("MatMul", ["x", "matrix"], ["product"]),
        helper.make_node("ReduceSum", ["product", "axes"], ["total"], keepdims=1),
    ]
    constants = [numpy_helper.from_array(MATRIX, "matrix"), numpy_helper.from_array(np.array([1]), "axes")]
    graph = helper.make_graph(
        nodes,
        "small",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", 4])],
        [
            helper.make_tensor_value_info("product", TensorProto.FLOAT, ["N", 3]),
            helper.make_tensor_value_info("total", TensorProto.FLOAT, ["N", 1]),
        ],
        constants,
    )
    path = tmp_path_factory.mktemp("graphs") / "small.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)
    return path


@pytest.mark.parametrize("runtime", ["auto", *GRAPH_RUNTIMES])
def test_graph_run_returns_all_outputs_by_name(graph_path: Path, runtime: str) -> None:
    graph = load_graph(graph_path, runtime, threads=1)
    for count in (1, 5, 2):
        x = np.random.default_rng(count).normal(size=(count, 4)).astype(np.float32)
        outputs = graph.run({"x": x})
        assert outputs.keys() == {"product", "total"}
        np.testing.assert_allclose(outputs["product"], x @ MATRIX, atol=1e-5)
        np.testing.assert_allclose(outputs["total"], (x @ MATRIX).sum(1, keepdims=True), atol=1e-5)


@pytest.mark.parametrize("runtime", GRAPH_RUNTIMES)
def test_graph_run_does_not_overwrite_earlier_outputs(graph_path: Path, runtime: str) -> None:
    graph = load_graph(graph_path, runtime, threads=1)
    first = graph.run({"x": np.ones((2, 4), np.float32)})["product"]
    before = first.copy()
    graph.run({"x": np.zeros((2, 4), np.float32)})
    np.testing.assert_array_equal(first, before)


@pytest.mark.parametrize("runtime", GRAPH_RUNTIMES)
def test_graph_run_is_thread_safe(graph_path: Path, runtime: str) -> None:
    graph = load_graph(graph_path, runtime, threads=1)
    inputs = [np.full((1 + index % 3, 4), index, np.float32) for index in range(40)]
    with ThreadPoolExecutor(4) as pool:
        for x, outputs in zip(inputs, pool.map(lambda x: graph.run({"x": x}), inputs), strict=True):
            np.testing.assert_allclose(outputs["product"], x @ MATRIX, rtol=1e-5)


@pytest.mark.parametrize("runtime", GRAPH_RUNTIMES)
@pytest.mark.parametrize(
    "inputs",
    [
        {},
        {"y": np.ones((1, 4), np.float32)},
        {"x": np.ones((1, 4), np.float32), "y": np.ones((1, 4), np.float32)},
        {"x": np.ones((1, 5), np.float32)},
        {"x": np.ones((1, 4), np.int64)},
    ],
    ids=["missing", "unknown", "one too many", "shape", "type"],
)
def test_graph_run_invalid_inputs_are_refused(graph_path: Path, runtime: str, inputs: dict[str, np.ndarray]) -> None:
    graph = load_graph(graph_path, runtime, threads=1)
    with pytest.raises(InvalidInput):
        graph.run(inputs)
    assert graph.run({"x": np.ones((1, 4), np.float32)})["product"].shape == (1, 3)  # the graph can still be used


@pytest.mark.parametrize("runtime", GRAPH_RUNTIMES)
@pytest.mark.parametrize("damage", ["absent", "empty", "noise", "cut"])
def test_load_graph_invalid_file_is_corrupt(graph_path: Path, tmp_path: Path, runtime: str, damage: str) -> None:
    path = tmp_path / "bad.onnx"
    if damage != "absent":
        whole = graph_path.read_bytes()
        path.write_bytes({"empty": b"", "noise": bytes(range(256)), "cut": whole[: len(whole) // 2]}[damage])
    with pytest.raises(Corrupt, match=r"bad\.onnx"):
        load_graph(path, runtime, threads=1)


def test_load_graph_unknown_runtime_is_named(graph_path: Path) -> None:
    with pytest.raises(InvalidInput, match="no runtime 'tensorflow'"):
        load_graph(graph_path, "tensorflow")


def test_runtime_describe_has_the_library_version() -> None:
    assert find_runtime("auto") is DEFAULT_RUNTIME
    assert find_runtime("openvino-int8").describe().startswith("openvino-int8 20")
    assert Runtime("x", "no-such-library", "int8").describe() == "x, whose library no-such-library is not installed"


def test_find_float32_runtime_keeps_the_library_if_possible() -> None:
    nearest = {name: find_float32_runtime(name).name for name in list_runtimes()}
    assert nearest["openvino-bf16"] == nearest["openvino-int8"] == "openvino"
    assert nearest["onnxruntime-int8"] == nearest["cuda"] == "onnxruntime"
    assert all(find_runtime(name).precision == "float32" for name in nearest.values())


def test_settings_accept_exactly_the_known_runtimes() -> None:
    for name in ("auto", *list_runtimes()):
        assert Settings(runtime=name).runtime == name
    with pytest.raises(ValueError, match="runtime"):
        Settings(runtime="openvino-int4")


def test_require_runtime_cuda_without_gpu_is_unavailable(graph_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InvalidInput, match="cuda"):
        load_graph(graph_path, "cuda")
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    with pytest.raises(Unavailable, match="GPU"):
        require_runtime("cuda")
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(Unavailable, match="torch, which is not installed"):
        require_runtime("cuda")


def test_openvino_bf16_runs_or_is_unavailable(graph_path: Path) -> None:
    x = np.random.default_rng(0).normal(size=(5, 4)).astype(np.float32)
    try:
        require_runtime("openvino-bf16")
    except Unavailable:
        with pytest.raises(Unavailable, match="bfloat16"):
            load_graph(graph_path, "openvino-bf16", threads=1)
    else:
        graph = load_graph(graph_path, "openvino-bf16", threads=1)
        np.testing.assert_allclose(graph.run({"x": x})["product"], x @ MATRIX, rtol=0.02, atol=0.05)


def test_runtimes_have_unique_library_and_precision() -> None:
    assert len({(runtime.library, runtime.precision) for runtime in RUNTIMES}) == len(RUNTIMES) == len(set(list_runtimes()))


def test_importing_the_image_tower_imports_no_runtime_library() -> None:
    program = (
        "import sys, mm.runtimes, mm.models.image.tower; print({'onnxruntime', 'openvino', 'onnx', 'torch'} & sys.modules.keys())"
    )
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "set()"
