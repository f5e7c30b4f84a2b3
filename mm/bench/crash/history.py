"""Every operation of a run, with what its caller was told."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal

from mm.errors import MMError, Unavailable

Outcome = Literal["acknowledged", "refused", "unknown"]
"""Unknown is an operation whose answer did not come: it may have happened."""

ABSENT = "it was not there"
"""Detail of a delete that found nothing."""


@dataclass(slots=True)
class Operation:
    """One call. Times are seconds of `time.monotonic()`; `end` is infinite while it runs."""

    kind: Literal["add", "delete", "ready", "search", "rebuild", "cut"]
    item: str  # id of the item it is about; empty for a search
    begin: float
    end: float = float("inf")
    outcome: Outcome = "unknown"
    job: str = ""  # an acknowledged upload's
    found: frozenset[str] = frozenset()  # items in the answer of a search
    detail: str = ""


class History:
    """Safe to write from several threads."""

    def __init__(self) -> None:
        self.operations: list[Operation] = []
        self._lock = threading.Lock()

    @contextmanager
    def record(self, kind: Literal["add", "delete", "ready", "search", "rebuild", "cut"], item: str = "") -> Iterator[Operation]:
        """Around a call: what it raises decides how it counts, and an error of ours goes no
        further."""
        operation = Operation(kind, item, time.monotonic())
        with self._lock:
            self.operations.append(operation)
        try:
            yield operation
            operation.outcome = "acknowledged"
        except Unavailable as error:  # also a connection that broke, after which it may have happened
            operation.detail = str(error)
        except MMError as error:
            operation.outcome, operation.detail = "refused", str(error)
        finally:
            operation.end = time.monotonic()

    def operations_on(self, item: str) -> list[Operation]:
        """Uploads and deletes of an item, in order; only one caller works on an item at a time."""
        return [op for op in self.operations if op.item == item and op.kind in {"add", "delete"}]

    def is_present(self, item: str) -> bool | None:
        """Whether the item must be there. None when its last upload or delete was not answered."""
        there: bool | None = False
        for op in self.operations_on(item):
            if op.outcome == "acknowledged":
                there = op.kind == "add"
            elif op.outcome == "unknown":
                there = None
        return there
