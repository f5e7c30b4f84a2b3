"""Prints what a watch reports: one line each, or JSON lines."""

from __future__ import annotations

import json
import threading
import time
from collections import Counter
from typing import TYPE_CHECKING

import click

from mm.embedded.terminal import clean

if TYPE_CHECKING:
    from mm.watch.types import WatchEvent, WatchKind

PROBLEMS = frozenset({"refused", "unreadable", "unavailable", "failed", "lost", "gap"})
LABELS: dict[WatchKind, str] = {
    "uploaded": "uploaded",
    "known": "already in the library",
    "ready": "searchable",
    "refused": "refused",
    "unreadable": "unreadable",
    "failed": "failed",
    "gap": "gaps",
    "deleted": "deleted",
    "kept": "kept",
}
"""Kinds of the summary, in its order."""


class EventPrinter:
    """Prints events of any thread and counts them.

    Problems go to standard error, unless with `as_json`.
    """

    def __init__(self, *, as_json: bool) -> None:
        self._as_json = as_json
        self._lock = threading.Lock()
        self.counts: Counter[WatchKind] = Counter()

    def __call__(self, event: WatchEvent) -> None:
        with self._lock:
            self._print(event)

    def _print(self, event: WatchEvent) -> None:
        self.counts[event.kind] += 1
        if self._as_json:
            click.echo(json.dumps(event.as_json()))
            return
        parts = [f"{time.strftime('%H:%M:%S')}  {event.kind:<11}", event.item[:12], clean(event.path)]
        line = "  ".join(part for part in parts if part)
        click.echo(f"{line}: {clean(event.detail)}" if event.detail else line, err=event.kind in PROBLEMS)

    def summary(self) -> str:
        """One line with the counts."""
        counted = [f"{self.counts[kind]} {label}" for kind, label in LABELS.items() if self.counts[kind]]
        return ", ".join(counted) or "nothing new"
