"""A rendered conveyor: parts move through the frame, some with a dark spot; and its inspector."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from mm.inspection.types import Inspection, Region, Threshold
from mm.line.types import SourceFrame

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Iterator, Sequence

    import numpy.typing as npt

    from mm.inspection.types import Mask, Verdict
    from mm.line.types import SourceItem
    from mm.media.types import RGB

WIDTH, HEIGHT = 160, 96
PART_WIDTH, PART_HEIGHT = 40, 40
SPEED = 8  # pixels per frame
PERIOD = 40  # frames between two parts; the frame is empty in between
LEAD = 10  # empty frames at the start
FPS = 20.0
THRESHOLD = Threshold(0.5, 0.05, 40, 40, 1 / 41, (0.0, 0.1))


def render(index: int, defects: Sequence[bool]) -> RGB:
    """Frame `index`: part k enters from the left at frame LEAD + k * PERIOD."""
    image: RGB = np.full((HEIGHT, WIDTH, 3), 60, np.uint8)
    image[::8] = 66  # a pattern of the belt that does not move
    number, step = divmod(index - LEAD, PERIOD)
    if 0 <= number < len(defects):
        left = step * SPEED - PART_WIDTH
        top = (HEIGHT - PART_HEIGHT) // 2
        image[top : top + PART_HEIGHT, max(left, 0) : max(left + PART_WIDTH, 0)] = 200
        if defects[number]:
            image[top + 15 : top + 25, max(left + 15, 0) : max(left + 25, 0)] = 120
    return image


def num_frames(num_parts: int) -> int:
    return LEAD + num_parts * PERIOD


@dataclass
class ConveyorSource:
    """The frames of a conveyor; it can be read again from any time unless it is live."""

    defects: Sequence[bool]
    is_live: bool = False
    num_lost: int = 0
    frame_seconds: float = 0.0  # real time between frames
    key: str = "conveyor"
    has_part_ids: bool = False
    starts: list[float] = field(default_factory=list)

    def items(self, start: float, stop: threading.Event, is_decided: Callable[[str], bool]) -> Iterator[SourceItem]:
        self.starts.append(start)
        for index in range(num_frames(len(self.defects))):
            if index / FPS < start:
                continue
            if stop.wait(self.frame_seconds):
                return
            yield SourceFrame(index / FPS, render(index, self.defects), time.monotonic())


@dataclass
class ItemSource:
    """Prepared items, with external part ids by default."""

    prepared: Sequence[SourceItem]
    is_live: bool = False
    num_lost: int = 0
    has_part_ids: bool = True
    key: str = "items"

    def items(self, start: float, stop: threading.Event, is_decided: Callable[[str], bool]) -> Iterator[SourceItem]:
        yield from self.prepared


@dataclass
class SpotInspector:
    """Fails images with pixels of the brightness of the spot; `wait` is called before each."""

    wait: Callable[[], object] = lambda: None
    name: str = "spots"
    version: int = 3
    threshold: Threshold = THRESHOLD
    shapes: list[tuple[int, ...]] = field(default_factory=list)

    def inspect(self, image_HWC: RGB, mask_HW: Mask | None = None) -> Inspection:
        self.wait()
        self.shapes.append(image_HWC.shape)
        heat: npt.NDArray[np.float32] = (np.abs(image_HWC[..., 0].astype(np.float32) - 120) < 10).astype(np.float32)
        if mask_HW is not None:
            heat *= mask_HW
        is_defective = heat.sum() >= 50
        verdict: Verdict = "fail" if is_defective else "pass"
        regions: tuple[Region, ...] = ()
        if is_defective:
            rows, columns = np.nonzero(heat)
            box = (columns.min(), rows.min(), columns.max(), rows.max())
            polygon = np.asarray([(box[0], box[1]), (box[2], box[1]), (box[2], box[3]), (box[0], box[3])], np.float32)
            regions = (Region(polygon, "", float(heat.sum()), 1.0, "spot"),)
        return Inspection(float(is_defective), 0.02 if is_defective else 0.8, verdict, heat, regions, self.name, self.version)
