"""Rendered videos of a camera that stands still, with known events.

A photo is the background. Objects from other photos enter from the side, move or stay, and leave;
the light drifts and changes, and the sensor has noise.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

import av
import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw

from mm.bench.package_files import PackageFile

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

RGB = npt.NDArray[np.uint8]
FPS = 10
ENTER_SECONDS = 1.5
BACKGROUNDS = ("brick.png", "gravel.png", "grass.png")
OBJECTS = {
    "a woman in an orange space suit": ("astronaut.png", (90, 0, 380, 512)),
    "a cat": ("chelsea.png", (60, 0, 420, 300)),
    "a cup of coffee": ("coffee.png", (100, 30, 500, 380)),
    "a rocket": ("rocket.jpg", (220, 30, 440, 400)),
    "a motorcycle": ("motorcycle_left.png", (60, 60, 700, 480)),
}
"""Query -> photo of scikit-image, and the box of the object (left, top, right, bottom)."""


@dataclass(frozen=True, slots=True)
class Event:
    """What is seen from `start` to `end`, in seconds; `text` describes it."""

    start: float
    end: float
    text: str


@dataclass(frozen=True, slots=True)
class Light:
    """Gain of the brightness: a slow drift, and a step at `step_time` seconds."""

    drift: float
    step: float
    step_time: float

    def gain(self, time: float, seconds: float) -> float:
        return 1.0 + self.drift * math.sin(math.pi * time / seconds) + (self.step if time >= self.step_time else 0.0)


def draw_events(random: np.random.Generator, seconds: float, texts: Sequence[str]) -> list[Event]:
    """Events in the order of `texts`, apart by a pause of 6 s or more."""
    room = seconds / len(texts)
    events = []
    for number, text in enumerate(texts):
        length = float(random.uniform(0.3, 0.6)) * room
        start = number * room + float(random.uniform(3.0, max(room - length - 3.0, 3.5)))
        events.append(Event(round(start, 1), round(min(start + length, (number + 1) * room - 3.0), 1), text))
    return events


def load_objects() -> dict[str, Image.Image]:
    """The objects by their texts. Raises `Unavailable` without the photos."""
    return {text: _load(name).crop(box) for text, (name, box) in OBJECTS.items()}


def _load(name: str) -> Image.Image:
    return Image.open(PackageFile("skimage", f"data/{name}").locate()).convert("RGB")


def load_background(number: int, size: tuple[int, int]) -> RGB:
    """A background of `size`: a wall or a floor, darker to one side."""
    photo = _load(BACKGROUNDS[number % len(BACKGROUNDS)]).resize(size)
    shade = np.linspace(0.7, 1.1, size[0])[None, :, None]
    return np.clip(np.asarray(photo, np.float32) * shade, 0, 255).astype(np.uint8)


def render_frames(
    events: Sequence[Event],
    objects: Mapping[str, Image.Image],
    background: RGB,
    seconds: float,
    light: Light,
    random: np.random.Generator,
    noise: float = 4.0,
) -> Iterator[RGB]:
    """Frames (height, width, 3), `FPS` a second; `noise` is a standard deviation of 255."""
    height, width = background.shape[:2]
    grain = random.normal(0.0, noise, (height + 32, width + 32, 1)).astype(np.float32)
    sides = [float(random.choice([-1.0, 1.0])) for _ in events]
    for number in range(round(seconds * FPS)):
        time = number / FPS
        frame = Image.fromarray(background)
        for event, side in zip(events, sides, strict=True):
            if event.start <= time < event.end:
                _paste(frame, objects[event.text], event, time, side)
        top, left = random.integers(32, size=2)
        pixels = np.asarray(frame, np.float32) * light.gain(time, seconds) + grain[top : top + height, left : left + width]
        yield np.clip(pixels, 0, 255).astype(np.uint8)


def _paste(frame: Image.Image, photo: Image.Image, event: Event, time: float, side: float) -> None:
    """The object at its place: in from one side, slowly along, out at the same side."""
    height = round(0.7 * frame.height)
    small = photo.resize((max(round(height * photo.width / photo.height), 1), height))
    mask = Image.new("L", small.size, 0)
    ImageDraw.Draw(mask).rounded_rectangle((0, 0, small.width - 1, small.height - 1), radius=height // 5, fill=255)
    inside = min((time - event.start) / ENTER_SECONDS, (event.end - time) / ENTER_SECONDS, 1.0)
    rest = frame.width / 2 + 0.05 * frame.width * np.sin(time)
    outside = frame.width / 2 + side * (frame.width / 2 + small.width / 2 - 4)
    centre = outside + (rest - outside) * max(inside, 0.0)
    frame.paste(small, (round(centre - small.width / 2), frame.height - height), mask)


def write_video(path: Path, frames: Iterator[RGB], size: tuple[int, int]) -> None:
    """Write an H.264 MP4."""
    with av.open(str(path), "w") as output:
        stream = output.add_stream("libx264", rate=FPS, options={"preset": "veryfast", "crf": "26"})
        stream.width, stream.height, stream.pix_fmt, stream.time_base = *size, "yuv420p", Fraction(1, FPS)
        for image in frames:
            output.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        output.mux(stream.encode(None))
