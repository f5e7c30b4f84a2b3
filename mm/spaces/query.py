"""Encode a query of text, images, audio or several at once as calibrated evidence queries."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from mm.errors import InvalidInput
from mm.media.types import RGB, Waveform
from mm.models.text.language_quality import WeakLanguage
from mm.numerics import log_odds, mean_direction
from mm.schemas import EvidenceKind, Weights
from mm.spaces.calibration import Component
from mm.spaces.scoring import LinearScore, audible, combine, depictable, linearize
from mm.spaces.space import Space
from mm.spaces.spelling import build_spelling_query
from mm.spaces.text_queries.bands import TextFeatures, describe_other_text, describe_text
from mm.spaces.text_queries.head_scores import add_word_heads
from mm.spaces.types import EvidenceQuery, Query, Vector, Vectors
from mm.wording.typing_errors import correct_typing_errors

KINDS: Final[tuple[EvidenceKind, ...]] = ("picture", "speech", "sound", "written", "name", "caption")
CALIBRATED_AS: Final[dict[tuple[Component, EvidenceKind], EvidenceKind]] = {("text", "written"): "speech"}
"""Kinds of evidence without a calibrator of their own, and the kind whose calibrator they use.
Recognized text is compared as speech is: text with text."""
EQUAL_WEIGHTS: Final = Weights()
UNWANTED_PRIOR: Final[dict[EvidenceKind, float]] = {"picture": 0.88}
"""Probability that unwanted content is present, before the evidence; of other kinds 0.5. Chosen on
train by `mm eval without`: a higher one excludes little more and lowers all scores."""

SPEECH_ONLY = "The audio has no sound other than speech: it is compared by its words only."
TRUNCATED = "The query is long: only its first {} tokens are compared with images."
NON_ENGLISH = "The text was detected as not English and encoded by the multilingual tower."
CORRECTED = 'In images, "{}" is searched as "{}" too.'
WEAK_LANGUAGE = "The language is probably {}: queries in it found {} % of descriptions in a test, in English {} %."
UNMEASURED_LANGUAGE = "The language is probably {}, in which queries were not tested."
NO_SOUND = "The audio has neither speech nor another sound: it is not part of the query."


@dataclass(frozen=True, slots=True, kw_only=True)
class _Component:
    """One component of a query as vectors, by the evidence they are compared with."""

    kind: Component
    image: Vector | None = None
    text: Vector | None = None
    """For speech, recognized text and file names."""
    sound: Vector | None = None
    depictable: float = 0.0  # log-probability
    audible: float = 0.0  # log-probability
    weight: float = 1.0
    words: str = ""
    """Text that is compared by its spelling too."""
    head_words: str = ""
    """The same without typing errors, or English words for it: those compared by their heads."""
    is_english: bool = True


@dataclass(frozen=True, slots=True)
class SegmentVectors:
    """The vectors of a stored segment; at least one is present."""

    image: Vector | None
    speech: Vectors
    """(N, dim), one row for each line."""
    sounds: Vectors
    """(N, dim), one row for each sound."""


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
    weights: Weights = EQUAL_WEIGHTS,
    may_only_exclude: bool = False,
) -> Query:
    """Encode a query. Its components add up: text and an image together match what fits both.

    `picture` and the frames of `clip` are (height, width, 3) uint8, `sound` is (samples,) float32
    at 16 kHz. `also` are further texts, each a component of its own. The weight of a component is
    the factor of its evidence; 0 omits it. Each text of `without` lowers the probability of a match
    by the probability that its content is present, and raises none.

    Text is compared with all kinds of evidence; an image and a clip with images; audio by its
    speech with text, and by its other sounds with sounds. Images and sounds are compared with each
    other in a space that has both among the same vectors. A stored segment is used as a clip, or,
    without an image, as audio; its vectors are not encoded again.

    With `may_only_exclude`, a query of `without` alone matches images by the probability that the
    content is absent.

    Raises `InvalidInput` when no component is left.
    """
    notes = list(space.notes)
    transcript: str | None = None
    texts = [words for words in (text, *also) if words and words.strip() and weights.text]
    components = [_text_component(space, words, weights.text, notes) for words in texts]
    if picture is not None and weights.picture:
        components.append(_image_component(space, "picture", space.image.embed([picture])[0], weights.picture))
    if like is not None and weights.like:
        components.append(_segment_component(space, like, weights.like))
    if clip and weights.clip:
        components.append(_image_component(space, "clip", mean_direction(space.image.embed(clip)), weights.clip))
    only_excludes = (
        may_only_exclude and bool(without and weights.without) and text is None and not (components or also) and sound is None
    )
    if not only_excludes and not components and (sound is None or not weights.sound):
        raise InvalidInput("The query is empty: it needs text, an image, audio or a clip, with a weight above 0.")
    if sound is not None and weights.sound:
        lines = space.speech.transcribe(sound)
        transcript = " ".join(line.text for line in lines) or None
        sound_vector = space.sound.embed(sound)
        if sound_vector is None:
            notes.append(SPEECH_ONLY if lines else NO_SOUND)
        speech_vector = mean_direction(space.embed_speech(lines)) if lines else None
        components.append(_audio_component(space, speech_vector, sound_vector, weights.sound))
    calibration = space.calibration
    negations = [
        _as_unwanted(query, calibration.prior)
        for words in without
        if words.strip() and weights.without
        for query in _evidence_queries(space, [_text_component(space, words, weights.without, notes)])
    ]
    evidence_queries = _evidence_queries(space, components)
    if only_excludes:
        evidence_queries, negations = _invert_first_image(negations)
    return Query(
        evidence_queries,
        space.id,
        calibration.floor,
        possible=calibration.possible,
        transcript=transcript,
        near_duplicate_cosine=calibration.near_duplicate_cosine,
        notes=tuple(dict.fromkeys(notes)),
        text=_describe_text(space, components, is_negated=bool(negations)),
        negations=tuple(negations),
    )


def _describe_text(space: Space, components: Sequence[_Component], *, is_negated: bool) -> TextFeatures | None:
    """Features of the only component if it is a text, or of a query that only excludes."""
    if [component.kind for component in components] not in ([], ["text"]):
        return None
    if not components:
        return describe_text("", 0.0, space.word_heads, None, is_negated=is_negated)
    (component,) = components
    if component.weight != 1.0:
        return None
    calibrator = space.calibration.find_calibrator("text", "picture")
    scale = None
    if calibrator is not None and component.image is not None and space.word_heads is not None:
        score = linearize(calibrator, component.image, space.bank.images, component.depictable)
        _, scale = add_word_heads(score, component.head_words, space.word_heads, space.bank.images)
    if not component.is_english:
        glosses = component.head_words.split()
        return describe_other_text(component.words, glosses, component.depictable, scale, is_negated=is_negated)
    return describe_text(
        component.head_words,
        component.depictable,
        space.word_heads,
        scale,
        is_negated=is_negated,
        is_corrected=component.head_words not in ("", component.words),
    )


def _text_component(space: Space, words: str, weight: float, notes: list[str]) -> _Component:
    (text_vector,) = space.query_text.embed([words])
    image_vector = text_vector if space.text is space.query_text else space.text.embed([words])[0]
    head_words, is_english = _find_head_words(space, words)
    if is_english and head_words != words:
        image_vector = mean_direction(np.stack([image_vector, space.text.embed([head_words])[0]]))
        notes.append(CORRECTED.format(words, head_words))
    if space.query_text.is_non_english(words):
        notes.append(NON_ENGLISH)
        if (weak := space.query_text.find_weak_language(words)) is not None:
            notes.append(_describe_weak_language(weak))
    if (max_tokens := space.text.truncation_limit(words)) is not None:
        notes.append(TRUNCATED.format(max_tokens))
    return _Component(
        kind="text",
        image=image_vector,
        text=text_vector,
        sound=image_vector if space.can_compare_sound_with_images else text_vector,
        depictable=depictable(text_vector, space.bank),
        audible=audible(text_vector, space.bank),
        weight=weight,
        words=words,
        head_words=head_words,
        is_english=is_english,
    )


def _find_head_words(space: Space, words: str) -> tuple[str, bool]:
    """The words of a text whose heads are used, and whether it is English.

    Of a text in another language they are English words of the same meaning, if any are known.
    Without them, a text that is English after typing errors are corrected is English.
    """
    is_english = not space.query_text.is_non_english(words)
    if space.word_heads is None or space.glosses is None:
        return words if is_english else "", is_english
    if not is_english and (glosses := space.glosses.find(words, space.query_text)):
        return " ".join(glosses), False
    corrected = correct_typing_errors(words, space.word_heads.vocabulary)
    if is_english or (corrected != words and not space.query_text.is_non_english(corrected)):
        return corrected, True
    return "", False


def _describe_weak_language(language: WeakLanguage) -> str:
    if language.recall is None:
        return UNMEASURED_LANGUAGE.format(language.name)
    return WEAK_LANGUAGE.format(language.name, round(100 * language.recall), round(100 * language.english))


def _image_component(space: Space, kind: Component, vector: Vector, weight: float) -> _Component:
    return _Component(kind=kind, image=vector, sound=vector if space.can_compare_sound_with_images else None, weight=weight)


def _audio_component(space: Space, speech: Vector | None, sound: Vector | None, weight: float) -> _Component:
    image = sound if space.can_compare_sound_with_images else None
    return _Component(kind="sound", image=image, text=speech, sound=sound, weight=weight)


def _segment_component(space: Space, segment: SegmentVectors, weight: float) -> _Component:
    if segment.image is not None:
        return _image_component(space, "clip", segment.image, weight)
    speech, sound = (mean_direction(rows) if len(rows) else None for rows in (segment.speech, segment.sounds))
    return _audio_component(space, speech, sound, weight)


def _as_unwanted(query: EvidenceQuery, prior: float) -> EvidenceQuery:
    """The query with a prior of `UNWANTED_PRIOR` in place of the calibration's.

    The calibration's prior is that of a match, which is rare. Unwanted content is often present:
    otherwise it would not be excluded.
    """
    return replace(query, bias=query.bias - log_odds(prior) + log_odds(UNWANTED_PRIOR.get(query.kind, 0.5)))


def _invert_first_image(negations: Sequence[EvidenceQuery]) -> tuple[tuple[EvidenceQuery, ...], list[EvidenceQuery]]:
    """The first negation of images as an evidence query for its absence, and the other negations.

    With the negations applied, p = product(1 - p(unwanted_j)), as of a query that matches all.
    Raises `InvalidInput` when there is none.
    """
    first = next((query for query in negations if query.kind == "picture"), None)
    if first is None:
        raise InvalidInput("The query only excludes, and its texts are not compared with images: it needs a text to search for.")
    inverted = EvidenceQuery("picture", -first.weight, -first.bias, -first.direction)
    return (inverted,), [query for query in negations if query is not first]


def _evidence_queries(space: Space, components: Sequence[_Component]) -> tuple[EvidenceQuery, ...]:
    queries = [_evidence_query(space, components, kind) for kind in KINDS]
    if texts := [component for component in components if component.words]:
        words = " ".join(component.words for component in texts)
        queries.append(build_spelling_query(words, texts[0].weight, space.calibration.prior))
    return tuple(query for query in queries if query is not None)


def _evidence_query(space: Space, components: Sequence[_Component], kind: EvidenceKind) -> EvidenceQuery | None:
    """All components against one kind of evidence; None when none is compared with it."""
    calibration = space.calibration
    bank = {"picture": space.bank.images, "sound": space.bank.sounds}.get(kind, space.bank.sentences)
    scores: list[tuple[LinearScore, float]] = []
    for component in components:
        calibrator = calibration.find_calibrator(component.kind, CALIBRATED_AS.get((component.kind, kind), kind))
        vector = {"picture": component.image, "sound": component.sound}.get(kind, component.text)
        if calibrator is not None and vector is not None:
            log_probability = component.audible if kind == "sound" else component.depictable
            score = linearize(calibrator, vector, bank, log_probability)
            if kind == "picture" and component.head_words and space.word_heads is not None:
                score, _ = add_word_heads(score, component.head_words, space.word_heads, bank)
            scores.append((score, component.weight))
    if not scores:
        return None
    score = combine(scores, calibration.prior, calibration.evidence_weight)
    return EvidenceQuery(kind, score.weight, score.bias, score.direction)
