"""Frames that wait for the inspector: few for each part, in the order of the parts.

When a part has more frames than may wait, the frame that is nearest in time to its neighbours is
dropped, so that the remaining ones are spread over the time inside. Frames are only ever dropped
within a part: its last waiting frame stays.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mm.inspection.types import Mask
    from mm.media.types import RGB


@dataclass(frozen=True, slots=True, eq=False)
class PendingFrame:
    """A crop of a frame that shows a part."""

    part: str
    time: float
    image: RGB
    mask_HW: Mask | None
    offset: tuple[int, int]  # x, y of the crop in the frame of the source


class PendingFrames:
    """Waiting frames by part. Not safe for several threads; `PartBook` holds the lock."""

    def __init__(self, frames_per_part: int) -> None:
        self._limit = frames_per_part
        self._frames: OrderedDict[str, list[PendingFrame]] = OrderedDict()

    def has_room(self, part: str) -> bool:
        """Whether a further frame of the part drops none."""
        return len(self._frames.get(part, ())) < self._limit

    def add(self, frame: PendingFrame) -> int:
        """Add a frame and return how many were dropped for it, 0 or 1."""
        frames = self._frames.setdefault(frame.part, [])
        frames.append(frame)
        if len(frames) <= self._limit:
            return 0
        del frames[_most_redundant([waiting.time for waiting in frames])]
        return 1

    def take(self) -> PendingFrame | None:
        """Remove and return the first frame of the part that entered first."""
        for frames in self._frames.values():
            if frames:  # a part keeps its place when none of its frames waits
                return frames.pop(0)
        return None

    def count(self, part: str) -> int:
        """Waiting frames of a part."""
        return len(self._frames.get(part, ()))

    def discard(self, part: str) -> int:
        """Remove a part with its waiting frames, and return how many there were."""
        return len(self._frames.pop(part, ()))


def _most_redundant(times: list[float]) -> int:
    """Index of the frame whose removal leaves the smallest gap; of two frames the older one."""
    if len(times) == 2:
        return 0
    gaps = [after - before for before, after in zip(times[:-2], times[2:], strict=True)]
    return gaps.index(min(gaps)) + 1
