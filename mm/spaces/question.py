"""A question in words, pictures or sound, or several at once, as calibrated probes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from mm.errors import InvalidInput
from mm.media.types import RGB, Waveform
from mm.schemas import EvidenceKind
from mm.spaces.calibration import Part
from mm.spaces.depictable import depictable
from mm.spaces.forms import Linear, linear, mixed, unit
from mm.spaces.space import Space
from mm.spaces.types import Probe, Question, Vector, Vectors

KINDS: Final[tuple[EvidenceKind, ...]] = ("picture", "speech", "name")
SPEECH_ONLY = "A sound is compared by the words spoken in it, and by nothing else."
CUT = "The question is long: what stands behind its first {} tokens was not compared with pictures."
NOTHING_HEARD = "No speech was heard in the sound, so that it could not be asked with."


@dataclass(frozen=True, slots=True)
class _Asked:
    """One part of a question as vectors: what is compared with pictures, and what with words. None where it is not."""

    part: Part
    seen: Vector | None = None
    said: Vector | None = None
    depictable: float = 0.0  # log-probability


@dataclass(frozen=True, slots=True)
class StoredMoment:
    """A segment as it was encoded: (dim,) of what is seen, (N, dim) of the N lines said. One of the two is there."""

    seen: Vector | None
    said: Vectors


def ask(
    space: Space,
    *,
    text: str | None = None,
    picture: RGB | None = None,
    clip: Sequence[RGB] | None = None,
    sound: Waveform | None = None,
    like: StoredMoment | None = None,
) -> Question:
    """Encode a question. Its parts add up: a picture with words asks for what fits both.

    `picture` and the frames of `clip` are (height, width, 3) uint8, `sound` is (samples,) float32 at 16 kHz. Words look at
    pictures, speech and names; a picture and a clip at pictures; a sound, by what is said in it, at speech. A stored moment is
    asked with as the clip that it is, or, where nothing is seen, as its sound; its vectors are taken as they are.

    Raises `InvalidInput` when nothing is asked.
    """
    if not (text and text.strip()) and picture is None and not clip and sound is None and like is None:
        raise InvalidInput("The question is empty: it needs words, a picture, a sound or a clip.")
    asked: list[_Asked] = []
    notes: list[str] = list(space.notes)
    heard: str | None = None
    if text and text.strip():
        (said,) = space.sentences.embed([text])
        seen = said if space.text is space.sentences else space.text.embed([text])[0]
        asked.append(_Asked("text", seen, said, depictable(said, space.bank)))
        if space.text.is_cut(text):
            notes.append(CUT.format(space.text.most_tokens))
    if picture is not None:
        asked.append(_Asked("picture", space.image.embed([picture])[0]))
    if like is not None:
        asked.append(_Asked("clip", like.seen) if like.seen is not None else _Asked("sound", mean_direction(like.said)))
    if clip:
        asked.append(_Asked("clip", mean_direction(space.image.embed(clip))))
    if sound is not None:
        lines = [line.text for line in space.speech.transcribe(sound)]
        heard = " ".join(lines) or None
        notes.append(SPEECH_ONLY if lines else NOTHING_HEARD)
        if lines:
            asked.append(_Asked("sound", said=mean_direction(space.sentences.embed(lines))))
    probes = tuple(probe for kind in KINDS if (probe := _probe(space, asked, kind)) is not None)
    return Question(probes, space.id, space.calibration.floor, heard, space.calibration.alike, tuple(notes))


def mean_direction(vectors: Vectors) -> Vector:
    """The normalised mean (D,) of unit rows (N, D)."""
    return unit(vectors.mean(0, dtype=np.float32))


def _probe(space: Space, asked: Sequence[_Asked], kind: EvidenceKind) -> Probe | None:
    """What all parts together see in evidence of one kind; None when no part looks at it."""
    calibration = space.calibration
    bank = space.bank.pictures if kind == "picture" else space.bank.sentences
    looks: list[Linear] = []
    for one in asked:
        form = calibration.form(one.part, kind)
        vector = one.seen if kind == "picture" else one.said
        if form is not None and vector is not None:
            looks.append(linear(form, vector, bank, one.depictable))
    if not looks:
        return None
    found = mixed(looks, calibration.prior, calibration.mixing)
    return Probe(kind, found.weight, found.bias, found.direction)
