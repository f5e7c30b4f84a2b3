"""Frames that wait for the inspector."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from mm.line.pending import PendingFrame, PendingFrames


def frame(part: str, time: float) -> PendingFrame:
    return PendingFrame(part, time, np.zeros((1, 1, 3), np.uint8), None, (0, 0))


def test_pending_frames_full_part_keeps_spread_frames() -> None:
    pending = PendingFrames(3)
    dropped = sum(pending.add(frame("a", float(time))) for time in range(9))
    taken = [waiting.time for waiting in iter(pending.take, None)]
    assert dropped == 6
    assert taken[0] == 0
    assert taken[-1] == 8
    assert 2 <= taken[1] <= 7


def test_pending_frames_two_parts_are_taken_in_order_of_entry() -> None:
    pending = PendingFrames(2)
    for part, time in (("a", 0.0), ("b", 1.0), ("a", 2.0)):
        pending.add(frame(part, time))
    assert [waiting.part for waiting in iter(pending.take, None)] == ["a", "a", "b"]


def test_pending_frames_part_without_waiting_frames_keeps_its_place() -> None:
    pending = PendingFrames(2)
    pending.add(frame("a", 0.0))
    assert [waiting.part for waiting in iter(pending.take, None)] == ["a"]
    for part, time in (("b", 1.0), ("a", 2.0)):
        pending.add(frame(part, time))
    assert [waiting.part for waiting in iter(pending.take, None)] == ["a", "b"]
    pending.discard("a")
    assert pending.count("a") == 0


@given(st.lists(st.sampled_from("abc"), max_size=60), st.integers(1, 4))
def test_pending_frames_any_order_counts_every_frame_and_keeps_one_of_each_part(parts: list[str], limit: int) -> None:
    pending = PendingFrames(limit)
    dropped = sum(pending.add(frame(part, float(time))) for time, part in enumerate(parts))
    counts = {part: pending.count(part) for part in set(parts)}
    assert all(1 <= count <= limit for count in counts.values())
    assert dropped + sum(counts.values()) == len(parts)
