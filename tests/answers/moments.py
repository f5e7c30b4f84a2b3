"""Moments for tests."""

from __future__ import annotations

from mm.answers.evidence import Evidence, EvidenceMoment, Kind


def make_moment(
    moment_id: str, item: str = "a.mp4", start: int = 0, end: int = 5, scene: int | None = 1, **texts: str
) -> EvidenceMoment:
    """A moment with evidence by kind; the source is the id of the item."""
    kinds: tuple[Kind, ...] = ("picture", "speech", "written", "sound", "name")
    evidence = tuple(Evidence(kind, texts[kind]) for kind in kinds if kind in texts)
    return EvidenceMoment(moment_id, item, start, end, scene, evidence, f"id of {item}")
