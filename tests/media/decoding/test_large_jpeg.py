"""Large JPEGs: decoded at a reduced scale, compared with a full decode that is scaled down."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image

from mm.errors import MediaError
from mm.media.containers.file_types import JPEG
from mm.media.decoding.images.still_image import StillImage
from tests.media_files import scene

if TYPE_CHECKING:
    from pathlib import Path

    from mm.media import MediaReader

WIDTH, HEIGHT = 2600, 1950


@pytest.fixture(scope="module", params=[False, True], ids=["baseline", "progressive"])
def photo(request: pytest.FixtureRequest) -> bytes:
    """Hard edges, slow gradients and grain."""
    rng = np.random.default_rng(0)
    picture = scene(1, WIDTH, HEIGHT).astype(np.float32)
    picture += np.linspace(-40, 40, WIDTH, dtype=np.float32)[None, :, None] + rng.normal(0, 6, (HEIGHT, WIDTH, 1))
    out = io.BytesIO()
    Image.fromarray(np.clip(picture, 0, 255).astype(np.uint8)).save(out, "JPEG", quality=90, progressive=request.param)
    return out.getvalue()


def decode_in_full(photo: bytes, size: tuple[int, int]) -> np.ndarray:
    """Reference: a full decode, then scaled."""
    return np.asarray(Image.open(io.BytesIO(photo)).convert("RGB").resize(size, Image.Resampling.LANCZOS), dtype=int)


@pytest.mark.parametrize("longest", [100, 326, 347, 649, 1300])
def test_reduced_decode_matches_a_full_decode_scaled_down(
    reader: MediaReader, tmp_path: Path, photo: bytes, longest: int
) -> None:
    path = tmp_path / "photo.jpg"
    path.write_bytes(photo)
    shown = reader.image(path, "photo.jpg", longest=longest).astype(int)
    assert max(shown.shape) == longest
    assert abs(shown.shape[0] - longest * HEIGHT / WIDTH) <= 0.5
    difference = np.abs(shown - decode_in_full(photo, shown.shape[1::-1]))
    assert difference.mean() < 1.5
    assert np.quantile(difference, 0.99) < 25  # at hard edges, where the filter of the reference is a little sharper


def test_image_without_a_size_is_decoded_in_full(reader: MediaReader, tmp_path: Path, photo: bytes) -> None:
    path = tmp_path / "photo.jpg"
    path.write_bytes(photo)
    assert (reader.probe(path, "photo.jpg").width, reader.probe(path, "photo.jpg").height) == (WIDTH, HEIGHT)
    assert np.array_equal(reader.image(path, "photo.jpg"), np.asarray(Image.open(io.BytesIO(photo)).convert("RGB")))


@pytest.mark.parametrize("longest", [100, 325, 347, 500, None])
def test_image_after_a_probe_equals_a_fresh_decode(
    reader: MediaReader, tmp_path: Path, photo: bytes, longest: int | None
) -> None:
    path = tmp_path / "photo.jpg"
    path.write_bytes(photo)
    reader.probe(path, "photo.jpg")
    for _ in range(2):
        fresh = StillImage(io.BytesIO(photo), "photo.jpg", JPEG, 1 << 30).rgb(longest)
        assert np.array_equal(reader.image(path, "photo.jpg", longest=longest), fresh)


@pytest.mark.parametrize("share", [0.1, 0.5, 0.99])
def test_probe_of_a_truncated_large_jpeg_raises_truncated(
    reader: MediaReader, tmp_path: Path, photo: bytes, share: float
) -> None:
    path = tmp_path / "photo.jpg"
    path.write_bytes(photo[: int(len(photo) * share)])
    with pytest.raises(MediaError) as raised:
        reader.probe(path, "photo.jpg")
    assert raised.value.reason == "truncated"


def test_load_decodes_a_large_jpeg_at_a_reduced_scale(photo: bytes) -> None:
    image = StillImage(io.BytesIO(photo), "photo.jpg", JPEG, 1 << 30)
    image.load()
    assert image.is_reduced
    assert image.is_decoded_for(347)
    assert not image.is_decoded_for(None)
