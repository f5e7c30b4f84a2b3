"""A video file as a source: every frame, in the order of presentation, once."""

from __future__ import annotations

import time
from contextlib import closing
from typing import TYPE_CHECKING

from mm.errors import InvalidInput, NotFound
from mm.files import hash_file
from mm.line.types import SourceFrame
from mm.media.types import Span

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from mm.line.types import SourceItem
    from mm.media.reader import MediaReader

MAX_FPS = 30.0


class VideoFile:
    """Reads a video at most at `fps` frames per second, as fast as the parts are inspected.

    With `pace` it is replayed in real time and its frames are lost when they are not taken in time,
    as those of a camera. Raises `NotFound`, `InvalidInput` when it is no video, and `MediaError`.
    """

    def __init__(self, path: Path, reader: MediaReader, fps: float = MAX_FPS, *, pace: bool = False) -> None:
        if not path.is_file():
            raise NotFound(f"{path} does not exist or is not a file.")
        self._info = reader.probe(path, path.name)
        if self._info.kind != "video":
            raise InvalidInput(f"{path.name} is not a video; a folder of images is a source, a single image is not.")
        # Containers round times: frames that are not to be left out get intervals of their own.
        rate = fps if self._info.fps > 1.02 * fps else 4 * fps
        self._path, self._reader, self._rate, self._pace = path, reader, rate, pace
        self.key = hash_file(path, 12)

    @property
    def is_live(self) -> bool:
        return self._pace

    @property
    def has_part_ids(self) -> bool:
        return False

    @property
    def num_lost(self) -> int:
        return 0

    def items(self, start: float, stop: threading.Event, is_decided: Callable[[str], bool]) -> Iterator[SourceItem]:
        span = Span(start, max(start, self._info.duration + 1.0))
        began: float | None = None
        with closing(self._reader.every_frame(self._path, self._path.name, span, self._rate)) as frames:  # type: ignore[type-var]
            for frame in frames:
                now = time.monotonic()
                if self._pace:
                    began = now - (frame.time - start) if began is None else began
                    if stop.wait(max(0.0, began + frame.time - start - now)):
                        return
                    now = time.monotonic()
                if stop.is_set():
                    return
                yield SourceFrame(frame.time, frame.image, now)
