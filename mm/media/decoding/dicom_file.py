"""Reads DICOM files of images and ultrasound clips, as a decoding child executes it.

Attributes by PS3.3 of the DICOM standard; regions are those of C.8.5.5. Only the attributes that
are listed here leave the child: name, birth date and numbers of a patient only for `identity`.
Imported by the fork server of a DICOM reader only, since pydicom takes memory.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, BinaryIO

import numpy as np
import numpy.typing as npt
import pydicom
from pydicom.errors import InvalidDicomError
from pydicom.pixels import get_decoder, iter_pixels
from pydicom.pixels.processing import apply_modality_lut, apply_voi_lut
from pydicom.uid import UID

from mm.errors import MediaError, TooLarge, UnsupportedMedia

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

    from mm.media.types import Limits

PREAMBLE, PREFIX = 128, b"DICM"
MAX_REGIONS, MAX_FRAMES = 64, 100_000
IDENTITY = (
    "SOPClassUID",
    "SOPInstanceUID",
    "StudyInstanceUID",
    "SeriesInstanceUID",
    "StudyDate",
    "StudyTime",
    "StudyID",
    "AccessionNumber",
    "ReferringPhysicianName",
    "PatientName",
    "PatientID",
    "PatientBirthDate",
    "PatientSex",
)
"""Attributes that DICOM objects about a file must repeat."""
_REGION_NUMBERS = {
    "x0": "RegionLocationMinX0",
    "y0": "RegionLocationMinY0",
    "x1": "RegionLocationMaxX1",
    "y1": "RegionLocationMaxY1",
    "spatial_format": "RegionSpatialFormat",
    "data_type": "RegionDataType",
    "units_x": "PhysicalUnitsXDirection",
    "units_y": "PhysicalUnitsYDirection",
}


class DicomFile:
    """An open DICOM file. All methods raise `MediaError`, `UnsupportedMedia` or `TooLarge`."""

    def __init__(self, file: BinaryIO, name: str, limits: Limits) -> None:
        self._file, self._name, self._limits = file, name, limits
        file.seek(PREAMBLE)
        if file.read(len(PREFIX)) != PREFIX:
            raise UnsupportedMedia(f"{name}: this is not a DICOM file.")
        file.seek(0)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # they quote values of the file
                self._header = pydicom.dcmread(file, stop_before_pixels=True)
                self._attributes = self._read_attributes()
        except (InvalidDicomError, EOFError, OSError, ValueError, AttributeError, TypeError, KeyError) as error:
            raise MediaError(name, "unreadable", f"its attributes cannot be read ({type(error).__name__})") from error

    def attributes(self) -> dict[str, object]:
        """What `mm.media.dicom.DicomInfo` holds, as JSON."""
        return self._attributes

    def identity(self) -> dict[str, object]:
        """The values of `IDENTITY`; empty where the file has none."""
        return {name: str(self._header.get(name, "") or "") for name in IDENTITY}

    def frames(self, indices: Sequence[int] | None) -> Iterator[npt.NDArray[np.uint8]]:
        """Frames uint8 (H, W, 3) in order: all, or those with these numbers."""
        self._require_pixels()
        self._file.seek(0)
        is_grey = self._header.SamplesPerPixel == 1
        count = 0
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                for frame in iter_pixels(self._file, indices=indices, raw=is_grey):
                    count += 1
                    yield self._to_rgb(np.asarray(frame))
        except MemoryError:
            raise
        except Exception as error:
            if isinstance(error, MediaError):
                raise
            detail = f"frame {count if indices is None else indices[count]} cannot be decoded ({type(error).__name__})"
            raise MediaError(self._name, "unreadable", detail) from error
        if count != (expected := self._attributes["num_frames"] if indices is None else len(indices)):
            raise MediaError(self._name, "unreadable", f"it has {count} of {expected} frames")

    def _require_pixels(self) -> None:
        header, attributes = self._header, self._attributes
        syntax = UID(str(attributes["transfer_syntax"]))
        try:
            decoder = get_decoder(syntax)
        except NotImplementedError as error:
            raise MediaError(self._name, "unsupported", f"its transfer syntax {syntax} is not one of images") from error
        if not decoder.is_available:
            raise MediaError(self._name, "unsupported", f"no codec for {syntax.name} is installed")
        if int(header.get("SamplesPerPixel", 0)) not in (1, 3) or int(header.get("BitsAllocated", 0)) not in (8, 16):
            raise MediaError(self._name, "unsupported", "its pixels are neither grey nor colours of 8 or 16 bits")

    def _read_attributes(self) -> dict[str, object]:
        header = self._header
        if "Rows" not in header or "Columns" not in header:
            raise MediaError(self._name, "no-streams", "it has no image")
        height, width, num_frames = int(header.Rows), int(header.Columns), int(header.get("NumberOfFrames", 1) or 1)
        if not (height > 0 and width > 0 and 0 < num_frames <= MAX_FRAMES):
            raise ValueError("impossible size")
        if height * width > self._limits.pixels:
            limit = self._limits.pixels
            raise TooLarge(f"{self._name}: {width}x{height} pixels exceed the limit of {limit:,} (MM_MEDIA_PIXELS).")
        regions = list(header.get("SequenceOfUltrasoundRegions", []) or [])[:MAX_REGIONS]
        return {
            "height": height,
            "width": width,
            "num_frames": num_frames,
            "frame_seconds": self._frame_seconds(),
            "modality": str(header.get("Modality", "")),
            "transfer_syntax": str(header.file_meta.TransferSyntaxUID),
            "bits": int(header.get("BitsStored", 8)),
            "regions": [_read_region(region) for region in regions],
        }

    def _frame_seconds(self) -> float:
        """Seconds between frames: Frame Time, else Cine Rate or Recommended Display Frame Rate."""
        header = self._header
        if float(header.get("FrameTime", 0) or 0) > 0:
            return float(header.FrameTime) / 1000
        rate = float(header.get("CineRate", 0) or header.get("RecommendedDisplayFrameRate", 0) or 0)
        return 1 / rate if rate > 0 else 0.0

    def _to_rgb(self, frame: npt.NDArray[np.integer]) -> npt.NDArray[np.uint8]:
        """8 bits RGB. Grey values go through the modality and the display window of the file."""
        if frame.ndim == 3:
            return np.ascontiguousarray(
                frame if frame.dtype == np.uint8 else frame >> (int(self._header.BitsStored) - 8), np.uint8
            )
        if str(self._header.get("PhotometricInterpretation")) == "PALETTE COLOR":
            raise MediaError(self._name, "unsupported", "its colours are those of a palette")
        header = self._header
        has_window = any(tag in header for tag in ("WindowCenter", "VOILUTSequence"))
        if frame.dtype == np.uint8 and not has_window and int(header.BitsStored) == 8:
            grey_HW = frame.astype(np.float64)
        else:
            values_HW = np.asarray(apply_modality_lut(frame, header), np.float64)
            values_HW = np.asarray(apply_voi_lut(values_HW, header) if has_window else values_HW, np.float64)
            low, high = self._display_range(values_HW, has_window)
            grey_HW = (values_HW - low) * (255 / max(high - low, 1e-9))
        if header.get("PhotometricInterpretation") == "MONOCHROME1":
            grey_HW = 255 - grey_HW
        return np.repeat(np.rint(grey_HW).clip(0, 255).astype(np.uint8)[:, :, None], 3, 2)

    def _display_range(self, values_HW: npt.NDArray[np.float64], has_window: bool) -> tuple[float, float]:
        """The values shown black and white: those of the window's output, else of the frame."""
        bits = int(self._header.BitsStored)
        if not has_window or "VOILUTSequence" in self._header or values_HW.min() < 0:
            return float(values_HW.min()), float(values_HW.max())
        return 0.0, float(2**bits - 1)


def _read_region(region: Dataset) -> dict[str, float]:
    numbers: dict[str, float] = {key: int(region.get(tag, 0) or 0) for key, tag in _REGION_NUMBERS.items()}
    numbers["delta_x"] = abs(float(region.get("PhysicalDeltaX", 0.0) or 0.0))
    numbers["delta_y"] = abs(float(region.get("PhysicalDeltaY", 0.0) or 0.0))
    return numbers
