"""Recognize text in images and in frames of a video, and encode it as evidence."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING

import structlog

from mm.media.types import RGB
from mm.spaces.encode.evidence import EncodedEvidence, EncodedSegment, TextImage
from mm.spaces.encode.ocr_budget import OcrBudget
from mm.spaces.encode.text_regions import ShownFrame, list_shown_frames, measure_shown_time, select_changed_frames
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


@dataclass(frozen=True, slots=True)
class SelectedImage:
    """An image that is worth reading, and the segment that it belongs to."""

    segment: EncodedSegment
    image: TextImage


def recognize_segments(
    space: Space,
    segments: Sequence[EncodedSegment],
    decode: Callable[[float], RGB],
    budget: OcrBudget,
    before_image: Callable[[], None],
    interval: float = 0.5,
) -> None:
    """Add recognized text to the selected segments, within the budget, longest shots first.

    `decode` returns the image at a time. `before_image` is called before each image and may raise
    to stop the work. `interval` is the time between two sampled frames, in seconds. An image is
    added to `unread` of its segment when the budget is used up or recognition is off or not
    installed.
    """
    selected = select_for_ocr(segments, interval)
    allowed = budget.mode == "always" or (budget.mode == "auto" and space.can_recognize_text)
    num_recognized = 0
    for chosen in selected:
        segment, image = chosen.segment, chosen.image
        if not (allowed and budget.is_available):
            segment.unread.append(image)
            continue
        before_image()
        with budget.debit():
            evidence = recognize_text(space, decode(image.time), image.start, image.end)
        segment.evidence.extend(evidence)
        segment.num_read += 1
        num_recognized += 1
    if num_recognized < len(selected):
        structlog.get_logger().info("text recognition deferred", pictures=len(selected) - num_recognized, read=num_recognized)


def select_for_ocr(segments: Sequence[EncodedSegment], interval: float = 0.5) -> list[SelectedImage]:
    """Select the images that are worth reading, in the order of recognition.

    First the key frame of each shot, the middle of its first segment, longest shots first. Then
    later segments of a shot whose vector differs from that of the last selected segment, and frames
    in which text regions changed and stand still.
    """
    with_image = (segment for segment in segments if _images(segment))
    shots = [list(shot) for _, shot in groupby(with_image, key=lambda segment: segment.shot)]
    shots.sort(key=lambda shot: shot[0].start - shot[-1].end)
    first, later = list[SelectedImage](), list[SelectedImage]()
    for shot in shots:
        key, *rest = _select_in_shot(shot, interval)
        first.append(key)
        later += rest
    return first + later


def _select_in_shot(shot: Sequence[EncodedSegment], interval: float) -> list[SelectedImage]:
    """The key frame of a shot, then the other selected images in the order of their times."""
    frames = list_shown_frames([frame for segment in shot for frame in segment.frames], shot[-1].end, interval)
    key = _frame_at(frames, _middle(shot[0]))
    changed = select_changed_frames(frames, key)
    by_vector = [shot[0]]
    for segment in shot[1:]:
        if float(_images(segment)[0].vector @ _images(by_vector[-1])[0].vector) < SAME_IMAGE:
            by_vector.append(segment)
    known = [frame for frame in (key, *changed) if frame is not None]
    selected: list[SelectedImage] = []
    for segment in shot:
        pages = [frame for frame in changed if _contains(segment, frame.time, shot[-1])]
        has_middle = segment in by_vector
        if has_middle and segment is not shot[0]:
            shown = _frame_at(frames, _middle(segment))
            has_middle = shown is None or not shown.still.any() or not any(frame.has_text_of(shown) for frame in known)
        if has_middle and not pages:
            selected.append(SelectedImage(segment, TextImage(_middle(segment), segment.start, segment.end)))
            continue
        if has_middle and (shown := _frame_at(frames, _middle(segment))) is not None:
            pages.insert(0, shown)
        images = [measure_shown_time(frames, frames.index(frame), segment.start, segment.end) for frame in pages]
        selected += [SelectedImage(segment, image) for image in images]
    return selected


def _frame_at(frames: Sequence[ShownFrame], time: float) -> ShownFrame | None:
    """The frame that is shown at a time."""
    return next((frame for frame in reversed(frames) if frame.time <= time), None)


def _contains(segment: EncodedSegment, time: float, last: EncodedSegment) -> bool:
    return segment.start <= time and (time < segment.end or segment is last)


def _middle(segment: EncodedSegment) -> float:
    return (segment.start + segment.end) / 2


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
