"""Compare a history with the state of the library: pure functions that return violations."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from mm.bench.crash.history import ABSENT
from mm.schemas import FINAL_STATES

if TYPE_CHECKING:
    from mm.bench.crash.history import History
    from mm.bench.crash.inventory import Inventory, ScoredMoment

MAX_ATTEMPTS = 2
"""Of one chunk: a killed worker repeats only the chunk that it was encoding."""
TOLERANCE = 2e-3
"""Largest difference between a score of the index and one of the exhaustive search."""

Hits = Sequence[tuple[str, float, float, float]]
"""Item, start, end and score."""


@dataclass(frozen=True)
class Expected:
    """The segments and the number of chunks of each item in a run without faults."""

    segments: Mapping[str, Sequence[str]]
    chunks: Mapping[str, int]

    @classmethod
    def from_inventory(cls, inventory: Inventory) -> Expected:
        return cls(inventory.segments, Counter(chunk.item for chunk in inventory.chunks))


def check_at_rest(history: History, inventory: Inventory, expected: Expected) -> list[str]:
    """Violations in rows and files when no work is left, except orphans: see `OrphanTracker`."""
    return [
        *_jobs(history, inventory),
        *_items(history, inventory),
        *_chunks(inventory, expected),
        *_segments(inventory, expected),
        *inventory.damaged,
    ]


def _jobs(history: History, inventory: Inventory) -> Iterator[str]:
    states = {job.id: job.state for job in inventory.jobs}
    for job in inventory.jobs:
        if job.state not in FINAL_STATES:
            yield f"The job {job.id} did not end; it is {job.state}."
        if job.state in {"failed", "quarantined"}:
            yield f"The job {job.id} of a good file is {job.state}: {job.error}"
    for item in {op.item for op in history.operations if op.kind == "add"}:
        operations = history.operations_on(item)
        for index, op in enumerate(operations):
            if op.kind != "add" or op.outcome != "acknowledged":
                continue
            state = states.get(op.job)
            deleted_later = any(later.kind == "delete" for later in operations[index + 1 :])
            if state is None:
                yield f"The job {op.job} was acknowledged and is missing."
            elif state == "cancelled" and not deleted_later:
                yield f"The job {op.job} is cancelled, but its item was not deleted."


def _items(history: History, inventory: Inventory) -> Iterator[str]:
    touched = {op.item for op in history.operations if op.kind in {"add", "delete", "cut"}}
    for item in sorted(touched | inventory.items.keys()):
        present = history.is_present(item)
        if present is True and inventory.items.get(item) != "ready":
            yield f"The item {item} was acknowledged and is {inventory.items.get(item, 'missing')}."
        if present is False and item in inventory.items:
            yield f"The item {item} exists, though it was deleted or never acknowledged."
        may_exist: bool | None = False
        for op in history.operations_on(item):
            if op.kind == "delete" and op.detail == ABSENT and may_exist is True:
                yield f"The item {item} was acknowledged and could not be deleted: {ABSENT}."
            if op.outcome == "acknowledged":
                may_exist = op.kind == "add"
            elif op.outcome == "unknown":
                may_exist = None


def _chunks(inventory: Inventory, expected: Expected) -> Iterator[str]:
    counts = Counter(chunk.item for chunk in inventory.chunks)
    for chunk in inventory.chunks:
        if chunk.attempts > MAX_ATTEMPTS:
            yield f"Chunk {chunk.index} of {chunk.item} was encoded {chunk.attempts} times."
        if not chunk.done:
            yield f"Chunk {chunk.index} of {chunk.item} is not done."
    for item in inventory.items:
        if counts[item] != expected.chunks.get(item, counts[item]):
            yield f"The item {item} has {counts[item]} chunks; it had {expected.chunks[item]} without faults."


def _segments(inventory: Inventory, expected: Expected) -> Iterator[str]:
    for item in sorted({*inventory.items, *inventory.segments}):
        actual_segments, expected_segments = (
            Counter(inventory.segments.get(item, ())),
            Counter(expected.segments.get(item, ()) if item in inventory.items else ()),
        )
        for segment, count in (expected_segments - actual_segments).items():
            yield f"A segment of {item} is lost ({count}): {segment}"
        for segment, count in (actual_segments - expected_segments).items():
            yield f"A segment of {item} is duplicated or unexpected ({count}): {segment}"


def check_results(query: str, hits: Hits, expected: Sequence[ScoredMoment]) -> list[str]:
    """Compare the hits of a search with those of an exhaustive search."""
    actual_scores = {(item, round(start, 3), round(end, 3)): score for item, start, end, score in hits}
    expected_scores = {(moment.item, round(moment.start, 3), round(moment.end, 3)): moment.score for moment in expected}
    violations = [f"{query!r} does not find {key}." for key in sorted(expected_scores.keys() - actual_scores.keys())]
    violations += [f"{query!r} finds {key}, which is not there." for key in sorted(actual_scores.keys() - expected_scores.keys())]
    violations += [
        f"{query!r} scores {key} as {actual_scores[key]:.4f}, not {expected_scores[key]:.4f}."
        for key in sorted(actual_scores.keys() & expected_scores.keys())
        if abs(actual_scores[key] - expected_scores[key]) > TOLERANCE
    ]
    if len(hits) != len(actual_scores):
        violations.append(f"{query!r} returns a moment twice.")
    return violations


def check_searches(history: History) -> list[str]:
    """Check that each search found what was searchable before it, and nothing deleted before it."""
    violations = []
    items = {op.item for op in history.operations if op.kind == "add"}
    for search in history.operations:
        if search.kind != "search" or search.outcome != "acknowledged":
            continue
        for item in items:
            is_ready, is_deleted = _state_during(history, item, search.begin, search.end)
            if is_ready and item not in search.found_items:
                violations.append(f"A search does not find {item}, which was searchable before it.")
            if is_deleted and item in search.found_items:
                violations.append(f"A search finds {item}, which was deleted before it.")
    return violations


def _state_during(history: History, item: str, begin: float, end: float) -> tuple[bool, bool]:
    """Whether a search from `begin` to `end` must find an item, and whether it must not."""
    is_ready = is_deleted = False
    for op in history.operations:
        if op.item != item or op.begin >= end:
            continue
        if op.kind == "delete":
            is_ready = False
            is_deleted = is_deleted or (op.outcome == "acknowledged" and op.end < begin)
        elif op.kind == "add":  # may become searchable from now on
            is_deleted = False
        elif op.kind == "ready":
            is_ready = is_ready or op.end < begin
    return is_ready, is_deleted


@dataclass
class OrphanTracker:
    """Reports files that were orphans for longer than `seconds` of `time.monotonic()`."""

    seconds: float
    _since: dict[str, float] = field(default_factory=dict)

    def check(self, orphans: Sequence[str], now: float) -> list[str]:
        """Violations among the orphans that exist now."""
        self._since = {name: self._since.get(name, now) for name in orphans}
        return [
            f"Nothing has referred to {name} for {now - at:.1f} s." for name, at in self._since.items() if now - at > self.seconds
        ]
