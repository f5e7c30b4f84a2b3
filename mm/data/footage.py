"""What spliced films are made of: captioned photographs, and clips as pictures at a steady rate."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from mm.data.captioned_images import CaptionedImage, load_captioned_images, read_captioned_images
from mm.data.spliced_videos import Box, Mix, View, paths_of
from mm.errors import MediaError, UnsupportedMedia
from mm.files import read_json_lines
from mm.media import MediaReader
from mm.media.types import RGB, Span

SIDE = 224
"""Pixels of a side of a film."""
CLIP_RATE = 4.0
"""Pictures of a clip a second."""
CLIP_SECONDS = 60.0
"""Of a clip, from its beginning; the rest is left out."""
SHORTEST_CLIP = 1.0
EVERYTHING = "all"
"""The split of a set that has none: half of its groups are taken for train, half for dev."""


@dataclass(frozen=True, slots=True, eq=False)
class Footage:
    """Sources by number: photographs first, then clips."""

    photographs: Sequence[CaptionedImage]
    pictures: RGB
    """(P, SIDE, SIDE, 3)"""
    clips: Sequence[RGB]
    """Each (N, SIDE, SIDE, 3), `CLIP_RATE` a second."""

    @property
    def lengths(self) -> list[tuple[int, float]]:
        """Clips as sources with their seconds."""
        return [(len(self.photographs) + number, len(clip) / CLIP_RATE) for number, clip in enumerate(self.clips)]

    def picture(self, mix: Mix) -> RGB:
        """A frame (SIDE, SIDE, 3)."""
        seen = self._view(mix.view)
        if mix.other is not None:
            seen = (1 - mix.weight) * seen + mix.weight * self._view(mix.other)
        found: RGB = np.rint(mix.light * seen).astype(np.uint8)
        return found

    def _view(self, view: View) -> npt.NDArray[np.float32]:
        if view.source < len(self.photographs):
            return np.asarray(cropped(self.pictures[view.source], box_of(view)), np.float32)
        clip = self.clips[view.source - len(self.photographs)]
        found: npt.NDArray[np.float32] = clip[clip_index(view, len(clip))].astype(np.float32)
        return found


def box_of(view: View) -> Box:
    """The crop of a photograph that a view shows."""
    first, last = (np.array(box) for box in paths_of(view.source)[view.path])
    left, top, side = ((1 - view.share) * first + view.share * last).tolist()
    return left, top, side


def clip_index(view: View, count: int) -> int:
    """The picture of a clip that a view shows."""
    return min(round(view.time * CLIP_RATE), count - 1)


def cropped(picture: RGB, box: Box, side: int = SIDE) -> RGB:
    """A square part of a square picture, (side, side, 3)."""
    left, top, length = (share * len(picture) for share in box)
    part = (left, top, left + length, top + length)
    return np.asarray(Image.fromarray(picture).resize((side, side), Image.Resampling.BILINEAR, part))


def read_footage(
    data: Path, films: Sequence[Path], split: str, most: int, reader: MediaReader, on_progress: Callable[[str], None]
) -> Footage:
    """The first `most` photographs of a split, and all clips of sets that can be read. Raises
    `InvalidInput`."""
    rows = read_captioned_images(data, split)[:most]
    on_progress(f"{len(rows)} photographs of {split}")
    clips: list[RGB] = []
    for folder in films:
        for path in clip_files(folder, split):
            pictures = _clip(reader, path)
            if pictures is not None:
                clips.append(pictures)
        on_progress(f"{len(clips)} clips with those of {folder.name}")
    return Footage(rows, load_captioned_images(rows, SIDE), clips)


def clip_files(folder: Path, split: str) -> list[Path]:
    """The files of a split. Raises `InvalidInput`."""
    rows = read_json_lines(folder / "manifest.jsonl")
    groups = sorted({str(row["group"]) for row in rows if row["split"] == EVERYTHING})
    half = set(groups[::2] if split == "train" else groups[1::2])
    return [
        folder / row["file"]
        for row in rows
        if row["split"] == split or (row["split"] == EVERYTHING and str(row["group"]) in half and split in ("train", "dev"))
    ]


def _clip(reader: MediaReader, path: Path) -> RGB | None:
    """Pictures at a steady rate: what stands still is repeated. None for a file without them, or
    with too few."""
    try:
        info = reader.probe(path, path.name)
        if not info.has_video:
            return None
        end = min(info.duration, CLIP_SECONDS)
        frames = list(reader.frames(path, path.name, Span(0.0, end), CLIP_RATE, SIDE * 2))
    except (MediaError, UnsupportedMedia):
        return None
    if end < SHORTEST_CLIP or not frames:
        return None
    times = [frame.time for frame in frames]
    shown = np.maximum(np.searchsorted(times, np.arange(0.0, end, 1 / CLIP_RATE), side="right") - 1, 0)
    whole = [_square(frame.image) for frame in frames]
    return np.stack([whole[index] for index in shown])


def _square(image: RGB) -> RGB:
    """The middle of a picture."""
    height, width = image.shape[:2]
    side = min(height, width)
    left, top = (width - side) / 2, (height - side) / 2
    resized = Image.fromarray(image).resize((SIDE, SIDE), Image.Resampling.BILINEAR, (left, top, left + side, top + side))
    return np.asarray(resized)
