"""Lesions in still images, and tracks of them through sequences.

Candidates for review, research use, not a diagnosis: the measures say where a lesion is, not what.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from mm.data.inspection.lesions import SequenceFrame, read_breast_ultrasound, read_bus_bra, read_cvc_clinicdb
from mm.data.inspection.types import MarkedImage
from mm.errors import InvalidInput
from mm.evaluation.inspection.runs import Progress
from mm.evaluation.runs.sums import DETECTION_STATISTICS, DETECTIONS
from mm.lesions.types import NOTICE
from mm.media.types import RGB
from mm.metrics.bootstrap import bootstrap, bootstrap_rows
from mm.metrics.inspection.boxes import score_detection_sums
from mm.metrics.inspection.calibration import calibration_error
from mm.metrics.inspection.froc import MISS, Candidates, froc, match_regions
from mm.metrics.inspection.identity import TrackedFrame, measure_identity
from mm.metrics.inspection.masks import dice, mask_iou
from mm.metrics.inspection.regions import Mask
from mm.metrics.report import Measure, Report, ReportItem

DICE = "Dice of images with a lesion"
HIT_IOU = 0.5
"""Overlap from which a marked region counts as the lesion, like an overlap of boxes in COCO."""
FALSE_POSITIVES = 0.5
"""False positives per image at which the sensitivity is reported."""


@dataclass(frozen=True, slots=True, eq=False)
class MarkedRegions:
    """What a method marks in one image."""

    mask_HW: Mask
    """Pixels of lesions at the threshold of the method, for Dice."""
    regions: tuple[Mask, ...]
    """Candidates, each (H, W); those of low confidence too, since the curve needs them."""
    confidences: tuple[float, ...]
    """Calibrated probability, from 0 to 1, that the region is a lesion."""


Segment = Callable[[RGB], MarkedRegions]
Track = Callable[[Sequence[RGB]], Sequence[Sequence[tuple[int, Mask]]]]
"""Identity and mask (H, W) of each track in each frame of one sequence."""


def evaluate_breast_ultrasound(segment: Segment, root: Path, split: str, on_progress: Progress = lambda line: None) -> Report:
    """Dice of images with a lesion, and candidates over all images. Raises `InvalidInput`."""
    return _evaluate_stills("BUSI", segment, read_breast_ultrasound(root, split), split, on_progress)


def evaluate_bus_bra(segment: Segment, root: Path, split: str, on_progress: Progress = lambda line: None) -> Report:
    """The same measures; every image has a lesion, so all false positives are beside one."""
    return _evaluate_stills("BUS-BRA", segment, read_bus_bra(root, split), split, on_progress)


def evaluate_cvc_clinicdb(track: Track, root: Path, split: str, on_progress: Progress = lambda line: None) -> Report:
    """IDF1 of tracks over the sequences of the split, one polyp each. Raises `InvalidInput`."""
    sequences: dict[int, list[SequenceFrame]] = {}
    for frame in read_cvc_clinicdb(root, split):
        sequences.setdefault(frame.sequence, []).append(frame)
    scores = []
    for number, frames in sorted(sequences.items()):
        images = [frame.read() for frame in frames]
        scores.append(measure_identity(overlap_tracks(frames, track(images))))
        on_progress(f"sequence {number}: IDF1 {scores[-1].idf1:.3f}")
    # As counts of detections whose kinds are left aside.
    count_N5 = np.array([(each.num_predicted, each.num_true, each.num_right, 0, 0) for each in scores])
    names = ("IDF1", "identity precision", "identity recall")
    intervals = bootstrap_rows(len(scores), None, lambda rows: score_detection_sums(count_N5[rows].sum(0)[None])[0, : len(names)])
    of = f"CVC-ClinicDB, {len(scores)} sequences with {int(count_N5[:, 1].sum())} frames of {split}. {NOTICE}"
    measures = tuple(
        Measure(name, interval, statistic=statistic)
        for name, interval, statistic in zip(names, intervals, DETECTION_STATISTICS, strict=False)
    )
    items = [
        ReportItem(f"sequence {number}", f"sequence {number}", {names[0]: score.idf1}, evidence={DETECTIONS: [count_5.tolist()]})
        for number, score, count_5 in zip(sorted(sequences), scores, count_N5.astype(np.float64), strict=True)
    ]
    return Report(of, measures, items=tuple(items))


def overlap_tracks(frames: Sequence[SequenceFrame], tracks: Sequence[Sequence[tuple[int, Mask]]]) -> list[TrackedFrame]:
    """The marks of a sequence beside its tracks. Raises `InvalidInput` for another length."""
    if len(frames) != len(tracks):
        raise InvalidInput(f"{len(frames)} frames have tracks of {len(tracks)} frames.")
    rows = []
    for frame, own in zip(frames, tracks, strict=True):
        shape = own[0][1].shape if own else None
        true = frame.read_masks() if shape is None else [frame.read_mask((shape[0], shape[1]))]
        masks = [mask for mask in true if mask is not None]
        overlaps = np.array([[mask_iou(mask, other) for _, other in own] for mask in masks]).reshape(len(masks), len(own))
        rows.append(TrackedFrame((frame.sequence,) * len(masks), tuple(identity for identity, _ in own), overlaps))
    return rows


def _evaluate_stills(name: str, segment: Segment, images: Sequence[MarkedImage], split: str, on_progress: Progress) -> Report:
    overlaps, lesion_groups, candidates, items = [], [], [], []
    for index, image in enumerate(images, 1):
        pixels = image.read()
        marked = segment(pixels)
        true = image.read_mask(pixels.shape[:2])
        if true is None:
            raise InvalidInput(f"{image.path} has a lesion and no marked pixel.")
        if true.any():
            overlaps.append(dice(marked.mask_HW, true))
            lesion_groups.append(image.group)
            items.append(ReportItem(str(image.path), image.group, {DICE: overlaps[-1]}, image.kind))
        masks = image.read_masks()
        matches = match_regions(marked.regions, masks, HIT_IOU)
        candidates.append(Candidates(np.array(marked.confidences, np.float64), matches, len(masks)))
        if index % 50 == 0:
            on_progress(f"{index} of {len(images)} images")
    groups = np.unique([image.group for image in images], return_inverse=True)[1]
    measures = [Measure(DICE, bootstrap(np.array(overlaps), np.unique(lesion_groups, return_inverse=True)[1]), of=DICE)]
    measures += _report_candidates(candidates, groups)
    of = f"{name}, {len(images)} images of {split}, {len(overlaps)} with a lesion. {NOTICE}"
    return Report(of, tuple(measures), items=tuple(items))


def _report_candidates(candidates: Sequence[Candidates], groups_N: npt.NDArray[np.int64]) -> list[Measure]:
    def statistics(rows: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
        chosen = [candidates[row] for row in rows]
        confidence = np.concatenate([each.confidence_P for each in chosen])
        is_hit = np.concatenate([each.lesion_P != MISS for each in chosen])
        error = calibration_error(confidence, is_hit) if len(confidence) else 1.0
        return np.array([froc(chosen).sensitivity_at(FALSE_POSITIVES), error])

    has_lesion_N = np.array([each.num_lesions > 0 for each in candidates], int)
    sensitivity, error = bootstrap_rows(len(candidates), groups_N, statistics, strata_Q=has_lesion_N)
    return [
        Measure(f"sensitivity at {FALSE_POSITIVES} false positives an image", sensitivity),
        Measure("calibration error of confidences", error, is_higher_better=False),
    ]
