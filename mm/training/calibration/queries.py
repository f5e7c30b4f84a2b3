"""Questions with known answers, for each part of a question and each kind of evidence."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from mm.data.query_texts import draw_excerpt, make_file_name
from mm.data.short_queries import draw_short_queries
from mm.numerics import normalize
from mm.spaces.types import Vectors
from mm.training.calibration.data import Library, Spoken
from mm.training.calibration.forms import LabelledPairs

ALIKE = 0.8
"""Cosine of the mean captions of two pictures above which one answers a question with the other."""
SHORT_WORDS, SHORT_QUESTIONS = (1, 2, 3), 1000
"""Telling words of short questions, and how many questions of each length."""
_UNANSWERED = 0.1  # share of the weight of questions in words that nothing answers

Embed = Callable[[Sequence[str]], Vectors]


def words_for_pictures(library: Library, embed: Embed, seed: int) -> LabelledPairs:
    """Each caption of dev asks for its picture; short questions, with the other half of the weight,
    ask for what they name."""
    captions = library.picture_of_caption[:, None] == np.arange(len(library.pictures))
    short = [
        question
        for telling in SHORT_WORDS
        for question in draw_short_queries(captions_by_picture(library), telling, SHORT_QUESTIONS, seed)
    ]
    return LabelledPairs(
        np.concatenate([library.caption_vectors, embed([question.text for question in short])]),
        library.pictures,
        np.concatenate([captions, np.stack([question.right for question in short])]),
        np.concatenate([np.ones_like(captions), np.stack([question.known for question in short])]),
        np.concatenate([np.ones(len(captions)), np.full(len(short), len(captions) / len(short))]),
    )


def captions_by_picture(library: Library) -> list[list[str]]:
    """The captions of each picture."""
    own: list[list[str]] = [[] for _ in library.pictures]
    for caption, picture in zip(library.captions, library.picture_of_caption.tolist(), strict=True):
        own[picture].append(caption)
    return own


def pictures_for_pictures(library: Library, views: int) -> LabelledPairs:
    """Other views ask for their picture, and for those that people described in nearly the same
    words."""
    questions = np.stack([normalize(seen[:views].mean(0)) for seen in library.views])
    described = np.stack(
        [normalize(library.caption_vectors[library.picture_of_caption == row].mean(0)) for row in range(len(library.pictures))]
    )
    return LabelledPairs(questions, library.pictures, described @ described.T >= ALIKE)


def words_for_speech(spoken: Spoken, unanswered: Sequence[str], embed: Embed, seed: int) -> LabelledPairs:
    """What was said in dev, whole and in part, asks for the line it was heard as, among the lines
    of train and dev."""
    said = [spoken.sentences[file] for file in spoken.dev]
    asked = [
        *said,
        *(draw_excerpt(sentence, seed) for sentence in said),
        *(draw_excerpt(sentence, seed + 1) for sentence in said),
    ]
    questions, files = embed(asked), np.tile(np.array(spoken.dev), 3)
    own = files[:, None] == spoken.file_of_line
    best = np.where(own, questions @ spoken.lines.T, -np.inf).argmax(1)
    right = np.zeros(own.shape, np.bool_)
    right[np.arange(len(asked)), best] = True
    return _with_unanswered(LabelledPairs(questions, spoken.lines, right, ~own | right), unanswered, embed)


def words_for_names(library: Library, unanswered: Sequence[str], embed: Embed) -> LabelledPairs:
    """Names made of a first caption are asked for by the second, the third, and by themselves."""
    rows = [np.flatnonzero(library.picture_of_caption == row) for row in range(len(library.pictures))]
    names = [make_file_name(library.captions[own[0]]) for own in rows]
    described = [library.captions[own[turn % len(own)]] for turn in (1, 2) for own in rows]
    right = np.tile(np.eye(len(names), dtype=np.bool_), (3, 1))
    asked = LabelledPairs(embed([*described, *names]), embed(names), right)
    return _with_unanswered(asked, unanswered, embed)


def _with_unanswered(asked: LabelledPairs, unanswered: Sequence[str], embed: Embed) -> LabelledPairs:
    """The same and questions that nothing answers, which share a tenth of the weight."""
    count, more, width = len(asked.questions), len(unanswered), len(asked.evidence)
    counts = np.ones((count, width), np.bool_) if asked.counts is None else asked.counts
    weight = np.full(more, _UNANSWERED / (1 - _UNANSWERED) * count / more)
    return LabelledPairs(
        np.concatenate([asked.questions, embed(unanswered)]),
        asked.evidence,
        np.concatenate([asked.right, np.zeros((more, width), np.bool_)]),
        np.concatenate([counts, np.ones((more, width), np.bool_)]),
        np.concatenate([np.ones(count), weight]),
    )
