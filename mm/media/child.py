"""The decoding child: reads requests from standard input and answers on standard output until its input ends.

    python -m mm.media.child JSON

The argument is {"parent", "memory_bytes", "cpu_seconds", "decoder", "sandbox"}. Standard input is a UNIX socket: a request is one
byte that carries the file, opened for reading, and a head {"do", "name", "limits", "decoder", "arguments"}. Any number of
messages answer it, the last of them "done" or "error". A decode that has nothing to say for long says "alive" once a second.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import pkgutil
import socket
import sys
import time
from dataclasses import asdict
from typing import TYPE_CHECKING, BinaryIO

import numpy as np

import mm.media
from mm.errors import MediaError, MMError, TooLarge, Unavailable
from mm.media import wire
from mm.media.limits import die_with, used_cpu_seconds
from mm.media.sandbox import Sandbox, lock_down, refuse_known_holes
from mm.media.types import Limits, Span

if TYPE_CHECKING:
    from mm.media.operations import FactsCache, Opened
    from mm.media.wire import Head

ALIVE_SECONDS = 1.0
LATE_IMPORTS = tuple(
    f"PIL.{name}" for name in ("ImageColor", "ImageFilter", "MpoImagePlugin", "TiffImagePlugin", "WebPImagePlugin")
)
"""What Pillow would import when a picture asks for it, too late for us; PyAV does the same with nearly all of its parts."""
OF_NO_USE = ("av.__main__", "av.datasets", "mm.media.child")


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
    told = json.loads(sys.argv[1])
    parent, decoder, sandbox = int(told["parent"]), str(told["decoder"]), Sandbox(**told["sandbox"])
    die_with(parent)
    requests, answers = socket.socket(fileno=sys.stdin.fileno()), sys.stdout.buffer
    try:
        cache = load_libraries(decoder)
        refuse_known_holes(sandbox)
        held = lock_down(sandbox, int(told["memory_bytes"]), int(told["cpu_seconds"]))
    except Unavailable as error:
        wire.send(answers, {"what": "error", "detail": str(error)})
        sys.exit(1)
    except (ImportError, OSError, ValueError) as error:
        wire.send(answers, {"what": "error", "detail": f"{type(error).__name__}: {error}"})
        sys.exit(1)
    wire.send(answers, {"what": "ready", **asdict(held)})
    gc.freeze()
    while (received := _next(requests)) is not None:
        request, file = received
        with file:
            answer_one(request, file, answers, cache)
        del request, file, received
        # An open film refers to itself and holds some 100 MB of pictures, which Python counts as a handful of objects.
        gc.collect()


def load_libraries(decoder: str) -> FactsCache:
    """Import all that decoding may need, because nothing can be imported behind the lock; memory is counted from here."""
    import av
    from PIL import Image

    from mm.media.operations import FactsCache

    Image.preinit()
    parts = (part.name for package in (av, mm.media) for part in pkgutil.walk_packages(package.__path__, f"{package.__name__}."))
    for module in (*(part for part in parts if not part.startswith(OF_NO_USE)), *LATE_IMPORTS):
        importlib.import_module(module)
    if decoder == "decord":
        from mm.media.decord_decoder import load

        load()
    return FactsCache()


def answer_one(request: Head, file: BinaryIO, out: BinaryIO, cache: FactsCache) -> None:
    """Answer one request, down to its last message."""
    name, limits = str(request["name"]), Limits(**request["limits"])  # type: ignore[arg-type]
    answer = Answer(out, name, limits.output_bytes)
    try:
        _answer(request, file, name, limits, answer, cache)
    except MemoryError:
        error: MMError = MediaError(name, "out-of-memory", f"decoding it takes more than {limits.memory_bytes:,} bytes")
    except MMError as caught:
        error = caught
    except BrokenPipeError:
        sys.exit(0)
    except Exception as caught:  # noqa: BLE001 - whatever a hostile file makes a library raise
        if type(caught) is PermissionError:  # and not FFmpeg's, which uses the number for damage too
            error = MediaError(name, "forbidden", f"decoding it tried what the sandbox forbids ({caught.strerror})")
        else:
            error = MediaError(name, "unreadable", f"decoding it fails with {type(caught).__name__}: {caught}")
    else:
        answer.send({"what": "done", "cpu": used_cpu_seconds()})
        return
    wire.send(out, {"what": "error", "cpu": used_cpu_seconds(), **_described(error)})


def _answer(request: Head, file: BinaryIO, name: str, limits: Limits, answer: Answer, cache: FactsCache) -> None:
    from mm.media.operations import Opened

    arguments = dict(request["arguments"])  # type: ignore[call-overload]
    if "span" in arguments:
        arguments["span"] = Span(*arguments["span"])
    opened = Opened(file, name, limits, str(request["decoder"]), answer.alive, cache)
    _send_all(str(request["do"]), opened, arguments, answer)


def _send_all(do: str, opened: Opened, arguments: dict[str, object], answer: Answer) -> None:
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


if __name__ == "__main__":
    main()
