"""Does the history fit what is there? Pure functions: each gives what is wrong, one sentence
each."""

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

MOST_ENCODES = 2
"""Of one chunk. A killed worker costs the chunk that it was at a second start, and no other."""
TOLERANCE = 2e-3
"""Between a score of the index and one of the plain scan."""

Hits = Sequence[tuple[str, float, float, float]]
"""Item, start, end and score."""


@dataclass(frozen=True)
class Expected:
    """What each item's segments and chunks are, as seen without any fault."""

    segments: Mapping[str, Sequence[str]]
    chunks: Mapping[str, int]

    @classmethod
    def from_inventory(cls, inventory: Inventory) -> Expected:
        return cls(inventory.segments, Counter(chunk.item for chunk in inventory.chunks))


def check_at_rest(history: History, inventory: Inventory, expected: Expected) -> list[str]:
    """What is wrong with rows and files once nothing is left to do. Orphans may be there for a
    while: `OrphanTracker`."""
    return [
        *_jobs(history, inventory),
        *_items(history, inventory),
        *_encodes(inventory, expected),
        *_moments(inventory, expected),
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
        for place, op in enumerate(operations):
            if op.kind != "add" or op.outcome != "acknowledged":
                continue
            state = states.get(op.job)
            deleted_later = any(later.kind == "delete" for later in operations[place + 1 :])
            if state is None:
                yield f"The job {op.job} was acknowledged and is gone."
            elif state == "cancelled" and not deleted_later:
                yield f"The job {op.job} is cancelled, and nobody deleted its item."


def _items(history: History, inventory: Inventory) -> Iterator[str]:
    touched = {op.item for op in history.operations if op.kind in {"add", "delete", "cut"}}
    for item in sorted(touched | inventory.items.keys()):
        present = history.is_present(item)
        if present is True and inventory.items.get(item) != "ready":
            yield f"The item {item} was acknowledged and is {inventory.items.get(item, 'gone')}."
        if present is False and item in inventory.items:
            yield f"The item {item} is there, though it was deleted or never acknowledged."
        there: bool | None = False
        for op in history.operations_on(item):
            if op.kind == "delete" and op.detail == ABSENT and there is True:
                yield f"The item {item} was acknowledged and could not be deleted: {ABSENT}."
            there = op.kind == "add" if op.outcome == "acknowledged" else None if op.outcome == "unknown" else there


def _encodes(inventory: Inventory, expected: Expected) -> Iterator[str]:
    counts = Counter(chunk.item for chunk in inventory.chunks)
    for chunk in inventory.chunks:
        if chunk.attempts > MOST_ENCODES:
            yield f"Chunk {chunk.index} of {chunk.item} was encoded {chunk.attempts} times."
        if not chunk.done:
            yield f"Chunk {chunk.index} of {chunk.item} is not done."
    for item in inventory.items:
        if counts[item] != expected.chunks.get(item, counts[item]):
            yield f"The item {item} has {counts[item]} chunks; it had {expected.chunks[item]} without faults."


def _moments(inventory: Inventory, expected: Expected) -> Iterator[str]:
    for item in sorted({*inventory.items, *inventory.segments}):
        seen, wanted = (
            Counter(inventory.segments.get(item, ())),
            Counter(expected.segments.get(item, ()) if item in inventory.items else ()),
        )
        for moment, count in (wanted - seen).items():
            yield f"A segment of {item} is lost ({count}): {moment}"
        for moment, count in (seen - wanted).items():
            yield f"A segment of {item} is doubled or not its own ({count}): {moment}"


def check_results(question: str, hits: Hits, truth: Sequence[ScoredMoment]) -> list[str]:
    """Whether an answer is what scoring everything gives."""
    one = {(item, round(start, 3), round(end, 3)): score for item, start, end, score in hits}
    other = {(moment.item, round(moment.start, 3), round(moment.end, 3)): moment.score for moment in truth}
    wrong = [f"{question!r} does not find {key}." for key in sorted(other.keys() - one.keys())]
    wrong += [f"{question!r} finds {key}, which is not there." for key in sorted(one.keys() - other.keys())]
    wrong += [
        f"{question!r} scores {key} as {one[key]:.4f}, not {other[key]:.4f}."
        for key in sorted(one.keys() & other.keys())
        if abs(one[key] - other[key]) > TOLERANCE
    ]
    if len(hits) != len(one):
        wrong.append(f"{question!r} finds a moment twice.")
    return wrong


def check_searches(history: History) -> list[str]:
    """Whether each answer that came has what was searchable before its question, and nothing
    deleted before it."""
    wrong = []
    items = {op.item for op in history.operations if op.kind == "add"}
    for search in history.operations:
        if search.kind != "search" or search.outcome != "acknowledged":
            continue
        for item in items:
            ready, gone = _known(history, item, search.begin, search.end)
            if ready and item not in search.found:
                wrong.append(f"A search does not find {item}, which was searchable before it.")
            if gone and item in search.found:
                wrong.append(f"A search finds {item}, which was deleted before it.")
    return wrong


def _known(history: History, item: str, begin: float, end: float) -> tuple[bool, bool]:
    """Whether an item must be, and must not be, in an answer to a question asked from `begin` to
    `end`."""
    ready = gone = False
    for op in history.operations:
        if op.item != item or op.begin >= end:
            continue
        if op.kind == "delete":
            ready = False
            gone = gone or (op.outcome == "acknowledged" and op.end < begin)
        elif op.kind == "add":  # from here on it may become searchable
            gone = False
        elif op.kind == "ready":
            ready = ready or op.end < begin
    return ready, gone


@dataclass
class OrphanTracker:
    """Tells which files nothing pointed to for longer than `seconds` of `time.monotonic()`."""

    seconds: float
    _since: dict[str, float] = field(default_factory=dict)

    def check(self, orphans: Sequence[str], now: float) -> list[str]:
        self._since = {name: self._since.get(name, now) for name in orphans}
        return [
            f"Nothing has pointed to {name} for {now - at:.1f} s." for name, at in self._since.items() if now - at > self.seconds
        ]
