"""Generated videos in which every sampled frame differs, so that each one is encoded."""

from __future__ import annotations

import io
from functools import cache
from pathlib import Path

import av
import moonshine_voice
import numpy as np

SPEECH = Path(moonshine_voice.__file__).parent / "assets" / "beckett.wav"
"""Ten seconds of speech: "Ever tried. Ever failed. No matter. Try again. Fail again. Fail better."
"""


@cache
def create_video(seconds: float, *, scene_seconds: float = 5.0, fps: int = 4, seed: int = 0, container: str = "mp4") -> bytes:
    """Create an H.264 video, 160 x 120 px, with a key frame every two seconds.

    It shows coloured blocks that shift with each frame, and new ones in each scene.
    """
    random = np.random.default_rng(seed)
    buffer = io.BytesIO()
    with av.open(buffer, "w", format=container) as output:
        stream = output.add_stream("libx264", rate=fps, options={"preset": "ultrafast"})
        stream.width, stream.height, stream.pix_fmt = 160, 120, "yuv420p"
        stream.codec_context.gop_size = 2 * fps
        blocks = np.zeros((0, 0, 3), np.uint8)
        for index in range(round(seconds * fps)):
            if index % round(scene_seconds * fps) == 0:
                blocks = np.kron(random.integers(0, 255, (6, 8, 3), np.uint8), np.ones((20, 20, 1), np.uint8))
            image = np.ascontiguousarray(np.roll(blocks, 7 * index, axis=1))
            output.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        output.mux(stream.encode(None))
    return buffer.getvalue()
