"""DICOM segmentations of key frames, one file for each frame that is the best of a candidate.

A segmentation of several frames would need a frame of reference, which ultrasound files lack
(highdicom, issue 284). The source is therefore described as a single image; its references are then
completed with the class of the file and the number of the frame.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from mm.lesions.exports.dicom_objects import (
    MANUFACTURER,
    SEGMENTATION_SERIES,
    describe_candidate,
    make_code,
    make_source,
    to_bytes,
    version,
)
from mm.lesions.types import LesionAnalysis, Mark

if TYPE_CHECKING:
    from highdicom.seg import SegmentDescription
    from pydicom.dataset import Dataset

    from mm.media.dicom import DicomIdentity


def export_segmentations(analysis: LesionAnalysis, identity: DicomIdentity) -> dict[int, bytes]:
    """DICOM files by frame, numbered from 0; each candidate is a segment of its best frame.

    Raises `InvalidInput` for a file without identifiers.
    """
    from pydicom.uid import generate_uid

    best = [mark for mark in analysis.list_marks() if mark.is_best]
    series = generate_uid()
    frames = sorted({mark.frame for mark in best})
    return {
        frame: _export_frame(analysis, identity, [mark for mark in best if mark.frame == frame], series, number)
        for number, frame in enumerate(frames, 1)
    }


def _export_frame(analysis: LesionAnalysis, identity: DicomIdentity, marks: Sequence[Mark], series: str, number: int) -> bytes:
    from highdicom.seg import Segmentation
    from pydicom.uid import UltrasoundImageStorage, generate_uid

    source = make_source(identity, analysis)
    sop_class, source.SOPClassUID = source.SOPClassUID, UltrasoundImageStorage
    masks_1HWS = np.stack([mark.place((analysis.height, analysis.width)) for mark in marks], -1)[None].astype(np.uint8)
    segmentation = Segmentation(
        source_images=[source],
        pixel_array=masks_1HWS,
        segmentation_type="BINARY",
        segment_descriptions=[_describe(position, mark, analysis) for position, mark in enumerate(marks, 1)],
        series_instance_uid=series,
        series_number=SEGMENTATION_SERIES,
        sop_instance_uid=generate_uid(),
        instance_number=number,
        manufacturer=MANUFACTURER,
        manufacturer_model_name=f"network {analysis.network}",
        software_versions=version(),
        device_serial_number="0",
        content_description=analysis.notice,
        series_description=analysis.notice,
    )
    _complete_references(segmentation, str(sop_class), marks[0].frame + 1, has_frames=analysis.num_frames > 1)
    return to_bytes(segmentation)


def _describe(position: int, mark: Mark, analysis: LesionAnalysis) -> SegmentDescription:
    from highdicom import AlgorithmIdentificationSequence
    from highdicom.seg import SegmentAlgorithmTypeValues, SegmentDescription
    from pydicom.sr.codedict import codes

    return SegmentDescription(
        segment_number=position,
        segment_label=describe_candidate(mark),
        segmented_property_category=make_code("region", "Region of interest"),
        segmented_property_type=make_code("candidate", analysis.notice),
        algorithm_type=SegmentAlgorithmTypeValues.AUTOMATIC,
        algorithm_identification=AlgorithmIdentificationSequence(
            name="mm lesions", version=analysis.network or "0", family=codes.cid7162.ArtificialIntelligence
        ),
    )


def _complete_references(segmentation: Dataset, sop_class: str, frame: int, *, has_frames: bool) -> None:
    references = [item for series in segmentation.ReferencedSeriesSequence for item in series.ReferencedInstanceSequence]
    for group in segmentation.PerFrameFunctionalGroupsSequence:
        for derivation in group.DerivationImageSequence:
            references += derivation.SourceImageSequence
    for reference in references:
        reference.ReferencedSOPClassUID = sop_class
        if has_frames:
            reference.ReferencedFrameNumber = frame
