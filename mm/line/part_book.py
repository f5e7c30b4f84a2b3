"""Parts between their entry and their verdict: waiting frames, results, deadlines.

The source, the inspector and the decider work on it from their own threads.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from mm.line.pending import PendingFrame, PendingFrames

if TYPE_CHECKING:
    from mm.inspection.types import Inspection

POLL_SECONDS = 0.5  # between checks whether the line was stopped


@dataclass(frozen=True, slots=True, eq=False)
class FrameResult:
    """What the inspector returned for one frame."""

    inspection: Inspection
    offset: tuple[int, int]  # x, y of the inspected crop in the frame of the source


@dataclass(slots=True, eq=False)
class PartState:
    """One part without a verdict. Times are those of the source, but for those named monotonic."""

    part: str
    entered: float
    resume_from: float
    """Where a source has to be read from to see this part again from its entry on."""
    last_received: float  # monotonic
    left: float | None = None  # None while it is inside
    forced_reason: str = ""  # why it is UNDECIDED whatever its frames show
    due: float | None = None  # monotonic; when the verdict is taken without the frames that wait
    num_frames: int = 0
    num_dropped: int = 0
    num_in_progress: int = 0
    is_final: bool = False  # its verdict is being taken; later results are ignored
    results: list[FrameResult] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)


class PartBook:
    """All parts without a verdict, in the order in which they entered. Safe for several threads.

    Verdicts are taken in the order in which the parts left.
    """

    def __init__(self, frames_per_part: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._changed = threading.Condition()
        self._parts: OrderedDict[str, PartState] = OrderedDict()
        self._left: OrderedDict[str, PartState] = OrderedDict()
        self._pending = PendingFrames(frames_per_part)
        self._is_closed = False

    def enter(self, part: str, entered: float, resume_from: float) -> None:
        """Add a part; a part that is there already is unchanged."""
        with self._changed:
            if part not in self._parts:
                self._parts[part] = PartState(part, entered, resume_from, self._clock())

    def is_inside(self, part: str) -> bool:
        """Whether the part is there and has not left."""
        with self._changed:
            state = self._parts.get(part)
            return state is not None and state.left is None

    def contains(self, part: str) -> bool:
        """Whether the part is there, inside or left."""
        with self._changed:
            return part in self._parts

    def saw(self, part: str, received: float) -> None:
        """Note that a frame shows the part, whether it is inspected or not."""
        with self._changed:
            self._parts[part].last_received = received

    def add(self, frame: PendingFrame, *, wait: bool, stop: threading.Event) -> int:
        """Queue a frame for the inspector; return the number of frames that were dropped for it.

        With `wait` none is dropped: returns when there is room, or when `stop` is set.
        """
        with self._changed:
            while wait and not self._pending.has_room(frame.part) and not stop.is_set():
                self._changed.wait(POLL_SECONDS)
            state = self._parts[frame.part]
            state.num_frames += 1
            dropped = self._pending.add(frame)
            state.num_dropped += dropped
            self._changed.notify_all()
            return dropped

    def add_error(self, part: str, reason: str) -> None:
        """Note that a frame of the part cannot be read."""
        with self._changed:
            state = self._parts[part]
            state.num_frames += 1
            state.errors.append(reason)

    def leave(self, part: str, left: float, forced_reason: str, due: float | None) -> None:
        """Mark a part as left. `due` is the monotonic time at which its verdict is taken."""
        with self._changed:
            state = self._parts[part]
            if state.left is None:
                state.left, state.forced_reason, state.due = left, forced_reason, due
                self._left[part] = state
                self._changed.notify_all()

    def last_received(self, part: str) -> float:
        """Monotonic time of the last frame that shows the part."""
        with self._changed:
            return self._parts[part].last_received

    def take(self) -> PendingFrame | None:
        """The next frame to inspect, of the part that entered first; None after `close`."""
        with self._changed:
            while not self._is_closed:
                frame = self._pending.take()
                if frame is not None:
                    self._parts[frame.part].num_in_progress += 1
                    self._changed.notify_all()
                    return frame
                self._changed.wait(POLL_SECONDS)
            return None

    def finish(self, frame: PendingFrame, result: FrameResult | str) -> None:
        """Add the result of a frame, or the error; ignored when the part has its verdict."""
        with self._changed:
            state = self._parts.get(frame.part)
            if state is None or state.is_final:
                return
            state.num_in_progress -= 1
            if isinstance(result, str):
                state.errors.append(result)
            else:
                state.results.append(result)
            self._changed.notify_all()

    def take_due(self) -> PartState | None:
        """The next part to decide, in the order in which parts left; None after `close`.

        It is returned when all its frames are inspected or when it is due; frames that still wait
        or are being inspected then count as dropped.
        """
        with self._changed:
            while True:
                state = next(iter(self._left.values()), None)
                if state is None and self._is_closed:
                    return None
                if state is None:
                    self._changed.wait(POLL_SECONDS)
                    continue
                now = self._clock()
                is_complete = not (self._pending.count(state.part) or state.num_in_progress)
                if is_complete or self._is_closed or (state.due is not None and now >= state.due):
                    state.is_final = True
                    state.num_dropped += self._pending.discard(state.part) + state.num_in_progress
                    del self._left[state.part]
                    self._changed.notify_all()
                    return state
                self._changed.wait(POLL_SECONDS if state.due is None else max(0.0, min(POLL_SECONDS, state.due - now)))

    def remove(self, part: str) -> None:
        """Remove a part whose verdict is written."""
        with self._changed:
            self._parts.pop(part, None)
            self._changed.notify_all()

    def resume_position(self, default: float, deciding: str) -> float:
        """The earliest `resume_from` of all parts but `deciding`, else `default`."""
        with self._changed:
            return min((state.resume_from for state in self._parts.values() if state.part != deciding), default=default)

    def wait_until_decided(self, stop: threading.Event) -> None:
        """Return when no part that has left is without a verdict, or when `stop` is set."""
        with self._changed:
            while any(state.left is not None for state in self._parts.values()) and not stop.is_set():
                self._changed.wait(POLL_SECONDS)

    def close(self) -> None:
        """End `take` at once and `take_due` after the parts that have left."""
        with self._changed:
            self._is_closed = True
            self._changed.notify_all()
