"""Thumbnails are WebP of the size asked for."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from mm.media.thumbnail import encode_webp
from tests.media_files import scene


@pytest.mark.parametrize(("longest", "size"), [(80, (80, 48)), (160, (160, 96)), (500, (160, 96)), (1, (1, 1))])
def test_size(longest: int, size: tuple[int, int]) -> None:
    with Image.open(io.BytesIO(encode_webp(scene(1), longest=longest))) as picture:
        assert (picture.format, picture.size) == ("WEBP", size)


def test_content_and_quality() -> None:
    coarse, fine = (encode_webp(scene(1), longest=160, quality=quality) for quality in (10, 95))
    assert len(coarse) < len(fine)
    apart = np.abs(np.asarray(Image.open(io.BytesIO(fine)).convert("RGB")).astype(int) - scene(1))
    assert np.median(apart) < 8
