"""Part tracker: a part enters the region, is inside, and leaves it.

The usual states of machine vision. Boxes are associated with the predicted centres of the tracks,
nearest first; a part keeps its velocity while it is not seen.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from mm.line.region import Box

State = Literal["entering", "inside", "leaving"]
EndReason = Literal["left", "stuck", "interrupted", "end of source"]
MAX_DISTANCE = 1.0
"""Largest distance between a box and the predicted centre, in diagonals of the box."""
VELOCITY_WEIGHT = 0.5  # of the newest displacement in the smoothed velocity


@dataclass(slots=True)
class Track:
    """One part in the region; times are those of the source."""

    entered: float
    order: int  # among the parts that entered in the same frame
    idle_before: float  # last time before `entered` at which the region was empty
    box: Box
    state: State
    last_seen: float
    velocity: tuple[float, float] = (0.0, 0.0)  # pixels per frame
    part: str = ""  # id of its part; empty when the part has its verdict from an earlier run
    num_absent: int = 0
    is_decided: bool = False  # its verdict was taken while it is still inside

    @property
    def centre(self) -> tuple[float, float]:
        return (self.box.left + self.box.right) / 2, (self.box.top + self.box.bottom) / 2


@dataclass(frozen=True, slots=True)
class Update:
    """What one frame changed: parts that entered, that are visible, and that ended."""

    entered: Sequence[Track] = ()
    visible: Sequence[Track] = ()
    ended: Sequence[tuple[Track, EndReason]] = ()


@dataclass(slots=True)
class PartTracker:
    """Tracks of one region. The same boxes from an empty region on give the same tracks."""

    absent_frames: int
    max_inside_seconds: float
    idle_since: float = 0.0
    """Last time at which the region was empty; a source read from there gives the same parts."""
    _tracks: list[Track] = field(default_factory=list)

    @property
    def is_idle(self) -> bool:
        """Whether no part is in the region."""
        return not self._tracks

    def update(self, time: float, boxes: Sequence[tuple[Box, bool]]) -> Update:
        """Associate the boxes of a frame, each with whether it touches the border."""
        matches = dict(self._match([box for box, _ in boxes]))
        ended: list[tuple[Track, EndReason]] = []
        visible: list[Track] = []
        for number, track in enumerate(list(self._tracks)):
            if number in matches:
                self._observe(track, time, *boxes[matches[number]])
                visible.append(track)
                if not track.is_decided and time - track.entered > self.max_inside_seconds:
                    track.is_decided = True
                    ended.append((track, "stuck"))
                continue
            track.num_absent += 1
            if track.num_absent >= self.absent_frames:
                self._tracks.remove(track)
                if not track.is_decided:
                    ended.append((track, "left"))
        entered: list[Track] = []
        for number, (box, touches) in enumerate(boxes):
            if number not in matches.values():
                track = Track(time, len(entered), self.idle_since, box, "entering" if touches else "inside", time)
                entered.append(track)
        self._tracks += entered
        if not self._tracks:
            self.idle_since = time
        return Update(entered, [*visible, *entered], ended)

    def end_all(self, reason: EndReason) -> list[tuple[Track, EndReason]]:
        """End every track: the source ended or was interrupted."""
        ended = [(track, reason) for track in self._tracks if not track.is_decided]
        self._tracks.clear()
        return ended

    def _match(self, boxes: Sequence[Box]) -> Iterator[tuple[int, int]]:
        """Pairs (track, box), nearest first, each at most once."""
        pairs = []
        for i, track in enumerate(self._tracks):
            frames = track.num_absent + 1
            x, y = track.centre[0] + frames * track.velocity[0], track.centre[1] + frames * track.velocity[1]
            for j, box in enumerate(boxes):
                offset = ((box.left + box.right) / 2 - x, (box.top + box.bottom) / 2 - y)
                diagonal = max((box.width**2 + box.height**2) ** 0.5, (track.box.width**2 + track.box.height**2) ** 0.5)
                distance = (offset[0] ** 2 + offset[1] ** 2) ** 0.5 / max(diagonal, 1.0)
                if distance <= MAX_DISTANCE:
                    pairs.append((distance, i, j))
        used_tracks: set[int] = set()
        used_boxes: set[int] = set()
        for _, i, j in sorted(pairs):
            if i not in used_tracks and j not in used_boxes:
                used_tracks.add(i)
                used_boxes.add(j)
                yield i, j

    @staticmethod
    def _observe(track: Track, time: float, box: Box, touches: bool) -> None:
        before, frames = track.centre, track.num_absent + 1
        track.box, track.last_seen, track.num_absent = box, time, 0
        after, weight = track.centre, VELOCITY_WEIGHT
        track.velocity = (
            (1 - weight) * track.velocity[0] + weight * (after[0] - before[0]) / frames,
            (1 - weight) * track.velocity[1] + weight * (after[1] - before[1]) / frames,
        )
        if not touches:
            track.state = "inside"
        elif track.state == "inside":
            track.state = "leaving"
