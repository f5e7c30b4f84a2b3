"""Encode files of a data set as ingest encodes them: the same reader, chunks and towers."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from mm.errors import InvalidInput, MMError
from mm.evaluation.features.types import Features
from mm.media.segmenting import cut_chunks
from mm.media.types import MediaFile
from mm.spaces.encode.audio import assign_evidence, encode_sounds
from mm.spaces.encode.chunk import ChunkEncoder
from mm.spaces.encode.evidence import EncodedSegment
from mm.spaces.encode.images import encode_images
from mm.spaces.encode.ocr_budget import OcrBudget

if TYPE_CHECKING:
    from mm.media import MediaReader
    from mm.settings import Settings
    from mm.spaces import Space

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
        return f"{self._space.id}|{weights}|{self._space.runtime_name}|{'+'.join(self._kinds)}|{options}"

    def encode(self, paths: Sequence[Path], on_tick: Tick = lambda: None) -> list[Features | MMError]:
        """Encode files in order, images as one batch; an error in place of a file that failed.

        `on_tick` is called often, and may raise to stop the work.
        """
        files = [self._probe(path) for path in paths]
        images = [file for file in files if isinstance(file, MediaFile) and file.info.kind == "image"]
        encoded = iter(encode_images(self._space, self._reader, images, lambda _: on_tick()) if images else ())
        outcomes: list[Features | MMError] = []
        for file in files:
            if isinstance(file, MMError):
                outcomes.append(file)
            elif file.info.kind == "image":
                segment = next(encoded)
                outcomes.append(segment if isinstance(segment, MMError) else _collect([segment], 0.0))
            else:
                outcomes.append(self._encode_timed(file, on_tick))
            on_tick()
        return outcomes

    def _probe(self, path: Path) -> MediaFile | MMError:
        try:
            return self._reader.probe_file(path, path.name)
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
