"""Spliced videos, rendered to H.264 files and read, sampled and encoded as an upload is."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import av
import numpy as np
import numpy.typing as npt

from mm.data.footage import SIDE, Footage
from mm.data.spliced_videos import SplicedVideo, compose_frame
from mm.media.segmenting import cut_segments
from mm.media.types import Span
from mm.numerics import mean_direction
from mm.spaces.encode.events import event_edges
from mm.spaces.encode.evidence import EncodedFrame
from mm.spaces.encode.frames import encode_frames, frame_vectors_in
from mm.spaces.encode.scenes import boundary_time, to_sequence

if TYPE_CHECKING:
    from mm.media import MediaReader
    from mm.models.temporal.frames import FrameSequence
    from mm.models.types import ImageEmbedder

FPS = 12
SAMPLE_FPS = 2.0
X264 = {"preset": "veryfast", "crf": "23"}
MAX_SEGMENT = 10.0
"""Seconds of the longest segment, as in the index."""

Spans = npt.NDArray[np.float64]
"""Start and end (N, 2), seconds."""


@dataclass(frozen=True, slots=True, eq=False)
class RenderedVideo:
    """The plan of a video, which is the ground truth, and the frames decoded from its file."""

    plan: SplicedVideo
    frames: Sequence[EncodedFrame]
    duration: float
    segments: Spans
    """Segments within shots, as in the index."""
    segment_vectors: npt.NDArray[np.float32]
    """(S, D)"""

    @property
    def sequence(self) -> FrameSequence:
        """The input of the temporal network."""
        return to_sequence(self.frames)

    def boundary_before(self, index: int) -> float:
        """The time of the cut before a frame, or the middle between it and the previous frame."""
        return boundary_time(self.frames, index)


def render_video(
    footage: Footage, plan: SplicedVideo, tower: ImageEmbedder, reader: MediaReader, *, event_cuts: bool = True
) -> RenderedVideo:
    """Write a video to a temporary file, then decode and encode it.

    Segments are cut as in ingest, with `event_cuts` also at events.
    """
    with tempfile.TemporaryDirectory(prefix="mm-video-") as folder:
        path = Path(folder) / "video.mp4"
        write_video(footage, plan, path)
        info = reader.probe(path, path.name)
        sampled = reader.frames(path, path.name, Span(0.0, info.duration), SAMPLE_FPS, tower.size * 2)
        return _cut(plan, encode_frames(tower, sampled, lambda _: None), info.duration, event_cuts=event_cuts)


def write_video(footage: Footage, plan: SplicedVideo, path: Path) -> None:
    """Write the video as H.264 with `FPS` frames a second."""
    with av.open(str(path), "w") as output:
        stream = output.add_stream("libx264", rate=FPS, options=X264)
        stream.width, stream.height, stream.pix_fmt = SIDE, SIDE, "yuv420p"
        for index in range(int(plan.duration * FPS)):
            image = footage.render(compose_frame(plan, index / FPS))
            output.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        output.mux(stream.encode(None))


def _cut(plan: SplicedVideo, frames: Sequence[EncodedFrame], duration: float, *, event_cuts: bool) -> RenderedVideo:
    cuts = {frame.cut_time for frame in frames if frame.cut}
    if event_cuts:
        cuts |= set(event_edges(frames, Span(0.0, duration)))
    spans = [span for span, _ in cut_segments(Span(0.0, duration), sorted(cuts), MAX_SEGMENT)]
    vectors = np.stack([mean_direction(frame_vectors_in(frames, span)) for span in spans])
    return RenderedVideo(plan, frames, duration, np.array([(span.start, span.end) for span in spans]), vectors)
