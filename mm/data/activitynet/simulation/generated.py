"""Sources that need no data: a coloured shape that moves over a texture, with a tone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product

import numpy as np
import numpy.typing as npt

from mm.media.types import RGB

COLORS = {
    "red": (210, 40, 40), "green": (50, 170, 60), "blue": (50, 80, 210), "yellow": (235, 210, 50), "white": (240, 240, 240),
    "orange": (240, 140, 30), "purple": (140, 60, 170), "pink": (240, 150, 190),
}  # fmt: skip
SHAPES = ("circle", "square", "triangle", "cross", "ring")
MOVES = {"moves right": (1.0, 0.0), "moves left": (-1.0, 0.0), "rises": (0.0, -1.0), "falls": (0.0, 1.0)}
TEXTURES = ("plain", "striped", "checkered", "grainy")
TONES = (220.0, 330.0, 440.0, 660.0, 880.0)
"""Hertz; a tone names a shape."""
SPEED = 0.2
"""Widths of the frame per second."""


@dataclass(frozen=True, slots=True)
class Look:
    """What a generated scene shows."""

    color: str
    shape: str
    move: str
    texture: str
    ground: str
    """Colour of the ground."""

    @property
    def sentences(self) -> tuple[str, str]:
        """Two descriptions, as by two people."""
        return (
            f"A {self.color} {self.shape} {self.move} over a {self.texture} {self.ground} ground.",
            f"On a {self.ground} {self.texture} background, a {self.shape} in {self.color} {self.move}.",
        )

    @property
    def tone(self) -> float:
        """Hertz."""
        return TONES[SHAPES.index(self.shape)]


def list_figures() -> list[tuple[str, str, str]]:
    """Colour, shape and movement of every figure."""
    return list(product(COLORS, SHAPES, MOVES))


def draw_look(random: np.random.Generator, figure: tuple[str, str, str]) -> Look:
    """A figure over a ground of another colour."""
    color, shape, move = figure
    ground = str(random.choice([name for name in COLORS if name != color]))
    return Look(color, shape, move, str(random.choice(TEXTURES)), ground)


def render_look(look: Look, seconds: float, fps: float, side: int, seed: int) -> Iterator[RGB]:
    """Frames (side, side, 3) of a look, `fps` a second."""
    random = np.random.default_rng(seed)
    radius = float(random.uniform(0.14, 0.24))
    x, y = random.uniform(0.2, 0.8, 2).tolist()
    ground = _draw_ground(look, side, random)
    down, across = np.mgrid[0:side, 0:side] / side
    dx, dy = MOVES[look.move]
    color = np.array(COLORS[look.color], np.uint8)
    for index in range(max(1, round(seconds * fps))):
        moved = SPEED * index / fps
        # The shape leaves the frame on one side and enters it on the other.
        u = (across - x - dx * moved + 0.5) % 1.0 - 0.5
        v = (down - y - dy * moved + 0.5) % 1.0 - 0.5
        frame = ground.copy()
        frame[_is_inside(look.shape, u, v, radius)] = color
        yield frame


def render_tone(hertz: float, start: int, count: int, rate: int) -> npt.NDArray[np.float32]:
    """Samples (count,) of a tone from sample `start` of the video."""
    phase = 2 * np.pi * hertz * (start + np.arange(count)) / rate
    tone: npt.NDArray[np.float32] = (0.2 * np.sin(phase)).astype(np.float32)
    return tone


def _draw_ground(look: Look, side: int, random: np.random.Generator) -> RGB:
    base = np.array(COLORS[look.ground], np.float64) * 0.6
    down, across = np.mgrid[0:side, 0:side] * 8 // side
    pattern = {
        "plain": np.zeros((side, side)),
        "striped": 60.0 * (across % 2),
        "checkered": 60.0 * ((down + across) % 2),
        "grainy": random.uniform(-40, 40, (side, side)),
    }[look.texture]
    ground: RGB = np.clip(base + pattern[..., None], 0, 255).astype(np.uint8)
    return ground


def _is_inside(shape: str, u: npt.NDArray[np.float64], v: npt.NDArray[np.float64], radius: float) -> npt.NDArray[np.bool_]:
    distance = np.hypot(u, v)
    if shape == "circle":
        inside = distance < radius
    elif shape == "ring":
        inside = (distance < radius) & (distance > 0.55 * radius)
    elif shape == "square":
        inside = np.maximum(abs(u), abs(v)) < 0.85 * radius
    elif shape == "cross":
        inside = (np.minimum(abs(u), abs(v)) < 0.3 * radius) & (np.maximum(abs(u), abs(v)) < radius)
    else:
        inside = (v > -radius) & (v < 0.8 * radius) & (abs(u) < 0.5 * (v + radius))
    return np.asarray(inside, np.bool_)
