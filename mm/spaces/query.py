"""A question in words, pictures or sound, or several at once, as calibrated probes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from mm.errors import InvalidInput
from mm.media.types import RGB, Waveform
from mm.numerics import log_odds, mean_direction
from mm.schemas import EvidenceKind, Weights
from mm.spaces.calibration import Component
from mm.spaces.scoring import LinearScore, audible, combine, depictable, linearize
from mm.spaces.space import Space
from mm.spaces.spelling import build_spelling_query
from mm.spaces.types import EvidenceQuery, Query, Vector, Vectors

KINDS: Final[tuple[EvidenceKind, ...]] = ("picture", "speech", "sound", "written", "name")
SAME_FORM: Final[dict[tuple[Component, EvidenceKind], EvidenceKind]] = {("text", "written"): "speech"}
"""What is written is asked as what is said: words against words, and nothing was fitted of it
alone."""
SPEECH_ONLY = "Nothing but speech was heard in the sound: it is compared by the words spoken in it, and by nothing else."
CUT = "The question is long: what stands behind its first {} tokens was not compared with pictures."
EQUAL: Final = Weights()
FOREIGN = "The words were not taken for English: the tower of other languages read them."
NOTHING_HEARD = "Nothing was heard in the sound, so that it could not be asked with."


@dataclass(frozen=True, slots=True)
class _Asked:
    """One part of a question as vectors: what is compared with pictures, with words, with sounds.
    None where it is not."""

    part: Component
    seen: Vector | None = None
    said: Vector | None = None
    heard: Vector | None = None
    depictable: float = 0.0  # log-probability
    audible: float = 0.0  # log-probability
    weight: float = 1.0
    words: str = ""
    """What is compared by its spelling."""


@dataclass(frozen=True, slots=True)
class SegmentVectors:
    """A segment as it was encoded: (dim,) of what is seen, rows of the lines said and of the
    sounds. One of them is there."""

    seen: Vector | None
    said: Vectors
    heard: Vectors


def build_query(
    space: Space,
    *,
    text: str | None = None,
    picture: RGB | None = None,
    clip: Sequence[RGB] | None = None,
    sound: Waveform | None = None,
    like: SegmentVectors | None = None,
    also: Sequence[str] = (),
    without: Sequence[str] = (),
    weights: Weights = EQUAL,
) -> Query:
    """Encode a question. Its parts add up: a picture with words asks for what fits both, and so do
    several texts.

    A part's weight says how much of its evidence counts; 0 leaves it out. What the question is
    `without` takes from a moment the probability that it is there, each text by itself, and adds
    nothing to any.

    `picture` and the frames of `clip` are (height, width, 3) uint8, `sound` is (samples,) float32
    at 16 kHz. Words look at all kinds of evidence; a picture and a clip at pictures; a sound, by
    what is said in it, at speech, and by what else sounds in it at sounds. Pictures and sounds look
    at each other where the space has both among the same vectors. A stored moment is asked with as
    the clip that it is, or, where nothing is seen, as its sound; its vectors are taken as they are.

    Raises `InvalidInput` when nothing is asked.
    """
    texts = [words for words in (text, *also) if words and words.strip() and weights.text]
    notes: list[str] = list(space.notes)
    transcript: str | None = None
    asked = [_words(space, words, weights.text, notes) for words in texts]
    if picture is not None and weights.picture:
        asked.append(_shown(space, "picture", space.image.embed([picture])[0], weights.picture))
    if like is not None and weights.like:
        if like.seen is not None:
            asked.append(_shown(space, "clip", like.seen, weights.like))
        else:
            said, sounds = (mean_direction(rows) if len(rows) else None for rows in (like.said, like.heard))
            asked.append(_sounded(space, said, sounds, weights.like))
    if clip and weights.clip:
        asked.append(_shown(space, "clip", mean_direction(space.image.embed(clip)), weights.clip))
    if not asked and (sound is None or not weights.sound):
        raise InvalidInput("The question is empty: it needs words, a picture, a sound or a clip, with a weight above 0.")
    if sound is not None and weights.sound:
        lines = [line.text for line in space.speech.transcribe(sound)]
        transcript = " ".join(lines) or None
        sounds = space.sound.embed(sound)
        if sounds is None:
            notes.append(SPEECH_ONLY if lines else NOTHING_HEARD)
        said = mean_direction(space.sentences.embed(lines)) if lines else None
        asked.append(_sounded(space, said, sounds, weights.sound))
    negations = [
        _at_even_odds(probe, space.calibration.prior)
        for words in without
        if words.strip() and weights.without
        for probe in _probes(space, [_words(space, words, weights.without, notes)])
    ]
    calibration = space.calibration
    said_once = tuple(dict.fromkeys(notes))
    return Query(
        _probes(space, asked),
        space.id,
        calibration.floor,
        possible=calibration.possible,
        transcript=transcript,
        near_duplicate_cosine=calibration.near_duplicate_cosine,
        notes=said_once,
        negations=tuple(negations),
    )


def _words(space: Space, words: str, weight: float, notes: list[str]) -> _Asked:
    (said,) = space.query_text.embed([words])
    seen = said if space.text is space.query_text else space.text.embed([words])[0]
    if space.query_text.is_non_english(words):
        notes.append(FOREIGN)
    if (most := space.text.truncation_limit(words)) is not None:
        notes.append(CUT.format(most))
    heard = seen if space.can_compare_sound_with_images else said
    return _Asked("text", seen, said, heard, depictable(said, space.bank), audible(said, space.bank), weight, words)


def _at_even_odds(probe: EvidenceQuery, prior: float) -> EvidenceQuery:
    """What says how likely something is there when it was as likely as not before one looked.

    A moment rarely is the answer, which is what the prior says. What is not wanted is often there,
    or would not be named.
    """
    return replace(probe, bias=probe.bias - log_odds(prior))


def _probes(space: Space, asked: Sequence[_Asked]) -> tuple[EvidenceQuery, ...]:
    texts = [one for one in asked if one.words]
    spelling = (
        build_spelling_query(" ".join(one.words for one in texts), texts[0].weight, space.calibration.prior) if texts else None
    )
    return tuple(probe for probe in (*(_probe(space, asked, kind) for kind in KINDS), spelling) if probe is not None)


def _shown(space: Space, part: Component, seen: Vector, weight: float) -> _Asked:
    return _Asked(part, seen, heard=seen if space.can_compare_sound_with_images else None, weight=weight)


def _sounded(space: Space, said: Vector | None, heard: Vector | None, weight: float) -> _Asked:
    return _Asked("sound", heard if space.can_compare_sound_with_images else None, said, heard, weight=weight)


def _probe(space: Space, asked: Sequence[_Asked], kind: EvidenceKind) -> EvidenceQuery | None:
    """What all parts together see in evidence of one kind; None when no part looks at it."""
    calibration = space.calibration
    bank = {"picture": space.bank.images, "sound": space.bank.sounds}.get(kind, space.bank.sentences)
    looks: list[tuple[LinearScore, float]] = []
    for one in asked:
        form = calibration.find_calibrator(one.part, SAME_FORM.get((one.part, kind), kind))
        vector = {"picture": one.seen, "sound": one.heard}.get(kind, one.said)
        if form is not None and vector is not None:
            looks.append((linearize(form, vector, bank, one.audible if kind == "sound" else one.depictable), one.weight))
    if not looks:
        return None
    found = combine(looks, calibration.prior, calibration.evidence_weight)
    return EvidenceQuery(kind, found.weight, found.bias, found.direction)
