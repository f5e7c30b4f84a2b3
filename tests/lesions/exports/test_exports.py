"""Exports of lesion candidates, and the notice in each."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pydicom
import pytest
from PIL import Image

from mm.errors import InvalidInput
from mm.lesions.analysis import analyse_dicom, analyse_images
from mm.lesions.exports.coco import export_coco
from mm.lesions.exports.dicom_segmentation import export_segmentations
from mm.lesions.exports.overlay import export_overlay
from mm.lesions.exports.structured_report import export_structured_report
from mm.lesions.exports.table import export_candidates, export_regions
from mm.lesions.segmentation.letterbox import Grey
from mm.lesions.segmentation.segmenter import LesionSegmenter
from mm.lesions.types import NOTICE, LesionAnalysis
from mm.media.dicom import DicomIdentity, DicomReader
from mm.numerics import Float32
from tests.lesions.dicom_files import SECRETS, make_region, write_dicom
from tests.lesions.fixtures import CONFIG

pytestmark = pytest.mark.xdist_group("dicom")
FORBIDDEN = ("benign", "malignant")
VIEW = 10, 20, 109, 99


def find_dark(grey_NHW: Grey) -> tuple[Float32, Float32]:
    """In place of a network: pixels darker than tissue are those of a lesion."""
    half_NHW = grey_NHW[:, ::2, ::2].astype(np.float32)
    logits_NHW = np.where((half_NHW > 5) & (half_NHW < 70), 4.0, -4.0).astype(np.float32)
    return logits_NHW, logits_NHW.max((1, 2))


def render_clip(num_frames: int = 8) -> np.ndarray:
    """Frames (N, H, W): text at the top, a view of tissue with a dark disc that moves."""
    frames = np.zeros((num_frames, 120, 160), np.uint8)
    cv2.putText(frames[0], "NAME 4711", (5, 14), cv2.FONT_HERSHEY_SIMPLEX, 0.4, 255, 1)
    frames[1:] = frames[0]
    x0, y0, x1, y1 = VIEW
    frames[:, y0 : y1 + 1, x0 : x1 + 1] = 120
    for number, frame in enumerate(frames):
        cv2.circle(frame, (45 + 2 * number, 60), 14, 40, -1)
    return frames


@pytest.fixture(scope="module")
def analysed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[LesionAnalysis, DicomIdentity, Path]]:
    path = write_dicom(tmp_path_factory.mktemp("clip") / "clip.dcm", render_clip(), [make_region(VIEW)])
    with DicomReader() as reader:
        analysis = analyse_dicom(path, "clip.dcm", reader, LesionSegmenter(CONFIG, find_dark, "abc"))
        yield analysis, reader.identity(path, "clip.dcm"), path


def test_analysis_of_a_clip_follows_the_disc_in_millimetres(analysed: tuple[LesionAnalysis, DicomIdentity, Path]) -> None:
    analysis, _, _ = analysed
    (found,) = analysis.views
    (candidate,) = found.candidates
    assert (candidate.start_frame, candidate.end_frame, len(candidate.regions)) == (0, 7, 8)
    mark = analysis.list_marks()[0]
    assert abs(mark.box[0] + mark.box[2] / 2 - 45) < 2
    assert abs(mark.box[1] + mark.box[3] / 2 - 60) < 2
    assert mark.area_mm2 == pytest.approx(np.pi * (14 * 0.05) ** 2, rel=0.1)
    assert analysis.notice == NOTICE


def test_analysis_of_images_has_no_scale(analysed: tuple[LesionAnalysis, DicomIdentity, Path]) -> None:
    frames = [np.repeat(frame[20:100, 10:110, None], 3, 2) for frame in render_clip(6)]
    analysis = analyse_images("clip.mp4", frames, LesionSegmenter(CONFIG, find_dark), 0.1)
    assert [mark.area_mm2 for mark in analysis.list_marks()] == [None] * 6
    with pytest.raises(InvalidInput, match="no frames"):
        analyse_images("clip.mp4", [], LesionSegmenter(CONFIG, find_dark))
    with pytest.raises(InvalidInput, match="another size"):
        analyse_images("clip.mp4", [frames[0], frames[1][:50]], LesionSegmenter(CONFIG, find_dark))


def test_every_export_has_the_notice_and_no_diagnosis(analysed: tuple[LesionAnalysis, DicomIdentity, Path]) -> None:
    analysis, identity, _ = analysed
    image = np.repeat(render_clip()[0][:, :, None], 3, 2)
    texts = [export_coco(analysis), export_candidates(analysis), export_regions(analysis)]
    files = [*texts, export_overlay(analysis, 0, image), export_structured_report(analysis, identity) or b""]
    files += export_segmentations(analysis, identity).values()
    for data in files:
        assert NOTICE.encode() in data
        assert not any(word.encode() in data.lower() for word in FORBIDDEN)
    for data in texts:
        assert not any(secret.encode() in data for secret in SECRETS)
    assert not any(secret in repr(identity) or secret in repr(analysis) for secret in SECRETS)


def test_export_of_no_candidates_has_the_notice_too() -> None:
    empty = analyse_images("still.png", [np.full((80, 90, 3), 120, np.uint8)], LesionSegmenter(CONFIG, find_dark))
    assert empty.list_marks() == []
    files = [export_coco(empty), export_candidates(empty), export_regions(empty)]
    files.append(export_overlay(empty, 0, np.full((80, 90, 3), 120, np.uint8)))
    assert all(NOTICE.encode() in data for data in files)


def test_coco_polygons_enclose_the_regions(analysed: tuple[LesionAnalysis, DicomIdentity, Path]) -> None:
    analysis, _, _ = analysed
    stored = json.loads(export_coco(analysis))
    assert len(stored["images"]) == len(stored["annotations"]) == 8
    first = stored["annotations"][0]
    drawn = cv2.fillPoly(np.zeros((120, 160), np.uint8), [np.array(first["segmentation"][0]).reshape(-1, 2).astype(np.int32)], 1)
    assert drawn.sum() == first["area"]
    assert sum(annotation["is_best_frame"] for annotation in stored["annotations"]) == 1


def test_tables_have_a_row_for_each_candidate_and_region(analysed: tuple[LesionAnalysis, DicomIdentity, Path]) -> None:
    analysis, _, _ = analysed
    (row,) = csv.DictReader(io.StringIO(export_candidates(analysis).decode()))
    assert (row["start_frame"], row["end_frame"], row["end_s"], row["num_frames"]) == ("0", "7", "0.280", "8")
    regions = list(csv.DictReader(io.StringIO(export_regions(analysis).decode())))
    assert [row["frame"] for row in regions] == list("01234567")


def test_overlay_removes_text_outside_the_view(analysed: tuple[LesionAnalysis, DicomIdentity, Path]) -> None:
    analysis, _, _ = analysed
    image = np.repeat(render_clip()[2][:, :, None], 3, 2)
    png = Image.open(io.BytesIO(export_overlay(analysis, 2, image)))
    pixels = np.asarray(png)
    assert png.info["Comment"] == NOTICE
    assert pixels[:18, :160].max() == 0
    assert (pixels[20:100, 10:110].max(2).astype(int) - pixels[20:100, 10:110].min(2) > 50).sum() > 40
    with pytest.raises(InvalidInput, match="must be uint8"):
        export_overlay(analysis, 2, image[1:])


def test_structured_report_refers_to_frames_from_one(analysed: tuple[LesionAnalysis, DicomIdentity, Path]) -> None:
    analysis, identity, path = analysed
    data = export_structured_report(analysis, identity)
    assert data is not None
    report, source = pydicom.dcmread(io.BytesIO(data)), pydicom.dcmread(path)
    assert report.PatientID == source.PatientID
    assert report.StudyInstanceUID == source.StudyInstanceUID
    assert (report.CompletionFlag, report.VerificationFlag) == ("PARTIAL", "UNVERIFIED")
    frames = [int(element.value) for element in report.iterall() if element.keyword == "ReferencedFrameNumber"]
    assert frames == list(range(1, 9))


def test_segmentation_of_the_best_frame_has_the_mask(analysed: tuple[LesionAnalysis, DicomIdentity, Path]) -> None:
    analysis, identity, path = analysed
    best = next(mark for mark in analysis.list_marks() if mark.is_best)
    ((frame, data),) = export_segmentations(analysis, identity).items()
    segmentation, source = pydicom.dcmread(io.BytesIO(data)), pydicom.dcmread(path)
    assert frame == best.frame
    assert np.array_equal(segmentation.pixel_array.reshape(120, 160).astype(bool), best.place((120, 160)))
    reference = segmentation.PerFrameFunctionalGroupsSequence[0].DerivationImageSequence[0].SourceImageSequence[0]
    assert (reference.ReferencedSOPClassUID, reference.ReferencedSOPInstanceUID) == (source.SOPClassUID, source.SOPInstanceUID)
    assert int(reference.ReferencedFrameNumber) == frame + 1


def test_dicom_export_without_identifiers_raises(analysed: tuple[LesionAnalysis, DicomIdentity, Path]) -> None:
    with pytest.raises(InvalidInput, match="SOPInstanceUID"):
        export_structured_report(analysed[0], DicomIdentity({"SOPClassUID": "1.2.3"}))


def test_dicom_exports_of_no_candidates_are_none(analysed: tuple[LesionAnalysis, DicomIdentity, Path]) -> None:
    _, identity, _ = analysed
    empty = analyse_images("clip.dcm", [np.full((120, 160, 3), 120, np.uint8)], LesionSegmenter(CONFIG, find_dark))
    assert export_segmentations(empty, identity) == {}
    assert export_structured_report(empty, identity) is None
