"""Items made ahead: in order, not too many, closed in time, with the source's own errors."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mm.spaces.encode.prefetch import prefetch


@given(st.lists(st.integers()), st.integers(1, 5))
def test_all_in_order(items: list[int], most: int) -> None:
    assert list(prefetch(iter(items), most)) == items


def test_at_most_so_many_are_made_before_they_are_asked_for() -> None:
    made: list[int] = []
    enough = threading.Event()

    def source() -> Iterator[int]:
        for number in range(100):
            made.append(number)
            if number == 4:  # the first is taken, three wait, and one has no room
                enough.set()
            yield number

    items = prefetch(source(), 3)
    assert next(items) == 0
    assert enough.wait(10)
    assert made == [0, 1, 2, 3, 4]
    items.close()
    assert len(made) == 5


def test_the_source_is_closed_in_its_own_thread_when_nobody_wants_more() -> None:
    closed: list[int] = []
    before = set(threading.enumerate())

    def source() -> Iterator[int]:
        begun = threading.get_ident()
        try:
            while True:
                yield 1
        finally:
            closed.append(threading.get_ident() - begun)

    items = prefetch(source(), 2)
    next(items)
    items.close()
    assert closed == [0]
    assert not [thread for thread in set(threading.enumerate()) - before if thread.name == "prefetch"]


def test_what_the_source_raises_comes_behind_what_it_gave() -> None:
    def source() -> Iterator[int]:
        yield 1
        yield 2
        raise ValueError("broken off")

    got: list[int] = []
    with pytest.raises(ValueError, match="broken off"):
        got.extend(prefetch(source(), 8))
    assert got == [1, 2]
