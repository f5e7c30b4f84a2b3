"""The runtime of a space: forced, tuned or the default; and graphs built in a subprocess."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from mm.errors import Unavailable
from mm.files import hash_file
from mm.models.image import tower as image
from mm.models.image.precisions import PRECISIONS_FILE, PrecisionLoss, Precisions
from mm.models.text import tower as text
from mm.runtimes.tune import Trial
from mm.settings import Settings
from mm.spaces import load_space
from mm.spaces import tuning as tuning_module
from mm.spaces.registry import WEIGHTS, tune_runtime
from mm.spaces.tuning import choice_path, fastest_runtime, select_runtime
from tests.graphs import with_graphs

SHIPPED = WEIGHTS / "lite" / "image.safetensors"


class Stub:
    """A tower whose vectors are the first pixels; in 8 bits they are rotated by an angle."""

    batch, size, turned = 8, 4, 0.0

    def __init__(self, weights: Path, cache: Path, name: str, threads: int) -> None:
        self.turn = self.turned if "int8" in name else 0.0

    def embed(self, pictures: list[np.ndarray]) -> np.ndarray:
        angles = np.stack([picture.reshape(-1)[0] / 99 + self.turn for picture in pictures])
        return np.stack([np.cos(angles), np.sin(angles)], 1).astype(np.float32)


@pytest.fixture(autouse=True)
def _plain_processor(monkeypatch: pytest.MonkeyPatch) -> None:
    """A processor without 8-bit dot products, unless a test sets other flags."""
    monkeypatch.setattr(tuning_module, "read_cpu_flags", lambda: frozenset({"avx2", "avx512f"}))


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    """A weights file that is never decoded, with the recorded losses of 8-bit precision."""
    path = tmp_path / "weights" / "lite" / "image.safetensors"
    path.parent.mkdir(parents=True)
    save_file({"a": np.zeros(3, np.float32)}, path)
    loss = PrecisionLoss(runtime="x", cosine=1.0, worst=1.0, text_to_image=0.2, image_to_text=0.1)
    precisions = Precisions(weights=hash_file(path, digits=16), pictures=9, losses={"int8": loss})
    path.with_name(PRECISIONS_FILE).write_text(precisions.model_dump_json())
    return path


def test_select_runtime_uses_the_measurement_until_weights_change(
    tmp_path: Path, weights: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tuning_module, "ImageTower", Stub)
    settings = Settings(home=tmp_path / "home")
    assert select_runtime(settings, weights).name == "onnxruntime"
    assert "no measurement is stored" in select_runtime(settings, weights).reason
    reported: list[str] = []
    choice = tune_runtime(settings, reported.append, weights.parents[1])
    assert reported[0] == "onnxruntime"
    refused = {trial.name: trial.refused for trial in choice.trials if trial.refused}
    assert refused.keys() >= {"openvino-bf16", "cuda"}, "never measured on dev, or not on this machine"
    assert select_runtime(settings, weights).name == choice.runtime
    assert choice.runtime not in refused
    forced = settings.model_copy(update={"runtime": "openvino-int8"})
    assert (select_runtime(forced, weights).name, select_runtime(forced, weights).reason) == (
        "openvino-int8",
        "set by MM_RUNTIME",
    )
    save_file({"a": np.ones(3, np.float32)}, weights)
    assert select_runtime(settings, weights).name == "onnxruntime"
    assert "other weights" in select_runtime(settings, weights).reason


def test_tune_runtime_rejects_a_precision_that_loses_recall_or_direction(
    tmp_path: Path, weights: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tuning_module, "ImageTower", Stub)
    monkeypatch.setattr(Stub, "turned", 0.3)
    settings = Settings(home=tmp_path / "home")
    rejected = {trial.name: trial.refused for trial in tune_runtime(settings, str, weights.parents[1]).trials}
    assert "cosine 0.955" in rejected["onnxruntime-int8"]
    assert rejected["openvino"] == ""
    bad = Precisions.model_validate_json(weights.with_name(PRECISIONS_FILE).read_bytes()).model_dump()
    bad["losses"]["int8"]["image_to_text"] = 0.7
    weights.with_name(PRECISIONS_FILE).write_text(Precisions.model_validate(bad).model_dump_json())
    lost = {trial.name: trial.refused for trial in tune_runtime(settings, str, weights.parents[1]).trials}
    assert "0.7 points" in lost["openvino-int8"]


@pytest.mark.parametrize("flag", ["avx512_vnni", "avx_vnni", "amx_int8"])
def test_select_runtime_without_a_measurement_uses_the_cpu_features(
    tmp_path: Path, weights: Path, monkeypatch: pytest.MonkeyPatch, flag: str
) -> None:
    settings = Settings(home=tmp_path / "home")
    monkeypatch.setattr(tuning_module, "ImageTower", Stub)
    monkeypatch.setattr(tuning_module, "read_cpu_flags", lambda: frozenset({"avx2", flag}))
    assert "has no int8.safetensors" in select_runtime(settings, weights).reason
    weights.with_name("int8.safetensors").touch()
    assert select_runtime(settings, weights).name == "onnxruntime-int8"
    assert (
        select_runtime(settings, weights).reason == "selected by the features of the processor, because no measurement is stored"
    )
    bad = Precisions.model_validate_json(weights.with_name(PRECISIONS_FILE).read_bytes()).model_dump()
    bad["losses"]["int8"]["image_to_text"] = 0.7
    weights.with_name(PRECISIONS_FILE).write_text(Precisions.model_validate(bad).model_dump_json())
    assert select_runtime(settings, weights).name == "onnxruntime"
    assert "0.7 points" in select_runtime(settings, weights).reason
    weights.with_name(PRECISIONS_FILE).unlink()
    assert "not measured" in select_runtime(settings, weights).reason
    choice = tune_runtime(settings, str, weights.parents[1])
    assert select_runtime(settings, weights).name == choice.runtime
    assert select_runtime(settings, weights).reason == "measured as the fastest on this machine"


def test_fastest_runtime_without_a_usable_runtime_lists_all_reasons() -> None:
    with pytest.raises(Unavailable, match=r"a: no; b: broken"):
        fastest_runtime([Trial(name="a", refused="no"), Trial(name="b", refused="broken")])


def test_tune_runtime_with_an_unwritable_home_raises_unavailable(
    tmp_path: Path, weights: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tuning_module, "ImageTower", Stub)
    (tmp_path / "home").write_text("a file")
    with pytest.raises(Unavailable, match="cannot be stored"):
        tune_runtime(Settings(home=tmp_path / "home"), str, weights.parents[1])


def test_space_describes_its_runtime_and_the_reason(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path)
    assert load_space("lite", settings).runtime.endswith("(the default, because no measurement is stored)")
    forced = load_space("lite", settings.model_copy(update={"runtime": "openvino-int8"}))
    assert forced.runtime_name == "openvino-int8"
    assert forced.runtime.endswith("(set by MM_RUNTIME)")
    without_gpu = load_space("lite", settings.model_copy(update={"runtime": "cuda"}), gpu=False)
    assert without_gpu.runtime_name == "onnxruntime"
    assert "workers" in without_gpu.runtime
    assert not choice_path(settings).exists()


def test_graph_is_built_in_a_subprocess(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(image, "_build", lambda *_: pytest.fail("built here"))
    space = load_space("lite", Settings(home=tmp_path, threads=1))
    assert space.image.embed([np.zeros((9, 9, 3), np.uint8)]).shape == (1, 384)
    assert [path.suffix for path in (tmp_path / "cache" / "graphs").iterdir()] == [".onnx"]


def test_graph_build_that_fails_in_the_subprocess_is_repeated_in_process(
    tmp_path: Path, graphs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mm.spaces.build_graphs.sys.executable", shutil.which("false"))
    monkeypatch.setattr(text, "_build", lambda *_: pytest.fail("built here"))
    with pytest.raises(pytest.fail.Exception, match="built here"):
        _ = load_space("lite", Settings(home=tmp_path, threads=1)).text
    assert load_space("lite", Settings(home=with_graphs(tmp_path / "other", graphs), threads=1)).id.name == "lite"
