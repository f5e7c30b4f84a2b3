"""The temporal network compared with torch, its invariances, and invalid inputs."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mm.errors import Corrupt, InvalidInput
from mm.models.temporal.config import TemporalConfig
from mm.models.temporal.frames import FrameSequence
from mm.models.temporal.motion import NUM_MOTIONS, SIDE, make_thumbnail, measure_motion
from mm.models.temporal.network import forward
from mm.models.temporal.network_torch import TemporalNetwork, make_batch
from mm.models.temporal.tower import TemporalTower
from mm.models.temporal.weights import list_weight_shapes, read_temporal, serialize_temporal

CONFIG = TemporalConfig(dim=24, width=32, heads=2, layers=2, hidden=48, num_global=2, seconds=5.0)


def network(seed: int = 0) -> TemporalNetwork:
    torch.manual_seed(seed)
    model = TemporalNetwork(CONFIG)
    with torch.no_grad():  # norms, biases and global tokens differ from their defaults
        for value in model.parameters():
            value.add_(0.1 * torch.randn_like(value))
    return model.eval()


def weights(model: TemporalNetwork) -> dict[str, np.ndarray]:
    return {name: value.detach().numpy() for name, value in model.state_dict().items()}


def frames(count: int, seed: int = 0, every: float = 0.5) -> FrameSequence:
    random = np.random.default_rng(seed)
    vectors = random.normal(size=(count, CONFIG.dim)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    times = np.cumsum(random.uniform(0, 2 * every, count))
    return FrameSequence(times, vectors, random.uniform(0, 1, (count, NUM_MOTIONS)).astype(np.float32))


@settings(max_examples=10, deadline=None)
@given(counts=st.lists(st.integers(1, 150), min_size=1, max_size=3), seed=st.integers(0, 9))
def test_temporal_forward_equals_torch_for_a_padded_batch(counts: list[int], seed: int) -> None:
    videos = [frames(count, seed + count) for count in counts]
    model = network(seed)
    with torch.no_grad():
        logits = model(make_batch(CONFIG, videos, torch.device("cpu"))).numpy()
    for video, row in zip(videos, logits, strict=True):
        np.testing.assert_allclose(forward(CONFIG, weights(model), video), row[: len(video.times_L)], atol=2e-4)


def test_temporal_forward_does_not_depend_on_the_start_time() -> None:
    video = frames(100)
    later = replace(video, times_L=video.times_L + 1500)
    own = weights(network())
    np.testing.assert_allclose(forward(CONFIG, own, video), forward(CONFIG, own, later), atol=1e-3)


def test_temporal_attention_outside_the_window_uses_global_tokens_only() -> None:
    video = frames(120)
    changed = replace(video, vectors_LD=np.concatenate([video.vectors_LD[:100], video.vectors_LD[:20]]))
    own = weights(network())
    early = video.times_L < video.times_L[100] - CONFIG.layers * CONFIG.seconds - 1
    assert early.sum() > 20
    difference = np.abs(forward(CONFIG, own, video) - forward(CONFIG, own, changed)).max(1)
    assert 0 < difference[early].max() < 0.2 * difference[100:].max()
    without_global = {**own, **{name: np.zeros_like(value) for name, value in own.items() if name == "global"}}
    no_global = replace(CONFIG, num_global=0)
    without_global["global"] = without_global["global"][:0]
    difference = np.abs(forward(no_global, without_global, video) - forward(no_global, without_global, changed)).max(1)
    assert difference[early].max() == 0 < difference[100:].max()


def test_temporal_tower_reads_written_weights_and_first_frame_is_a_boundary(tmp_path: Path) -> None:
    own = weights(network())
    path = tmp_path / "temporal.safetensors"
    path.write_bytes(serialize_temporal(CONFIG, own))
    config, read = read_temporal(path)
    assert config == CONFIG
    assert {name: value.shape for name, value in read.items()} == list_weight_shapes(CONFIG)
    boundaries = TemporalTower(path).predict_boundaries(frames(9))
    assert boundaries.shape == (9, 2)
    assert (boundaries[0] == 1).all()
    assert ((boundaries > 0) & (boundaries <= 1)).all()
    with pytest.raises(InvalidInput, match="vectors of 24 dimensions"):
        TemporalTower(path).predict_boundaries(
            FrameSequence(np.zeros(1), np.ones((1, 5), np.float32), np.zeros((1, NUM_MOTIONS), np.float32))
        )


@pytest.mark.parametrize("damage", ["missing", "bytes", "shape", "number"])
def test_temporal_tower_invalid_weights_file_is_corrupt(tmp_path: Path, damage: str) -> None:
    own = weights(network())
    if damage == "shape":
        own["begins.bias"] = own["begins.bias"][:1]
    if damage == "number":
        own["begins.bias"] = own["begins.bias"] * np.nan
    path = tmp_path / "temporal.safetensors"
    data = serialize_temporal(CONFIG, own)
    if damage != "missing":
        path.write_bytes(data[:-7] if damage == "bytes" else data)
    with pytest.raises(Corrupt, match=r"temporal\.safetensors"):
        TemporalTower(path)


def test_frame_sequence_invalid_arrays_are_refused() -> None:
    video = frames(3)
    with pytest.raises(InvalidInput, match="do not ascend"):
        replace(video, times_L=video.times_L[::-1])
    with pytest.raises(InvalidInput, match="do not fit"):
        replace(video, times_L=video.times_L[:2])
    with pytest.raises(InvalidInput, match="1 to 20000 frames"):
        FrameSequence(np.zeros(0), np.zeros((0, 4), np.float32), np.zeros((0, NUM_MOTIONS), np.float32))


def test_measure_motion_distinguishes_equal_brighter_and_locally_changed_images() -> None:
    random = np.random.default_rng(0)
    image = random.integers(0, 200, (120, 160, 3)).astype(np.uint8)
    lit, spot = image + 40, image.copy()
    spot[:30, :40] = 255
    before = make_thumbnail(image)
    assert before.shape == (SIDE, SIDE)
    assert (measure_motion(before, make_thumbnail(image)) == 0).all()
    mean, largest, brightness = measure_motion(before, make_thumbnail(lit.astype(np.uint8)))
    assert mean == pytest.approx(brightness, rel=1e-3)
    assert largest == pytest.approx(mean, rel=0.05)
    mean, largest, brightness = measure_motion(before, make_thumbnail(spot))
    assert largest > 3 * mean
    assert brightness == pytest.approx(mean, rel=1e-3)
