"""The words of a spoken question."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mm.errors import Cancelled, InvalidInput, TooLarge
from mm.media.types import Span

if TYPE_CHECKING:
    import threading

    from api.http.form_files import FormFile
    from api.service import Service


def recognize_question(service: Service, file: FormFile, cancelled: threading.Event) -> str:
    """Return the words that are spoken in a file. Blocks.

    Raises `InvalidInput` for a file without speech, `TooLarge`, `MediaError`, `Unavailable`, and
    `Cancelled` once the event is set.
    """
    reader, limit = service.query_reader, service.settings.query_seconds
    with service.metrics.query_seconds.labels("decode").time():
        info = reader.probe(file.path, file.name)
        if not info.has_audio:
            raise InvalidInput(f"{file.name} has no audio; send the spoken question as audio.")
        if info.duration > limit:
            raise TooLarge(f"{file.name} has {info.duration:.0f} s; the maximum in a query is {limit:.0f} s (MM_QUERY_SECONDS).")
        waveform = reader.waveform(file.path, file.name, Span(0.0, info.duration))
    if cancelled.is_set():
        raise Cancelled(f"Recognition of {file.name} was cancelled.")
    with service.metrics.query_seconds.labels("recognize").time():
        words = service.recognizer.recognize(waveform)
    if not words:
        raise InvalidInput(f"No speech was recognized in {file.name}. Speak closer to the microphone, or type the question.")
    return words
