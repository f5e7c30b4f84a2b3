"""Conversion of hits and catalog segments to the moments of `mm.answers`."""

from __future__ import annotations

import math
from itertools import groupby
from typing import TYPE_CHECKING

from api.scenes import get_scene
from mm.answers.evidence import Evidence, EvidenceMoment, Kind
from mm.answers.handles import Handle

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from indexes.catalog.records import NewEvidence, NewSegment
    from mm.schemas import Hit

KINDS: dict[str, Kind] = {
    "picture": "picture", "caption": "picture", "speech": "speech", "written": "written", "sound": "sound", "name": "name",
}  # fmt: skip
"""Kinds of evidence that a sentence can state. What matches by spelling is in speech or text."""
MAX_JOINED_CHARS = 320
"""Lines of one kind are joined up to this length; of longer ones only the best is used."""


def make_moment(handle: Handle, name: str, evidence: Sequence[Evidence], scene: int | None = None) -> EvidenceMoment:
    """The moment of a handle, in whole seconds that include it."""
    return EvidenceMoment(
        str(handle), name, math.floor(handle.start), math.ceil(handle.end), scene, tuple(evidence), handle.item_id
    )


def collect_evidence(segments: Iterable[NewSegment], hit: Hit | None = None) -> list[Evidence]:
    """One piece of evidence for each kind: those of the hit first, strongest first.

    An image without a caption is evidence without a text.
    """
    segments = list(segments)
    pieces = sorted((piece for segment in segments for piece in segment.evidence), key=lambda piece: piece.start)
    matched = [] if hit is None else [piece for piece in hit.evidence if piece.kind in KINDS]
    best = {KINDS[piece.kind]: piece.text for piece in reversed(matched) if piece.text}
    other = [piece.kind for piece in pieces if piece.kind in KINDS and piece.kind != "name"]
    kinds = dict.fromkeys(KINDS[kind] for kind in [*(piece.kind for piece in matched), *other])
    captions = [segment.caption for segment in segments if segment.caption]
    if captions:
        kinds, best = {**kinds, "picture": None}, {"picture": captions[0], **best}
    return [Evidence(kind, _join(pieces, kind, best.get(kind, ""))) for kind in kinds]


def group_segments(segments: Sequence[NewSegment]) -> list[list[NewSegment]]:
    """Consecutive segments of the same scene, or of the same shot where scenes are unknown."""
    return [list(group) for _, group in groupby(segments, key=get_scene)]


def _join(pieces: Sequence[NewEvidence], kind: Kind, best: str) -> str:
    if kind == "picture":
        return best
    texts = list(dict.fromkeys(piece.text.strip() for piece in pieces if KINDS.get(piece.kind) == kind and piece.text))
    joined = (", " if kind == "sound" else " ").join(texts)
    return joined if joined and (len(joined) <= MAX_JOINED_CHARS or not best) else best or joined
