"""Turns the items of a source into entries, frames and exits of parts in the book."""

from __future__ import annotations

import threading
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import numpy as np

from mm.errors import InvalidInput
from mm.files import open_atomic
from mm.line.pending import PendingFrame
from mm.line.region import Region
from mm.line.tracking.presence import Background, PresenceDetector, background_of
from mm.line.tracking.tracker import EndReason, PartTracker, Track
from mm.line.types import CaughtUp, Gap, PartEnd, SourceFrame, UnreadableFrame, make_part_id

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from mm.line.config import LineConfig
    from mm.line.part_book import PartBook
    from mm.line.records.ledger import Ledger
    from mm.line.sources.source import Source
    from mm.line.types import LineCounts, SourceItem
    from mm.media.types import RGB

BACKGROUND_FRAMES = 9  # of the start of a source, from which the empty region is learned
EPOCH_SECONDS = 1e9  # later times are seconds since 1970, earlier ones those of a video file
SAVE_FRAMES = 1000  # empty frames of a live source after which its background is saved
MAX_AGE_SECONDS = 600.0  # of a background that a live source uses again; light changes
FORCED: dict[EndReason, str] = {
    "left": "",
    "end of source": "",
    "stuck": "The part stayed inside longer than max_inside_seconds.",
    "interrupted": "The source was interrupted while the part was inside.",
}


class Feeder:
    """What both ways of finding parts share: book entries, frames, deadlines."""

    def __init__(self, config: LineConfig, source: Source, book: PartBook, ledger: Ledger, counts: LineCounts) -> None:
        self._config, self._source, self._book, self._ledger, self._counts = config, source, book, ledger, counts
        self._regions: dict[tuple[int, int], Region] = {}

    def _region_of(self, image: RGB) -> Region:
        height, width = image.shape[:2]
        if (height, width) not in self._regions:
            self._regions[height, width] = Region(self._config.region, height, width)
        return self._regions[height, width]

    def _enter(self, part: str, time: float, resume_from: float) -> bool:
        """Write the entry of a part; False when it has its verdict from an earlier run."""
        if not self._ledger.enter(part, time):
            return False
        self._book.enter(part, time, resume_from)
        return True

    def _leave(self, part: str, left: float, forced_reason: str, due_from: float) -> None:
        deadline = self._config.deadline_seconds
        self._book.leave(part, left, forced_reason, None if deadline is None else due_from + deadline)

    def _add(self, frame: PendingFrame, stop: threading.Event) -> None:
        self._counts.dropped += self._book.add(frame, wait=not self._source.is_live, stop=stop)


class TrackedFeeder(Feeder):
    """Parts are found by a tracker.

    `background_path` holds the empty region between runs: without it a replay would find others.
    """

    def __init__(
        self,
        config: LineConfig,
        source: Source,
        book: PartBook,
        ledger: Ledger,
        counts: LineCounts,
        background_path: Path,
        start: float,
        empty_image: RGB | None = None,
    ) -> None:
        """`empty_image` is a frame of the empty region; by default it is learned at the start."""
        super().__init__(config, source, book, ledger, counts)
        self._tracker = PartTracker(config.absent_frames, config.max_inside_seconds, start)
        self._detector: PresenceDetector | None = None
        self._background_path, self._empty_image = background_path, empty_image
        self._first: list[SourceFrame] = []
        self._num_adapted = 0
        self._last_time = start

    @property
    def idle_since(self) -> float:
        """The last time at which the region was empty."""
        return self._tracker.idle_since

    def feed(self, item: SourceItem, stop: threading.Event) -> None:
        """Process one item. Raises `InvalidInput` when the size of the frames changes."""
        if isinstance(item, CaughtUp):
            return
        if isinstance(item, Gap):
            self._counts.reconnects += item.is_over
            if item.seconds > self._config.max_gap_seconds:
                self._end(self._tracker.end_all("interrupted"), item.time, time.monotonic())
            return
        assert isinstance(item, SourceFrame)
        self._first.append(item)
        if self._detector is None:
            self._detector = self._make_detector(is_last=False)
        if self._detector is not None:
            self._track_waiting(self._detector, stop)

    def finish(self, reason: EndReason) -> None:
        """End all parts inside, at the end of the source."""
        if self._detector is None:
            self._detector = self._make_detector(is_last=True)
        if self._detector is not None:
            self._track_waiting(self._detector, threading.Event())
            self._save(self._detector)
        self._end(self._tracker.end_all(reason), self._last_time, time.monotonic())

    def _make_detector(self, *, is_last: bool) -> PresenceDetector | None:
        """The detector, once enough frames wait to learn the empty region or it is known."""
        if not self._first:
            return None
        image = self._first[0].image
        region = self._region_of(image)
        background = self._load(region) if self._empty_image is None else None
        if self._empty_image is not None:
            if self._empty_image.shape != image.shape:
                raise InvalidInput(
                    f"The image of the empty region has the shape {self._empty_image.shape}, the frames have {image.shape}."
                )
            background = background_of([self._empty_image], region)
        if background is None:
            if len(self._first) < BACKGROUND_FRAMES and not is_last:
                return None
            background = background_of([frame.image for frame in self._first], region)
        detector = PresenceDetector(region, background, self._config.min_area, self._config.contrast)
        self._save(detector)
        return detector

    def _track_waiting(self, detector: PresenceDetector, stop: threading.Event) -> None:
        frames, self._first = self._first, []
        for frame in frames:
            self._track(frame, detector, stop)

    def _track(self, frame: SourceFrame, detector: PresenceDetector, stop: threading.Event) -> None:
        if frame.image.shape[:2] not in self._regions:
            sizes = [f"{width} x {height}" for height, width in (*self._regions, frame.image.shape[:2])]
            raise InvalidInput(f"The size of the frames changed from {sizes[0]} to {sizes[-1]}.")
        region = self._region_of(frame.image)
        self._last_time = frame.time
        update = self._tracker.update(frame.time, detector.detect(frame.image))
        for track in update.entered:
            part = self._make_id(track)
            if self._enter(part, track.entered, track.idle_before):
                track.part = part
            else:
                self._counts.repeated_parts += 1
        for track in update.visible:
            if track.part and not track.is_decided:
                self._book.saw(track.part, frame.received)
                if track.state == "inside":
                    box = region.box if self._config.crop == "region" else region.crop_part(track.box)
                    crop = np.ascontiguousarray(box.crop(frame.image))
                    self._add(PendingFrame(track.part, frame.time, crop, region.mask_of(box), (box.left, box.top)), stop)
        self._end(update.ended, frame.time, frame.received)
        if self._source.is_live and self._tracker.is_idle:
            detector.adapt(frame.image)
            self._num_adapted += 1
            if self._num_adapted % SAVE_FRAMES == 0:
                self._save(detector)

    def _end(self, ended: Sequence[tuple[Track, EndReason]], left: float, now: float) -> None:
        for track, reason in ended:
            if track.part:
                due_from = self._book.last_received(track.part) if reason == "left" else now
                self._leave(track.part, left, FORCED[reason], due_from)

    def _make_id(self, track: Track) -> str:
        if track.entered >= EPOCH_SECONDS:
            moment = datetime.fromtimestamp(track.entered, UTC).strftime("%Y%m%dT%H%M%S.%f")[:-3] + "Z"
        else:
            moment = f"{round(track.entered * 1000):09d}"
        return make_part_id(f"{self._source.key}:{moment}" + (f".{track.order}" if track.order else ""))

    def _load(self, region: Region) -> Background | None:
        try:
            age = time.time() - self._background_path.stat().st_mtime
            if self._source.is_live and age > MAX_AGE_SECONDS:
                return None
            background = np.load(self._background_path, allow_pickle=False)
        except (OSError, ValueError):
            return None
        expected = background_of([np.zeros((region.height, region.width, 3), np.uint8)], region).shape
        return background if background.shape == expected and background.dtype == np.float32 else None

    def _save(self, detector: PresenceDetector) -> None:
        with open_atomic(self._background_path) as file:
            np.save(file, detector.background)


class IdFeeder(Feeder):
    """Parts have external ids: each frame names the part that it shows."""

    def feed(self, item: SourceItem, stop: threading.Event) -> None:
        """Process one item; frames of parts that have their verdict are counted and ignored."""
        if isinstance(item, CaughtUp):
            return
        if isinstance(item, Gap):
            self._counts.reconnects += item.is_over
            return
        if isinstance(item, PartEnd):
            if self._book.is_inside(item.part):
                self._leave(item.part, item.time, "", time.monotonic())
            return
        if not self._book.is_inside(item.part) and not self._enter(item.part, item.time, item.time):
            self._counts.late_frames += 1
            return
        if not self._book.is_inside(item.part):  # it has left and its verdict is being taken
            self._counts.late_frames += 1
            return
        if isinstance(item, UnreadableFrame):
            self._book.add_error(item.part, item.reason)
            return
        region = self._region_of(item.image)
        self._book.saw(item.part, item.received)
        crop = np.ascontiguousarray(region.box.crop(item.image))
        self._add(PendingFrame(item.part, item.time, crop, region.mask_HW, (region.box.left, region.box.top)), stop)

    def finish(self, reason: EndReason) -> None:
        """Nothing is inside: the source has ended its parts."""
