"""What the DICOM exports share: codes, the device and the object that they refer to.

Needs highdicom (MIT, Bridge et al. 2022), which is imported only when an export is written.
"""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import mm
from mm.errors import InvalidInput
from mm.lesions.types import NOTICE, LesionAnalysis, Mark

if TYPE_CHECKING:
    from highdicom.sr import CodedConcept
    from pydicom.dataset import Dataset

    from mm.media.dicom import DicomIdentity

MANUFACTURER = "mm"
IDENTIFIERS = ("SOPClassUID", "SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID")
SCHEME = "99MM"
"""Designator of codes that the standard does not have."""
REPORT_SERIES, SEGMENTATION_SERIES = 9001, 9002
"""Numbers of the series; high, so that they are not those of a scanner."""


def make_code(value: str, meaning: str, scheme: str = SCHEME) -> CodedConcept:
    """A code; its meaning has at most 64 characters."""
    from highdicom.sr import CodedConcept

    return CodedConcept(value, scheme, meaning)


def make_notice_code() -> CodedConcept:
    """The notice as a coded value."""
    return make_code("candidate", NOTICE)


def make_source(identity: DicomIdentity, analysis: LesionAnalysis) -> Dataset:
    """A header that stands for the analysed file. Raises `InvalidInput` without its identifiers."""
    from pydicom.dataset import Dataset, FileMetaDataset
    from pydicom.uid import ExplicitVRLittleEndian

    values = identity.values
    missing = [name for name in IDENTIFIERS if not values.get(name)]
    if missing:
        raise InvalidInput(f"{analysis.name} has no {', '.join(missing)}, to which a DICOM export must refer.")
    source = Dataset()
    source.file_meta = FileMetaDataset()
    source.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    for name, value in values.items():
        setattr(source, name, value)
    source.Rows, source.Columns, source.Modality = analysis.height, analysis.width, "US"
    return source


def describe_candidate(mark: Mark) -> str:
    """A label of a candidate, at most 64 characters."""
    return f"view {mark.view_number}, candidate {mark.candidate.track_id}"


def version() -> str:
    """The version of this program."""
    return mm.__version__


def to_bytes(dataset: Dataset) -> bytes:
    """The bytes of a DICOM file."""
    file = io.BytesIO()
    dataset.save_as(file, enforce_file_format=True)
    return file.getvalue()
