"""Media to evidence: one chunk of an item at a time, and its name."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from pathlib import Path

from mm.media.segmenting import cut_segments
from mm.media.types import RGB, MediaInfo, Span
from mm.numerics import mean_direction
from mm.settings import Settings
from mm.spaces.encode.audio import assign_evidence, encode_audio
from mm.spaces.encode.evidence import EncodedEvidence, EncodedSegment, Reader
from mm.spaces.encode.file_name import extract_name_words
from mm.spaces.encode.frames import CLOSE, EVERY, encode_frames, frame_vectors_in, max_decoded_side
from mm.spaces.encode.ocr import read_segments
from mm.spaces.encode.ocr_budget import OcrBudget
from mm.spaces.space import Space

__all__ = ["EncodedEvidence", "EncodedSegment", "Reader", "encode_chunk", "encode_file_name"]

LONGEST = 960
"""Pixels of the longest side of a picture that is read: as much as the reader of text looks at."""
ENCODED, SEEN = 0.9, 0.7
"""Share that is done when all but text is encoded, and when all frames of a video with sound are.
"""
WAIT_SECONDS = 1.0
"""Between two calls of `progress` while only sound is encoded."""
Progress = Callable[[float], None]
"""Told the share that is done, from 0 to 1, in the calling thread; may raise to stop the work."""


def encode_chunk(
    space: Space,
    reader: Reader,
    path: Path,
    name: str,
    info: MediaInfo,
    span: Span,
    settings: Settings,
    progress: Progress,
    ocr_budget: OcrBudget | None = None,
) -> list[EncodedSegment]:
    """Segments that tile the span, each with what is seen, said, heard and written in it. Memory is
    bounded by its length.

    `reading` is the time that text may be read for, kept from chunk to chunk; without it this chunk
    has one of its own. A picture is one segment of no length. Raises what the reader raises, and
    whatever `progress` does.
    """
    ocr_budget = ocr_budget or OcrBudget(settings.read_text)
    with ocr_budget.credit():
        segments = _segments(space, reader, path, name, info, span, settings, progress)
    if info.kind == "image":
        recognize_image_text(space, reader, path, name, segments[0], ocr_budget, lambda: progress(ENCODED))
    elif info.kind == "video":

        def show(segment: EncodedSegment) -> RGB:
            return reader.frame_at(path, name, (segment.start + segment.end) / 2, longest=LONGEST)

        read_segments(space, segments, show, ocr_budget, _towards_the_end(progress))
    progress(1.0)
    return segments


def recognize_image_text(
    space: Space,
    reader: Reader,
    path: Path,
    name: str,
    segment: EncodedSegment,
    ocr_budget: OcrBudget,
    waiting: Callable[[], None],
) -> None:
    """Add to the segment of a picture what is written in it; see `read_segments`."""
    read_segments(space, [segment], lambda _: reader.image(path, name, longest=LONGEST), ocr_budget, waiting)


def _towards_the_end(progress: Progress) -> Callable[[], None]:
    """Called before each picture whose text is read, of which it is not known how many come: each
    gives less than the last."""
    count = 0

    def waiting() -> None:
        nonlocal count
        progress(ENCODED + (1.0 - ENCODED) * count / (count + 10))
        count += 1

    return waiting


def _segments(
    space: Space, reader: Reader, path: Path, name: str, info: MediaInfo, span: Span, settings: Settings, progress: Progress
) -> list[EncodedSegment]:
    """All but what is written."""
    if info.kind == "image":
        segments = [_picture(space, reader, path, name, info)]
    elif info.kind == "audio":
        segments = [EncodedSegment(part.start, part.end, shot) for part, shot in cut_segments(span, [], settings.segment_seconds)]
        assign_evidence(segments, encode_audio(space, reader, path, name, span, info.duration))
    else:
        segments = _video(space, reader, path, name, info, span, settings, progress)
    return segments


def encode_file_name(space: Space, name: str) -> EncodedEvidence | None:
    """The name of a file as evidence; None when it says nothing, as IMG_1234 does."""
    words = extract_name_words(name)
    return None if words is None else EncodedEvidence("name", 0.0, 0.0, words, space.sentences.embed([words])[0])


def _picture(space: Space, reader: Reader, path: Path, name: str, info: MediaInfo) -> EncodedSegment:
    picture = reader.image(path, name, longest=max_decoded_side(info, space.image.size))
    return EncodedSegment(0.0, 0.0, 0, [EncodedEvidence("picture", 0.0, 0.0, None, space.image.embed([picture])[0])])


def _video(
    space: Space, reader: Reader, path: Path, name: str, info: MediaInfo, span: Span, settings: Settings, progress: Progress
) -> list[EncodedSegment]:
    with ThreadPoolExecutor(1, thread_name_prefix="sound") as pool:
        sound = pool.submit(encode_audio, space, reader, path, name, span, info.duration) if info.has_audio else None
        share = SEEN if info.has_audio else ENCODED
        segments = _seen(space, reader, path, name, info, span, settings, lambda part: progress(share * part))
        while sound is not None and wait([sound], WAIT_SECONDS).not_done:
            progress(share)  # nothing new, but it may raise
        assign_evidence(segments, sound.result() if sound else [])
    progress(ENCODED)
    return segments


def _seen(
    space: Space, reader: Reader, path: Path, name: str, info: MediaInfo, span: Span, settings: Settings, progress: Progress
) -> list[EncodedSegment]:
    """The segments of a video with what is seen in them."""
    longest = max_decoded_side(info, space.image.size)
    sampled = reader.frames(path, name, span, settings.sample_fps, longest)

    def seen(time: float) -> None:
        progress(min(max((time - span.start) / span.length, 0.0), 1.0))

    frames = encode_frames(space.image, sampled, seen, EVERY if space.encodes_every_frame else CLOSE)
    cuts = sorted({frame.cut_time for frame in frames if frame.cut})
    segments = [EncodedSegment(part.start, part.end, shot) for part, shot in cut_segments(span, cuts, settings.segment_seconds)]
    for segment in segments if frames else ():
        vector = mean_direction(frame_vectors_in(frames, Span(segment.start, segment.end)))
        segment.evidence.append(EncodedEvidence("picture", segment.start, segment.end, None, vector))
    for frame in frames:
        at = bisect_right(segments, frame.time, key=lambda segment: segment.start)
        segments[max(at - 1, 0)].frames.append(frame)
    return segments
