"""A rendered conveyor: textured parts on a belt, some with a scratch, as an H.264 video."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from typing import TYPE_CHECKING

import av
import cv2
import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from pathlib import Path

    from mm.media.types import RGB

FPS = 30
PART_SHARE = (0.22, 0.36)  # width and height of a part, of those of the frame
SPEED_SHARE = 0.01  # of the width, per frame
PERIOD_FRAMES = 60  # from one part to the next: two parts may be visible at once
LEAD_FRAMES = 15  # empty frames at the start, from which the empty region is learned
NOISE = 3.0  # standard deviation of the camera's noise, of 255
NOISE_FRAMES = 8  # different ones, which are repeated


@dataclass(frozen=True)
class Belt:
    """A conveyor with `num_parts` parts; each `defect_every`-th part has a scratch."""

    width: int
    height: int
    num_parts: int
    defect_every: int
    seed: int

    @property
    def part_size(self) -> tuple[int, int]:
        """Width and height of a part in pixels."""
        return round(PART_SHARE[0] * self.width), round(PART_SHARE[1] * self.height)

    @property
    def num_frames(self) -> int:
        crossing = round((1 + PART_SHARE[0]) / SPEED_SHARE) + 4
        return LEAD_FRAMES + (self.num_parts - 1) * PERIOD_FRAMES + crossing

    def frame_of(self, number: int, place: float) -> int:
        """The frame in which the centre of a part is at `place`, a share of the width."""
        return LEAD_FRAMES + number * PERIOD_FRAMES + round((place + PART_SHARE[0] / 2) / SPEED_SHARE)

    def has_defect(self, number: int) -> bool:
        """Whether a part, counted from 0, has a scratch."""
        return number % self.defect_every == self.defect_every - 1

    def render_part(self, number: int, *, has_defect: bool) -> RGB:
        """A part: the same plate with its own grain."""
        width, height = self.part_size
        random = np.random.default_rng([self.seed, 1, number])
        grain = cv2.GaussianBlur(random.normal(0, 30, (height, width)).astype(np.float32), (0, 0), 2.0)
        plate = np.full((height, width, 3), (188, 176, 160), np.float32) + grain[..., None]
        for x, y in ((0.2, 0.3), (0.8, 0.3), (0.5, 0.75)):
            cv2.circle(plate, (round(x * width), round(y * height)), height // 10, (70, 74, 80), -1, cv2.LINE_AA)
        if has_defect:
            start = random.uniform((0.3, 0.4), (0.6, 0.6)) * (width, height)
            end = start + random.uniform(0.15, 0.25) * height * np.asarray((1.0, random.choice((-1.0, 1.0))))
            corners = [tuple(round(float(value)) for value in corner) for corner in (start, end)]
            cv2.line(plate, corners[0], corners[1], (60, 50, 45), max(2, height // 80), cv2.LINE_AA)
        part: RGB = np.clip(plate, 0, 255).astype(np.uint8)
        return part

    def render_frame(self, index: int, parts: list[RGB]) -> RGB:
        """One frame with the noise of a camera."""
        frame = np.full((self.height, self.width, 3), (52, 54, 58), np.uint8)
        frame[:: self.height // 12] = (64, 66, 70)
        width, height = self.part_size
        top = (self.height - height) // 2
        for number, part in enumerate(parts):
            step = index - LEAD_FRAMES - number * PERIOD_FRAMES
            left = round(step * SPEED_SHARE * self.width) - width
            if step >= 0 and left < self.width:
                shown = slice(max(0, -left), min(width, self.width - left))
                frame[top : top + height, left + shown.start : left + shown.stop] = part[:, shown]
        noisy: RGB = cv2.add(frame, _noise(self.seed, index % NOISE_FRAMES, frame.shape), dtype=cv2.CV_8U)
        return noisy

    def write(self, path: Path) -> None:
        """Encode the video."""
        parts = [self.render_part(number, has_defect=self.has_defect(number)) for number in range(self.num_parts)]
        with av.open(str(path), "w") as output:
            stream = output.add_stream("libx264", rate=Fraction(FPS), options={"preset": "ultrafast", "crf": "20", "g": "30"})
            stream.width, stream.height, stream.pix_fmt = self.width, self.height, "yuv420p"
            for index in range(self.num_frames):
                frame = av.VideoFrame.from_ndarray(self.render_frame(index, parts), format="rgb24")
                output.mux(stream.encode(frame))
            output.mux(stream.encode(None))


@lru_cache(maxsize=NOISE_FRAMES)
def _noise(seed: int, index: int, shape: tuple[int, ...]) -> npt.NDArray[np.int16]:
    random = np.random.default_rng([seed, 2, index])
    return np.rint(random.normal(0, NOISE, shape)).astype(np.int16)
