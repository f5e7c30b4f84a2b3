"""Delay from the last frame of a part to its verdict, with and without dropping frames."""

from __future__ import annotations

import tempfile
import time
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from mm.bench.line.belt import FPS, Belt
from mm.bench.meter import Meter
from mm.inspection.features.backbone import LiteBackbone
from mm.inspection.fit import fit_inspector
from mm.inspection.settings import FitSettings
from mm.inspection.types import GoodImage, Inspector
from mm.line.config import LineConfig
from mm.line.line import Line
from mm.line.records.ledger import Ledger
from mm.line.region import Region
from mm.line.sources.video_file import VideoFile
from mm.line.tracking.presence import PresenceDetector, background_of
from mm.media import MediaReader
from mm.media.types import Span

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mm.line.types import PartRecord

NUM_GOOD = 24  # images of good parts; 19 is the fewest for a rate of 5 %
EVERY_FRAME = 100_000  # waiting frames of a part: none is dropped
PLACES = tuple(np.linspace(0.13, 0.87, 12))
"""Of the centre of a good part, as shares of the width: wherever a part is inspected. An inspector
that is fitted at three places fails half of the frames elsewhere: the codec changes the grain."""
TIMED = 15  # inspections of the timing


@dataclass(frozen=True)
class MethodReport:
    """One method over the whole video."""

    method: str
    p50_ms: float
    p99_ms: float
    max_ms: float
    inspected_share: float  # of the frames in which a part is inside
    num_verdicts: int
    num_wrong: int  # verdicts other than the part deserves
    num_undecided: int
    cores: float  # processor seconds per second, decoding included


@dataclass(frozen=True)
class LineReport:
    """Both methods in the same run."""

    width: int
    height: int
    num_parts: int
    inspection_ms: float  # of one crop, without other load, median
    methods: list[MethodReport] = field(default_factory=list)

    def lines(self) -> Iterator[str]:
        yield f"{self.num_parts} parts, {self.width} x {self.height} at {FPS} frames/s"
        yield f"one inspection without other load: {self.inspection_ms:.1f} ms"
        yield "| method | p50 ms | p99 ms | max ms | frames inspected | verdicts | wrong | undecided | cores |"
        yield "| --- | --- | --- | --- | --- | --- | --- | --- | --- |"
        for row in self.methods:
            yield (
                f"| {row.method} | {row.p50_ms:.0f} | {row.p99_ms:.0f} | {row.max_ms:.0f} | {row.inspected_share:.0%} | "
                f"{row.num_verdicts} | {row.num_wrong} | {row.num_undecided} | {row.cores:.2f} |"
            )


class _TimedLedger(Ledger):
    """Adds the time of the write to the delay: a verdict exists when it is on the disk."""

    write_seconds: float = 0.0

    def decide(self, record: PartRecord, source: str = "", position: float | None = None) -> PartRecord | None:
        started = time.monotonic()
        numbered = super().decide(record, source, position)
        self.write_seconds = time.monotonic() - started
        return numbered


def measure(size: tuple[int, int], num_parts: int, threads: int, seed: int) -> LineReport:
    """Render a conveyor, fit an inspector on good parts, and run both methods in real time."""
    belt = Belt(*size, num_parts, 5, seed)
    with tempfile.TemporaryDirectory() as name, MediaReader() as reader:
        folder = Path(name)
        belt.write(folder / "belt.mp4")
        inspector = _fit(replace(belt, num_parts=NUM_GOOD, seed=seed + 1), folder, reader, threads)
        config = LineConfig("bench", crop="part", deadline_seconds=1.0)
        methods = [
            ("frames dropped within a part", config),
            ("every frame, no deadline", replace(config, pending_frames=EVERY_FRAME, deadline_seconds=None)),
        ]
        reports = [_run(name, settings, belt, inspector, folder / str(index), folder / "belt.mp4", reader)
                   for index, (name, settings) in enumerate(methods)]  # fmt: skip
        return LineReport(*size, num_parts, _time_inspection(belt, inspector), reports)


def _fit(belt: Belt, folder: Path, reader: MediaReader, threads: int) -> Inspector:
    """Fit on crops of a video of good parts: each part at all places, one group for each."""
    good = replace(belt, defect_every=belt.num_parts + 1)
    good.write(folder / "good.mp4")
    wanted = {belt.frame_of(number, place): number for number in range(belt.num_parts) for place in PLACES}
    region = Region((), belt.height, belt.width)
    images: list[GoodImage] = []
    detector: PresenceDetector | None = None
    for index, frame in enumerate(reader.every_frame(folder / "good.mp4", "good.mp4", Span(0.0, 1e6), FPS)):
        detector = detector or PresenceDetector(region, background_of([frame.image], region), 0.01, 24.0)
        if index in wanted:
            boxes = [box for box, touches in detector.detect(frame.image) if not touches]
            images += [GoodImage(region.crop_part(box).crop(frame.image).copy(), str(wanted[index])) for box in boxes[:1]]
    return fit_inspector(images, "bench", LiteBackbone("imagenet", folder / "cache", threads=threads), FitSettings())


def _time_inspection(belt: Belt, inspector: Inspector) -> float:
    image = belt.render_part(0, has_defect=False)
    seconds = []
    for _ in range(TIMED):
        started = time.perf_counter()
        inspector.inspect(image)
        seconds.append(time.perf_counter() - started)
    return 1000 * float(np.median(seconds))


def _run(
    name: str, config: LineConfig, belt: Belt, inspector: Inspector, folder: Path, video: Path, reader: MediaReader
) -> MethodReport:
    records: list[PartRecord] = []
    delays: list[float] = []

    def add(record: PartRecord) -> None:
        records.append(record)
        delays.append(record.latency_seconds + ledger.write_seconds)

    with _TimedLedger(folder, []) as ledger, Meter(memory=False) as meter:
        Line(config, VideoFile(video, reader, pace=True), inspector, ledger, folder, on_verdict=add).run()
    expected = ["FAIL" if belt.has_defect(number) else "PASS" for number in range(belt.num_parts)]
    verdicts = [record.verdict for record in records]
    num_wrong = sum(a != b and a != "UNDECIDED" for a, b in zip(verdicts, expected, strict=False))
    p50, p99 = np.percentile(delays, [50, 99]) * 1000
    return MethodReport(
        name, float(p50), float(p99), 1000 * max(delays),
        sum(record.num_inspected for record in records) / max(1, sum(record.num_frames for record in records)),
        len(records), num_wrong + abs(len(records) - belt.num_parts), verdicts.count("UNDECIDED"), meter.cpu / meter.seconds,
    )  # fmt: skip
