"""A reader of a video, an image or audio that exists only as arrays."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from mm.media.types import RGB, SPEECH_RATE, Frame, MediaFile, MediaInfo, Span, Waveform


def plain(red: int, green: int, blue: int) -> RGB:
    """An image of one colour."""
    return np.full((48, 64, 3), (red, green, blue), np.uint8)


def media_file(kind: str, duration: float, *, audio: bool = False) -> MediaFile:
    """A file that does not exist, as the probe would report it."""
    info = MediaInfo(kind, "x", "x/x", duration, 64, 48, 0, 5.0, "h264", "aac" if audio else "")  # type: ignore[arg-type]
    return MediaFile(Path("none"), "a.x", info)


@dataclass
class FakeReader:
    """`shots` are spans of one colour each; one frame is sampled at the start of each shot."""

    shots: list[tuple[Span, RGB]] = field(default_factory=list)
    sound: Waveform = field(default_factory=lambda: np.zeros(0, np.float32))
    waveform_spans: list[Span] = field(default_factory=list)
    marks_cuts: bool = True

    def image(self, path: Path, name: str, *, longest: int | None = None) -> RGB:
        return self.shots[0][1]

    def frames(self, path: Path, name: str, span: Span, fps: float, longest: int | None) -> Iterator[Frame]:
        for shot, picture in self.shots:
            start = max(shot.start, span.start)
            if start < min(shot.end, span.end):
                yield Frame(start, picture, self.marks_cuts and start > span.start, shot.start if self.marks_cuts else 0.0)

    def frame_at(self, path: Path, name: str, time: float, *, longest: int | None = None) -> RGB:
        return next(picture for shot, picture in reversed(self.shots) if shot.start <= time)

    def waveform(self, path: Path, name: str, span: Span) -> Waveform:
        self.waveform_spans.append(span)
        return self.sound[int(span.start * SPEECH_RATE) : int(span.end * SPEECH_RATE)]
