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
from mm.spaces.depictable import audible, depictable
from mm.spaces.forms import Linear, linear, mixed, unit
from mm.spaces.space import Space
from mm.spaces.types import Probe, Question, Vector, Vectors

KINDS: Final[tuple[EvidenceKind, ...]] = ("picture", "speech", "sound", "name")
SPEECH_ONLY = "Nothing but speech was heard in the sound: it is compared by the words spoken in it, and by nothing else."
CUT = "The question is long: what stands behind its first {} tokens was not compared with pictures."
NOTHING_HEARD = "Nothing was heard in the sound, so that it could not be asked with."


@dataclass(frozen=True, slots=True)
class _Asked:
    """One part of a question as vectors: what is compared with pictures, with words, with sounds. None where it is not."""

    part: Part
    seen: Vector | None = None
    said: Vector | None = None
    heard: Vector | None = None
    depictable: float = 0.0  # log-probability
    audible: float = 0.0  # log-probability


@dataclass(frozen=True, slots=True)
class StoredMoment:
    """A segment as it was encoded: (dim,) of what is seen, rows of the lines said and of the sounds. One of them is there."""

    seen: Vector | None
    said: Vectors
    heard: Vectors


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
    all kinds of evidence; a picture and a clip at pictures; a sound, by what is said in it, at speech, and by what else sounds in
    it at sounds. Pictures and sounds look at each other where the space has both among the same vectors. A stored moment is asked
    with as the clip that it is, or, where nothing is seen, as its sound; its vectors are taken as they are.

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
        asked.append(_Asked("text", seen, said, said, depictable(said, space.bank), audible(said, space.bank)))
        if space.text.is_cut(text):
            notes.append(CUT.format(space.text.most_tokens))
    if picture is not None:
        asked.append(_shown(space, "picture", space.image.embed([picture])[0]))
    if like is not None and like.seen is not None:
        asked.append(_shown(space, "clip", like.seen))
    elif like is not None:
        asked.append(_sounded(space, *(mean_direction(rows) if len(rows) else None for rows in (like.said, like.heard))))
    if clip:
        asked.append(_shown(space, "clip", mean_direction(space.image.embed(clip))))
    if sound is not None:
        lines = [line.text for line in space.speech.transcribe(sound)]
        heard = " ".join(lines) or None
        sounds = space.sound.embed(sound)
        if sounds is None:
            notes.append(SPEECH_ONLY if lines else NOTHING_HEARD)
        asked.append(_sounded(space, mean_direction(space.sentences.embed(lines)) if lines else None, sounds))
    probes = tuple(probe for kind in KINDS if (probe := _probe(space, asked, kind)) is not None)
    return Question(probes, space.id, space.calibration.floor, heard, space.calibration.alike, tuple(notes))


def mean_direction(vectors: Vectors) -> Vector:
    """The normalised mean (D,) of unit rows (N, D)."""
    return unit(vectors.mean(0, dtype=np.float32))


def _shown(space: Space, part: Part, seen: Vector) -> _Asked:
    return _Asked(part, seen, heard=seen if space.sounds_with_pictures else None)


def _sounded(space: Space, said: Vector | None, heard: Vector | None) -> _Asked:
    return _Asked("sound", heard if space.sounds_with_pictures else None, said, heard)


def _probe(space: Space, asked: Sequence[_Asked], kind: EvidenceKind) -> Probe | None:
    """What all parts together see in evidence of one kind; None when no part looks at it."""
    calibration = space.calibration
    bank = {"picture": space.bank.pictures, "sound": space.bank.sounds}.get(kind, space.bank.sentences)
    looks: list[Linear] = []
    for one in asked:
        form = calibration.form(one.part, kind)
        vector = {"picture": one.seen, "sound": one.heard}.get(kind, one.said)
        if form is not None and vector is not None:
            looks.append(linear(form, vector, bank, one.audible if kind == "sound" else one.depictable))
    if not looks:
        return None
    found = mixed(looks, calibration.prior, calibration.mixing)
    return Probe(kind, found.weight, found.bias, found.direction)
