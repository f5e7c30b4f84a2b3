"""A media reader that measures the time spent waiting for it."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from mm.media.types import RGB, Frame, Span, Waveform

if TYPE_CHECKING:
    from mm.spaces.encode.evidence import Reader


class TimedReader:
    """Delegates to a reader. `seconds` is the sum of the waits of all threads, as frames and audio
    are read concurrently."""

    def __init__(self, reader: Reader) -> None:
        self.seconds = 0.0
        self._reader = reader
        self._lock = threading.Lock()

    def image(self, path: Path, name: str, *, longest: int | None = None) -> RGB:
        with self._measure_wait():
            return self._reader.image(path, name, longest=longest)

    def frames(self, path: Path, name: str, span: Span, fps: float, longest: int | None) -> Iterator[Frame]:
        with self._measure_wait():
            frames = self._reader.frames(path, name, span, fps, longest)
        while True:
            with self._measure_wait():
                frame = next(frames, None)
            if frame is None:
                return
            yield frame

    def frame_at(self, path: Path, name: str, time: float, *, longest: int | None = None) -> RGB:
        with self._measure_wait():
            return self._reader.frame_at(path, name, time, longest=longest)

    def waveform(self, path: Path, name: str, span: Span) -> Waveform:
        with self._measure_wait():
            return self._reader.waveform(path, name, span)

    @contextmanager
    def _measure_wait(self) -> Iterator[None]:
        started = time.monotonic()
        try:
            yield
        finally:
            with self._lock:
                self.seconds += time.monotonic() - started
