"""Heat maps survive their files."""

from __future__ import annotations

from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from mm.errors import Corrupt, InvalidInput
from mm.inspection.heat_maps import LEVELS, decode_heat_map, encode_heat_map


@pytest.mark.parametrize("seed", range(5))
def test_heat_map_read_back_differs_by_half_a_level_at_most(seed: int) -> None:
    random = np.random.default_rng(seed)
    heat = (random.random((random.integers(1, 40), random.integers(1, 40))) * 10.0 ** random.integers(-3, 4)).astype(np.float32)
    decoded = decode_heat_map(encode_heat_map(heat))
    assert decoded.shape == heat.shape
    # Half a level, and the rounding of both arrays to 32 bits.
    assert np.abs(decoded - heat).max() <= heat.max() * (0.5 / LEVELS + 3e-7)


def test_heat_map_file_is_grey_of_16_bits_at_the_size_of_the_map() -> None:
    image = Image.open(BytesIO(encode_heat_map(np.linspace(0, 3, 12, dtype=np.float32).reshape(3, 4))))
    assert (image.size, image.mode) == ((4, 3), "I;16")
    assert np.asarray(image).max() == LEVELS


def test_heat_map_without_heat_is_read_back_as_zero() -> None:
    assert not decode_heat_map(encode_heat_map(np.zeros((2, 3), np.float32))).any()


@pytest.mark.parametrize(
    "heat", [np.full((2, 2), np.nan), np.full((2, 2), np.inf), np.full((2, 2), -1), np.zeros((0, 3)), np.zeros(3)]
)
def test_heat_map_of_other_values_is_refused(heat: np.ndarray) -> None:
    with pytest.raises(InvalidInput, match="heat map is an array"):
        encode_heat_map(heat.astype(np.float32))


def test_heat_map_of_another_file_is_refused() -> None:
    file = BytesIO()
    Image.new("RGB", (4, 4)).save(file, "PNG")
    for data in (b"", b"no image", file.getvalue()):
        with pytest.raises(Corrupt, match="no heat map"):
            decode_heat_map(data)


def test_heat_map_above_the_highest_level_is_clipped() -> None:
    decoded = decode_heat_map(encode_heat_map(np.array([[1, 5]], np.float32), highest=2))
    assert np.allclose(decoded, [[1, 2]], atol=2e-5)
