"""Every operation of a run, with its outcome for the client."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal

from mm.errors import MMError, Unavailable

Outcome = Literal["acknowledged", "refused", "unknown"]
"""`unknown`: no response arrived, so the operation may have been carried out."""

ABSENT = "it did not exist"
"""Detail of a delete of an unknown item."""


@dataclass(slots=True)
class Operation:
    """One request. Times are seconds of `time.monotonic()`; `end` is infinite while it runs."""

    kind: Literal["add", "delete", "ready", "search", "rebuild", "cut"]
    item: str  # id of its item; empty for a search
    begin: float
    end: float = float("inf")
    outcome: Outcome = "unknown"
    job: str = ""  # of an acknowledged upload
    found_items: frozenset[str] = frozenset()  # items that a search found
    detail: str = ""


class History:
    """Operations in order; thread-safe."""

    def __init__(self) -> None:
        self.operations: list[Operation] = []
        self._lock = threading.Lock()

    @contextmanager
    def record(self, kind: Literal["add", "delete", "ready", "search", "rebuild", "cut"], item: str = "") -> Iterator[Operation]:
        """Record the request in the block. Its `MMError` sets the outcome and is not propagated."""
        operation = Operation(kind, item, time.monotonic())
        with self._lock:
            self.operations.append(operation)
        try:
            yield operation
            operation.outcome = "acknowledged"
        except Unavailable as error:  # includes a broken connection
            operation.detail = str(error)
        except MMError as error:
            operation.outcome, operation.detail = "refused", str(error)
        finally:
            operation.end = time.monotonic()

    def operations_on(self, item: str) -> list[Operation]:
        """Uploads and deletes of an item in order; items have one client at a time."""
        return [op for op in self.operations if op.item == item and op.kind in {"add", "delete"}]

    def is_present(self, item: str) -> bool | None:
        """Whether the item must exist; None if its last upload or delete has no response."""
        exists: bool | None = False
        for op in self.operations_on(item):
            if op.outcome == "acknowledged":
                exists = op.kind == "add"
            elif op.outcome == "unknown":
                exists = None
        return exists
