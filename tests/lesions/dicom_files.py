"""DICOM files of rendered ultrasound clips."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from PIL import Image
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.uid import ExplicitVRLittleEndian, JPEG2000Lossless, UltrasoundMultiFrameImageStorage, generate_uid

SECRETS = ("Example^Patient", "ID-4711", "19600102")
"""Attributes of the patient, which must not appear anywhere else."""


def make_region(box: tuple[int, int, int, int], *, data_type: int = 1, delta: float = 0.005, units: int = 3) -> Dataset:
    """An item of the region sequence; `box` is x0, y0, x1, y1, inclusive."""
    region = Dataset()
    region.RegionSpatialFormat, region.RegionDataType, region.RegionFlags = (1 if data_type < 3 else 3), data_type, 0
    region.RegionLocationMinX0, region.RegionLocationMinY0, region.RegionLocationMaxX1, region.RegionLocationMaxY1 = box
    region.PhysicalUnitsXDirection = region.PhysicalUnitsYDirection = units
    region.PhysicalDeltaX, region.PhysicalDeltaY = delta, delta
    return region


def write_dicom(
    path: Path,
    frames: np.ndarray,
    regions: Sequence[Dataset] = (),
    *,
    syntax: str = ExplicitVRLittleEndian,
    values: Mapping[str, object] | None = None,
) -> Path:
    """Write frames (N, H, W) or (N, H, W, 3) of 8 or 16 bits as an ultrasound clip."""
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID = UltrasoundMultiFrameImageStorage, generate_uid()
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    data = FileDataset(str(path), {}, file_meta=meta, preamble=b"\0" * 128)
    data.SOPClassUID, data.SOPInstanceUID = meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID
    data.StudyInstanceUID, data.SeriesInstanceUID = generate_uid(), generate_uid()
    data.Modality, data.InstanceNumber, data.SeriesNumber = "US", 1, 1
    data.PatientName, data.PatientID, data.PatientBirthDate = SECRETS
    data.PatientSex = data.AccessionNumber = data.StudyID = data.ReferringPhysicianName = ""
    data.StudyDate, data.StudyTime = "20260102", "101500"
    is_colour = frames.ndim == 4
    data.NumberOfFrames, data.Rows, data.Columns = frames.shape[:3]
    data.SamplesPerPixel, data.PhotometricInterpretation = (3, "RGB") if is_colour else (1, "MONOCHROME2")
    if is_colour:
        data.PlanarConfiguration = 0
    data.BitsAllocated = data.BitsStored = frames.dtype.itemsize * 8
    data.HighBit, data.PixelRepresentation = data.BitsStored - 1, 0
    data.FrameTime = "40"
    if regions:
        data.SequenceOfUltrasoundRegions = list(regions)
    data.PixelData = frames.tobytes()
    for name, value in (values or {}).items():
        setattr(data, name, value)
    if syntax == JPEG2000Lossless:  # pydicom has no encoder for it without another package
        data.file_meta.TransferSyntaxUID = JPEG2000Lossless
        data.PixelData = encapsulate([_encode_jpeg2000(frame) for frame in frames])
        data["PixelData"].is_undefined_length = True
    elif syntax != ExplicitVRLittleEndian:
        data.compress(syntax, generate_instance_uid=False)
    data.save_as(path, enforce_file_format=True)
    return path


def _encode_jpeg2000(frame: np.ndarray) -> bytes:
    file = io.BytesIO()
    Image.fromarray(frame).save(file, "JPEG2000", irreversible=False, no_jp2=True)
    return file.getvalue()
