"""The tracker assigns regions as the ByteTrack of the package `trackers` does (Apache-2.0)."""

from __future__ import annotations

import numpy as np
import pytest

from mm.lesions.segmentation.regions import LesionRegion
from mm.lesions.tracking.tracker import LesionTracker, TrackerSettings
from tests.lesions.tracking.test_tracker import make_region

trackers = pytest.importorskip("trackers", reason="the package trackers is not installed")

NUM_FRAMES, OVERLAP, HIGH = 60, 0.3, 0.5


def draw_clip(seed: int) -> list[list[tuple[int, LesionRegion]]]:
    """Objects that move with noise, are missed at times and at times have low confidence."""
    random = np.random.default_rng(seed)
    starts = random.uniform([20, 20, 24, 24, -1.5, -1.0], [230, 150, 60, 50, 1.5, 1.0], (4, 6))
    frames: list[list[tuple[int, LesionRegion]]] = []
    for frame in range(NUM_FRAMES):
        found = []
        for number, (x, y, width, height, dx, dy) in enumerate(starts):
            if random.random() < 0.12 and frame > 5:
                continue
            noise = random.normal(0, 0.8, 4)
            box = (int(x + dx * frame + noise[0]), int(y + dy * frame + noise[1]), int(width + noise[2]), int(height + noise[3]))
            if box[0] < 0 or box[1] < 0 or box[0] + box[2] > 320 or box[1] + box[3] > 240:
                continue
            confidence = 0.3 if random.random() < 0.15 and frame > 5 else 0.9
            found.append((number, make_region(box, confidence)))
        frames.append(found)
    return frames


def follow(clip: list[list[tuple[int, LesionRegion]]]) -> dict[tuple[int, int], int]:
    """Track by frame and object, by this project."""
    tracker = LesionTracker(TrackerSettings(HIGH, 0.1, OVERLAP, OVERLAP, 30))
    for frame, found in enumerate(clip):
        tracker.update(frame, [region for _, region in found])
    objects = {id(region): (frame, number) for frame, found in enumerate(clip) for number, region in found}
    return {objects[id(region)]: candidate.track_id for candidate in tracker.finish() for region in candidate.regions.values()}


def follow_by_trackers(clip: list[list[tuple[int, LesionRegion]]]) -> dict[tuple[int, int], int]:
    """The same by ByteTrack of the package."""
    import supervision

    tracker = trackers.ByteTrackTracker(
        lost_track_buffer=30,
        frame_rate=30,
        track_activation_threshold=HIGH,
        high_conf_det_threshold=HIGH,
        minimum_iou_threshold=OVERLAP,
        minimum_consecutive_frames=3,
    )
    tracks: dict[tuple[int, int], int] = {}
    for frame, found in enumerate(clip):
        corners = [[x, y, x + width, y + height] for x, y, width, height in (region.box for _, region in found)]
        detections = supervision.Detections(
            xyxy=np.array(corners, np.float32).reshape(-1, 4),
            confidence=np.array([region.confidence for _, region in found], np.float32),
            class_id=np.array([number for number, _ in found], int),
        )
        result = tracker.update(detections)
        tracks |= {
            (frame, int(number)): int(track)
            for number, track in zip(result.class_id, result.tracker_id, strict=True)
            if track >= 0
        }
    return tracks


@pytest.mark.parametrize("seed", range(5))
def test_tracker_groups_regions_as_trackers_does(seed: int) -> None:
    clip = draw_clip(seed)
    ours, theirs = follow(clip), follow_by_trackers(clip)
    common = sorted(ours.keys() & theirs.keys())
    # The package shows a track from its third frame on, this project from its first.
    assert len(common) >= 0.85 * len(ours)
    assert not theirs.keys() - ours.keys()
    pairs = {(ours[key], theirs[key]) for key in common}
    assert len(pairs) == len({track for track, _ in pairs}) == len({track for _, track in pairs})
