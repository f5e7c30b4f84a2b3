"""Interlaced frames: two pictures, taken one after the other, in every other line of one."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import av.error
import numpy as np
from av.filter import Graph

if TYPE_CHECKING:
    from av.video.frame import VideoFrame

COMB = 12  # of 255: a line that is so much lighter or darker than both its neighbours is a tooth of a comb
COMBED = 0.01  # of all pixels: from so many teeth on, something moves between the fields
TEST_LINES = 1088  # in the middle of the picture


def deinterlace(frame: VideoFrame) -> VideoFrame:
    """A frame as it is shown at its own time: where its fields differ, the first of them, of half
    the height.

    Decided for each frame: film that is only marked as interlaced, or stands still, keeps all its
    lines. Frames that are not marked are not looked at.
    """
    if not frame.interlaced_frame or not is_combed(frame):
        return frame
    return _first_field(frame)


def is_combed(frame: VideoFrame) -> bool:
    """The lines of the picture alternate, as they do where something moved from one field to the
    next."""
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
    tooth = COMB << (component.bits - 8)
    above, below = luma[1:-1] - luma[:-2], luma[1:-1] - luma[2:]
    teeth = ((above > tooth) & (below > tooth)) | ((above < -tooth) & (below < -tooth))
    return bool(teeth.mean() > COMBED)


def _first_field(frame: VideoFrame) -> VideoFrame:
    """libavfilter knows which field comes first; what it cannot part (an odd number of lines) is
    given back whole."""
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
