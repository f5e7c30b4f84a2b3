"""Recognize text in images and in frames of a video, and encode it as evidence."""

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

MAX_SIDE = 960
"""Longest side, in pixels, at which an image is decoded; the recognizer uses no more."""
SAME_IMAGE = 0.95
"""Cosine with the last selected segment of its shot at which a later segment is not selected."""
LINE_SEPARATOR = " / "
MAX_CHARACTERS = 2000
"""Of the text of one image; the rest is discarded."""


def recognize_segments(
    space: Space,
    segments: Sequence[EncodedSegment],
    decode: Callable[[EncodedSegment], RGB],
    budget: OcrBudget,
    before_image: Callable[[], None],
) -> None:
    """Add recognized text to the selected segments, within the budget, longest shots first.

    `decode` returns the image of a segment. `before_image` is called before each image and may
    raise to stop the work. A selected segment is marked `unread` when the budget is used up or
    recognition is off or not installed.
    """
    selected = select_for_ocr(segments)
    allowed = budget.mode == "always" or (budget.mode == "auto" and space.can_recognize_text)
    num_recognized = 0
    for segment in selected:
        if not (allowed and budget.is_available):
            segment.unread = True
            continue
        before_image()
        with budget.debit():
            evidence = recognize_text(space, decode(segment), segment.start, segment.end)
        segment.evidence.extend(evidence)
        num_recognized += 1
    if num_recognized < len(selected):
        structlog.get_logger().info("text recognition deferred", pictures=len(selected) - num_recognized, read=num_recognized)


def select_for_ocr(segments: Sequence[EncodedSegment]) -> list[EncodedSegment]:
    """Select the segments whose image is worth recognizing, in the order of recognition.

    First the first segment of each shot, longest shots first; then later segments of a shot whose
    image differs from the last selected one.
    """
    with_image = (segment for segment in segments if _images(segment))
    shots = [list(shot) for _, shot in groupby(with_image, key=lambda segment: segment.shot)]
    shots.sort(key=lambda shot: shot[0].start - shot[-1].end)
    later: list[EncodedSegment] = []
    for first, *rest in shots:
        last = _images(first)[0]
        for segment in rest:
            image = _images(segment)[0]
            if float(image.vector @ last.vector) < SAME_IMAGE:
                later.append(segment)
                last = image
    return [shot[0] for shot in shots] + later


def recognize_text(space: Space, image: RGB, start: float, end: float) -> list[EncodedEvidence]:
    """Encode the text of an image: all of it by its meaning, and each word by its spelling.

    Empty where no text is recognized. `start` and `end` are the times of the evidence, in seconds.
    """
    text = LINE_SEPARATOR.join(line.text for line in space.recognizer.recognize(image))[:MAX_CHARACTERS]
    if not text:
        return []
    words = extract_words(text)
    spelling = [EncodedEvidence("word", start, end, word, row) for word, row in zip(words, embed_spelling(words), strict=True)]
    return [EncodedEvidence("written", start, end, text, space.sentences.embed([text])[0]), *spelling]


def _images(segment: EncodedSegment) -> list[EncodedEvidence]:
    return [evidence for evidence in segment.evidence if evidence.kind == "picture"]
