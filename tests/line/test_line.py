"""A whole line: source to sinks, deadlines, backpressure, restarts."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest

from mm.errors import InvalidInput, MediaError
from mm.line.config import LineConfig
from mm.line.line import INTERRUPTED, MISSING, Line
from mm.line.records.ledger import Ledger
from mm.line.sources.source import Source
from mm.line.types import Gap, LineCounts, PartEnd, PartRecord, SourceFrame, SourceItem, UnreadableFrame
from tests.line.conveyor import FPS, ConveyorSource, ItemSource, SpotInspector, num_frames, render

CONFIG = LineConfig("press", deadline_seconds=None)
DEFECTS = (False, True, False, True)


@dataclass
class Run:
    records: list[PartRecord]
    counts: LineCounts

    @property
    def verdicts(self) -> list[str]:
        return [record.verdict for record in self.records]


def run(folder: Path, source: Source, inspector: SpotInspector | None = None, config: LineConfig = CONFIG) -> Run:
    records: list[PartRecord] = []
    with Ledger(folder, []) as ledger:
        line = Line(config, source, inspector or SpotInspector(), ledger, folder, on_verdict=records.append)
        return Run(records, line.run())


def frame(part: str, is_defective: bool = False, time_: float = 1.0) -> SourceFrame:
    return SourceFrame(time_, render(20, [is_defective]), time.monotonic(), part)


def test_line_conveyor_gives_one_verdict_for_each_part(tmp_path: Path) -> None:
    result = run(tmp_path, ConveyorSource(DEFECTS))
    assert result.verdicts == ["PASS", "FAIL", "PASS", "FAIL"]
    assert [record.sequence for record in result.records] == [1, 2, 3, 4]
    assert result.counts.dropped == 0
    assert all(record.num_inspected == record.num_frames >= 10 for record in result.records)
    (region,) = result.records[1].regions
    assert region.kind == "spot"
    assert np.ptp(np.asarray(region.polygon), axis=0).max() == pytest.approx(9, abs=1)


def test_line_crop_part_passes_the_surroundings_of_the_part(tmp_path: Path) -> None:
    inspector = SpotInspector()
    result = run(tmp_path, ConveyorSource(DEFECTS), inspector, replace(CONFIG, crop="part"))
    assert result.verdicts == ["PASS", "FAIL", "PASS", "FAIL"]
    assert max(width for _, width, _ in inspector.shapes) <= 64
    (region,) = result.records[1].regions
    assert 40 <= np.mean([y for _, y in region.polygon]) <= 56  # in coordinates of the frame


def test_line_region_of_interest_excludes_what_is_outside(tmp_path: Path) -> None:
    config = replace(CONFIG, region=((0.0, 0.0), (160.0, 0.0), (160.0, 20.0), (0.0, 20.0)))
    assert run(tmp_path, ConveyorSource(DEFECTS), config=config).records == []


def test_line_source_read_again_repeats_no_part(tmp_path: Path) -> None:
    first = run(tmp_path, ConveyorSource(DEFECTS))
    source = ConveyorSource(DEFECTS)
    second = run(tmp_path, source)
    assert len(first.records) == 4
    assert second.records == []
    assert source.starts[0] > num_frames(3) / FPS  # not from the beginning


def test_line_stopped_file_continues_with_the_remaining_parts(tmp_path: Path) -> None:
    records: list[PartRecord] = []
    for _ in range(10):
        with Ledger(tmp_path, []) as ledger:

            def stop_after_one(record: PartRecord) -> None:
                records.append(record)
                line.stop()  # noqa: B023 - the line of this pass

            line = Line(CONFIG, ConveyorSource(DEFECTS), SpotInspector(), ledger, tmp_path, on_verdict=stop_after_one)
            line.run()
    assert [record.verdict for record in records] == ["PASS", "FAIL", "PASS", "FAIL"]
    assert len({record.part for record in records}) == 4


def test_line_no_verdict_before_the_deadline_is_undecided_and_a_reject(tmp_path: Path) -> None:
    released = threading.Event()
    inspector = SpotInspector(wait=released.wait)
    items: list[SourceItem] = [frame("a"), PartEnd("a", 1.0)]
    records: list[PartRecord] = []

    def release(record: PartRecord) -> None:
        records.append(record)
        released.set()

    with Ledger(tmp_path, []) as ledger:
        config = replace(CONFIG, deadline_seconds=0.05)
        Line(config, ItemSource(items), inspector, ledger, tmp_path, on_verdict=release).run()
    (record,) = records
    assert record.verdict == "UNDECIDED"
    assert record.is_reject
    assert "deadline of 0.05 s" in record.reason
    assert record.num_dropped == 1


def test_line_slow_inspector_drops_frames_of_a_live_source_and_counts_them(tmp_path: Path) -> None:
    released = threading.Event()
    items: list[SourceItem] = [*(frame("a", True, float(index)) for index in range(20)), PartEnd("a", 20.0)]

    @dataclass
    class Live(ItemSource):
        is_live: bool = True

        def items(self, start: float, stop: threading.Event, is_decided: object) -> object:  # type: ignore[override]
            yield from self.prepared
            released.set()

    result = run(tmp_path, Live(items), SpotInspector(wait=released.wait))
    (record,) = result.records
    assert record.verdict == "FAIL"
    assert record.num_frames == 20
    assert record.num_inspected + record.num_dropped == 20
    assert result.counts.dropped == record.num_dropped >= 17


def test_line_failing_inspection_makes_the_part_undecided_and_continues(tmp_path: Path) -> None:
    errors = [RuntimeError("a defect of the inspector")]

    def fail_once() -> None:
        if errors:
            raise errors.pop()

    items: list[SourceItem] = [frame("a"), PartEnd("a", 1.0), frame("b"), PartEnd("b", 2.0)]
    result = run(tmp_path, ItemSource(items), SpotInspector(wait=fail_once))
    assert sorted(zip([record.part for record in result.records], result.verdicts, strict=True)) == [
        ("a", "UNDECIDED"),
        ("b", "PASS"),
    ]


def test_line_unreadable_image_makes_its_part_undecided(tmp_path: Path) -> None:
    reason = str(MediaError("a.png", "truncated", "it ends early"))
    result = run(tmp_path, ItemSource([UnreadableFrame("a", 1.0, reason), PartEnd("a", 1.0)]))
    (record,) = result.records
    assert record.verdict == "UNDECIDED"
    assert reason in record.reason


def test_line_late_frame_of_a_decided_part_is_counted_only(tmp_path: Path) -> None:
    run(tmp_path, ItemSource([frame("a"), PartEnd("a", 1.0)]))
    result = run(tmp_path, ItemSource([frame("a", True), PartEnd("a", 1.0)]))
    assert result.records == []
    assert result.counts.late_frames == 1


def test_line_part_inside_a_camera_at_a_kill_is_undecided_at_the_next_start(tmp_path: Path) -> None:
    with Ledger(tmp_path, []) as ledger:
        ledger.enter("camera:1", 5.0)
    result = run(tmp_path, ItemSource([], is_live=True))
    (record,) = result.records
    assert (record.part, record.verdict, record.reason) == ("camera:1", "UNDECIDED", INTERRUPTED)


def test_line_part_whose_images_were_removed_after_a_kill_is_undecided(tmp_path: Path) -> None:
    with Ledger(tmp_path, []) as ledger:
        ledger.enter("a", 5.0)
    result = run(tmp_path, ItemSource([frame("b"), PartEnd("b", 1.0)]))
    assert {record.part: record.reason for record in result.records} == {"a": MISSING, "b": ""}


def test_line_long_gap_of_a_camera_ends_the_parts_inside(tmp_path: Path) -> None:
    @dataclass
    class Interrupted(ConveyorSource):
        is_live: bool = True
        gap: float = 30.0

        def items(self, start: float, stop: threading.Event, is_decided: object) -> object:  # type: ignore[override]
            for index in range(num_frames(1)):
                yield SourceFrame(index / FPS, render(index, [False]), time.monotonic())
                if index == 20:
                    yield Gap(index / FPS, self.gap)

    config = replace(CONFIG, deadline_seconds=5.0)
    short = run(tmp_path / "short", Interrupted((), gap=0.5), config=config)
    assert short.verdicts == ["PASS"]
    long = run(tmp_path / "long", Interrupted((), gap=30.0), config=config)
    assert long.verdicts[0] == "UNDECIDED"
    assert long.counts.reconnects == 1


def test_line_frames_that_change_size_are_refused(tmp_path: Path) -> None:
    items: list[SourceItem] = [SourceFrame(index / FPS, render(0, []), 0.0) for index in range(10)]
    items.append(SourceFrame(1.0, render(0, [])[:50], 0.0))
    with pytest.raises(InvalidInput, match="from 160 x 96 to 160 x 50"):
        run(tmp_path, ItemSource(items, has_part_ids=False))


def test_line_video_shorter_than_the_background_still_finds_its_part(tmp_path: Path) -> None:
    frames = [*(render(0, []) for _ in range(4)), render(20, [True]), render(21, [True])]
    items: list[SourceItem] = [SourceFrame(index / FPS, image, 0.0) for index, image in enumerate(frames)]
    assert run(tmp_path, ItemSource(items, has_part_ids=False)).verdicts == ["FAIL"]


def test_line_stuck_part_is_undecided_once_and_the_next_part_is_decided(tmp_path: Path) -> None:
    images = [*(render(0, []) for _ in range(9)), *(render(10 + step, [False]) for step in range(12))]
    images += [render(21, [False])] * 60 + [render(0, [])] * 3 + [render(10 + step, [True]) for step in range(30)]
    items: list[SourceItem] = [SourceFrame(index / FPS, image, 0.0) for index, image in enumerate(images)]
    result = run(tmp_path, ItemSource(items, has_part_ids=False), config=replace(CONFIG, max_inside_seconds=2.0))
    assert result.verdicts == ["UNDECIDED", "FAIL"]
    assert "max_inside_seconds" in result.records[0].reason


def test_line_image_of_the_empty_region_replaces_the_first_frames(tmp_path: Path) -> None:
    """The first frames show a part, which would otherwise become the background."""
    items: list[SourceItem] = [SourceFrame(step / FPS, render(20 + step, [True]), 0.0) for step in range(30)]
    records: list[PartRecord] = []
    with Ledger(tmp_path, []) as ledger:
        source = ItemSource(items, has_part_ids=False)
        Line(CONFIG, source, SpotInspector(), ledger, tmp_path, (), records.append, render(0, [])).run()
    assert [record.verdict for record in records] == ["FAIL"]
