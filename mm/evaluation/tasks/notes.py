"""Sentences that stand beside numbers of a set."""

from __future__ import annotations

from mm.data.sets.types import EvaluationSet


def list_notes(data: EvaluationSet) -> list[str]:
    """That the files are simulated, and how many are missing."""
    notes = []
    if data.is_simulated:
        notes.append(f"The files are simulated: this is no number of {data.name}.")
    if data.missing:
        notes.append(
            f"{len(data.missing)} of {len(data.items)} files are missing: the numbers are of those that are left, "
            "not of the published split."
        )
    return notes
