"""Stores a candidate; it becomes the current version only if held-out groups improve."""

from __future__ import annotations

from dataclasses import dataclass

from mm.inspection.inspector import FittedInspector
from mm.inspection.marks.teach import Candidate
from mm.inspection.store import InspectorStore


@dataclass(frozen=True, slots=True, eq=False)
class Promotion:
    """What became of a candidate."""

    inspector: FittedInspector
    """With the number of its version."""
    is_current: bool
    """Whether inspections use it from now on."""
    statement: str
    """The comparison, and what follows from it, in sentences."""


def promote(store: InspectorStore, candidate: Candidate) -> Promotion:
    """Store a candidate as the next version of its name, and use it if it is better.

    One that is not better is stored too, so that a person can look at its results and use it by
    `InspectorStore.make_current`, as an earlier version is put back. Raises as `add`.
    """
    is_current = candidate.comparison.is_better
    inspector = store.add(candidate.inspector, make_current=is_current)
    statement = describe_promotion(candidate.comparison.statement(), inspector.name, inspector.version, is_current=is_current)
    return Promotion(inspector, is_current, statement)


def describe_promotion(comparison: str, name: str, version: int, *, is_current: bool) -> str:
    """The statement of a comparison, and what became of the version."""
    taken = "is used from now on" if is_current else "was stored, and is not used"
    return f"{comparison} Version {version} of {name} {taken}."
