"""Thumbnails are WebP of the size requested."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from api.thumbnails import encode_webp
from tests.media_files import scene


@pytest.mark.parametrize(("longest", "size"), [(80, (80, 48)), (160, (160, 96)), (500, (160, 96)), (1, (1, 1))])
def test_encode_webp_scales_the_longest_side(longest: int, size: tuple[int, int]) -> None:
    with Image.open(io.BytesIO(encode_webp(scene(1), longest=longest))) as picture:
        assert (picture.format, picture.size) == ("WEBP", size)


def test_encode_webp_keeps_the_content_and_obeys_the_quality() -> None:
    coarse, fine = (encode_webp(scene(1), longest=160, quality=quality) for quality in (10, 95))
    assert len(coarse) < len(fine)
    differences = np.abs(np.asarray(Image.open(io.BytesIO(fine)).convert("RGB")).astype(int) - scene(1))
    assert np.median(differences) < 8
