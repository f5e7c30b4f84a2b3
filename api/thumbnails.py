"""Small pictures of moments: decoded in the sandbox once, then served from a cache on disk that may
be deleted at any time."""

from __future__ import annotations

import io
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import structlog
from PIL import Image, ImageDraw

from api.http.ranges import RESTORE
from mm.errors import MissingData
from mm.files import write_atomic
from mm.media.types import RGB, SPEECH_RATE, Span, Waveform

if TYPE_CHECKING:
    import threading

    from indexes.catalog.records import ItemRow
    from mm.media import MediaReader

SIZES = (160, 320, 640, 1280)  # longest side, px; a request gets the next larger one, so that few are ever made
MAX_CACHED = 2000  # pictures of one item on disk; beyond, they are made anew each time
WAVEFORM_SECONDS = 30.0  # of a sound are drawn, from the asked moment on
BACKGROUND, BAR = (24, 32, 44), (96, 190, 255)


@dataclass(frozen=True, slots=True)
class _Place:
    """Where one picture is kept, and what it shows."""

    path: Path
    time: float
    size: int


class Thumbnails:
    """Thumbnails of stored items, kept under `folder`. Safe to use from several threads."""

    def __init__(self, folder: Path, reader: MediaReader, seconds: float) -> None:
        """`seconds` is how long one picture may take."""
        self._folder = folder
        self._reader = reader
        self._seconds = seconds

    def find(self, item: ItemRow, time: float, longest: int) -> bytes | None:
        """The picture that `make` gives, where it is kept; decodes nothing."""
        try:
            return self._place(item, time, longest).path.read_bytes()
        except FileNotFoundError:
            return None

    def make(self, item: ItemRow, blob: Path, time: float, longest: int, cancelled: threading.Event) -> bytes:
        """WebP of `item` at `time` seconds, its longest side about `longest` px; of a video, the
        key frame before it.

        Raises `MissingData`; `MediaError`, with the reason `timeout` after the longest time for one
        picture; and `Cancelled` when the event is set: the decoding child is ended then.
        """
        kept = self.find(item, time, longest)  # made while this request waited
        if kept is not None:
            return kept
        place = self._place(item, time, longest)
        picture = encode_webp(self._picture(item, blob, place, cancelled), longest=place.size)
        self._keep(place.path, picture)
        return picture

    def forget(self, item_id: str) -> None:
        """Remove all pictures of an item."""
        shutil.rmtree(self._of(item_id), ignore_errors=True)

    def _of(self, item_id: str) -> Path:
        return self._folder / item_id[:2] / item_id

    def _place(self, item: ItemRow, time: float, longest: int) -> _Place:
        size = next((size for size in SIZES if size >= longest), SIZES[-1])
        time = min(max(time, 0.0), item.duration)
        return _Place(self._of(item.id) / f"{round(time * 1000)}-{size}.webp", time, size)

    def _picture(self, item: ItemRow, blob: Path, place: _Place, cancelled: threading.Event) -> RGB:
        time, size = place.time, place.size
        if not blob.exists():
            raise MissingData(f"The file {blob.name} is not in the folder blobs of MM_HOME. {RESTORE}")
        if item.kind != "audio":
            return self._reader.thumbnail(
                blob, item.name, time, longest=size, deadline_seconds=self._seconds, cancelled=cancelled
            )
        span = Span(time, max(min(time + WAVEFORM_SECONDS, item.duration), time + 0.1))
        return draw_waveform(self._reader.waveform(blob, item.name, span, rate=SPEECH_RATE), size)

    def _keep(self, path: Path, picture: bytes) -> None:
        """Where the disk takes it: a full one must not hide the picture."""
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            if sum(1 for _ in path.parent.iterdir()) >= MAX_CACHED:
                return
            write_atomic(path, picture, durable=False)
        except OSError as error:
            structlog.get_logger().warning("thumbnail not kept", detail=str(error))


def encode_webp(image: RGB, *, longest: int, quality: int = 80) -> bytes:
    """WebP of `image` (height, width, 3), scaled down until no side is over `longest`."""
    picture = Image.fromarray(image)
    if max(picture.size) > longest:
        picture.thumbnail((longest, longest), Image.Resampling.LANCZOS)
    buffer = io.BytesIO()
    picture.save(buffer, "WEBP", quality=quality, method=2)
    return buffer.getvalue()


def draw_waveform(samples: Waveform, width: int) -> RGB:
    """Loudness over time as bars, 16:9, `width` px wide."""
    height = width * 9 // 16
    picture = Image.new("RGB", (width, height), BACKGROUND)
    pen = ImageDraw.Draw(picture)
    step, bars = max(width // 80, 2), max(width // max(width // 80, 2), 1)
    peaks = [float(np.abs(part).max(initial=0.0)) for part in np.array_split(samples, bars)]
    loudest = max(max(peaks), 1e-3)
    for bar, peak in enumerate(peaks):
        reach = max(round(0.42 * height * peak / loudest), 1)
        left = bar * step
        pen.rectangle((left, height // 2 - reach, left + step * 2 // 3, height // 2 + reach), fill=BAR)
    return np.asarray(picture, dtype=np.uint8)
