"""Prefix embeddings: torch equals the reference, limits of videos, and invalid media."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mm.errors import Corrupt, InvalidInput
from mm.models.language.media_prefix import MediaPrefix, MediaPrefixConfig
from mm.models.language.media_prefix.config import list_prefix_shapes
from mm.models.language.media_prefix.network_torch import MediaPrefixNetwork, pool_maps
from mm.models.language.media_prefix.pooling import pool_map
from mm.models.language.media_prefix.reference import place_frames
from mm.models.language.media_prefix.scenes import MAX_FRAMES, MAX_SCENES, describe_limits, describe_times, merge_scenes
from mm.models.language.media_prefix.session import OnnxMediaPrefix
from tests.models.language.media_prefix.prefixes import (
    TINY,
    AScene,
    random_images,
    random_prefix_weights,
    random_scenes,
    random_vectors,
)

WEIGHTS = random_prefix_weights(TINY)


@pytest.fixture(scope="module")
def prefix() -> MediaPrefix:
    return MediaPrefix(TINY, WEIGHTS)


@pytest.fixture(scope="module")
def network() -> MediaPrefixNetwork:
    return MediaPrefixNetwork.from_weights(TINY, WEIGHTS).eval()


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10**6), side=st.integers(1, 13), channels=st.integers(1, 30), grid=st.integers(1, 6))
def test_torch_prefix_of_images_equals_the_reference(seed: int, side: int, channels: int, grid: int) -> None:
    config = MediaPrefixConfig(
        hidden_size=24,
        map_channels=channels,
        vector_size=7,
        map_hidden_size=9,
        vector_hidden_size=11,
        time_hidden_size=5,
        grid=grid,
        num_vector_tokens=2,
    )
    weights, images = random_prefix_weights(config, seed), random_images(config, 3, side, seed)
    network, prefix = MediaPrefixNetwork.from_weights(config, weights).eval(), MediaPrefix(config, weights)
    with torch.inference_mode():
        maps = torch.from_numpy(np.stack([image.map_HWC for image in images]))
        vectors = torch.from_numpy(np.stack([image.vector_D for image in images]))
        whole = network(maps, vectors)
        np.testing.assert_allclose(network(pool_maps(maps, grid), vectors), whole, atol=1e-6)
    for image, computed in zip(images, whole, strict=True):
        expected = prefix.embed_image(image.map_HWC, image.vector_D)
        assert expected.shape == (config.num_image_tokens, 24)
        np.testing.assert_allclose(computed, expected, atol=2e-5)


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 10**6), num_scenes=st.integers(0, 9), num_frames=st.integers(0, 5))
def test_torch_prefix_of_a_video_equals_the_reference(seed: int, num_scenes: int, num_frames: int) -> None:
    prefix, network = MediaPrefix(TINY, WEIGHTS), MediaPrefixNetwork.from_weights(TINY, WEIGHTS).eval()
    scenes, frames = random_scenes(TINY, num_scenes, seed), random_images(TINY, num_frames, seed=seed)
    if not scenes and not frames:
        return
    length = scenes[-1].end if scenes else 0.0
    parts = []
    with torch.inference_mode():
        if scenes:
            times = describe_times([(scene.start, scene.end) for scene in scenes], length)
            vectors = torch.from_numpy(np.stack([scene.vector_D for scene in scenes]))
            parts.append(network.embed_scenes(vectors[None], torch.from_numpy(times)[None])[0])
        if frames:
            times = describe_times(place_frames(len(frames), length), length)
            maps = pool_maps(torch.from_numpy(np.stack([frame.map_HWC for frame in frames])), TINY.frame_grid)
            parts.append(network.embed_frames(maps[None], torch.from_numpy(times)[None])[0])
    np.testing.assert_allclose(torch.cat(parts), prefix.embed_video(scenes, frames), atol=2e-5)


@pytest.mark.parametrize("seed", range(3))
def test_onnx_prefix_equals_the_reference_and_reads_its_graphs_again(seed: int, tmp_path: Path) -> None:
    weights = random_prefix_weights(TINY, seed)
    reference = MediaPrefix(TINY, weights)
    written = OnnxMediaPrefix(reference, tmp_path, "weights")
    files = {path: path.stat().st_mtime_ns for path in tmp_path.iterdir()}
    images, scenes = random_images(TINY, 2, seed=seed), random_scenes(TINY, 3, seed)
    for prefix in (written, OnnxMediaPrefix(reference, tmp_path, "weights")):
        for image in images:
            expected = reference.embed_image(image.map_HWC, image.vector_D)
            np.testing.assert_allclose(prefix.embed_image(image.map_HWC, image.vector_D), expected, atol=2e-5)
        np.testing.assert_allclose(prefix.embed_video(scenes, images), reference.embed_video(scenes, images), atol=2e-5)
    assert {path: path.stat().st_mtime_ns for path in tmp_path.iterdir()} == files


def test_onnx_prefix_of_a_damaged_graph_raises_corrupt(tmp_path: Path) -> None:
    OnnxMediaPrefix(MediaPrefix(TINY, WEIGHTS), tmp_path, "weights")
    for path in tmp_path.iterdir():
        path.write_bytes(b"no graph")
    with pytest.raises(Corrupt):
        OnnxMediaPrefix(MediaPrefix(TINY, WEIGHTS), tmp_path, "weights")


def test_torch_prefix_of_sounds_and_texts_equals_the_reference(prefix: MediaPrefix, network: MediaPrefixNetwork) -> None:
    vectors = random_vectors(TINY, 4)
    images = random_images(TINY, 4)
    with torch.inference_mode():
        sounds = network.embed_sounds(torch.from_numpy(vectors))
        texts = network.embed_vectors(torch.from_numpy(np.stack([image.vector_D for image in images])))
    np.testing.assert_allclose(sounds, [prefix.embed_sound(vector) for vector in vectors], atol=2e-5)
    expected = [prefix.embed_image(image.map_HWC, image.vector_D)[:3] for image in images]
    np.testing.assert_allclose(texts, expected, atol=2e-5)


def test_new_network_gives_the_scale_of_token_embeddings_and_reads_sounds_as_images() -> None:
    torch.manual_seed(0)
    network, images = MediaPrefixNetwork(TINY, 0.13), random_images(TINY, 6)
    maps = torch.from_numpy(np.stack([image.map_HWC for image in images])) * 3 + 1
    vectors = torch.from_numpy(np.stack([image.vector_D for image in images]))
    network.set_statistics(pool_maps(maps, TINY.grid))
    with torch.inference_mode():
        tokens = network(maps, vectors)
        np.testing.assert_allclose(network.embed_sounds(vectors), network.embed_vectors(vectors), atol=1e-6)
    np.testing.assert_allclose(tokens.square().mean(-1).sqrt(), 0.13, rtol=1e-3)
    np.testing.assert_allclose(network.map_mean, pool_maps(maps, TINY.grid).mean((0, 1)), atol=1e-5)
    assert network.state_dict().keys() == list_prefix_shapes(TINY).keys()


def test_network_disturbs_its_inputs_only_in_training() -> None:
    torch.manual_seed(0)
    network, images = MediaPrefixNetwork(TINY, 1.0, noise=0.2, dropout=0.2), random_images(TINY, 1)
    maps, vectors = torch.from_numpy(images[0].map_HWC[None]), torch.from_numpy(images[0].vector_D[None])
    with torch.inference_mode():
        assert not torch.equal(network(maps, vectors), network(maps, vectors))
        network.eval()
        assert torch.equal(network(maps, vectors), network(maps, vectors))


@given(height=st.integers(1, 12), width=st.integers(1, 12), grid=st.integers(1, 6))
@settings(max_examples=30, deadline=None)
def test_pool_map_equals_torch_for_any_shape(height: int, width: int, grid: int) -> None:
    values = np.random.default_rng(height * width).standard_normal((height, width, 3), np.float32)
    expected = torch.nn.functional.adaptive_avg_pool2d(torch.from_numpy(values).permute(2, 0, 1), grid).permute(1, 2, 0)
    np.testing.assert_allclose(pool_map(values, grid), expected, atol=1e-5)


def test_prefix_of_a_long_video_is_bounded_and_a_note_says_so(prefix: MediaPrefix) -> None:
    scenes, frames = random_scenes(TINY, 500), random_images(TINY, 30)
    assert prefix.embed_video(scenes, frames).shape == (MAX_SCENES + MAX_FRAMES * TINY.frame_grid**2, TINY.hidden_size)
    assert describe_limits(500, 30) == (
        "The model reads 64 scenes; the 500 of the video were merged to these. The model reads 8 frames of the 30."
    )
    assert describe_limits(MAX_SCENES, MAX_FRAMES) == ""


@given(count=st.integers(1, 40), limit=st.integers(1, 20), seed=st.integers(0, 999))
@settings(max_examples=30, deadline=None)
def test_merge_scenes_covers_the_same_times_with_unit_vectors(count: int, limit: int, seed: int) -> None:
    scenes = random_scenes(TINY, count, seed)
    merged = merge_scenes(scenes, limit)
    assert len(merged) == min(count, limit)
    assert (merged[0].start, merged[-1].end) == (scenes[0].start, scenes[-1].end)
    assert all(later.start == earlier.end for earlier, later in pairwise(merged))
    np.testing.assert_allclose([np.linalg.norm(scene.vector_D) for scene in merged], 1, atol=1e-5)


def test_merge_scenes_merges_the_shortest_neighbours_by_duration() -> None:
    first, second, third = np.eye(3, dtype=np.float32)
    merged = merge_scenes([AScene(0, 30, first), AScene(30, 33, second), AScene(33, 34, third)], 2)
    assert [(scene.start, scene.end) for scene in merged] == [(0, 30), (30, 34)]
    np.testing.assert_allclose(merged[1].vector_D, (3 * second + third) / np.sqrt(10), atol=1e-6)


def test_scene_tokens_depend_on_their_times(prefix: MediaPrefix) -> None:
    vector = random_vectors(TINY, 1)[0]
    tokens = prefix.embed_video([AScene(0, 5, vector), AScene(5, 10, vector), AScene(10, 100, vector)])
    assert len({token.tobytes() for token in tokens}) == 3


def test_invalid_media_raise_invalid_input(prefix: MediaPrefix) -> None:
    image, vector = random_images(TINY, 1)[0], random_vectors(TINY, 1)[0]
    for action, message in [
        (lambda: prefix.embed_image(image.map_HWC[..., :3], vector), r"feature map must be \(height, width, 20\)"),
        (lambda: prefix.embed_image(image.map_HWC[0], vector), "feature map"),
        (lambda: prefix.embed_image(image.map_HWC, vector[:5]), r"must be \(12,\)"),
        (lambda: prefix.embed_sound(vector[:5]), r"must be \(12,\)"),
        (lambda: prefix.embed_video([]), "at least one scene or frame"),
        (lambda: prefix.embed_video([AScene(5, 2, vector)]), "from 5 to 2 s"),
        (lambda: prefix.embed_video([AScene(5, 9, vector), AScene(0, 5, vector)]), "in order"),
    ]:
        with pytest.raises(InvalidInput, match=message):
            action()


def test_prefix_with_other_weights_is_corrupt_and_other_sizes_are_refused() -> None:
    with pytest.raises(Corrupt, match="gain is missing"):
        MediaPrefix(TINY, {name: value for name, value in WEIGHTS.items() if name != "gain"})
    with pytest.raises(Corrupt, match=r"gain has the shape \(3,\)"):
        MediaPrefix(TINY, WEIGHTS | {"gain": np.ones(3, np.float32)})
    with pytest.raises(InvalidInput, match="grid of the media prefix must be positive"):
        MediaPrefixConfig(grid=0)
    assert MediaPrefixConfig.from_metadata(TINY.to_metadata()) == TINY
