"""Entry point to media files: everything is decoded in a sandboxed child process."""

from __future__ import annotations

import os
import struct
from contextlib import closing, contextmanager
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Literal

import numpy as np

from mm.errors import InvalidInput, MediaError
from mm.media.capture.wire import parse_capture
from mm.media.children.budget import MemoryBudget
from mm.media.children.deadline import Deadline
from mm.media.children.pool import ChildPool
from mm.media.children.requests import Request, request_many, request_one
from mm.media.children.wire import parse_image
from mm.media.limits import read_limits
from mm.media.sandbox.layers import Sandbox
from mm.media.types import RGB, SPEECH_RATE, Clip, Frame, Limits, MediaFile, MediaInfo, Span, Waveform

if TYPE_CHECKING:
    import threading
    from collections.abc import Iterator
    from types import TracebackType

    from mm.media.children.wire import Head
    from mm.media.sandbox.layers import ActiveLayers
    from mm.settings import Settings

DecoderChoice = Literal["auto", "pyav", "decord"]
"""Values of MM_DECODER. `auto` never selects decord: see `OpenedFile`."""
RATES = range(1000, 192_001)
CLIP_SUFFIXES = frozenset({"mp4", "mkv", "m4a", "mp3", "ogg", "wav"})
MAX_WAV_BYTES = 0xFFFFFFFF - 36
MAX_TIME = 1e9  # seconds; times beyond it are invalid input


class MediaReader:
    """Reads images, video frames and audio of untrusted files. Safe to use from several threads.

    Each request uses one of up to `MAX_CHILDREN` child processes. A child belongs to one file: it
    is forked for it, may answer several requests about it, and never receives the bytes of another.
    Every method takes the path of a file and the `name` that errors call it by. It raises
    `MediaError`, `UnsupportedMedia` or `TooLarge` about the file, `NotFound` when the file does not
    exist, `Forbidden` when it may not be read, `InvalidInput` for invalid arguments, and
    `Unavailable` when all children stay busy or none can start with the layers of `sandbox`.
    """

    def __init__(
        self,
        limits: Limits | None = None,
        decoder: DecoderChoice = "auto",
        sandbox: Sandbox | None = None,
        budget: MemoryBudget | None = None,
    ) -> None:
        """`budget` is the memory of all children, by default half of the available memory.

        Readers of one process share one.
        """
        self._limits = limits or Limits()
        self._pool = ChildPool(self._limits, decoder, sandbox or Sandbox(), budget or MemoryBudget())

    @classmethod
    def from_settings(cls, settings: Settings, budget: MemoryBudget | None = None) -> MediaReader:
        """Return a reader with the limits of the settings.

        `budget` is by default its own, of `settings.sandbox_total_memory` bytes.
        """
        limits = read_limits(settings)
        sandbox = Sandbox(settings.sandbox_minimum, settings.sandbox_allow_known_holes)
        return cls(limits, settings.decoder, sandbox, budget or MemoryBudget(settings.sandbox_total_memory))

    def __enter__(self) -> MediaReader:
        return self

    def __exit__(self, cls: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """End all children. Requests of other threads fail."""
        self._pool.close()

    def active_layers(self) -> ActiveLayers:
        """Sandbox layers of its children, as the first one reported them.

        Raises `Unavailable` when no child starts.
        """
        return self._pool.active_layers()

    def probe(self, path: Path, name: str) -> MediaInfo:
        """Describe a file by its content; its name is not used.

        An image is decoded as a whole, of a video or audio file the first frame of each stream.
        """
        head, _ = self._request_one(Request("probe", path, name, {}))
        with _untrusted_response(name):
            values = {key: value for key, value in head.items() if key not in {"what", "capture"}}
            return MediaInfo(**values, capture=parse_capture(head["capture"]))  # type: ignore[arg-type]

    def probe_file(self, path: Path, name: str) -> MediaFile:
        """Probe a file and return it with its description; see `probe`."""
        return MediaFile(path, name, self.probe(path, name))

    def image(self, path: Path, name: str, *, longest: int | None = None) -> RGB:
        """An image, or the first frame of a video, upright, with no side over `longest`."""
        return self._request_image(Request("image", path, name, {"longest": _check_longest(longest)}))

    def frame_at(self, path: Path, name: str, time: float, *, longest: int | None = None) -> RGB:
        """The frame of a video that is shown at `time` seconds.

        The first frame for earlier times, the last frame for later ones.
        """
        arguments: Head = {"time": _check_time(time), "longest": _check_longest(longest)}
        return self._request_image(Request("frame_at", path, name, arguments))

    def thumbnail(
        self,
        path: Path,
        name: str,
        time: float,
        *,
        longest: int | None,
        deadline_seconds: float | None = None,
        cancelled: threading.Event | None = None,
    ) -> RGB:
        """The nearest key frame at or before `time` seconds, upright; decodes one frame.

        If no key frame can be decoded, the first frame that can. Raises `MediaError` (`timeout`)
        soon after `deadline_seconds` and `Cancelled` soon after `cancelled` is set; the child is
        killed then.
        """
        arguments: Head = {"time": _check_time(time), "longest": _check_longest(longest)}
        return self._request_image(Request("thumbnail", path, name, arguments, Deadline(deadline_seconds, cancelled)))

    def keyframes(self, path: Path, name: str) -> list[float]:
        """Times of the frames that decoding can start at, ascending; nothing is decoded."""
        head, _ = self._request_one(Request("keyframes", path, name, {}))
        with _untrusted_response(name):
            return [float(time) for time in head["times"]]  # type: ignore[attr-defined]

    def frames(self, path: Path, name: str, span: Span, fps: float, longest: int | None = None) -> Iterator[Frame]:
        """Sample frames shown in [start, end): at most `fps` per second and the first of each shot.

        Near-duplicates are left out, but a still image is sampled again every few seconds. Frames
        are returned as they are decoded; one at a time is in memory here. Closing the iterator
        early ends the child.
        """
        _check_span(span)
        _check_fps(fps)
        arguments: Head = {"span": [span.start, span.end], "fps": fps, "longest": _check_longest(longest)}
        return self._request_frames(Request("frames", path, name, arguments))

    def every_frame(self, path: Path, name: str, span: Span, fps: float, longest: int | None = None) -> Iterator[Frame]:
        """Every frame shown in [start, end), the first of each interval of 1 / `fps` seconds.

        Unlike `frames` it includes repeated frames and detects no shots (`cut` is false). The same
        frames are returned for any start: intervals count from 0 on the presentation clock.
        """
        _check_span(span)
        _check_fps(fps)
        arguments: Head = {"span": [span.start, span.end], "fps": fps, "longest": _check_longest(longest)}
        return self._request_frames(Request("every_frame", path, name, arguments))

    def waveform(self, path: Path, name: str, span: Span, *, rate: int = SPEECH_RATE) -> Waveform:
        """Mono audio of [start, end), shape (round(end * rate) - round(start * rate),).

        Silence where there is none. Exact to the ticks of the container's clock: those of Matroska
        are milliseconds.
        """
        _check_span(span)
        if span.length > self._limits.duration:
            raise InvalidInput(
                f"{span.length:g} s of audio exceed the limit of {self._limits.duration:g} s per request (MM_MEDIA_SECONDS)."
            )
        if rate not in RATES:
            raise InvalidInput(f"A rate of {rate} samples per second is not between {RATES.start} and {RATES.stop - 1}.")
        samples = np.zeros(round(span.end * rate) - round(span.start * rate), np.float32)
        filled = 0
        request = Request("waveform", path, name, {"span": [span.start, span.end], "rate": rate})
        with closing(request_many(self._pool, request)) as messages:
            for _, body in messages:
                with _untrusted_response(name):
                    block = np.frombuffer(body, np.float32)
                    samples[filled : filled + len(block)] = block
                filled += len(block)
        return samples

    def clip(
        self,
        path: Path,
        name: str,
        span: Span,
        out: BinaryIO,
        *,
        exact: bool,
        cancelled: threading.Event | None = None,
    ) -> Clip:
        """Write a clip of [start, end) to `out` and return what it contains.

        Without `exact`, the packets of the file are copied from the last key frame at or before the
        start on. With it, frames and sound are encoded again and cut exactly; a sound becomes a WAV
        file. Raises `UnsupportedMedia` for what cannot be cut so, `Cancelled` soon after
        `cancelled` is set, and `OSError` of `out`, which then has a part of the clip.
        """
        _check_span(span)
        if span.length <= 0:
            raise InvalidInput(f"{span.start} s to {span.end} s is an empty time range.")
        arguments: Head = {"span": [span.start, span.end], "exact": exact}
        request = Request("clip", path, name, arguments, Deadline(None, cancelled))
        with closing(request_many(self._pool, request)) as messages, _untrusted_response(name):
            suffix, begin, num_bytes = str(next(messages)[0]["suffix"]), out.tell(), 0
            if suffix not in CLIP_SUFFIXES:
                raise ValueError("an unknown suffix")
            out.write(wav_header(0, SPEECH_RATE, 1) if suffix == "wav" else b"")
            for head, body in messages:
                if head["what"] == "clip":
                    clip = Clip(suffix, float(head["start"]), float(head["end"]))  # type: ignore[arg-type]
                    if suffix == "wav":
                        rate, channels = (int(value) for value in head["samples"])  # type: ignore[attr-defined]
                        out.seek(begin)
                        out.write(wav_header(num_bytes, rate, channels))
                        out.seek(0, os.SEEK_END)
                out.write(body)
                num_bytes += len(body)
        return clip

    def _request_frames(self, request: Request) -> Iterator[Frame]:
        with closing(request_many(self._pool, request)) as messages:
            for head, body in messages:
                with _untrusted_response(request.name):
                    time, cut_time = float(head["time"]), float(head["cut_time"])  # type: ignore[arg-type]
                    frame = Frame(time, parse_image(head, body), bool(head["cut"]), cut_time)
                yield frame

    def _request_image(self, request: Request) -> RGB:
        head, body = self._request_one(request)
        with _untrusted_response(request.name):
            return parse_image(head, body)

    def _request_one(self, request: Request) -> tuple[Head, bytearray]:
        with _untrusted_response(request.name):
            return request_one(self._pool, request)


def wav_header(num_bytes: int, rate: int, channels: int) -> bytes:
    """Header of a WAV file with so many bytes of samples of 16 bits (RIFF, format 1)."""
    frame = 2 * channels
    data = min(num_bytes, MAX_WAV_BYTES)
    return struct.pack(
        "<4sI4s4sIHHIIHH4sI", b"RIFF", 36 + data, b"WAVE", b"fmt ", 16, 1, channels, rate, rate * frame, frame, 16, b"data", data
    )


@contextmanager
def _untrusted_response(name: str) -> Iterator[None]:
    """Convert errors of parsing to `MediaError`: a compromised child can send anything."""
    try:
        yield
    except (KeyError, TypeError, ValueError) as error:
        raise MediaError(name, "crashed", "the decoder sent an invalid response") from error


def _check_span(span: Span) -> None:
    if not 0 <= span.start <= span.end <= MAX_TIME:
        raise InvalidInput(f"{span.start} s to {span.end} s is not a valid time range.")


def _check_time(time: float) -> float:
    if not abs(time) <= MAX_TIME:
        raise InvalidInput(f"{time} s is not a valid time.")
    return time


def _check_fps(fps: float) -> None:
    if not (isfinite(fps) and fps > 0):
        raise InvalidInput(f"A rate of {fps} frames per second is invalid: it must be positive.")


def _check_longest(longest: int | None) -> int | None:
    if longest is not None and longest < 1:
        raise InvalidInput(f"A longest side of {longest} px is invalid: it must be at least 1.")
    return longest
