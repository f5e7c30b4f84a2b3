"""The sources of spliced videos: captioned images, and clips as images at a constant frame rate."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from mm.data.captioned_images import CaptionedImage, load_captioned_images, read_captioned_images
from mm.data.spliced_videos import Box, FrameMix, View, crop_paths
from mm.errors import MediaError, UnsupportedMedia
from mm.files import read_json_lines
from mm.media import MediaReader
from mm.media.types import RGB, Span

SIDE = 224
"""Width and height of a spliced video, in pixels."""
CLIP_FPS = 4.0
"""Frames of a clip that are read, a second."""
MIN_CLIP_SECONDS, MAX_CLIP_SECONDS = 1.0, 60.0
"""Shorter clips are left out, longer ones are truncated."""
UNSPLIT = "all"
"""The split named in data sets without splits: half of their groups are train, half are dev."""


@dataclass(frozen=True, slots=True, eq=False)
class Footage:
    """Sources by number: images first, then clips."""

    captioned: Sequence[CaptionedImage]
    images: RGB
    """(P, SIDE, SIDE, 3)"""
    clips: Sequence[RGB]
    """Each (N, SIDE, SIDE, 3), `CLIP_FPS` a second."""

    @property
    def clip_durations(self) -> list[tuple[int, float]]:
        """Source number and seconds of each clip."""
        return [(len(self.captioned) + number, len(clip) / CLIP_FPS) for number, clip in enumerate(self.clips)]

    def render(self, mix: FrameMix) -> RGB:
        """A frame (SIDE, SIDE, 3)."""
        pixels = self._view(mix.view)
        if mix.other is not None:
            pixels = (1 - mix.weight) * pixels + mix.weight * self._view(mix.other)
        frame: RGB = np.rint(mix.brightness * pixels).astype(np.uint8)
        return frame

    def _view(self, view: View) -> npt.NDArray[np.float32]:
        if view.source < len(self.captioned):
            return np.asarray(crop_image(self.images[view.source], locate_crop(view)), np.float32)
        clip = self.clips[view.source - len(self.captioned)]
        pixels: npt.NDArray[np.float32] = clip[find_clip_frame(view, len(clip))].astype(np.float32)
        return pixels


def locate_crop(view: View) -> Box:
    """The crop of an image that a view shows."""
    first, last = (np.array(box) for box in crop_paths(view.source)[view.path])
    left, top, side = ((1 - view.share) * first + view.share * last).tolist()
    return left, top, side


def find_clip_frame(view: View, num_frames: int) -> int:
    """Index of the frame of a clip that a view shows."""
    return min(round(view.time * CLIP_FPS), num_frames - 1)


def crop_image(image: RGB, box: Box, side: int = SIDE) -> RGB:
    """Cut a square out of a square image and resize it to (side, side, 3)."""
    left, top, length = (share * len(image) for share in box)
    corners = (left, top, left + length, top + length)
    return np.asarray(Image.fromarray(image).resize((side, side), Image.Resampling.BILINEAR, corners))


def read_footage(
    data: Path, clip_sets: Sequence[Path], split: str, max_images: int, reader: MediaReader, on_progress: Callable[[str], None]
) -> Footage:
    """Read the first `max_images` images of a split and all readable clips.

    Raises `InvalidInput` when a data set cannot be read.
    """
    captioned = read_captioned_images(data, split)[:max_images]
    on_progress(f"{len(captioned)} images of {split}")
    clips: list[RGB] = []
    for folder in clip_sets:
        for path in list_clips(folder, split):
            frames = _read_clip(reader, path)
            if frames is not None:
                clips.append(frames)
        on_progress(f"{len(clips)} clips, including those of {folder.name}")
    return Footage(captioned, load_captioned_images(captioned, SIDE), clips)


def list_clips(folder: Path, split: str) -> list[Path]:
    """The clip files of a split. Raises `InvalidInput` when the manifest cannot be read."""
    rows = read_json_lines(folder / "manifest.jsonl")
    groups = sorted({str(row["group"]) for row in rows if row["split"] == UNSPLIT})
    half = set(groups[::2] if split == "train" else groups[1::2])
    return [
        folder / row["file"]
        for row in rows
        if row["split"] == split or (row["split"] == UNSPLIT and str(row["group"]) in half and split in ("train", "dev"))
    ]


def _read_clip(reader: MediaReader, path: Path) -> RGB | None:
    """Frames at `CLIP_FPS`, static ones repeated; None for an unreadable or too short clip."""
    try:
        info = reader.probe(path, path.name)
        if not info.has_video:
            return None
        end = min(info.duration, MAX_CLIP_SECONDS)
        frames = list(reader.frames(path, path.name, Span(0.0, end), CLIP_FPS, SIDE * 2))
    except (MediaError, UnsupportedMedia):
        return None
    if end < MIN_CLIP_SECONDS or not frames:
        return None
    times = [frame.time for frame in frames]
    indices = np.maximum(np.searchsorted(times, np.arange(0.0, end, 1 / CLIP_FPS), side="right") - 1, 0)
    images = [_crop_centre(frame.image) for frame in frames]
    return np.stack([images[index] for index in indices])


def _crop_centre(image: RGB) -> RGB:
    """The largest central square, resized to SIDE."""
    height, width = image.shape[:2]
    side = min(height, width)
    left, top = (width - side) / 2, (height - side) / 2
    resized = Image.fromarray(image).resize((SIDE, SIDE), Image.Resampling.BILINEAR, (left, top, left + side, top + side))
    return np.asarray(resized)
