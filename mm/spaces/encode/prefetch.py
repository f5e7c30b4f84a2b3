"""What comes next is made while what came before is worked on."""

from __future__ import annotations

import threading
from collections.abc import Generator, Iterator
from queue import SimpleQueue
from typing import TypeVar

T = TypeVar("T")


class _End:
    """What a source ends with."""

    def __init__(self, error: BaseException | None) -> None:
        self.error = error


def prefetch(source: Iterator[T], most: int) -> Generator[T, None, None]:
    """The items of `source`, made in a thread of their own, at most `most` of them before they are
    asked for.

    The source is closed when the iteration ends or is closed; that waits for the item that is being
    made. Raises what the source raises, behind the items that it gave before.
    """
    room, items, stopped = threading.Semaphore(most), SimpleQueue[T | _End](), threading.Event()
    thread = threading.Thread(target=_make, args=(source, room, items, stopped), name="ahead", daemon=True)
    thread.start()
    try:
        while not isinstance(item := items.get(), _End):
            room.release()
            yield item
        if item.error is not None:
            raise item.error
    finally:
        stopped.set()
        room.release()
        thread.join()


def _make(source: Iterator[T], room: threading.Semaphore, items: SimpleQueue[T | _End], stopped: threading.Event) -> None:
    error: BaseException | None = None
    try:
        for item in source:
            room.acquire()
            if stopped.is_set():
                break
            items.put(item)
    except BaseException as raised:  # noqa: BLE001  it is raised again where the items are taken
        error = raised
    finally:
        if isinstance(source, Generator):
            source.close()
        items.put(_End(error))
