"""Encode files of a data set as ingest encodes them: the same reader, chunks and towers."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from mm.errors import InvalidInput, MMError
from mm.evaluation.features.types import Features
from mm.media.segmenting import cut_chunks
from mm.media.types import RGB, MediaFile
from mm.spaces.encode.audio import assign_evidence, encode_sounds
from mm.spaces.encode.chunk import ChunkEncoder
from mm.spaces.encode.evidence import EncodedSegment
from mm.spaces.encode.frames import max_decoded_side
from mm.spaces.encode.images import image_segment
from mm.spaces.encode.ocr_budget import OcrBudget

if TYPE_CHECKING:
    from mm.media import MediaReader
    from mm.settings import Settings
    from mm.spaces import Space

NUM_READERS = 2
"""Files that are probed and decoded at the same time."""
IMAGES_PER_BATCH = 8
"""That the tower encodes at once, at most."""
KINDS = ("picture", "sound", "speech", "text")
Tick = Callable[[], None]


class SetEncoder:
    """Encodes files in one space. Used by one thread at a time."""

    def __init__(
        self, space: Space, reader: MediaReader, settings: Settings, kinds: Sequence[str] = ("picture", "sound")
    ) -> None:
        """`kinds` is the evidence to encode; speech and text cost most, and few measures use them.

        Raises `InvalidInput` for an unknown kind.
        """
        if unknown := sorted(set(kinds) - set(KINDS)):
            raise InvalidInput(f"Unknown kinds of evidence: {', '.join(unknown)}. Kinds are: {', '.join(KINDS)}.")
        self._space, self._reader, self._settings = space, reader, settings
        self._kinds = tuple(kind for kind in KINDS if kind in kinds)

    def name(self, weights: str) -> str:
        """Key of the cache: everything that the vectors depend on. `weights` is a hash of them."""
        options = f"{self._settings.sample_fps:g} fps,{self._settings.segment_seconds:g} s,{self._settings.chunk_seconds:g} s"
        options += ",events" if self._settings.event_cuts == "on" else ""
        return f"{self._space.id}|{weights}|{self._space.runtime_name}|{'+'.join(self._kinds)}|{options}"

    def encode(self, paths: Sequence[Path], on_tick: Tick = lambda: None) -> list[Features | MMError]:
        """Encode files in order; an error in place of a file that failed.

        Images are decoded in threads while those before them are encoded: a batch is what is
        decoded when the tower is free, so that neither waits for a full one. `on_tick` is called
        often, and may raise to stop the work.
        """
        outcomes: list[Features | MMError | None] = []
        waiting: list[tuple[int, RGB]] = []

        def encode_waiting() -> None:
            if waiting:
                vectors = self._space.image.embed([image for _, image in waiting])
                for (index, _), vector in zip(waiting, vectors, strict=True):
                    outcomes[index] = _collect([image_segment(vector)], 0.0)
                waiting.clear()

        pool = ThreadPoolExecutor(NUM_READERS, thread_name_prefix="image")
        try:
            for index, reading in enumerate([pool.submit(self._read, path) for path in paths]):
                if len(waiting) == IMAGES_PER_BATCH or not reading.done():
                    encode_waiting()
                content = reading.result()
                outcomes.append(content if isinstance(content, MMError) else None)
                if isinstance(content, np.ndarray):
                    waiting.append((index, content))
                elif isinstance(content, MediaFile):
                    outcomes[index] = self._encode_timed(content, on_tick)
                on_tick()
            encode_waiting()
        finally:
            pool.shutdown(cancel_futures=True)
        return [outcome for outcome in outcomes if outcome is not None]

    def _read(self, path: Path) -> RGB | MediaFile | MMError:
        """The pixels of an image, by the child process that probed it; another file as probed."""
        try:
            file = self._reader.probe_file(path, path.name)
            if file.info.kind != "image":
                return file
            longest = max_decoded_side(file.info, self._space.image.size)
            return self._reader.image(path, path.name, longest=longest)
        except MMError as error:
            return error

    def _encode_timed(self, file: MediaFile, on_tick: Tick) -> Features | MMError:
        has_speech = "speech" in self._kinds
        silent = replace(file, info=replace(file.info, audio_codec="")) if file.info.has_video and not has_speech else file
        encoder = ChunkEncoder(self._space, self._reader, self._settings, OcrBudget("always" if "text" in self._kinds else "off"))
        segments: list[EncodedSegment] = []
        try:
            keyframes = self._reader.keyframes(file.path, file.name) if file.info.has_video else []
            for span in cut_chunks(file.info.duration, keyframes, self._settings.chunk_seconds):
                if file.info.has_video or has_speech:
                    chunk = encoder.encode(silent, span, lambda _: on_tick())
                else:
                    chunk = [EncodedSegment(span.start, span.end, 0)]
                if "sound" in self._kinds and file.info.has_audio and not has_speech:
                    waveform = self._reader.waveform(file.path, file.name, span)
                    assign_evidence(chunk, encode_sounds(self._space, waveform, span.start))
                segments += chunk
                on_tick()
        except MMError as error:
            return error
        return _collect(segments, file.info.duration)


def _collect(segments: Sequence[EncodedSegment], duration: float) -> Features:
    by_kind = defaultdict(list)
    for segment in segments:
        for piece in segment.evidence:
            by_kind[str(piece.kind)].append(piece)
    frames = [frame for segment in segments for frame in segment.frames]
    return Features(
        duration,
        {kind: np.stack([piece.vector for piece in pieces]) for kind, pieces in by_kind.items()},
        {kind: np.array([(piece.start, piece.end) for piece in pieces], float) for kind, pieces in by_kind.items()},
        {kind: tuple(piece.text or "" for piece in pieces) for kind, pieces in by_kind.items() if kind != "picture"},
        np.array([frame.time for frame in frames]) if frames else None,
        np.stack([frame.vector for frame in frames]) if frames else None,
        np.stack([frame.motion for frame in frames]) if frames else None,
    )
