"""DICOM files are read in a sandboxed child."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.uid import JPEG2000Lossless, JPEGLosslessSV1, JPEGLSLossless, RLELossless

from mm.errors import InvalidInput, MediaError, TooLarge, UnsupportedMedia
from mm.media.dicom import DicomReader
from mm.media.types import Limits
from tests.lesions.dicom_files import SECRETS, make_region, write_dicom

pytestmark = pytest.mark.xdist_group("dicom")
GREY = np.random.default_rng(0).integers(0, 256, (3, 40, 60), np.uint8)


@pytest.fixture(scope="module")
def reader() -> Iterator[DicomReader]:
    with DicomReader() as reader:
        yield reader


def test_info_of_a_clip_has_regions_and_scale_and_nothing_of_the_patient(reader: DicomReader, tmp_path: Path) -> None:
    regions = [make_region((2, 3, 30, 35)), make_region((31, 3, 58, 35), delta=0.01), make_region((0, 36, 59, 39), data_type=3)]
    info = reader.info(write_dicom(tmp_path / "a.dcm", GREY, regions), "a.dcm")
    assert (info.height, info.width, info.num_frames, info.frame_seconds, info.modality) == (40, 60, 3, 0.04, "US")
    assert [region.is_tissue for region in info.regions] == [True, True, False]
    assert [region.mm_per_px for region in info.regions[:2]] == [(0.05, 0.05), (0.1, 0.1)]
    assert not any(secret in repr(info) for secret in SECRETS)


def test_region_in_other_units_has_no_millimetres(reader: DicomReader, tmp_path: Path) -> None:
    info = reader.info(write_dicom(tmp_path / "a.dcm", GREY, [make_region((2, 3, 30, 35), units=4)]), "a.dcm")
    assert info.regions[0].mm_per_px is None


@pytest.mark.parametrize("syntax", ["", RLELossless, JPEG2000Lossless, JPEGLSLossless])
def test_frames_of_lossless_codecs_equal_the_pixels(reader: DicomReader, tmp_path: Path, syntax: str) -> None:
    path = write_dicom(tmp_path / "a.dcm", GREY, **({"syntax": syntax} if syntax else {}))
    frames = list(reader.frames(path, "a.dcm"))
    assert [frame.shape for frame in frames] == [(40, 60, 3)] * 3
    assert all(np.array_equal(frame[:, :, 1], grey) for frame, grey in zip(frames, GREY, strict=True))
    (second,) = reader.frames(path, "a.dcm", [1])
    assert np.array_equal(second[:, :, 0], GREY[1])


def test_frames_of_colours_keep_their_channels(reader: DicomReader, tmp_path: Path) -> None:
    colours = np.random.default_rng(1).integers(0, 256, (2, 20, 30, 3), np.uint8)
    frames = list(reader.frames(write_dicom(tmp_path / "a.dcm", colours), "a.dcm"))
    assert np.array_equal(np.stack(frames), colours)


def test_frames_of_16_bits_are_scaled_to_8(reader: DicomReader, tmp_path: Path) -> None:
    values = np.linspace(0, 4000, 40 * 60).reshape(1, 40, 60).astype(np.uint16)
    (frame,) = reader.frames(write_dicom(tmp_path / "a.dcm", values), "a.dcm")
    np.testing.assert_allclose(frame[:, :, 0], values[0] / 4000 * 255, atol=0.6)


def test_frames_of_a_codec_that_is_not_installed_raise(reader: DicomReader, tmp_path: Path) -> None:
    path = write_dicom(tmp_path / "a.dcm", GREY)
    stored = pydicom.dcmread(path)
    stored.file_meta.TransferSyntaxUID = JPEGLosslessSV1
    stored.PixelData = pydicom.encaps.encapsulate([b"\xff\xd8" + b"0" * 50] * 3)
    stored["PixelData"].is_undefined_length = True
    stored.save_as(path)
    with pytest.raises(MediaError, match="no codec for JPEG Lossless") as raised:
        list(reader.frames(path, "a.dcm"))
    assert raised.value.reason == "unsupported"


def test_files_that_are_no_dicom_raise(reader: DicomReader, tmp_path: Path) -> None:
    (tmp_path / "a.dcm").write_bytes(b"\0" * 500)
    with pytest.raises(UnsupportedMedia, match="not a DICOM file"):
        reader.info(tmp_path / "a.dcm", "a.dcm")
    (tmp_path / "b.dcm").write_bytes(b"\0" * 128 + b"DICM" + b"\x07" * 300)
    with pytest.raises(MediaError):
        reader.info(tmp_path / "b.dcm", "b.dcm")


def test_file_that_ends_early_raises_at_the_damaged_frame(reader: DicomReader, tmp_path: Path) -> None:
    path = write_dicom(tmp_path / "a.dcm", GREY, syntax=RLELossless)
    path.write_bytes(path.read_bytes()[:-3000])
    with pytest.raises(MediaError, match="cannot be") as raised:
        list(reader.frames(path, "a.dcm"))
    assert not any(secret in str(raised.value) for secret in SECRETS)


def test_file_with_fewer_frames_than_it_states_raises(reader: DicomReader, tmp_path: Path) -> None:
    frames = np.random.default_rng(2).integers(0, 255, (2, 40, 60), np.uint8)
    path = write_dicom(tmp_path / "clip.dcm", frames, syntax=RLELossless)
    data = pydicom.dcmread(path)
    data.NumberOfFrames = 3
    data.save_as(path)
    with pytest.raises(MediaError, match=r"frame 2 cannot be decoded|2 of 3 frames"):
        list(reader.frames(path, "clip.dcm"))


def test_frame_numbers_that_are_negative_raise(reader: DicomReader, tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="numbered from 0"):
        list(reader.frames(write_dicom(tmp_path / "a.dcm", GREY), "a.dcm", [-1]))


def test_image_over_the_limit_of_pixels_raises(tmp_path: Path) -> None:
    path = write_dicom(tmp_path / "a.dcm", GREY)
    with DicomReader(Limits(pixels=1000)) as reader, pytest.raises(TooLarge, match="MM_MEDIA_PIXELS"):
        reader.info(path, "a.dcm")
