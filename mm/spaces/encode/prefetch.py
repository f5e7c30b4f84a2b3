"""Iterate over a source in a background thread, a bounded number of items in advance."""

from __future__ import annotations

import threading
from collections.abc import Generator, Iterator
from queue import SimpleQueue
from typing import TypeVar

T = TypeVar("T")


class _End:
    """The last entry of the queue, with the error that ended the source, if any."""

    def __init__(self, error: BaseException | None) -> None:
        self.error = error


def prefetch(source: Iterator[T], max_items: int) -> Generator[T, None, None]:
    """Yield the items of `source`; a thread produces at most `max_items` of them in advance.

    The source is closed, in that thread, when the iteration ends or is closed; closing waits for
    the item that is being produced. Raises the source's error after the items before it.
    """
    slots, items, stopped = threading.Semaphore(max_items), SimpleQueue[T | _End](), threading.Event()
    thread = threading.Thread(target=_produce, args=(source, slots, items, stopped), name="prefetch", daemon=True)
    thread.start()
    try:
        while not isinstance(item := items.get(), _End):
            slots.release()
            yield item
        if item.error is not None:
            raise item.error
    finally:
        stopped.set()
        slots.release()
        thread.join()


def _produce(source: Iterator[T], slots: threading.Semaphore, items: SimpleQueue[T | _End], stopped: threading.Event) -> None:
    error: BaseException | None = None
    try:
        for item in source:
            slots.acquire()
            if stopped.is_set():
                break
            items.put(item)
    except BaseException as raised:  # noqa: BLE001  raised again by the consumer
        error = raised
    finally:
        if isinstance(source, Generator):
            source.close()
        items.put(_End(error))
