"""The lesion network and the tracker as callables that evaluations run."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from mm.data.inspection.lesions import SequenceFrame, read_cvc_clinicdb
from mm.data.inspection.types import choose_images
from mm.errors import InvalidInput
from mm.evaluation.inspection.lesions import MarkedRegions, Segment, Track
from mm.evaluation.inspection.patch_head import PatchHead, fit_patch_head
from mm.inspection.features.backbone import Backbone
from mm.inspection.features.framing import Framing
from mm.lesions.segmentation.confidence import RegionConfidence
from mm.lesions.segmentation.regions import find_regions
from mm.lesions.segmentation.segmenter import LesionSegmenter
from mm.lesions.tracking.tracker import TrackerSettings, track_regions
from mm.media.types import RGB
from mm.metrics.inspection.regions import Mask
from mm.numerics import Float32

HEAD_TAPS = (6, 14, 19)
"""Blocks of the backbone of the head: those of inspectors and one of 1/32 of the resolution."""
THRESHOLD, WEAK_THRESHOLD = 0.8, 0.4
"""Probabilities of the head from which a pixel belongs to a region, and to a weak one."""
TRACKER = TrackerSettings(high=0.95, low=0.3, max_distance=1.5)
"""Chosen with `THRESHOLD` on train: `mm eval cvc_clinicdb --choose` (2.5 is as good)."""


def make_segment(weights: Path, graph_cache: Path) -> Segment:
    """Segment with a weights file of the lesion network. Raises `Corrupt`."""
    segmenter = LesionSegmenter.load(weights, graph_cache)

    def segment(image_HWC: RGB) -> MarkedRegions:
        grey_HW = np.rint(image_HWC.mean(2)).astype(np.uint8)  # as in training
        (result,) = segmenter.segment([grey_HW])
        mask_HW = np.asarray(result.probability_HW > segmenter.config.threshold)
        regions = tuple(region.place(mask_HW.shape) for region in result.regions)
        return MarkedRegions(mask_HW, regions, tuple(region.confidence for region in result.regions))

    return segment


def fit_head_of_cvc_clinicdb(root: Path, backbone: Backbone, num_frames: int, seed: int) -> PatchHead:
    """Train a head on frames of train, from many sequences. Raises `InvalidInput`."""
    return fit_head_on_frames(read_cvc_clinicdb(root, "train"), backbone, num_frames, seed)


def fit_head_on_frames(choice: Sequence[SequenceFrame], backbone: Backbone, num_frames: int, seed: int) -> PatchHead:
    """Train a head on some of the frames, from many sequences. Raises `InvalidInput`."""
    frames = []
    for frame in choose_images(choice, num_frames, seed):
        image = frame.read()
        mask = frame.read_mask((image.shape[0], image.shape[1]))
        if mask is None:
            raise InvalidInput(f"{frame.path} has no marked pixel.")
        frames.append((image, mask))
    return fit_patch_head(frames, backbone, Framing(longest=None), seed)


def make_track(head: PatchHead) -> Track:
    """Follow the regions of a head through a sequence."""

    def track(images: Sequence[RGB]) -> list[list[tuple[int, Mask]]]:
        return track_probabilities([head.predict(image) for image in images], THRESHOLD, TRACKER)

    return track


def track_probabilities(maps: Sequence[Float32], threshold: float, settings: TrackerSettings) -> list[list[tuple[int, Mask]]]:
    """Identity and mask of each track in each of the probability maps (H, W) of a sequence."""
    regions = [find_regions(each_HW, 0.0, threshold, WEAK_THRESHOLD, RegionConfidence()) for each_HW in maps]
    rows: list[list[tuple[int, Mask]]] = [[] for _ in maps]
    for candidate in track_regions(regions, settings):
        for frame, region in candidate.regions.items():
            rows[frame].append((candidate.track_id, region.place(maps[frame].shape)))
    return rows
