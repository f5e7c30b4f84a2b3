"""One frame of the source of a line, on which its region is drawn."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from mm.errors import NotFound, Unavailable
from mm.line.open import open_source
from mm.line.types import SourceFrame

if TYPE_CHECKING:
    from mm.media import MediaReader
    from mm.media.types import RGB
    from mm.schemas import LineSource
    from mm.settings import Settings

FRAME_SECONDS = 10.0


def read_frame(settings: Settings, reader: MediaReader, source: LineSource, path: str, cancelled: threading.Event) -> RGB:
    """The first frame of a source, uint8 RGB (H, W, 3); `path` is that of a folder or video.

    Raises as `open_source`, and `NotFound` for a folder without an image, for a camera whose host
    is not known, and if no frame arrives in 10 seconds or `cancelled` is set.
    """
    try:
        opened = open_source(source.camera or path, reader, settings, source.pattern, source.images_per_part, once=True)
    except Unavailable as error:
        raise NotFound(str(error)) from error  # this service is available; the camera is not
    timer = threading.Timer(FRAME_SECONDS, cancelled.set)
    timer.start()
    try:
        for item in opened.items(0.0, cancelled, lambda part: False):
            if isinstance(item, SourceFrame):
                return item.image
    finally:
        timer.cancel()
        cancelled.set()
    if source.folder is not None:
        raise NotFound(f"The folder {source.folder} has no image yet; a region is drawn on the first one.")
    raise NotFound(f"No frame arrived within {FRAME_SECONDS:g} s; check the address of the camera and whether it is on.")
