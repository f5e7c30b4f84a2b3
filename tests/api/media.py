"""Small generated media files."""

from __future__ import annotations

import io
import struct
from typing import TYPE_CHECKING

import av
import numpy as np
from PIL import Image

if TYPE_CHECKING:
    from collections.abc import Iterator

WAV_RATE = 48_000


def image(seed: int = 0, size: tuple[int, int] = (96, 64), kind: str = "PNG") -> bytes:
    """Coloured blocks, different for each seed."""
    blocks = np.random.default_rng(seed).integers(0, 255, (4, 6, 3), dtype=np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(blocks).resize(size, Image.Resampling.NEAREST).save(buffer, kind)
    return buffer.getvalue()


def audio(seconds: float = 1.0, pitch: float = 440.0) -> bytes:
    """A tone, as WAV."""
    times = np.arange(int(seconds * WAV_RATE)) / WAV_RATE
    samples = (8000 * np.sin(2 * np.pi * pitch * times)).astype("<i2").tobytes()
    return wav_header(len(samples)) + samples


def wav_header(num_bytes: int) -> bytes:
    """Head of a 16-bit mono WAV file of `num_bytes` of samples."""
    return (
        b"RIFF"
        + struct.pack("<I", 36 + num_bytes)
        + b"WAVEfmt "
        + struct.pack("<IHHIIHH", 16, 1, 1, WAV_RATE, 2 * WAV_RATE, 2, 16)
        + b"data"
        + struct.pack("<I", num_bytes)
    )


def long_audio(num_bytes: int, block: int = 1 << 20) -> Iterator[bytes]:
    """Yield a WAV file of silence in blocks."""
    yield wav_header(num_bytes)
    for start in range(0, num_bytes, block):
        yield bytes(min(block, num_bytes - start))


def video(seconds: float = 2.0, fps: int = 10, seed: int = 0) -> bytes:
    """A block that moves over a plain background, as H.264 in MP4."""
    colours = np.random.default_rng(seed).integers(0, 255, (2, 3), dtype=np.uint8)
    buffer = io.BytesIO()
    with av.open(buffer, "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=fps)
        stream.width, stream.height, stream.pix_fmt = 128, 96, "yuv420p"
        for index in range(int(seconds * fps)):
            image = np.broadcast_to(colours[0], (96, 128, 3)).copy()
            image[20:60, (index * 4) % 90 : (index * 4) % 90 + 30] = colours[1]
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        container.mux(stream.encode(None))
    return buffer.getvalue()
