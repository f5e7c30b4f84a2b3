"""Decodes a live stream in a sandboxed child: compressed frames go in by a pipe, images come out.

The child has no network. The program that receives the stream passes it on, one access unit (the
data of one frame) at a time.
"""

from __future__ import annotations

import contextlib
import os
from dataclasses import replace
from typing import TYPE_CHECKING, Literal

from mm.errors import MediaError
from mm.media.children.budget import MemoryBudget
from mm.media.children.deadline import NO_DEADLINE
from mm.media.children.pool import ChildPool
from mm.media.children.wire import parse_image
from mm.media.decoding.live_stream import HEADER
from mm.media.sandbox.layers import Sandbox
from mm.media.types import Frame, Limits

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import TracebackType

    from mm.media.children.wire import Head
    from mm.settings import Settings

LiveCodec = Literal["h264", "hevc"]
MEMORY_BYTES = 1 << 30  # of the child; references and frames of 4K video take a third of it


class LiveDecoder:
    """One stream. `write` is called by one thread, `frames` is read by another.

    Raises `Unavailable` when no child starts. Errors call the stream by `name`, which must not hold
    a password.
    """

    def __init__(
        self,
        codec: LiveCodec,
        name: str,
        limits: Limits | None = None,
        sandbox: Sandbox | None = None,
        longest: int | None = None,
    ) -> None:
        # A stream has no end: its limits are memory, pixels and silence.
        self._limits = replace(limits or Limits(), output_bytes=1 << 62, wall_seconds=1e12, cpu_seconds=1 << 30)
        self._name = name
        self._pool = ChildPool(self._limits, "pyav", sandbox or Sandbox(), MemoryBudget())
        self._reading, self._writing, self._is_closed = -1, -1, False
        try:
            self._child = self._pool.fork(name, NO_DEADLINE, min(MEMORY_BYTES, self._limits.memory_bytes))
            self._reading, self._writing = os.pipe2(os.O_CLOEXEC)
            arguments: Head = {"codec": codec, "longest": longest}
            self._messages = self._child.request("live", self._reading, name, arguments)
        except BaseException:
            self.close()
            raise

    @classmethod
    def from_settings(cls, codec: LiveCodec, name: str, settings: Settings) -> LiveDecoder:
        """Return a decoder with the limits of the settings."""
        limits = Limits(
            memory_bytes=settings.sandbox_memory, silent_seconds=settings.sandbox_seconds, pixels=settings.media_pixels
        )
        return cls(codec, name, limits, Sandbox(settings.sandbox_minimum, settings.sandbox_allow_known_holes))

    def __enter__(self) -> LiveDecoder:
        return self

    def __exit__(self, cls: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def write(self, time: float, data: bytes) -> None:
        """Pass on the access unit of the frame at `time` seconds, in Annex B form.

        Blocks while the decoder is busy. Raises `BrokenPipeError` when it has ended.
        """
        view = memoryview(HEADER.pack(len(data), round(time * 1e6)) + data)
        while view:
            view = view[os.write(self._writing, view) :]

    def end(self) -> None:
        """Signal the end of the stream; called by the thread that writes."""
        writing, self._writing = self._writing, -1
        if writing >= 0:
            os.close(writing)

    def frames(self) -> Iterator[Frame]:
        """Frames as they are decoded, until `end`. Raises `MediaError` when the child dies."""
        for head, body in self._messages:
            if self._reading >= 0:  # the child has the pipe: its end must be noticed by `write`
                os.close(self._reading)
                self._reading = -1
            try:
                yield Frame(float(head["time"]), parse_image(head, body), False, 0.0)  # type: ignore[arg-type]
            except (KeyError, TypeError, ValueError) as error:
                raise MediaError(self._name, "crashed", "the decoder sent an invalid response") from error

    def close(self) -> None:
        """End the child. A thread in `write` receives `BrokenPipeError`. May be called again."""
        if self._is_closed:
            return
        self._is_closed = True
        if self._reading >= 0:
            os.close(self._reading)
            self._reading = -1
        if hasattr(self, "_messages"):
            with contextlib.suppress(ValueError):  # another thread reads it
                self._messages.close()
        if hasattr(self, "_child"):
            self._pool.end_child(self._child)
        self._pool.close()
