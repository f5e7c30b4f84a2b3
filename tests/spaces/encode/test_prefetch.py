"""Prefetching: order, bound, closing and errors."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mm.spaces.encode.prefetch import prefetch


@given(st.lists(st.integers()), st.integers(1, 5))
def test_prefetch_yields_all_items_in_order(items: list[int], max_items: int) -> None:
    assert list(prefetch(iter(items), max_items)) == items


def test_prefetch_produces_at_most_max_items_in_advance() -> None:
    produced: list[int] = []
    enough = threading.Event()

    def source() -> Iterator[int]:
        for number in range(100):
            produced.append(number)
            if number == 4:  # one consumed, three in the queue, one without a slot
                enough.set()
            yield number

    items = prefetch(source(), 3)
    assert next(items) == 0
    assert enough.wait(10)
    assert produced == [0, 1, 2, 3, 4]
    items.close()
    assert len(produced) == 5


def test_prefetch_closed_early_closes_the_source_in_its_thread() -> None:
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


def test_prefetch_raises_the_error_of_the_source_after_its_items() -> None:
    def source() -> Iterator[int]:
        yield 1
        yield 2
        raise ValueError("source failed")

    received: list[int] = []
    with pytest.raises(ValueError, match="source failed"):
        received.extend(prefetch(source(), 8))
    assert received == [1, 2]
