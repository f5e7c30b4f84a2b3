"""A video of known scenes, and the photos that it shows."""

from __future__ import annotations

import io
from importlib.metadata import distribution
from pathlib import Path
from typing import TYPE_CHECKING

import av
import numpy as np
from PIL import Image

from tests.workers.videos import SPEECH

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy.typing as npt

SCENE_SECONDS = 4
SCENES = ("coffee.png", "rocket.jpg", "chelsea.png", "astronaut.png")
PHOTOS = Path(str(distribution("scikit-image").locate_file("skimage/data")))
WIDTH, HEIGHT, FPS = 480, 320, 10


def read_photo(name: str) -> Image.Image:
    return Image.open(PHOTOS / name).convert("RGB")


def encode_jpeg(name: str, quality: int = 90) -> bytes:
    buffer = io.BytesIO()
    read_photo(name).save(buffer, "JPEG", quality=quality)
    return buffer.getvalue()


def get_scene_start(name: str) -> float:
    return float(SCENE_SECONDS * SCENES.index(name))


def _generate_frames() -> Iterator[npt.NDArray[np.uint8]]:
    """Yield the frames of each photo under a slow pan to the right."""
    for name in SCENES:
        wide = read_photo(name).resize((WIDTH + FPS * SCENE_SECONDS, HEIGHT))
        yield from (np.asarray(wide.crop((x, 0, x + WIDTH, HEIGHT))) for x in range(FPS * SCENE_SECONDS))


def create_video() -> bytes:
    """Encode an MP4 video of the photos, `SCENE_SECONDS` each, with speech as its audio."""
    buffer = io.BytesIO()
    with av.open(buffer, "w", format="mp4") as output, av.open(str(SPEECH)) as speech:
        video = output.add_stream("libx264", rate=FPS)
        video.width, video.height, video.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        audio = output.add_stream("aac", rate=16_000)
        for pixels in _generate_frames():
            output.mux(video.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
        output.mux(video.encode(None))
        for frame in speech.decode(audio=0):
            output.mux(audio.encode(frame))
        output.mux(audio.encode(None))
    return buffer.getvalue()
