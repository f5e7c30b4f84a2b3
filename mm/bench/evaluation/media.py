"""Photos and short videos that an evaluation encodes, each with unique bytes."""

from __future__ import annotations

import io
from pathlib import Path

from PIL import Image

from mm.bench.ingest.photos import QUALITY, make_motifs, make_photo
from mm.bench.ingest.video import write_video
from mm.data.sets.types import SetItem

SMALL = (500, 375)
"""Pixels of a photo of Flickr30K or COCO, more or less."""
CLIP_SIZE = (640, 360)
FREE = b"free"
"""A box of an MP4 file that readers skip."""


def write_photos(folder: Path, count: int, seed: int = 0, size: tuple[int, int] | None = None) -> list[SetItem]:
    """Write JPEGs of 12 megapixels, or of `size` (width, height)."""
    folder.mkdir(parents=True)
    motifs = make_motifs(seed)
    if size is not None:
        motifs = [_resize(motif, size) for motif in motifs]
    paths = [folder / f"{number}.jpg" for number in range(count)]
    for number, path in enumerate(paths):
        path.write_bytes(make_photo(motifs[number % len(motifs)], number))
    return [SetItem(path.name, path, path.name) for path in paths]


def write_clips(folder: Path, count: int, seconds: float) -> list[SetItem]:
    """Write H.264 videos without audio. Raises `Unavailable` as `write_video`."""
    folder.mkdir(parents=True)
    clip = write_video(folder / "clip.mp4", seconds, CLIP_SIZE, speech=False)
    data = clip.read_bytes()
    clip.unlink()
    paths = [folder / f"{number}.mp4" for number in range(count)]
    for number, path in enumerate(paths):
        path.write_bytes(data + (16).to_bytes(4) + FREE + number.to_bytes(8))
    return [SetItem(path.name, path, path.name, duration=seconds) for path in paths]


def _resize(photo: bytes, size: tuple[int, int]) -> bytes:
    out = io.BytesIO()
    Image.open(io.BytesIO(photo)).resize(size, Image.Resampling.LANCZOS).save(out, "JPEG", quality=QUALITY)
    return out.getvalue()
