"""What is written in pictures and in the frames of a video as evidence."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import groupby
from typing import TYPE_CHECKING

import structlog

from mm.media.types import RGB
from mm.spaces.encode.evidence import EncodedEvidence, EncodedSegment
from mm.spaces.encode.ocr_budget import OcrBudget
from mm.spaces.spelling import embed_spelling, extract_words

if TYPE_CHECKING:
    from mm.spaces.space import Space

CHANGED = 0.95
"""Cosine with what was last read of the shot from which on a later segment shows the same, and is
not read again."""
BETWEEN = " / "
"""Stands between two lines."""
MOST_LETTERS = 2000
"""Of the text of one picture; the rest is left out."""

Show = Callable[[EncodedSegment], RGB]
"""The picture to read of a segment."""


def read_segments(
    space: Space, segments: Sequence[EncodedSegment], show: Show, time: OcrBudget, waiting: Callable[[], None]
) -> None:
    """Add to segments what is written in them: one picture of each shot, longest shots first, and
    of where a shot has changed.

    `waiting` is called before each picture and may raise to stop. A segment whose picture is not
    read, because `time` ended or does not allow any, is marked as `unread`.
    """
    chosen = select_for_ocr(segments)
    allowed = time.mode == "always" or (time.mode == "auto" and space.can_recognize_text)
    read = 0
    for segment in chosen:
        if not (allowed and time.is_available):
            segment.unread = True
            continue
        waiting()
        with time.debit():
            written = recognize_text(space, show(segment), segment.start, segment.end)
        segment.evidence.extend(written)
        read += 1
    if read < len(chosen):
        structlog.get_logger().info("text to be read later", pictures=len(chosen) - read, read=read)


def select_for_ocr(segments: Sequence[EncodedSegment]) -> list[EncodedSegment]:
    """The segments of which a picture is read, in that order."""
    shots = [list(shot) for _, shot in groupby((one for one in segments if _seen(one)), key=lambda one: one.shot)]
    shots.sort(key=lambda shot: shot[0].start - shot[-1].end)
    first = [shot[0] for shot in shots]
    later: list[EncodedSegment] = []
    for shot in shots:
        (last, *_), *rest = _seen(shot[0]), *shot[1:]
        for segment in rest:
            (picture, *_) = _seen(segment)
            if float(picture.vector @ last.vector) < CHANGED:
                later.append(segment)
                last = picture
    return first + later


def recognize_text(space: Space, picture: RGB, start: float, end: float) -> list[EncodedEvidence]:
    """All that is written in a picture as one piece, and each of its words by its spelling; none
    where nothing is."""
    text = BETWEEN.join(line.text for line in space.recognizer.recognize(picture))[:MOST_LETTERS]
    if not text:
        return []
    words = extract_words(text)
    spelling = [EncodedEvidence("word", start, end, word, row) for word, row in zip(words, embed_spelling(words), strict=True)]
    return [EncodedEvidence("written", start, end, text, space.sentences.embed([text])[0]), *spelling]


def _seen(segment: EncodedSegment) -> list[EncodedEvidence]:
    return [one for one in segment.evidence if one.kind == "picture"]
