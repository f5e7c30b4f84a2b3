"""A film of known scenes, and the photos it is made of."""

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


def photo(name: str) -> Image.Image:
    return Image.open(PHOTOS / name).convert("RGB")


def jpeg(name: str, quality: int = 90) -> bytes:
    buffer = io.BytesIO()
    photo(name).save(buffer, "JPEG", quality=quality)
    return buffer.getvalue()


def scene_start(name: str) -> float:
    return float(SCENE_SECONDS * SCENES.index(name))


def _frames() -> Iterator[npt.NDArray[np.uint8]]:
    """Each photo under a camera that moves slowly to the right."""
    for name in SCENES:
        wide = photo(name).resize((WIDTH + FPS * SCENE_SECONDS, HEIGHT))
        yield from (np.asarray(wide.crop((x, 0, x + WIDTH, HEIGHT))) for x in range(FPS * SCENE_SECONDS))


def film() -> bytes:
    """Four photos of four seconds each, and speech as the sound."""
    buffer = io.BytesIO()
    with av.open(buffer, "w", format="mp4") as output, av.open(str(SPEECH)) as speech:
        pictures = output.add_stream("libx264", rate=FPS)
        pictures.width, pictures.height, pictures.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        sound = output.add_stream("aac", rate=16_000)
        for picture in _frames():
            output.mux(pictures.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        output.mux(pictures.encode(None))
        for frame in speech.decode(audio=0):
            output.mux(sound.encode(frame))
        output.mux(sound.encode(None))
    return buffer.getvalue()
