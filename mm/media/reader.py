"""The one door to media files: everything is read in a child process that may die."""

from __future__ import annotations

import os
import stat
from contextlib import closing, contextmanager
from itertools import islice
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np

from mm.errors import Forbidden, InvalidInput, MediaError, NotFound, Unavailable
from mm.media.children.budget import MemoryBudget
from mm.media.children.deadline import NO_DEADLINE, Deadline
from mm.media.children.fork_rotation import CLOSED
from mm.media.children.pool import ChildPool, Lease
from mm.media.children.process import ChildDied
from mm.media.containers.memory_estimate import INITIAL_BYTES, NeedsMemory
from mm.media.sandbox.layers import Sandbox
from mm.media.types import RGB, SPEECH_RATE, Frame, Limits, MediaFile, MediaInfo, Span, Waveform

if TYPE_CHECKING:
    import threading
    from collections.abc import Generator, Iterator
    from types import TracebackType

    from mm.media.children.wire import Head
    from mm.media.sandbox.layers import ActiveLayers
    from mm.settings import Settings

DecoderChoice = Literal["auto", "pyav", "decord"]
MAX_ATTEMPTS = 3
"""Children that one request may take one after the other, each with more memory than the one
before."""
RATES = range(1000, 192_001)
LATEST = 1e9  # seconds; beyond, nothing is asked for in earnest


class MediaReader:
    """Reads pictures, frames and sound of files that nobody vouches for. Safe to use from several
    threads.

    Each request takes one of up to `MAX_CHILDREN` child processes. A child belongs to one file: it
    is forked for it, may answer several requests about it, and is never given the bytes of another.
    Every method takes the path of a file and the `name` that errors call it by, and raises
    `MediaError`, `UnsupportedMedia` or `TooLarge`, `NotFound` when there is no such file,
    `Forbidden` when it may not be read, `InvalidInput` for arguments that make no sense, and
    `Unavailable` when all children stay busy or none can be held as `sandbox` asks.
    """

    def __init__(
        self,
        limits: Limits | None = None,
        decoder: DecoderChoice = "auto",
        sandbox: Sandbox | None = None,
        budget: MemoryBudget | None = None,
    ) -> None:
        """`budget` is the memory of all children, by default half of what there is; readers of one
        process share one."""
        self._limits = limits or Limits()
        self._pool = ChildPool(self._limits, decoder, sandbox or Sandbox(), budget or MemoryBudget())

    @classmethod
    def from_settings(cls, settings: Settings, budget: MemoryBudget | None = None) -> MediaReader:
        """A reader with the limits that the settings give, and a share of `budget`, by default one
        of its own."""
        limits = Limits(
            memory_bytes=settings.sandbox_memory,
            silent_seconds=settings.sandbox_seconds,
            wall_seconds=settings.sandbox_request_seconds,
            requests=settings.sandbox_requests,
            pixels=settings.media_pixels,
            gif_pixels=settings.media_gif_pixels,
            duration=settings.media_seconds,
        )
        sandbox = Sandbox(settings.sandbox_minimum, settings.sandbox_allow_known_holes)
        return cls(limits, settings.decoder, sandbox, budget or MemoryBudget(settings.sandbox_total_memory))

    def __enter__(self) -> MediaReader:
        return self

    def __exit__(self, cls: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """End all children. What is being read in other threads fails."""
        self._pool.close()

    def active_layers(self) -> ActiveLayers:
        """What its children are held by, told by the first one that was started. Raises
        `Unavailable` when none starts."""
        return self._pool.active_layers()

    def probe(self, path: Path, name: str) -> MediaInfo:
        """What a file is. Its content decides, not its name; a picture is decoded as a whole, of
        all else the first frame."""
        head, _ = self._answer("probe", path, name, {})
        with _sense(name):
            return MediaInfo(**{key: value for key, value in head.items() if key != "what"})  # type: ignore[arg-type]

    def probe_file(self, path: Path, name: str) -> MediaFile:
        """Probe a file and return it with its description; see `probe`."""
        return MediaFile(path, name, self.probe(path, name))

    def image(self, path: Path, name: str, *, longest: int | None = None) -> RGB:
        """A picture, or the first frame of a video, upright, (height, width, 3); no side over
        `longest`."""
        return self._picture("image", path, name, {"longest": _checked_longest(longest)})

    def frame_at(self, path: Path, name: str, time: float, *, longest: int | None = None) -> RGB:
        """What a video shows at `time` seconds; before the first frame that one, after the last the
        last."""
        return self._picture("frame_at", path, name, {"time": _checked_time(time), "longest": _checked_longest(longest)})

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
        """The nearest key frame at or before `time` seconds, or the first frame that can be
        decoded, upright; costs one frame.

        Ends soon after `deadline_seconds` with `MediaError` (`timeout`) and soon after `cancelled`
        is set with `Cancelled`: the child is killed, and a request that waits for a child no longer
        waits.
        """
        arguments: Head = {"time": _checked_time(time), "longest": _checked_longest(longest)}
        return self._picture("thumbnail", path, name, arguments, Deadline(deadline_seconds, cancelled))

    def keyframes(self, path: Path, name: str) -> list[float]:
        """Times of the frames that decoding can start at, ascending; found without decoding."""
        head, _ = self._answer("keyframes", path, name, {})
        with _sense(name):
            return [float(time) for time in head["times"]]  # type: ignore[attr-defined]

    def frames(self, path: Path, name: str, span: Span, fps: float, longest: int | None = None) -> Iterator[Frame]:
        """Frames shown in [start, end): at most `fps` a second and the first of each shot, none
        that shows the same again.

        A picture that stands is given again every few seconds. They come as they are decoded; one
        at a time is in memory here. Closing the iterator early costs a new child.
        """
        _check_span(span)
        if not (isfinite(fps) and fps > 0):
            raise InvalidInput(f"{fps} frames a second cannot be sampled.")
        arguments: Head = {"span": [span.start, span.end], "fps": fps, "longest": _checked_longest(longest)}
        return self._frames(path, name, arguments)

    def waveform(self, path: Path, name: str, span: Span, *, rate: int = SPEECH_RATE) -> Waveform:
        """Mono sound of [start, end), shape (round(end * rate) - round(start * rate),); silence
        where there is none.

        Exact to the ticks of the container's clock: those of Matroska are milliseconds.
        """
        _check_span(span)
        if span.length > self._limits.duration:
            raise InvalidInput(f"{span.length:g} s of sound are more than the {self._limits.duration:g} s that are read at once.")
        if rate not in RATES:
            raise InvalidInput(f"A rate of {rate} samples a second is not between {RATES.start} and {RATES.stop - 1}.")
        samples = np.zeros(round(span.end * rate) - round(span.start * rate), np.float32)
        filled = 0
        with closing(self._answers("waveform", path, name, {"span": [span.start, span.end], "rate": rate})) as answers:
            for _, body in answers:
                with _sense(name):
                    block = np.frombuffer(body, np.float32)
                    samples[filled : filled + len(block)] = block
                filled += len(block)
        return samples

    def _frames(self, path: Path, name: str, arguments: Head) -> Iterator[Frame]:
        with closing(self._answers("frames", path, name, arguments)) as answers:
            for head, body in answers:
                with _sense(name):
                    time, cut_time = float(head["time"]), float(head["cut_time"])  # type: ignore[arg-type]
                    frame = Frame(time, _shaped(head, body), bool(head["cut"]), cut_time)
                yield frame

    def _picture(self, do: str, path: Path, name: str, arguments: Head, deadline: Deadline = NO_DEADLINE) -> RGB:
        head, body = self._answer(do, path, name, arguments, deadline)
        with _sense(name):
            return _shaped(head, body)

    def _answer(
        self, do: str, path: Path, name: str, arguments: Head, deadline: Deadline = NO_DEADLINE
    ) -> tuple[Head, bytearray]:
        """The answer to a request that has just one; asked for again where the child was killed
        from outside.

        A system that is short of memory kills whom it likes, and a good file is not refused for
        that.
        """
        try:
            return self._answer_once(do, path, name, arguments, deadline)
        except MediaError as error:
            if not (isinstance(error.__cause__, ChildDied) and error.__cause__.killed):
                raise
            return self._answer_once(do, path, name, arguments, deadline)

    def _answer_once(self, do: str, path: Path, name: str, arguments: Head, deadline: Deadline) -> tuple[Head, bytearray]:
        with closing(self._answers(do, path, name, arguments, deadline)) as answers, _sense(name):
            (answer,) = answers
            return answer

    def _answers(
        self, do: str, path: Path, name: str, arguments: Head, deadline: Deadline = NO_DEADLINE
    ) -> Generator[tuple[Head, bytearray], None, None]:
        """Answers of a child that is ours until the generator is closed; one that is left in
        mid-answer is ended.

        A file whose header names more memory than a child has first is asked for again in a child
        that may use it, at most `MAX_ATTEMPTS` times; so is one that takes more than its header
        names. What was answered before is not given twice: a request has the same answers each
        time.
        """
        file = _open(path, name)
        try:
            memory, given = INITIAL_BYTES, 0
            for left in reversed(range(MAX_ATTEMPTS)):
                lease = self._pool.acquire(file, name, deadline, memory)
                try:
                    with closing(self._answers_of_one(lease, do, file, name, arguments, deadline)) as answers:
                        for answer in islice(answers, given, None):
                            given += 1
                            yield answer
                    return
                except NeedsMemory as need:
                    memory = need.size
                    if not left:
                        raise MediaError(name, "crashed", "the decoder lost its way and asked for memory without end") from need
                except MediaError as error:
                    memory = self._pool.max_child_memory
                    if not (left and is_out_of_memory(error) and lease.child.memory_bytes < memory):
                        raise
        finally:
            os.close(file)

    def _answers_of_one(
        self, lease: Lease, do: str, file: int, name: str, arguments: Head, deadline: Deadline
    ) -> Generator[tuple[Head, bytearray], None, None]:
        """Answers of one child, which is given back behind them."""
        try:
            with closing(lease.child.ask(do, file, name, arguments, deadline)) as answers:
                yield from answers
        except MediaError as error:
            if self._pool.closed:
                raise Unavailable(CLOSED) from error
            raise
        finally:
            self._pool.release(lease)


def is_out_of_memory(error: MediaError) -> bool:
    """Whether a child said that it has too little memory; one that was killed for it is another
    matter."""
    return error.reason == "out-of-memory" and not isinstance(error.__cause__, ChildDied)


@contextmanager
def _sense(name: str) -> Iterator[None]:
    """What a child says is not trusted to make sense: a decoder that was taken over by a file may
    say anything."""
    try:
        yield
    except (KeyError, TypeError, ValueError) as error:
        raise MediaError(name, "crashed", "the decoder lost its way and gave an answer without sense") from error


def _shaped(head: Head, body: bytearray) -> RGB:
    height, width, channels = (int(side) for side in head["shape"])  # type: ignore[attr-defined]
    if channels != 3:
        raise ValueError(f"a picture of {channels} channels")
    return np.frombuffer(body, np.uint8).reshape(height, width, channels)


def _open(path: Path, name: str) -> int:
    """Open for reading, whatever it is; a pipe without a writer does not hold it up."""
    try:
        file = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except PermissionError as error:
        raise Forbidden(f"{name}: this file may not be read here.") from error
    except OSError as error:
        raise NotFound(f"{name}: there is no such file any more.") from error
    if not stat.S_ISREG(os.fstat(file).st_mode):
        os.close(file)
        raise InvalidInput(f"{name}: this is not a file.")
    return file


def _check_span(span: Span) -> None:
    if not 0 <= span.start <= span.end <= LATEST:
        raise InvalidInput(f"{span.start} s to {span.end} s is no stretch of time.")


def _checked_time(time: float) -> float:
    if not abs(time) <= LATEST:
        raise InvalidInput(f"A time of {time} s is on no clock.")
    return time


def _checked_longest(longest: int | None) -> int | None:
    if longest is not None and longest < 1:
        raise InvalidInput(f"A picture whose longest side is {longest} px cannot be made.")
    return longest
