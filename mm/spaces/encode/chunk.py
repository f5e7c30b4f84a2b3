"""Encode one chunk of an item: images, audio and recognized text as evidence of its segments."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from typing import TYPE_CHECKING

from mm.media.segmenting import cut_segments
from mm.media.types import RGB, MediaFile, Span
from mm.numerics import mean_direction
from mm.spaces.encode.audio import assign_evidence, encode_audio
from mm.spaces.encode.events import event_edges
from mm.spaces.encode.evidence import EncodedEvidence, EncodedSegment, Reader
from mm.spaces.encode.frames import INTERPOLATE, NEVER, encode_frames, frame_vectors_in, max_decoded_side
from mm.spaces.encode.images import image_segment
from mm.spaces.encode.ocr import MAX_SIDE, recognize_segments
from mm.spaces.encode.ocr_budget import OcrBudget

if TYPE_CHECKING:
    from mm.settings import Settings
    from mm.spaces.space import Space

ALL_BUT_TEXT, FRAMES_WITH_AUDIO = 0.9, 0.7
"""Progress when all but text is encoded, and when all frames of a video with audio are."""
WAIT_SECONDS = 1.0
"""Between two calls of `progress` while only audio is encoded."""
Progress = Callable[[float], None]
"""Called with the share done, 0 to 1, in the calling thread; an exception from it ends the work."""


class ChunkEncoder:
    """Encodes chunks of media in one space. Used by one thread at a time."""

    def __init__(self, space: Space, reader: Reader, settings: Settings, ocr_budget: OcrBudget | None = None) -> None:
        """`ocr_budget` is carried from chunk to chunk; without it the encoder has its own."""
        self._space = space
        self._reader = reader
        self._settings = settings
        self._ocr_budget = ocr_budget or OcrBudget(settings.read_text)

    def encode(self, file: MediaFile, span: Span, progress: Progress) -> list[EncodedSegment]:
        """Encode `span` into segments that tile it; an image is one segment of length 0.

        Memory is bounded by the length of the span. Raises what the reader and `progress` raise.
        """
        with self._ocr_budget.credit():
            segments = self._encode_all_but_text(file, span, progress)
        if file.info.kind == "image":
            self.recognize_image_text(file, segments[0], lambda: progress(ALL_BUT_TEXT))
        elif file.info.kind == "video":

            def decode(time: float) -> RGB:
                return self._reader.frame_at(file.path, file.name, time, longest=MAX_SIDE)

            interval = 1 / self._settings.sample_fps
            recognize_segments(self._space, segments, decode, self._ocr_budget, _text_progress(progress), interval)
        progress(1.0)
        return segments

    def recognize_image_text(self, file: MediaFile, segment: EncodedSegment, before_image: Callable[[], None]) -> None:
        """Add the text of an image to its segment; see `recognize_segments`."""

        def decode(_: float) -> RGB:
            return self._reader.image(file.path, file.name, longest=MAX_SIDE)

        recognize_segments(self._space, [segment], decode, self._ocr_budget, before_image)

    def _encode_all_but_text(self, file: MediaFile, span: Span, progress: Progress) -> list[EncodedSegment]:
        if file.info.kind == "image":
            return [self._encode_image(file)]
        if file.info.kind == "video":
            return self._encode_video(file, span, progress)
        segments = self._cut(span, [])
        assign_evidence(segments, encode_audio(self._space, self._reader, file, span))
        return segments

    def _encode_image(self, file: MediaFile) -> EncodedSegment:
        tower = self._space.image
        image = self._reader.image(file.path, file.name, longest=max_decoded_side(file.info, tower.size))
        return image_segment(tower.embed([image])[0])

    def _encode_video(self, file: MediaFile, span: Span, progress: Progress) -> list[EncodedSegment]:
        has_audio = file.info.has_audio
        with ThreadPoolExecutor(1, thread_name_prefix="audio") as pool:
            audio = pool.submit(encode_audio, self._space, self._reader, file, span) if has_audio else None
            share = FRAMES_WITH_AUDIO if has_audio else ALL_BUT_TEXT
            segments = self._encode_frames(file, span, lambda done: progress(share * done))
            while audio is not None and wait([audio], WAIT_SECONDS).not_done:
                progress(share)  # the same share again: the call may raise to stop the work
            assign_evidence(segments, audio.result() if audio else [])
        progress(ALL_BUT_TEXT)
        return segments

    def _encode_frames(self, file: MediaFile, span: Span, progress: Progress) -> list[EncodedSegment]:
        """The segments of a video with their images and frames."""
        tower = self._space.image
        longest = max_decoded_side(file.info, tower.size)
        sampled = self._reader.frames(file.path, file.name, span, self._settings.sample_fps, longest)

        def on_window(time: float) -> None:
            progress(min(max((time - span.start) / span.length, 0.0), 1.0))

        frames = encode_frames(tower, sampled, on_window, NEVER if self._space.encodes_every_frame else INTERPOLATE)
        cuts = {frame.cut_time for frame in frames if frame.cut}
        if self._settings.event_cuts == "on":
            cuts |= set(event_edges(frames, span))
        segments = self._cut(span, sorted(cuts))
        for segment in segments if frames else ():
            vector = mean_direction(frame_vectors_in(frames, Span(segment.start, segment.end)))
            segment.evidence.append(EncodedEvidence("picture", segment.start, segment.end, None, vector))
        for frame in frames:
            at = bisect_right(segments, frame.time, key=lambda segment: segment.start)
            segments[max(at - 1, 0)].frames.append(frame)
        return segments

    def _cut(self, span: Span, cuts: list[float]) -> list[EncodedSegment]:
        """Segments without evidence, cut where shots and events begin or end."""
        pieces = cut_segments(span, cuts, self._settings.segment_seconds)
        return [EncodedSegment(piece.start, piece.end, shot) for piece, shot in pieces]


def _text_progress(progress: Progress) -> Callable[[], None]:
    """Report progress before each image whose text is recognized.

    How many images follow is not known, so that each adds less than the one before.
    """
    count = 0

    def before_image() -> None:
        nonlocal count
        progress(ALL_BUT_TEXT + (1.0 - ALL_BUT_TEXT) * count / (count + 10))
        count += 1

    return before_image
