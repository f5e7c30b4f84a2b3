"""Raw photos: the largest JPEG preview is shown, upright; the sensor's values are not read."""

from __future__ import annotations

import io
import struct
from datetime import datetime
from typing import TYPE_CHECKING, get_args

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from mm.bench.decoding.raw_file import RawSuffix, write_cr3, write_raw
from mm.errors import MediaError
from mm.media.containers.file_types import RAW_TYPES
from mm.media.containers.raw_preview import find_raw_preview, find_raw_type
from tests.media_files import scene

if TYPE_CHECKING:
    from pathlib import Path

    from mm.media import MediaReader

SUFFIXES: tuple[RawSuffix, ...] = get_args(RawSuffix)
SCENE = scene(1)


def jpeg(side: int = 160, orientation: int | None = None) -> bytes:
    out, exif = io.BytesIO(), Image.Exif()
    if orientation is not None:
        exif[0x0112] = orientation
    Image.fromarray(scene(1, side, side * 96 // 160)).save(out, "JPEG", quality=95, exif=exif)
    return out.getvalue()


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("suffix", SUFFIXES)
def test_preview_of_a_raw_photo_is_read(reader: MediaReader, tmp_path: Path, suffix: RawSuffix, order: str) -> None:
    path = tmp_path / "photo"
    path.write_bytes(write_raw(suffix, jpeg(), small=jpeg(40), order=order))
    info = reader.probe(path, "photo")
    assert (info.kind, info.container, info.width, info.height) == ("image", suffix, 160, 96)
    assert info.content_type == next(kind.content_type for kind in RAW_TYPES if kind.container == suffix)
    assert np.median(np.abs(reader.image(path, "photo").astype(int) - SCENE)) <= 4


@pytest.mark.parametrize(("own", "turns"), [(None, -1), (1, 0), (8, 1)])
def test_orientation_of_a_raw_photo_is_applied_once(reader: MediaReader, tmp_path: Path, own: int | None, turns: int) -> None:
    path = tmp_path / "photo.nef"
    path.write_bytes(write_raw("nef", jpeg(orientation=own), orientation=6))
    shown = reader.image(path, "photo.nef")
    expected = np.rot90(SCENE, turns)
    assert shown.shape == expected.shape
    assert np.median(np.abs(shown.astype(int) - expected)) <= 4, "the preview's own orientation, else the photo's"


def test_camera_of_a_raw_photo_is_read_from_the_file_around_the_preview(reader: MediaReader, tmp_path: Path) -> None:
    path = tmp_path / "photo.nef"
    path.write_bytes(write_raw("nef", jpeg(), orientation=6))
    capture = reader.probe(path, "photo.nef").capture
    assert (capture.make, capture.orientation) == ("NIKON CORPORATION", 6)


@pytest.mark.parametrize(("preview", "full"), [(160, 40), (40, 160), (160, None)])
def test_largest_preview_of_a_cr3_is_read(reader: MediaReader, tmp_path: Path, preview: int, full: int | None) -> None:
    path = tmp_path / "photo.cr3"
    path.write_bytes(write_cr3(jpeg(preview), full=b"" if full is None else jpeg(full), orientation=6))
    info = reader.probe(path, "photo.cr3")
    assert (info.kind, info.container, info.content_type) == ("image", "cr3", "image/x-canon-cr3")
    assert (info.width, info.height) == (96, 160), "upright"
    assert np.median(np.abs(reader.image(path, "photo.cr3").astype(int) - np.rot90(SCENE, -1))) <= 4
    assert (info.capture.make, info.capture.model, info.capture.orientation) == ("Canon", "EOS R5", 6)
    assert info.capture.taken_at == datetime(2024, 5, 1, 12, 30)


def test_cr3_without_a_preview_is_refused_and_a_false_size_is_skipped(reader: MediaReader, tmp_path: Path) -> None:
    path = tmp_path / "photo.cr3"
    path.write_bytes(write_cr3(jpeg(), full=jpeg(40), full_size=1 << 31))
    assert reader.probe(path, "photo.cr3").width == 160
    for data in (b"", b"no image", jpeg().replace(b"\xff\xc0", b"\xff\xc3", 1)):
        path.write_bytes(write_cr3(data))
        with pytest.raises(MediaError, match="no JPEG preview"):
            reader.probe(path, "photo.cr3")


@given(st.binary(max_size=400), st.data())
def test_walk_of_damaged_boxes_ends(damage: bytes, data: st.DataObject) -> None:
    content = bytearray(write_cr3(b"\xff\xd8\xff\xd9", full=b"\xff\xd8\xff\xd9"))
    place = data.draw(st.integers(0, len(content)))
    content[place : place + len(damage)] = damage
    preview = find_raw_preview(io.BytesIO(bytes(content)))
    assert preview is None or preview.offset + preview.size <= len(content)


def test_raw_photo_without_a_preview_is_refused(reader: MediaReader, tmp_path: Path) -> None:
    lossless = jpeg().replace(b"\xff\xc0", b"\xff\xc3", 1)
    for data in (b"", b"no image", lossless):
        path = tmp_path / "photo.dng"
        path.write_bytes(write_raw("dng", data))
        with pytest.raises(MediaError, match="no JPEG preview") as error:
            reader.probe(path, "photo.dng")
        assert error.value.reason == "unsupported"


def test_tiff_without_sensor_values_is_no_raw_photo() -> None:
    out = io.BytesIO()
    Image.fromarray(SCENE).save(out, "TIFF", compression="jpeg")
    assert find_raw_type(out) is None


def test_directory_that_leads_to_itself_is_read_once() -> None:
    directory = struct.pack("<HHHII", 1, 330, 4, 1, 8) + struct.pack("<I", 8)
    file = io.BytesIO(b"II*\0" + struct.pack("<I", 8) + directory)
    assert find_raw_type(file) is None
    assert find_raw_preview(file) is None


@given(st.binary(max_size=400), st.sampled_from(SUFFIXES), st.data())
def test_walk_of_damaged_directories_ends(damage: bytes, suffix: RawSuffix, data: st.DataObject) -> None:
    content = bytearray(write_raw(suffix, b"\xff\xd8\xff\xd9"))
    place = data.draw(st.integers(0, len(content)))
    content[place : place + len(damage)] = damage
    file = io.BytesIO(bytes(content))
    preview = find_raw_preview(file)
    assert preview is None or preview.offset + preview.size <= len(content)
    find_raw_type(file)
