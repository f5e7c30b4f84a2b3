"""An image or a video as a clip, without a scale."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

from mm.errors import InvalidInput
from mm.lesions.clips.clip import FrameSource
from mm.lesions.views import View
from mm.media.types import Span

if TYPE_CHECKING:
    from mm.media import MediaReader
    from mm.media.types import RGB

MAX_FPS = 30.0
"""Frames of a video that are analysed, per second."""
NO_SCALE = "The file states no scale: sizes are in pixels."


class MediaClip:
    """An image, or the frames of a video, analysed as a whole."""

    def __init__(self, path: Path, name: str, reader: MediaReader, max_fps: float = MAX_FPS) -> None:
        """Raises `InvalidInput` for audio, and as `MediaReader.probe`."""
        self._path, self._name, self._reader = path, name, reader
        self._info = reader.probe(path, name)
        if self._info.kind == "audio":
            raise InvalidInput(f"{name} has no image.")
        self._fps = min(self._info.fps or max_fps, max_fps)
        # Rounded times of a container may put two frames into one interval: intervals are shorter
        # than a frame unless frames are to be left out.
        self._rate = max_fps if self._info.fps > max_fps else 4 * max_fps

    def describe(self) -> FrameSource:
        """The attributes; the size of a video is that of its first frame as it is decoded."""
        info = self._info
        width, height, notes = info.width, info.height, [NO_SCALE]
        if info.kind == "image":
            return FrameSource(self._name, width, height, 0.0, (View(0, 0, width, height, None),), tuple(notes), 1)
        if info.fps > self._fps:
            notes.append(f"Of {info.fps:g} frames a second, {self._fps:g} were analysed.")
        views = (View(0, 0, width, height, None),)
        count = max(1, round(info.duration * self._fps))
        return FrameSource(self._name, width, height, 1 / self._fps, views, tuple(notes), count)

    def frames(self) -> Iterator[tuple[float, RGB]]:
        """The image, or all frames of the video."""
        if self._info.kind == "image":
            yield 0.0, self._reader.image(self._path, self._name)
            return
        span = Span(0.0, self._info.duration + 1.0)
        with closing(self._reader.every_frame(self._path, self._name, span, self._rate)) as frames:  # type: ignore[type-var]
            for frame in frames:
                yield frame.time, frame.image

    def choose(self, numbers: Sequence[int]) -> Iterator[RGB]:
        """Frames by their numbers; a video is decoded up to the last of them."""
        wanted = set(numbers)
        if not wanted:
            return
        with closing(self.frames()) as frames:  # type: ignore[type-var]
            for number, (_, image) in enumerate(frames):
                if number in wanted:
                    yield image
                if number >= max(wanted):
                    return

    def identity(self) -> None:
        """No identifiers."""
        return
