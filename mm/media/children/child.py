"""The decoding child: one process for one file. It reads requests from standard input and answers
on standard output.

`fork_server` forks it; it puts on its layers before the first request. Standard input is a UNIX
socket: a request is one byte that carries the file, opened for reading, and a head {"do", "name",
"limits", "decoder", "arguments"}. Any number of messages answer it, the last of them "done" or
"error". A decode that has nothing to say for long says "alive" once a second.
"""

from __future__ import annotations

import gc
import os
import socket
import sys
import time
from dataclasses import asdict
from typing import TYPE_CHECKING, BinaryIO

import numpy as np

from mm.errors import MediaError, MMError, TooLarge, Unavailable
from mm.media.children import wire
from mm.media.containers.memory_estimate import NeedsMemory, reserve_within
from mm.media.decoding.opened_file import FactsCache, OpenedFile
from mm.media.sandbox.layers import Sandbox, apply_layers
from mm.media.sandbox.rlimits import used_cpu_seconds
from mm.media.types import Limits, Span

if TYPE_CHECKING:
    from mm.media.children.wire import Head
    from mm.media.containers.memory_estimate import Reserve

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

    def heartbeat(self) -> None:
        """Called while decoding goes on."""
        if time.monotonic() - self._last > ALIVE_SECONDS:
            self.send({"what": "alive"})


def serve(sandbox: Sandbox, memory_bytes: int, cpu_seconds: int) -> int:
    """Put on the layers and answer requests until there are no more. Returns the exit status of the
    process."""
    requests, answers = socket.socket(fileno=sys.stdin.fileno()), sys.stdout.buffer
    try:
        held = apply_layers(sandbox, memory_bytes, cpu_seconds)
    except Unavailable as error:
        wire.send(answers, {"what": "error", "detail": str(error)})
        return 1
    except (OSError, ValueError) as error:
        wire.send(answers, {"what": "error", "detail": f"{type(error).__name__}: {error}"})
        return 1
    wire.send(answers, {"what": "ready", **asdict(held)})
    cache = FactsCache()
    while (received := _next(requests)) is not None:
        request, file = received
        with file:
            if not answer_one(request, file, answers, cache, memory_bytes):
                return 0
        del request, file, received
        # An open film refers to itself and holds some 100 MB of pictures, which Python counts as a
        # handful of objects.
        gc.collect()
    return 0


def answer_one(request: Head, file: BinaryIO, out: BinaryIO, cache: FactsCache, memory_bytes: int) -> bool:
    """Answer one request, down to its last message. False when nobody reads the answer any more.

    A file that takes more than `memory_bytes`, which this child may use, is answered by "need":
    another child is to be asked.
    """
    name, limits = str(request["name"]), Limits(**request["limits"])  # type: ignore[arg-type]
    answer = Answer(out, name, limits.output_bytes)
    try:
        _answer(request, file, name, limits, answer, cache, reserve_within(limits, memory_bytes, name))
    except MemoryError:
        error: MMError = MediaError(name, "out-of-memory", f"decoding it takes more than {memory_bytes:,} bytes")
    except NeedsMemory as need:
        wire.send(out, {"what": "need", "bytes": need.size})
        return True
    except MMError as caught:
        error = caught
    except BrokenPipeError:
        return False
    except Exception as caught:  # noqa: BLE001 - whatever a hostile file makes a library raise
        if type(caught) is PermissionError:  # and not FFmpeg's, which uses the number for damage too
            error = MediaError(name, "forbidden", f"decoding it tried what the sandbox forbids ({caught.strerror})")
        else:
            error = MediaError(name, "unreadable", f"decoding it fails with {type(caught).__name__}: {caught}")
    else:
        answer.send({"what": "done", "cpu": used_cpu_seconds()})
        return True
    wire.send(out, {"what": "error", "cpu": used_cpu_seconds(), **_described(error)})
    return True


def _answer(
    request: Head, file: BinaryIO, name: str, limits: Limits, answer: Answer, cache: FactsCache, reserve: Reserve
) -> None:
    arguments = dict(request["arguments"])  # type: ignore[call-overload]
    if "span" in arguments:
        arguments["span"] = Span(*arguments["span"])
    opened = OpenedFile(file, name, limits, str(request["decoder"]), answer.heartbeat, cache, reserve)
    _send_all(str(request["do"]), opened, arguments, answer)


def _send_all(do: str, opened: OpenedFile, arguments: dict[str, object], answer: Answer) -> None:
    match do:
        case "probe":
            answer.send({"what": "info", **asdict(opened.probe())})
        case "image" | "frame_at" | "thumbnail":
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


def _next(requests: socket.socket) -> tuple[Head, BinaryIO] | None:
    """The next request and its file; None when there will be no more."""

    def read(count: int) -> bytearray:
        data = bytearray(count)
        view = memoryview(data)
        while view:
            got = requests.recv_into(view)
            if got == 0:
                raise EOFError
            view = view[got:]
        return data

    mark, handles, _, _ = socket.recv_fds(requests, 1, 1)
    if not mark or not handles:
        return None
    file = os.fdopen(handles[0], "rb")
    try:
        return wire.receive(read, max_body=0)[0], file
    except EOFError:
        file.close()
        return None
