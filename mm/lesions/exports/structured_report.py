"""A DICOM structured report: outlines of candidates with the numbers of their frames.

Comprehensive SR with the template TID 1500 (PS3.16). Frames are numbered from 1 in DICOM.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from mm.lesions.exports.dicom_objects import (
    MANUFACTURER,
    REPORT_SERIES,
    describe_candidate,
    make_code,
    make_notice_code,
    make_source,
    to_bytes,
    version,
)
from mm.lesions.types import LesionAnalysis, Mark

if TYPE_CHECKING:
    from highdicom.sr import PlanarROIMeasurementsAndQualitativeEvaluations as Roi
    from pydicom.dataset import Dataset

    from mm.media.dicom import DicomIdentity


def export_structured_report(analysis: LesionAnalysis, identity: DicomIdentity) -> bytes | None:
    """A DICOM file with one region for each candidate and frame; None without candidates.

    The report is neither complete nor verified, and its description is the notice. The template
    has no report without a region. Raises `InvalidInput` for a file without identifiers.
    """
    from highdicom.sr import (
        ComprehensiveSR,
        DeviceObserverIdentifyingAttributes,
        MeasurementReport,
        ObservationContext,
        ObserverContext,
    )
    from pydicom.sr.codedict import codes
    from pydicom.uid import generate_uid

    source, marks = make_source(identity, analysis), analysis.list_marks()
    if not marks:
        return None
    device = DeviceObserverIdentifyingAttributes(uid=generate_uid(), name=MANUFACTURER, model_name=f"network {analysis.network}")
    observer = ObserverContext(observer_type=codes.DCM.Device, observer_identifying_attributes=device)
    trackers = {key: generate_uid() for key in {_candidate_key(mark) for mark in marks}}
    report = MeasurementReport(
        observation_context=ObservationContext(observer_device_context=observer),
        procedure_reported=make_code("25061-3", "US Unspecified body region", "LN"),
        imaging_measurements=[_make_region(mark, source, trackers[_candidate_key(mark)]) for mark in marks],
    )
    document = ComprehensiveSR(
        evidence=[source],
        content=report,
        series_instance_uid=generate_uid(),
        series_number=REPORT_SERIES,
        sop_instance_uid=generate_uid(),
        instance_number=1,
        manufacturer=MANUFACTURER,
        is_complete=False,
        is_final=False,
        is_verified=False,
    )
    document.SeriesDescription = analysis.notice
    document.SoftwareVersions = version()
    return to_bytes(document)


def _candidate_key(mark: Mark) -> tuple[int, int]:
    return mark.view_number, mark.candidate.track_id


def _make_region(mark: Mark, source: Dataset, tracking_uid: str) -> Roi:
    from highdicom.sr import (
        GraphicTypeValues,
        ImageRegion,
        Measurement,
        PlanarROIMeasurementsAndQualitativeEvaluations,
        QualitativeEvaluation,
        SourceImageForRegion,
        TrackingIdentifier,
    )
    from pydicom.sr.codedict import codes

    outline_P2 = mark.outline() + 0.5  # DICOM counts from the corner of the first pixel
    image = SourceImageForRegion(source.SOPClassUID, source.SOPInstanceUID, referenced_frame_numbers=[mark.frame + 1])
    closed_P2 = np.concatenate([outline_P2, outline_P2[:1]]).astype(np.float64)
    measurements = [Measurement(make_code("confidence", "Confidence"), round(mark.region.confidence, 4), codes.UCUM.NoUnits)]
    if mark.area_mm2 is not None:
        measurements.append(Measurement(codes.SCT.Area, round(mark.area_mm2, 3), codes.UCUM.SquareMillimeter))
    return PlanarROIMeasurementsAndQualitativeEvaluations(
        referenced_region=ImageRegion(GraphicTypeValues.POLYLINE, closed_P2, source_image=image),
        tracking_identifier=TrackingIdentifier(tracking_uid, describe_candidate(mark)),
        finding_type=make_code("region", "Region of interest"),
        measurements=measurements,
        qualitative_evaluations=[QualitativeEvaluation(make_code("status", "Status"), make_notice_code())],
    )
