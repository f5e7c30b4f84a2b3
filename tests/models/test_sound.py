"""The sound tower: front end and graph compared with torch, weights, and windows."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.numpy import save

from mm.errors import Corrupt, InvalidInput
from mm.models.sound.graph import build_graph
from mm.models.sound.tower import WINDOW, SoundTower, compute_patch_starts, split_windows
from mm.models.sound.weights import dequantize, quantize, read_names, read_weights, serialize_weights
from mm.models.sound.yamnet import BANDS, FRAMES, INPUT, OUTPUT, PATCH, SCORES, compute_log_mel, cut_patches
from mm.models.sound.yamnet_torch import SoundEncoder
from mm.runtimes import load_graph
from mm.training.sound.features import LogMel
from tests.sounds import noise, silence, siren

CLASSES = ["speech", "child", "conversation", "narration", "babbling", "siren", "rain"]


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def random_encoder(seed: int, dimensions: int = 12) -> SoundEncoder:
    """An encoder with random weights, scaled so that the signal does not vanish in 27 layers."""
    torch.manual_seed(seed)
    encoder = SoundEncoder(len(CLASSES), dimensions)
    with torch.no_grad():
        for name, value in encoder.named_parameters():
            fan = value[0].numel()
            value.normal_(0, (2 / fan) ** 0.5) if value.ndim > 1 else value.uniform_(-0.1, 0.3)
            if name.startswith("classes"):
                value.mul_(3)
    return encoder.eval()


def arrays(encoder: SoundEncoder) -> dict[str, np.ndarray]:
    return {name: value.numpy() for name, value in encoder.state_dict().items()}


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 10**6), st.floats(1e-4, 0.5))
def test_compute_log_mel_equals_torchaudio(seed: int, loudness: float) -> None:
    random = np.random.default_rng(seed)
    waveforms = (loudness * random.standard_normal((2, PATCH))).astype(np.float32)
    computed, expected = compute_log_mel(waveforms), LogMel()(torch.from_numpy(waveforms)).numpy()
    assert computed.shape == (2, FRAMES, BANDS)
    np.testing.assert_allclose(computed, expected, atol=2e-3)


@pytest.mark.parametrize("runtime", ["onnxruntime", "openvino"])
def test_sound_graph_equals_torch(tmp_path: Path, runtime: str) -> None:
    encoder = random_encoder(3)
    path = tmp_path / "sound.onnx"
    path.write_bytes(build_graph(arrays(encoder)))
    logmel = np.random.default_rng(4).normal(-3, 2, (3, FRAMES, BANDS)).astype(np.float32)
    with torch.inference_mode():
        directions, logits = encoder(torch.from_numpy(logmel))
    outputs = load_graph(path, runtime, threads=1).run({INPUT: logmel})
    assert float(logits.std()) > 0.1  # the signal has not vanished
    np.testing.assert_allclose(outputs[SCORES], logits.sigmoid().numpy(), atol=1e-4)
    np.testing.assert_allclose(outputs[OUTPUT], directions.numpy(), atol=1e-3)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10**6), st.floats(1e-6, 1e3))
def test_sound_quantize_error_is_at_most_half_a_step(seed: int, size: float) -> None:
    random = np.random.default_rng(seed)
    weights = {
        "kernel": (size * random.standard_normal((4, 3, 2))).astype(np.float32),
        "bias": random.random(4).astype(np.float32),
    }
    weights["kernel"][1] = 0
    back = dequantize(quantize(weights))
    largest = np.abs(weights["kernel"]).max((1, 2))
    assert (np.abs(back["kernel"] - weights["kernel"]).max((1, 2)) <= largest / 127 * 0.501).all()
    np.testing.assert_array_equal(back["bias"], weights["bias"])


def test_sound_tower_invalid_file_is_corrupt(tmp_path: Path) -> None:
    path = tmp_path / "sound.safetensors"
    for content in (b"none", save({"vectors": np.zeros((7, 12), np.float32)})):
        path.write_bytes(content)
        with pytest.raises(Corrupt, match=r"sound\.safetensors"):
            SoundTower(path, tmp_path / "graphs")
    path.write_bytes(serialize_weights({"vectors": np.zeros((7, 12), np.float32)}, CLASSES))
    assert read_names(path) == CLASSES
    with pytest.raises(Corrupt, match="is missing"):
        SoundTower(path, tmp_path / "graphs")
    with pytest.raises(Corrupt):
        read_weights(tmp_path / "none")


@given(st.integers(0, 20 * WINDOW), st.integers(0, 20 * WINDOW))
def test_split_windows_and_patches_cover_the_range(start: int, length: int) -> None:
    windows = split_windows(start, start + length)
    assert sum(end - begin for begin, end in windows) == length
    assert all(first[1] == second[0] for first, second in itertools.pairwise(windows))
    for begin, end in windows:
        assert 0 < end - begin <= WINDOW
        starts = compute_patch_starts(end - begin)
        assert starts[0] == 0
        assert (np.diff(starts) <= PATCH).all()
        assert starts[-1] == max(end - begin - PATCH, 0)


def test_encode_windows_gives_vectors_for_sound_and_none_for_silence(tmp_path: Path) -> None:
    encoder = random_encoder(5)
    path = tmp_path / "sound.safetensors"
    path.write_bytes(serialize_weights(arrays(encoder), CLASSES))
    tower = SoundTower(path, tmp_path / "graphs", threads=1)
    windows = tower.encode_windows(np.concatenate([siren(3), silence(10), noise(3)]))
    assert [(window.start < 3 * 16000, window.end > 13 * 16000) for window in windows] == [(True, False), (False, True)]
    with torch.inference_mode():
        first = cut_patches(siren(3), np.array([0]))
        directions, _ = load_torch_encoder(path)(LogMel()(torch.from_numpy(first)))
    expected = directions[0].numpy() / np.linalg.norm(directions[0].numpy())
    (window,) = tower.encode_windows(siren(3)[:PATCH])
    np.testing.assert_allclose(window.vector, expected, atol=2e-3)
    assert tower.encode_windows(silence(5)) == []
    assert tower.encode_windows(np.zeros(0, np.float32)) == []
    assert tower.embed(silence(5)) is None
    for wrong in (np.zeros((2, 2), np.float32), np.zeros(4), np.full(4, np.nan, np.float32)):
        with pytest.raises(InvalidInput, match="waveform"):
            tower.encode_windows(wrong)


def load_torch_encoder(path: Path) -> SoundEncoder:
    """The weights of a file in torch."""
    weights = {name: torch.from_numpy(value) for name, value in read_weights(path).items()}
    encoder = SoundEncoder(*weights["vectors"].shape)
    encoder.load_state_dict(weights)
    return encoder.eval()
