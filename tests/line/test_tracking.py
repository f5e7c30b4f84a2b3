"""Region of interest, presence of parts, and the tracker."""

from __future__ import annotations

import numpy as np
import pytest

from mm.errors import InvalidInput
from mm.line.config import LineConfig, parse_region
from mm.line.region import Box, Region
from mm.line.tracking.presence import PresenceDetector, background_of
from mm.line.tracking.tracker import PartTracker
from tests.line.conveyor import FPS, HEIGHT, LEAD, PERIOD, WIDTH, num_frames, render


def detector() -> PresenceDetector:
    region = Region((), HEIGHT, WIDTH)
    return PresenceDetector(region, background_of([render(0, [])], region), 0.01, 24.0)


def boxes_of(left: int, *, touches: bool = False, width: int = 10) -> list[tuple[Box, bool]]:
    return [(Box(left, 10, left + width, 20), touches)]


def test_region_rectangle_has_box_without_mask() -> None:
    region = Region(parse_region("10,20,30,40"), 100, 100)
    assert region.box == Box(10, 20, 40, 60)
    assert region.mask_HW is None


def test_region_triangle_masks_half_of_its_box() -> None:
    region = Region(parse_region("0,0 40,0 0,40"), 100, 100)
    assert region.mask_HW is not None
    assert region.mask_HW.mean() == pytest.approx(0.5, abs=0.05)
    assert region.mask_HW[2, 2]
    assert not region.mask_HW[35, 35]


@pytest.mark.parametrize("text", ["", "1,2,3", "1,2 3,4", "a,b,c,d", "0,0,0,5", "-1,0,5,5"])
def test_parse_region_malformed_text_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput):
        parse_region(text)


def test_region_outside_the_frame_is_refused() -> None:
    with pytest.raises(InvalidInput, match="outside the frame"):
        Region(parse_region("200,0,10,10"), 100, 100)


@pytest.mark.parametrize("values", [{"name": "A b"}, {"fail_share": 0.0}, {"deadline_seconds": -1.0}, {"pending_frames": 0}])
def test_line_config_value_out_of_range_is_refused(values: dict[str, object]) -> None:
    with pytest.raises(InvalidInput):
        LineConfig(**{"name": "press", **values})  # type: ignore[arg-type]


def test_presence_detector_part_inside_has_its_box() -> None:
    ((box, touches),) = detector().detect(render(LEAD + 10, [False]))
    assert not touches
    assert abs(box.left - 40) <= 3
    assert abs(box.right - 80) <= 3
    assert abs(box.top - 28) <= 3


def test_presence_detector_part_at_the_edge_touches_it() -> None:
    ((_, touches),) = detector().detect(render(LEAD + 3, [False]))
    assert touches


def test_presence_detector_part_at_the_edge_of_a_polygon_touches_it() -> None:
    region = Region(parse_region("60,0 159,0 159,95 60,95 50,48"), HEIGHT, WIDTH)
    found = PresenceDetector(region, background_of([render(0, [])], region), 0.01, 24.0).detect(render(LEAD + 10, [False]))
    assert [touches for _, touches in found] == [True]


def test_presence_detector_noise_finds_nothing() -> None:
    noise = np.random.default_rng(1).normal(0, 6, (HEIGHT, WIDTH, 3))
    image = np.clip(render(0, []) + noise, 0, 255).astype(np.uint8)
    assert detector().detect(image) == []


def test_tracker_conveyor_gives_each_part_once() -> None:
    found, tracker = detector(), PartTracker(2, 60.0)
    entered, left, inside = [], [], 0
    for index in range(num_frames(3)):
        update = tracker.update(index / FPS, found.detect(render(index, [False] * 3)))
        entered += [track.entered for track in update.entered]
        left += [reason for _, reason in update.ended]
        inside += sum(track.state == "inside" for track in update.visible)
    assert np.diff(entered).tolist() == pytest.approx([PERIOD / FPS] * 2)
    assert left == ["left"] * 3
    assert inside >= 30


def test_tracker_restart_from_idle_time_gives_the_same_entries() -> None:
    def entries(start: float) -> list[float]:
        found, tracker = detector(), PartTracker(2, 60.0, start)
        times = [index / FPS for index in range(num_frames(3)) if index / FPS >= start]
        updates = [tracker.update(time, found.detect(render(round(time * FPS), [False] * 3))) for time in times]
        idle.extend(track.idle_before for update in updates for track in update.entered)
        return [track.entered for update in updates for track in update.entered]

    idle: list[float] = []
    complete = entries(0.0)
    assert entries(idle[1]) == complete[1:]


def test_tracker_part_missed_for_one_frame_stays_the_same() -> None:
    tracker = PartTracker(3, 60.0)
    tracker.update(0.0, boxes_of(0, touches=True))
    tracker.update(0.1, boxes_of(10))
    tracker.update(0.2, [])
    update = tracker.update(0.3, boxes_of(30))
    assert not update.entered
    assert len(update.visible) == 1


def test_tracker_two_parts_keep_their_identities() -> None:
    tracker = PartTracker(2, 60.0)
    first = tracker.update(0.0, [*boxes_of(0), *boxes_of(30)]).visible
    for step in range(1, 6):
        tracker.update(step / 10, [*boxes_of(8 * step), *boxes_of(30 + 8 * step)])
    assert [track.box.left for track in first] == [40, 70]


def test_tracker_part_that_stays_is_stuck_once() -> None:
    tracker = PartTracker(2, 1.0)
    reasons = [reason for step in range(40) for _, reason in tracker.update(step / 10, boxes_of(30)).ended]
    reasons += [reason for step in range(40, 50) for _, reason in tracker.update(step / 10, []).ended]
    assert reasons == ["stuck"]
