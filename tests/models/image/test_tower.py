"""The image tower: images of any kind in, unit vectors out, and invalid files."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file, save_file

from mm.errors import Corrupt, InvalidInput
from mm.models.image.efficientnet_lite_torch import ImageEncoder
from mm.models.image.preprocess import resize_batch, resize_image
from mm.models.image.tower import BATCH, ImageTower
from mm.training.checkpoint import write_encoder

SIZE = 64


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("weights") / "image.safetensors"
    write_encoder(path, ImageEncoder().state_dict(), SIZE)
    return path


@pytest.fixture(scope="module")
def graphs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("graphs")


@pytest.fixture(scope="module")
def tower(weights: Path, graphs: Path) -> ImageTower:
    return ImageTower(weights, graphs, threads=1)


def make_images(*shapes: tuple[int, int]) -> list[np.ndarray]:
    random = np.random.default_rng(0)
    return [random.integers(0, 256, (*shape, 3), np.uint8) for shape in shapes]


def test_image_tower_any_image_size_gives_unit_rows(tower: ImageTower) -> None:
    images = make_images((1, 1), (3, 700), (500, 2), (64, 64), *[(40 + n, 90 - n) for n in range(BATCH)])
    rows = tower.embed(images)
    assert rows.shape == (len(images), tower.dim)
    assert rows.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-5)
    np.testing.assert_allclose(rows[1:2], tower.embed(images[1:2]), atol=1e-5)  # independent of the batch


def test_image_tower_no_images_give_no_rows(tower: ImageTower) -> None:
    assert tower.embed([]).shape == (0, tower.dim)


def test_image_tower_is_thread_safe(tower: ImageTower) -> None:
    images = make_images(*[(30, 20 + n) for n in range(12)])
    expected = tower.embed(images)
    with ThreadPoolExecutor(4) as pool:
        rows = list(pool.map(lambda image: tower.embed([image])[0], images))
    np.testing.assert_allclose(rows, expected, atol=1e-5)


def test_image_tower_runtimes_give_equal_vectors(weights: Path, graphs: Path, tower: ImageTower) -> None:
    images = make_images((90, 60), (64, 64))
    for runtime in ("onnxruntime", "openvino"):
        other = ImageTower(weights, graphs, runtime, threads=1)
        np.testing.assert_allclose(other.embed(images), tower.embed(images), atol=2e-4)
        assert runtime in other.describe()


@pytest.mark.parametrize(
    "image",
    [
        np.zeros((8, 8), np.uint8),
        np.zeros((8, 8, 4), np.uint8),
        np.zeros((8, 8, 3), np.float32),
        np.zeros((0, 8, 3), np.uint8),
        np.zeros((2, 8, 8, 3), np.uint8),
    ],
    ids=["grey", "alpha", "float", "empty", "batch"],
)
def test_image_tower_invalid_array_is_refused(tower: ImageTower, image: np.ndarray) -> None:
    with pytest.raises(InvalidInput, match="image"):
        tower.embed([*make_images((8, 8)), image])


def test_image_tower_reuses_the_cached_graph(weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = ImageTower(weights, tmp_path, threads=1)
    assert len(list(tmp_path.iterdir())) == 1
    monkeypatch.setattr("mm.models.image.tower._build", lambda *_: pytest.fail("built again"))
    second = ImageTower(weights, tmp_path, threads=1)
    images = make_images((50, 50))
    np.testing.assert_array_equal(first.embed(images), second.embed(images))


def test_image_tower_other_weights_build_another_graph(weights: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.safetensors"
    tensors = load_file(weights)
    tensors["head.bias"] = tensors["head.bias"] + 1
    save_file(tensors, other, {"size": str(SIZE)})
    image = make_images((50, 50))
    first, second = (ImageTower(path, tmp_path / "graphs", threads=1).embed(image) for path in (weights, other))
    assert np.abs(first - second).max() > 1e-3


def test_image_tower_invalid_checkpoint_is_corrupt(weights: Path, tmp_path: Path) -> None:
    whole, tensors = weights.read_bytes(), load_file(weights)
    absent, cut, noise, unsized, wordy, lacking, misshapen, unfitting = (tmp_path / f"{n}.safetensors" for n in range(8))
    cut.write_bytes(whole[: len(whole) // 2])
    noise.write_bytes(b"\xff" * 1000)
    save_file(tensors, unsized)
    save_file(tensors, wordy, {"size": "large"})
    save_file({name: tensor for name, tensor in tensors.items() if name != "stem.conv.weight"}, lacking, {"size": "64"})
    save_file({**tensors, "stem.norm.bias": np.zeros(7, np.float32)}, misshapen, {"size": "64"})
    save_file({**tensors, "head.weight": np.zeros((384, 7), np.float16)}, unfitting, {"size": "64"})
    for path in (absent, cut, noise, unsized, wordy, lacking, misshapen, unfitting):
        with pytest.raises(Corrupt, match=path.name):
            ImageTower(path, tmp_path / "graphs", threads=1)
    assert not list(tmp_path.glob("graphs/*"))  # no partial graph remains


def test_resize_image_does_not_crop_wide_images(tower: ImageTower) -> None:
    """The edges of a wide image remain at the edges."""
    wide = np.zeros((40, 400, 3), np.uint8)
    wide[:, :40], wide[:, -40:] = (255, 0, 0), (0, 0, 255)
    small = resize_image(wide, SIZE)
    assert small.shape == (SIZE, SIZE, 3)
    assert small[32, 1, 0] > 240
    assert small[32, -2, 2] > 240
    assert small[32, 32].max() < 10


def test_resize_image_of_the_target_size_is_unchanged() -> None:
    image = make_images((SIZE, SIZE))[0]
    np.testing.assert_array_equal(resize_image(image, SIZE), image)
    assert resize_batch([image, image], SIZE).shape == (2, SIZE, SIZE, 3)
