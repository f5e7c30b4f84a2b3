"""Decoding of the files of a query, in the sandbox."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mm.errors import Cancelled, InvalidInput, TooLarge
from mm.media.types import Span

if TYPE_CHECKING:
    import threading

    from api.http.form_files import FormFile
    from api.search.request import SearchInput
    from api.service import Service
    from mm.media.types import RGB, MediaInfo, Waveform
    from mm.schemas import Kind

FIELDS: dict[Kind, str] = {"image": "picture", "audio": "sound", "video": "clip"}
NOUNS: dict[Kind, str] = {"image": "an image", "audio": "audio", "video": "a video"}
FRAME_PIXELS = 512  # longest side of decoded images and frames; towers use less


@dataclass(frozen=True, slots=True)
class DecodedFiles:
    """Content of the files of a query."""

    image: RGB | None = None
    clip: list[RGB] | None = None
    audio: Waveform | None = None
    seconds: float = 0.0
    """Time that decoding took."""


def decode_files(service: Service, query: SearchInput, cancelled: threading.Event) -> DecodedFiles:
    """Decode the files of a query. Blocks.

    Raises `InvalidInput`, `TooLarge`, `MediaError`, `Unavailable`, and `Cancelled` between two
    files or frames once the event is set.
    """
    started = time.perf_counter()
    with service.metrics.query_seconds.labels("decode").time():
        image, clip, audio = _decode(service, query, cancelled)
    return DecodedFiles(image, clip, audio, time.perf_counter() - started)


def _decode(
    service: Service, query: SearchInput, cancelled: threading.Event
) -> tuple[RGB | None, list[RGB] | None, Waveform | None]:
    """Return the image, the frames of the clip and the audio."""
    reader = service.query_reader
    image: RGB | None = None
    clip: list[RGB] | None = None
    audio: Waveform | None = None
    kinds: set[Kind] = set()
    for field, file in query.files.items():
        _check_cancelled(file, cancelled)
        info = reader.probe(file.path, file.name)
        _check_field(field, file, info, kinds)
        kinds.add(info.kind)
        _check_duration(file, info, service.settings.query_seconds)
        if info.kind == "image":
            image = reader.image(file.path, file.name, longest=FRAME_PIXELS)
            continue
        whole = Span(0.0, info.duration)
        if info.kind == "video":
            clip = []
            for frame in reader.frames(file.path, file.name, whole, service.settings.sample_fps, FRAME_PIXELS):
                _check_cancelled(file, cancelled)
                clip.append(frame.image)
        if info.has_audio:
            _check_cancelled(file, cancelled)
            audio = reader.waveform(file.path, file.name, whole)
    return image, clip, audio


def _check_cancelled(file: FormFile, cancelled: threading.Event) -> None:
    if cancelled.is_set():
        raise Cancelled(f"Decoding of {file.name} was cancelled.")


def _check_field(field: str, file: FormFile, info: MediaInfo, kinds: set[Kind]) -> None:
    expected = FIELDS[info.kind]
    if field not in {"file", expected}:
        raise InvalidInput(f"{file.name} is {NOUNS[info.kind]}: send it in the field `{expected}`, not `{field}`.")
    if info.kind in kinds:
        raise InvalidInput(f"The query has two files that are {NOUNS[info.kind]}; it may have one.")


def _check_duration(file: FormFile, info: MediaInfo, limit: float) -> None:
    if info.duration > limit:
        raise TooLarge(
            f"{file.name} has {info.duration:.0f} s; the maximum in a query is {limit:.0f} s (MM_QUERY_SECONDS). "
            "Send a shorter excerpt."
        )
