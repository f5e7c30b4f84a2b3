"""Thumbnails of items, decoded in the sandbox and cached on disk. The cache may be deleted at any
time."""

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

SIZES = (160, 320, 640, 1280)  # longest side, px; a request gets the next larger size, so that the cache holds few variants
MAX_CACHED = 2000  # thumbnails of one item on disk; further ones are decoded for each request
WAVEFORM_SECONDS = 30.0  # length of the waveform that is drawn for audio
BACKGROUND, BAR = (24, 32, 44), (96, 190, 255)


@dataclass(frozen=True, slots=True)
class _CacheEntry:
    """Path of a cached thumbnail, the time that it shows, and its size."""

    path: Path
    time: float
    size: int


class Thumbnails:
    """Thumbnails of stored items, cached in `folder`. Safe to use from several threads."""

    def __init__(self, folder: Path, reader: MediaReader, seconds: float) -> None:
        """`seconds` is the time limit of one thumbnail."""
        self._folder = folder
        self._reader = reader
        self._seconds = seconds

    def read_cached(self, item: ItemRow, time: float, longest: int) -> bytes | None:
        """Return the thumbnail that `render` returns, if it is cached."""
        try:
            return self._locate(item, time, longest).path.read_bytes()
        except FileNotFoundError:
            return None

    def render(self, item: ItemRow, blob: Path, time: float, longest: int, cancelled: threading.Event) -> bytes:
        """Return a WebP of `item` at `time` seconds, its longest side about `longest` px; of a
        video, the key frame before it.

        Raises `MissingData`; `MediaError`, with the reason `timeout` over the time limit; and
        `Cancelled` when the event is set, which ends the decoding child.
        """
        cached = self.read_cached(item, time, longest)  # another request may have rendered it
        if cached is not None:
            return cached
        entry = self._locate(item, time, longest)
        data = encode_webp(self._decode(item, blob, entry, cancelled), longest=entry.size)
        self._write_cache(entry.path, data)
        return data

    def render_file(self, path: Path, time: float, longest: int, cancelled: threading.Event) -> bytes:
        """Return a WebP of a file that is no item, as `render` does, and cache nothing."""
        info = self._reader.probe(path, path.name)
        return encode_webp(
            self._decode_file(path, path.name, info.kind, info.duration, time, longest, cancelled), longest=longest
        )

    def delete(self, item_id: str) -> None:
        """Delete all thumbnails of an item."""
        shutil.rmtree(self._get_folder(item_id), ignore_errors=True)

    def _get_folder(self, item_id: str) -> Path:
        return self._folder / item_id[:2] / item_id

    def _locate(self, item: ItemRow, time: float, longest: int) -> _CacheEntry:
        size = next((size for size in SIZES if size >= longest), SIZES[-1])
        time = min(max(time, 0.0), item.duration)
        return _CacheEntry(self._get_folder(item.id) / f"{round(time * 1000)}-{size}.webp", time, size)

    def _decode(self, item: ItemRow, blob: Path, entry: _CacheEntry, cancelled: threading.Event) -> RGB:
        time, size = entry.time, entry.size
        if not blob.exists():
            raise MissingData(f"The file {blob.name} is not in the folder blobs of MM_HOME. {RESTORE}")
        return self._decode_file(blob, item.name, item.kind, item.duration, time, size, cancelled)

    def _decode_file(
        self, path: Path, name: str, kind: str, duration: float, time: float, size: int, cancelled: threading.Event
    ) -> RGB:
        if kind != "audio":
            return self._reader.thumbnail(path, name, time, longest=size, deadline_seconds=self._seconds, cancelled=cancelled)
        span = Span(time, max(min(time + WAVEFORM_SECONDS, duration), time + 0.1))
        return draw_waveform(self._reader.waveform(path, name, span, rate=SPEECH_RATE), size)

    def _write_cache(self, path: Path, data: bytes) -> None:
        """Cache a thumbnail; a full disk is no error."""
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            if sum(1 for _ in path.parent.iterdir()) >= MAX_CACHED:
                return
            write_atomic(path, data, durable=False)
        except OSError as error:
            structlog.get_logger().warning("thumbnail not cached", detail=str(error))


def encode_webp(image: RGB, *, longest: int, quality: int = 80) -> bytes:
    """Encode `image` (height, width, 3) as WebP, scaled down so that no side exceeds `longest`."""
    picture = Image.fromarray(image)
    if max(picture.size) > longest:
        picture.thumbnail((longest, longest), Image.Resampling.LANCZOS)
    buffer = io.BytesIO()
    picture.save(buffer, "WEBP", quality=quality, method=2)
    return buffer.getvalue()


def encode_jpeg(image: RGB, quality: int = 85) -> bytes:
    """Encode `image` (height, width, 3) as JPEG."""
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "JPEG", quality=quality)
    return buffer.getvalue()


def draw_waveform(samples: Waveform, width: int) -> RGB:
    """Draw loudness over time as bars, 16:9, `width` px wide."""
    height = width * 9 // 16
    image = Image.new("RGB", (width, height), BACKGROUND)
    pen = ImageDraw.Draw(image)
    step, bars = max(width // 80, 2), max(width // max(width // 80, 2), 1)
    peaks = [float(np.abs(bin_samples).max(initial=0.0)) for bin_samples in np.array_split(samples, bars)]
    loudest = max(max(peaks), 1e-3)
    for bar, peak in enumerate(peaks):
        half_height = max(round(0.42 * height * peak / loudest), 1)
        left = bar * step
        pen.rectangle((left, height // 2 - half_height, left + step * 2 // 3, height // 2 + half_height), fill=BAR)
    return np.asarray(image, dtype=np.uint8)
