"""A WebM video of all frames with the outlines and the tracks of candidates."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

from mm.files import TEMPORARY
from mm.lesions.exports.overlay import draw_overlay

if TYPE_CHECKING:
    from mm.lesions.types import LesionAnalysis, Mark
    from mm.media.types import RGB

CODEC = "libvpx"
"""VP8, which every browser plays and whose encoder has a permissive licence."""
OPTIONS = {"deadline": "realtime", "cpu-used": "8", "crf": "12", "b": "4M"}
TIME_BASE = Fraction(1, 1000)
SHOWN_SECONDS = 0.04
"""Duration of a frame where the file states none."""
TRAIL_FRAMES = 30
"""Frames of a candidate whose centres are drawn as a line."""


def export_track_video(analysis: LesionAnalysis, frames: Iterable[RGB], path: Path) -> None:
    """Write the video of all frames, uint8 (H, W, 3), in order.

    The notice is drawn below each frame and stored as the title. A file with this path is replaced
    when the video is complete. Raises `InvalidInput` for a frame of another size.
    """
    import av

    temporary = path.with_name(f".{path.name}{TEMPORARY}")
    try:
        with av.open(str(temporary), "w", format="webm") as output:
            output.metadata["title"] = analysis.notice
            stream = output.add_stream(CODEC, rate=25, options=OPTIONS)
            stream.pix_fmt, stream.time_base, stream.codec_context.time_base = "yuv420p", TIME_BASE, TIME_BASE
            for number, canvas in enumerate(_draw_frames(analysis, frames)):
                if not number:
                    stream.height, stream.width = canvas.shape[:2]
                picture = av.VideoFrame.from_ndarray(canvas, "rgb24")
                seconds = analysis.seconds_of(number)
                picture.pts, picture.time_base = round(1000 * (number * SHOWN_SECONDS if seconds is None else seconds)), TIME_BASE
                output.mux(stream.encode(picture))
            output.mux(stream.encode(None))
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def _draw_frames(analysis: LesionAnalysis, frames: Iterable[RGB]) -> Iterator[RGB]:
    by_frame: dict[int, list[Mark]] = defaultdict(list)
    for mark in analysis.list_marks():
        by_frame[mark.frame].append(mark)
    for number, image in enumerate(frames):
        marks = by_frame[number]
        yield draw_overlay(analysis, marks, image, [(mark, _trail(mark)) for mark in marks])


def _trail(mark: Mark) -> list[tuple[int, int]]:
    """Centres of the candidate up to the frame of this region, in pixels of the whole frame."""
    left, top = mark.view.left, mark.view.top
    boxes = [region.box for frame, region in mark.candidate.regions.items() if mark.frame - TRAIL_FRAMES <= frame <= mark.frame]
    return [(left + x + width // 2, top + y + height // 2) for x, y, width, height in boxes]
