"""Deinterlacing: two fields, taken one after the other, alternate in the lines of one frame."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import av.error
import numpy as np
from av.filter import Graph

if TYPE_CHECKING:
    from av.video.frame import VideoFrame

MIN_LINE_STEP = 12  # of 255: a line lighter or darker than both its neighbours by more than this is combed
MIN_COMBED_SHARE = 0.01  # share of combed pixels from which on the fields differ by motion
TEST_LINES = 1088  # in the middle of the frame


def deinterlace(frame: VideoFrame) -> VideoFrame:
    """Return a frame as it is shown at its own time: its first field where the fields differ.

    The field has half the height. Each frame is tested: progressive video that is marked as
    interlaced, or a still scene, keeps all its lines. Frames without the mark are not tested.
    """
    if not frame.interlaced_frame or not is_combed(frame):
        return frame
    return _first_field(frame)


def is_combed(frame: VideoFrame) -> bool:
    """Whether the lines of the frame alternate, as they do where something moves between fields."""
    plane, width = frame.planes[0], frame.width
    component = frame.format.components[0]
    if not frame.format.is_planar or component.plane != 0:
        return False
    depth = 2 if component.bits > 8 else 1
    lines = np.frombuffer(memoryview(plane), np.uint16 if depth == 2 else np.uint8).reshape(
        plane.height, plane.line_size // depth
    )
    skip = max(len(lines) - TEST_LINES, 0) // 4 * 2
    luma = lines[skip : skip + TEST_LINES, : width : max(width // 480, 1)].astype(np.int32)
    if len(luma) < 3:
        return False
    step = MIN_LINE_STEP << (component.bits - 8)
    above, below = luma[1:-1] - luma[:-2], luma[1:-1] - luma[2:]
    combed = ((above > step) & (below > step)) | ((above < -step) & (below < -step))
    return bool(combed.mean() > MIN_COMBED_SHARE)


def _first_field(frame: VideoFrame) -> VideoFrame:
    """Separate the fields by libavfilter, which detects the field order, and return the first one.

    A frame with an odd number of lines cannot be separated and is returned as it is.
    """
    graph = Graph()
    graph.threads = 1
    try:
        source = graph.add_buffer(
            width=frame.width, height=frame.height, format=frame.format, time_base=frame.time_base, name="frames"
        )
        split, sink = graph.add("separatefields"), graph.add("buffersink")
        source.link_to(split)
        split.link_to(sink)
        graph.configure()
        source.push(frame)
        return cast("VideoFrame", sink.pull())
    except av.error.FFmpegError:
        return frame
