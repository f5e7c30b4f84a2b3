"""The decoding child: reads requests from standard input and answers on standard output until its input ends.

    python -m mm.media.child MEMORY_BYTES CPU_SECONDS PARENT_PID

A request is a head {"do", "path", "name", "limits", "decoder", "arguments"}. Any number of messages answer it, the last of them
"done" or "error". A decode that has nothing to say for long says "alive" once a second.
"""

from __future__ import annotations

import sys
import time
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import numpy as np

from mm.errors import MediaError, MMError, TooLarge
from mm.media import wire
from mm.media.limits import confine, die_with, used_cpu_seconds
from mm.media.types import Limits, Span

if TYPE_CHECKING:
    from mm.media.operations import FactsCache, Opened
    from mm.media.wire import Head

ALIVE_SECONDS = 1.0


class Answer:
    """The way back of one request."""

    def __init__(self, out: BinaryIO, name: str, output_bytes: int) -> None:
        self._out, self._name, self._left = out, name, output_bytes
        self._last = time.monotonic()

    def send(self, head: Head, body: bytes | memoryview = b"") -> None:
        """Raises `TooLarge` when the answer as a whole goes over its limit."""
        self._left -= len(body)
        if self._left < 0:
            raise TooLarge(f"{self._name}: what was asked of it is more than one answer may hold.")
        wire.send(self._out, head, body)
        self._last = time.monotonic()

    def alive(self) -> None:
        """Called while decoding goes on."""
        if time.monotonic() - self._last > ALIVE_SECONDS:
            self.send({"what": "alive"})


def main() -> None:
    memory_bytes, cpu_seconds, parent = (int(word) for word in sys.argv[1:])
    die_with(parent)
    requests, answers = sys.stdin.buffer, sys.stdout.buffer
    try:
        from mm.media.operations import FactsCache  # loads libav and Pillow: part of what memory is counted from

        confine(memory_bytes, cpu_seconds)
    except (ImportError, OSError, ValueError) as error:
        wire.send(answers, {"what": "error", "detail": f"{type(error).__name__}: {error}"})
        sys.exit(1)
    wire.send(answers, {"what": "ready"})
    cache = FactsCache()
    while (request := _next(requests)) is not None:
        answer_one(request, answers, cache)


def answer_one(request: Head, out: BinaryIO, cache: FactsCache) -> None:
    """Answer one request, down to its last message."""
    name, limits = str(request["name"]), Limits(**request["limits"])  # type: ignore[arg-type]
    answer = Answer(out, name, limits.output_bytes)
    try:
        _answer(request, name, limits, answer, cache)
    except MemoryError:
        error: MMError = MediaError(name, "out-of-memory", f"decoding it takes more than {limits.memory_bytes:,} bytes")
    except MMError as caught:
        error = caught
    except BrokenPipeError:
        sys.exit(0)
    except Exception as caught:  # noqa: BLE001 - whatever a hostile file makes a library raise
        error = MediaError(name, "unreadable", f"decoding it fails with {type(caught).__name__}: {caught}")
    else:
        answer.send({"what": "done", "cpu": used_cpu_seconds()})
        return
    wire.send(out, {"what": "error", "cpu": used_cpu_seconds(), **_described(error)})


def _answer(request: Head, name: str, limits: Limits, answer: Answer, cache: FactsCache) -> None:
    from mm.media.operations import Opened

    path, arguments = str(request["path"]), dict(request["arguments"])  # type: ignore[call-overload]
    if "span" in arguments:
        arguments["span"] = Span(*arguments["span"])
    with Path(path).open("rb") as file:
        opened = Opened(file, path, name, limits, str(request["decoder"]), answer.alive, cache)
        _send_all(str(request["do"]), opened, arguments, answer)


def _send_all(do: str, opened: Opened, arguments: dict[str, object], answer: Answer) -> None:
    match do:
        case "probe":
            answer.send({"what": "info", **asdict(opened.probe())})
        case "image" | "frame_at":
            picture = getattr(opened, do)(**arguments)
            answer.send({"what": "picture", "shape": picture.shape}, picture.data.cast("B"))
        case "keyframes":
            answer.send({"what": "times", "times": opened.keyframes()})
        case "frames":
            for frame in opened.frames(**arguments):  # type: ignore[arg-type]
                head = {"what": "frame", "time": frame.time, "cut": frame.cut, "cut_time": frame.cut_time}
                answer.send({**head, "shape": frame.image.shape}, frame.image.data.cast("B"))
        case "waveform":
            for block in opened.waveform(**arguments):  # type: ignore[arg-type]
                answer.send({"what": "sound"}, np.ascontiguousarray(block).data.cast("B"))
        case _:
            raise ValueError(f"no such request: {do}")


def _described(error: MMError) -> Head:
    if isinstance(error, MediaError):
        return {"error": error.slug, "reason": error.reason, "detail": error.detail}
    return {"error": error.slug, "detail": str(error)}


def _next(requests: BinaryIO) -> Head | None:
    def read(count: int) -> bytearray:
        data = bytearray(requests.read(count))
        if len(data) < count:
            raise EOFError
        return data

    try:
        return wire.receive(read, max_body=0)[0]
    except EOFError:
        return None


if __name__ == "__main__":
    main()
