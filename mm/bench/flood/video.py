"""Generate a moving video with a given number of key frames."""

from __future__ import annotations

from typing import TYPE_CHECKING

import av
import numpy as np

if TYPE_CHECKING:
    from pathlib import Path

WIDTH, HEIGHT = 640, 360


def write_video(path: Path, *, seconds: float, fps: int, key_frame_every: int) -> None:
    """Write an H.264 MP4: a moving texture, with a key frame every `key_frame_every` frames."""
    texture = np.random.default_rng(0).integers(0, 256, (HEIGHT, WIDTH, 3), np.uint8)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=fps)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        stream.options = {
            "preset": "ultrafast",
            "x264-params": f"keyint={key_frame_every}:min-keyint={key_frame_every}:scenecut=0",
        }
        for number in range(round(seconds * fps)):
            image = np.ascontiguousarray(np.roll(texture, number, axis=1))
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        container.mux(stream.encode(None))
