"""Reservations of memory: the total is never exceeded, and each waiting reservation succeeds."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mm.errors import Cancelled, MediaError, Unavailable
from mm.machine import available_memory
from mm.media.children.budget import MemoryBudget
from mm.media.children.deadline import NO_DEADLINE, Deadline
from tests.media.children.processes import wait_until

if TYPE_CHECKING:
    from pathlib import Path

LONG = 600.0


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(1, 100), min_size=1, max_size=24))
def test_reservations_of_many_threads_stay_within_the_total(sizes: list[int]) -> None:
    budget, lock = MemoryBudget(100), threading.Lock()
    in_use, peak = 0, 0

    def use(size: int) -> None:
        nonlocal in_use, peak
        budget.reserve(size, LONG, "file", NO_DEADLINE)
        with lock:
            in_use += size
            peak = max(peak, in_use)
        with lock:
            in_use -= size
        budget.release(size)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(use, sizes))
    assert peak <= 100
    assert budget.free == 100
    assert not budget.has_waiters


def test_small_reservation_does_not_overtake_an_earlier_large_one() -> None:
    budget, order = MemoryBudget(100), []
    budget.reserve(60, LONG, "first", NO_DEADLINE)

    def take(size: int) -> None:
        budget.reserve(size, LONG, "file", NO_DEADLINE)
        order.append(size)

    with ThreadPoolExecutor(2) as pool:
        large = pool.submit(take, 100)
        wait_until(lambda: budget.has_waiters)
        small = pool.submit(take, 10)
        wait_until(lambda: len(budget._waiting) == 2)
        assert not small.done(), "40 bytes are free, but the large reservation was first"
        budget.release(60)
        large.result(LONG)
        budget.release(100)
        small.result(LONG)
    assert order == [100, 10]


def test_reservation_timeout_names_the_setting_and_leaves_the_queue() -> None:
    budget = MemoryBudget(100)
    budget.reserve(100, LONG, "first", NO_DEADLINE)
    with pytest.raises(Unavailable, match=r"100 bytes \(MM_SANDBOX_TOTAL_MEMORY\)"):
        budget.reserve(1, 0.05, "file", NO_DEADLINE)
    with pytest.raises(MediaError, match="within"):
        budget.reserve(1, LONG, "file", Deadline(0.05))
    cancelled = threading.Event()
    cancelled.set()
    with pytest.raises(Cancelled):
        budget.reserve(1, LONG, "file", Deadline(None, cancelled))
    assert not budget.has_waiters
    budget.release(100)
    budget.reserve(100, LONG, "file", NO_DEADLINE)


def test_reservation_reclaims_idle_memory_until_it_fits() -> None:
    budget, idle = MemoryBudget(100), [30, 30, 30]
    for size in idle:
        budget.reserve(size, LONG, "idle", NO_DEADLINE)

    def reclaim() -> bool:
        if not idle:
            return False
        budget.release(idle.pop())
        return True

    budget.add_reclaimer(reclaim)
    budget.reserve(50, LONG, "file", NO_DEADLINE)
    assert idle == [30], "two of the three were enough"
    budget.remove_reclaimer(reclaim)


@pytest.mark.parametrize(
    ("own", "files", "limit"),
    [
        ("0::/a/b", {"memory.max": "max", "a/memory.max": "5000", "a/b/memory.max": "7000"}, 5000),
        ("0::/", {"memory.max": "6000"}, 6000),
        ("0::/../elsewhere", {"memory.max": "6000"}, 6000),
        ("4:memory:/a\n0::/", {"memory/memory.limit_in_bytes": "9000", "memory/a/memory.limit_in_bytes": "8000"}, 8000),
        ("4:cpu:/a", {"cpu/a/memory.limit_in_bytes": "1"}, None),
        ("0::/a", {"a/memory.max": "garbage"}, None),
        ("", {}, None),
    ],
)
def test_available_memory_is_the_limit_of_the_smallest_control_group(
    tmp_path: Path, own: str, files: dict[str, str], limit: int | None
) -> None:
    (tmp_path / "own").write_text(own + "\n" if own else "")
    for name, text in files.items():
        (tmp_path / "cgroup" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "cgroup" / name).write_text(text + "\n")
    whole = available_memory(tmp_path / "none", tmp_path / "none")
    assert available_memory(tmp_path / "cgroup", tmp_path / "own") == (limit or whole)
