"""The temporal network: its twin in torch, what must not matter to it, and what it refuses."""

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
    found = TemporalNetwork(CONFIG)
    with torch.no_grad():  # norms, biases and global tokens that a mistake would show in
        for value in found.parameters():
            value.add_(0.1 * torch.randn_like(value))
    return found.eval()


def weights(of: TemporalNetwork) -> dict[str, np.ndarray]:
    return {name: value.detach().numpy() for name, value in of.state_dict().items()}


def frames(count: int, seed: int = 0, every: float = 0.5) -> FrameSequence:
    random = np.random.default_rng(seed)
    vectors = random.normal(size=(count, CONFIG.dim)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    times = np.cumsum(random.uniform(0, 2 * every, count))
    return FrameSequence(times, vectors, random.uniform(0, 1, (count, NUM_MOTIONS)).astype(np.float32))


@settings(max_examples=10, deadline=None)
@given(counts=st.lists(st.integers(1, 150), min_size=1, max_size=3), seed=st.integers(0, 9))
def test_numpy_and_torch_say_the_same_of_each_video_of_a_batch(counts: list[int], seed: int) -> None:
    videos = [frames(count, seed + count) for count in counts]
    twin = network(seed)
    with torch.no_grad():
        logits = twin(make_batch(CONFIG, videos, torch.device("cpu"))).numpy()
    for video, row in zip(videos, logits, strict=True):
        np.testing.assert_allclose(forward(CONFIG, weights(twin), video), row[: len(video.times_L)], atol=2e-4)


def test_a_video_that_starts_later_is_the_same_video() -> None:
    video = frames(100)
    later = replace(video, times_L=video.times_L + 1500)
    own = weights(network())
    np.testing.assert_allclose(forward(CONFIG, own, video), forward(CONFIG, own, later), atol=1e-3)


def test_what_is_far_away_is_seen_through_the_global_tokens_alone() -> None:
    video = frames(120)
    changed = replace(video, vectors_LD=np.concatenate([video.vectors_LD[:100], video.vectors_LD[:20]]))
    own = weights(network())
    early = video.times_L < video.times_L[100] - CONFIG.layers * CONFIG.seconds - 1
    assert early.sum() > 20
    apart = np.abs(forward(CONFIG, own, video) - forward(CONFIG, own, changed)).max(1)
    assert 0 < apart[early].max() < 0.2 * apart[100:].max()
    alone = {**own, **{name: np.zeros_like(value) for name, value in own.items() if name == "global"}}
    blind = replace(CONFIG, num_global=0)
    alone["global"] = alone["global"][:0]
    apart = np.abs(forward(blind, alone, video) - forward(blind, alone, changed)).max(1)
    assert apart[early].max() == 0 < apart[100:].max()


def test_weights_come_back_from_their_file_and_the_first_frame_begins_everything(tmp_path: Path) -> None:
    own = weights(network())
    path = tmp_path / "temporal.safetensors"
    path.write_bytes(serialize_temporal(CONFIG, own))
    config, read = read_temporal(path)
    assert config == CONFIG
    assert {name: value.shape for name, value in read.items()} == list_weight_shapes(CONFIG)
    begins = TemporalTower(path).predict_boundaries(frames(9))
    assert begins.shape == (9, 2)
    assert (begins[0] == 1).all()
    assert ((begins > 0) & (begins <= 1)).all()
    with pytest.raises(InvalidInput, match="vectors of 24 dimensions"):
        TemporalTower(path).predict_boundaries(
            FrameSequence(np.zeros(1), np.ones((1, 5), np.float32), np.zeros((1, NUM_MOTIONS), np.float32))
        )


@pytest.mark.parametrize("spoilt", ["missing", "bytes", "shape", "number"])
def test_what_are_no_weights_is_refused(tmp_path: Path, spoilt: str) -> None:
    own = weights(network())
    if spoilt == "shape":
        own["begins.bias"] = own["begins.bias"][:1]
    if spoilt == "number":
        own["begins.bias"] = own["begins.bias"] * np.nan
    path = tmp_path / "temporal.safetensors"
    data = serialize_temporal(CONFIG, own)
    if spoilt != "missing":
        path.write_bytes(data[:-7] if spoilt == "bytes" else data)
    with pytest.raises(Corrupt, match=r"temporal\.safetensors"):
        TemporalTower(path)


def test_frames_that_are_no_sequence_are_refused() -> None:
    video = frames(3)
    with pytest.raises(InvalidInput, match="do not ascend"):
        replace(video, times_L=video.times_L[::-1])
    with pytest.raises(InvalidInput, match="do not fit"):
        replace(video, times_L=video.times_L[:2])
    with pytest.raises(InvalidInput, match="1 to 20000 frames"):
        FrameSequence(np.zeros(0), np.zeros((0, 4), np.float32), np.zeros((0, NUM_MOTIONS), np.float32))


def test_motion_is_none_between_like_pictures_and_tells_a_spot_from_a_lamp() -> None:
    random = np.random.default_rng(0)
    picture = random.integers(0, 200, (120, 160, 3)).astype(np.uint8)
    lit, spot = picture + 40, picture.copy()
    spot[:30, :40] = 255
    before = make_thumbnail(picture)
    assert before.shape == (SIDE, SIDE)
    assert (measure_motion(before, make_thumbnail(picture)) == 0).all()
    mean, most, brightness = measure_motion(before, make_thumbnail(lit.astype(np.uint8)))
    assert mean == pytest.approx(brightness, rel=1e-3)
    assert most == pytest.approx(mean, rel=0.05)
    mean, most, brightness = measure_motion(before, make_thumbnail(spot))
    assert most > 3 * mean
    assert brightness == pytest.approx(mean, rel=1e-3)
