"""Cuts the frames of a camera into chunks at key frames, and records the times without video."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Protocol

from mm.errors import StorageFull
from mm.line.sources.rtsp.units import ConnectionEnd, LiveUnit
from mm.watch.stream.mp4 import CLOCK
from mm.watch.stream.parameter_sets import has_all_kinds, parameter_sets_in, split_units
from mm.watch.stream.spool import ChunkHead, ChunkWriter, SpooledFrame, last_number, list_chunks, measure_chunks, recover
from mm.watch.stream.state import StreamGap
from mm.watch.types import OnEvent, WatchEvent

if TYPE_CHECKING:
    import threading
    from collections.abc import Iterator

    from mm.watch.stream.state import StreamState

CHUNK_SECONDS = 60.0
MAX_CHUNK_BYTES, SPOOL_BYTES = 512 << 20, 5_000_000_000
GAP_SECONDS = 2.0  # from frame to frame, above which a time without video is recorded
MAX_DRIFT_SECONDS = 5.0  # between the clock of the camera and the arrival of its frames
EARLY_SECONDS = 0.5  # a chunk may end this much earlier, at a key frame
NO_FRAMES, NOT_RUNNING, LOST = "the camera sent no frames", "the command was not running", "frames were lost"
FULL = "the chunks that wait for the service fill their space (--spool)"


class Camera(Protocol):
    """Where frames come from."""

    def items(self, stop: threading.Event) -> Iterator[LiveUnit | ConnectionEnd]:
        """Frames until `stop`, and why connections ended."""
        ...


class Recorder:
    """Writes chunks into the folder of a stream. `run` may be called once.

    A chunk begins at a key frame, and has no gap: after an interruption, or when the format
    changes, another one begins. A camera that sends no key frame for long has longer chunks.
    """

    def __init__(
        self,
        name: str,
        camera: Camera,
        state: StreamState,
        on_event: OnEvent,
        chunk_seconds: float = CHUNK_SECONDS,
        max_chunk_bytes: int = MAX_CHUNK_BYTES,
        spool_bytes: int = SPOOL_BYTES,
    ) -> None:
        """With `spool_bytes` of complete chunks that are not sent, recording pauses."""
        self._name, self._camera, self._state, self._on_event = name, camera, state, on_event
        self._chunk_seconds, self._max_chunk_bytes, self._spool_bytes = chunk_seconds, max_chunk_bytes, spool_bytes
        recover(state.folder)
        waiting = list(measure_chunks(state.folder))
        self._number = max(state.last_number, last_number(state.folder))
        self._last_arrival = max([state.last_time, *(chunk.end for chunk in waiting)])
        self._reason = NOT_RUNNING if self._last_arrival else ""  # of the present gap; empty while recording
        self._writer: ChunkWriter | None = None
        self._sets: tuple[bytes, ...] = ()
        self._first_ticks, self._ticks, self._timestamp = 0, 0, 0

    def run(self, stop: threading.Event) -> None:
        """Record until `stop`; the last chunk is complete afterwards."""
        try:
            for item in self._camera.items(stop):
                if isinstance(item, ConnectionEnd):
                    self._interrupt(item.reason)
                else:
                    self._add(item)
        finally:
            self._close()

    def _interrupt(self, reason: str) -> None:
        """End the chunk. A gap lasts until the next frame, and is recorded then."""
        self._close()
        if self._reason != reason:
            self._on_event(WatchEvent("lost", self._name, detail=reason))
        self._reason = self._reason or reason

    def _add(self, item: LiveUnit) -> None:
        unit = item.unit
        seconds = item.time - self._last_arrival
        if self._writer is not None:
            step = ((unit.timestamp - self._timestamp + (1 << 31)) & 0xFFFFFFFF) - (1 << 31)
            if abs(step / CLOCK - seconds) > MAX_DRIFT_SECONDS:  # the clock of the camera was set
                step = max(1, round(seconds * CLOCK))
            if unit.is_key and step > GAP_SECONDS * CLOCK:
                self._close()
                self._reason = LOST
            self._ticks, self._timestamp = self._ticks + step, unit.timestamp
        sets = self._find_sets(item) if unit.is_key else self._sets
        if self._writer is not None and unit.is_key and self._is_due(sets):
            self._close()
        if self._writer is None and not (unit.is_key and self._begin(item, sets)):
            return
        assert self._writer is not None
        try:
            self._writer.add(SpooledFrame(item.time, self._ticks, unit.is_key, unit.data))
        except StorageFull as error:
            self._writer = None
            recover(self._state.folder)
            self._interrupt(str(error))
            return
        self._last_arrival = item.time

    def _find_sets(self, item: LiveUnit) -> tuple[bytes, ...]:
        """Parameter sets of a key frame: its own, else those before, else of the description."""
        own = parameter_sets_in(item.codec, split_units(item.unit.data))
        described = parameter_sets_in(item.codec, split_units(item.parameter_sets))
        candidates = (own, self._sets, described)
        return next((sets for sets in candidates if has_all_kinds(item.codec, sets)), ())

    def _is_due(self, sets: tuple[bytes, ...]) -> bool:
        assert self._writer is not None
        seconds = (self._ticks - self._first_ticks) / CLOCK
        is_large = self._writer.num_bytes >= self._max_chunk_bytes
        return seconds >= self._chunk_seconds - EARLY_SECONDS or is_large or sets != self._sets

    def _begin(self, item: LiveUnit, sets: tuple[bytes, ...]) -> bool:
        """Begin a chunk with a key frame; False where it cannot be decoded, or has no space."""
        if not sets:
            return False
        waiting = list_chunks(self._state.folder)
        if waiting and sum(path.stat().st_size for path in waiting) >= self._spool_bytes:
            if self._reason != FULL:
                self._interrupt(FULL)
            return False
        reason = self._reason or (NO_FRAMES if self._last_arrival and item.time - self._last_arrival > GAP_SECONDS else "")
        if reason and item.time > self._last_arrival:
            self._state.add_gap(StreamGap(self._last_arrival or item.time, item.time, reason))
            seconds = item.time - self._last_arrival
            self._on_event(WatchEvent("gap", self._name, detail=f"{seconds:.1f} s until {_clock(item.time)}: {reason}"))
        self._reason = ""
        self._number += 1
        self._writer = ChunkWriter(self._state.folder, self._number, ChunkHead(item.codec, sets))
        self._sets, self._first_ticks, self._timestamp = sets, self._ticks, item.unit.timestamp
        return True

    def _close(self) -> None:
        writer, self._writer = self._writer, None
        if writer is not None:
            writer.close()


def _clock(seconds: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(seconds))
