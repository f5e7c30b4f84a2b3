"""Generated files of the workload: short videos of many chunks, an image, a WAV file."""

from __future__ import annotations

import hashlib
import io
import struct
import wave
from dataclasses import dataclass

import av
import numpy as np
from PIL import Image

SIDE_X, SIDE_Y, FPS = 160, 120, 4
KEY_SECONDS = 2  # chunks start at key frames
PADDING = 192 << 10  # bytes, to prolong uploads
RATE = 16_000  # audio samples per second
ID_DIGITS = 32  # of an item id, the start of the SHA-256 of its bytes


@dataclass(frozen=True)
class File:
    """A file to upload."""

    name: str
    data: bytes

    @property
    def item(self) -> str:
        """Its item id."""
        return hashlib.sha256(self.data).hexdigest()[:ID_DIGITS]


def make_video(seed: int, seconds: int) -> File:
    """H.264 with a cut every two seconds, and padding in a box that readers skip."""
    rng = np.random.default_rng(seed)
    buffer = io.BytesIO()
    with av.open(buffer, "w", format="mp4") as output:
        stream = output.add_stream("libx264", rate=FPS, options={"preset": "ultrafast"})
        stream.width, stream.height, stream.pix_fmt = SIDE_X, SIDE_Y, "yuv420p"
        stream.codec_context.gop_size = KEY_SECONDS * FPS
        for index in range(seconds * FPS):
            if index % (KEY_SECONDS * FPS) == 0:
                blocks = np.kron(rng.integers(0, 255, (6, 8, 3), np.uint8), np.ones((20, 20, 1), np.uint8))
            image = np.ascontiguousarray(np.roll(blocks, 9 * index, axis=1))
            output.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        output.mux(stream.encode(None))
    free = struct.pack(">I", PADDING + 8) + b"free" + rng.bytes(PADDING)
    return File(f"video number {seed}.mp4", buffer.getvalue() + free)


def make_image(seed: int) -> File:
    """Coloured blocks."""
    blocks = np.random.default_rng(seed).integers(0, 255, (4, 6, 3), dtype=np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(blocks).resize((96, 64), Image.Resampling.NEAREST).save(buffer, "PNG")
    return File("an image of blocks.png", buffer.getvalue())


def make_audio() -> File:
    """A WAV file with a tone of one second."""
    samples = (8000 * np.sin(2 * np.pi * 440 * np.arange(RATE) / RATE)).astype("<i2")
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes(samples.tobytes())
    return File("a tone.wav", buffer.getvalue())
