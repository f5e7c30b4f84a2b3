"""Places material on the timelines of made items: scenes, times, words said and written."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace

from mm.answers.evidence import Evidence, EvidenceMoment, Kind
from mm.data.language.sources import Source
from mm.data.language.wording import Vocabulary

Material = tuple[Source, int]
"""A source, and the number of the caption that is shown."""
SAME_SCENE = 0.3
"""Share of moments that are in the scene of the one before."""
PHOTOS = 0.4
"""Share of items, beyond the first, that are photos with one moment."""
SPEECH, WRITING = 0.3, 0.2
"""Shares of moments with words that a question does not need."""
_VIDEO_SUFFIXES, _PHOTO_SUFFIXES = (".mp4", ".mov", ".mkv", ".MP4", ".avi"), (".jpg", ".png", ".JPG")


def place_material(
    draw: random.Random, vocabulary: Vocabulary, material: Sequence[Material], num_items: int, *, photos: bool = True
) -> list[EvidenceMoment]:
    """Put each piece of material at a time of an item; the order of retrieval is random.

    Moments of one item do not overlap, and there is at least a second between them.
    """
    groups: list[list[Material]] = [[] for _ in range(max(1, min(num_items, len(material))))]
    for index, piece in enumerate(draw.sample(material, len(material))):
        groups[index if index < len(groups) else draw.randrange(len(groups))].append(piece)
    names: set[str] = set()
    moments: list[EvidenceMoment] = []
    for number, group in enumerate(groups):
        is_photo = photos and number > 0 and len(group) == 1 and draw.random() < PHOTOS
        name = draw_item_name(draw, vocabulary, names, _PHOTO_SUFFIXES if is_photo else _VIDEO_SUFFIXES)
        moments += [_make_moment(name, 0, 0, None, group[0])] if is_photo else _fill_video(draw, name, group)
    draw.shuffle(moments)
    return [replace(moment, id=f"m{number}") for number, moment in enumerate(moments, 1)]


def draw_item_name(draw: random.Random, vocabulary: Vocabulary, used: set[str], suffixes: Sequence[str]) -> str:
    """Draw a file name that differs from `used` in more than case and suffix, and add it there."""
    while True:
        words = draw.choice(vocabulary.names)
        style = draw.randrange(4)
        stem = (
            words,
            f"{words.title()} {draw.randint(2, 30)}",
            words.replace(" ", "_"),
            f"{words.replace(' ', '_')}_{draw.randint(1000, 9999)}",
        )[style]
        if stem.lower() not in used:
            used.add(stem.lower())
            return stem + draw.choice(suffixes)


def add_words(moment: EvidenceMoment, kind: Kind, text: str) -> EvidenceMoment:
    """The moment with words said or written in it, in place of those it had."""
    kept = tuple(entry for entry in moment.evidence if entry.kind != kind)
    return replace(moment, evidence=(*kept, Evidence(kind, text)))


def add_background_words(
    draw: random.Random,
    vocabulary: Vocabulary,
    moments: Sequence[EvidenceMoment],
    left_out: Sequence[str] = (),
    *,
    factor: float = 1.0,
) -> list[EvidenceMoment]:
    """Add words to some moments, about topics that differ from `left_out` and from one another.

    `factor` multiplies the shares `SPEECH` and `WRITING`.
    """
    topics = [topic for topic in draw.sample(vocabulary.topics, len(vocabulary.topics)) if topic not in left_out]
    result = []
    for moment in moments:
        if moment.scene is not None and not moment.get_text("speech") and topics and draw.random() < factor * SPEECH:
            moment = add_words(moment, "speech", draw.choice(vocabulary.speech).format(topic=topics.pop()))
        if not moment.get_text("written") and topics and draw.random() < factor * WRITING:
            moment = add_words(moment, "written", draw.choice(vocabulary.writing).format(topic=topics.pop()))
        result.append(moment)
    return result


def _fill_video(draw: random.Random, name: str, group: Sequence[Material]) -> list[EvidenceMoment]:
    moments: list[EvidenceMoment] = []
    at, scene = draw.randint(0, 90), draw.randint(1, 4)
    for piece in group:
        if moments and draw.random() < SAME_SCENE:
            at += draw.randint(1, 3)
        elif moments:
            at += draw.randint(6, 140)
            scene += draw.randint(1, 5)
        end = at + draw.randint(3, 20)
        moments.append(_make_moment(name, at, end, scene, piece))
        at = end
    return moments


def _make_moment(name: str, start: int, end: int, scene: int | None, piece: Material) -> EvidenceMoment:
    source, caption = piece
    return EvidenceMoment("", name, start, end, scene, (Evidence("picture", source.captions[caption]),), source.id)
