"""Decoding child: the loop of a sandboxed process that answers requests about one file.

`fork_server` forks it; it applies its sandbox layers before the first request. Standard input is a
UNIX socket: a request is one byte that carries the file, opened for reading, and a head {"do",
"name", "limits", "decoder", "arguments"}. Responses go to standard output: any number of messages,
the last of them "done", "error" or "need". A long decode without output sends "alive" once a
second.
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
from mm.media.capture.wire import describe_info
from mm.media.children import wire
from mm.media.containers.memory_estimate import NeedsMemory, reserve_within
from mm.media.decoding.opened_file import FactsCache, OpenedFile
from mm.media.sandbox.layers import Sandbox, apply_layers
from mm.media.sandbox.rlimits import used_cpu_seconds
from mm.media.types import Limits, Span

if TYPE_CHECKING:
    from mm.media.children.wire import Head
    from mm.media.containers.memory_estimate import Reserve

HEARTBEAT_SECONDS = 1.0
CLIP_BYTES = 1 << 20
"""Of one message with a part of a clip."""


class Response:
    """Sends the messages of one response, up to a number of bytes."""

    def __init__(self, out: BinaryIO, name: str, output_bytes: int) -> None:
        self._out, self._name, self._limit, self._left = out, name, output_bytes, output_bytes
        self._last = time.monotonic()

    def send(self, head: Head, body: bytes | memoryview = b"") -> None:
        """Send a message. Raises `TooLarge` when the response exceeds its limit."""
        self._left -= len(body)
        if self._left < 0:
            raise TooLarge(
                f"{self._name}: the decoded data exceeds the limit of {self._limit:,} bytes of one response. "
                "Request a shorter part of the file."
            )
        wire.send(self._out, head, body)
        self._last = time.monotonic()

    def heartbeat(self) -> None:
        """Send "alive" if nothing was sent for a while; called while decoding continues."""
        if time.monotonic() - self._last > HEARTBEAT_SECONDS:
            self.send({"what": "alive"})


def serve(sandbox: Sandbox, memory_bytes: int, cpu_seconds: int) -> int:
    """Apply the layers and answer requests until the socket closes; return the exit status."""
    requests, out = socket.socket(fileno=sys.stdin.fileno()), sys.stdout.buffer
    try:
        active = apply_layers(sandbox, memory_bytes, cpu_seconds)
    except Unavailable as error:
        wire.send(out, {"what": "error", "detail": str(error)})
        return 1
    except (OSError, ValueError) as error:
        wire.send(out, {"what": "error", "detail": f"{type(error).__name__}: {error}"})
        return 1
    wire.send(out, {"what": "ready", **asdict(active)})
    cache = FactsCache()
    while (received := _receive_request(requests)) is not None:
        request, file = received
        with file:
            if not answer_request(request, file, out, cache, memory_bytes):
                return 0
        del request, file, received
        # An open video is part of a reference cycle and holds some 100 MB of frames, which Python
        # counts as a few objects: without this they would stay.
        gc.collect()
    return 0


def answer_request(request: Head, file: BinaryIO, out: BinaryIO, cache: FactsCache, memory_bytes: int) -> bool:
    """Answer one request, down to its last message; return False when the reader has gone.

    A file that takes more than `memory_bytes`, the limit of this child, is answered by "need": the
    reader repeats the request in a larger child.
    """
    name, limits = str(request["name"]), Limits(**request["limits"])  # type: ignore[arg-type]
    response = Response(out, name, limits.output_bytes)
    try:
        _execute(request, file, name, limits, response, cache, reserve_within(limits, memory_bytes, name))
    except MemoryError:
        error: MMError = MediaError(
            name,
            "out-of-memory",
            f"decoding it takes more than {memory_bytes:,} bytes (MM_SANDBOX_MEMORY, MM_SANDBOX_TOTAL_MEMORY)",
        )
    except NeedsMemory as need:
        wire.send(out, {"what": "need", "bytes": need.size})
        return True
    except MMError as caught:
        error = caught
    except BrokenPipeError:
        return False
    except Exception as caught:  # noqa: BLE001 - a hostile file can make a library raise anything
        if type(caught) is PermissionError:  # not the subclass of PyAV, whose error number also means damage
            error = MediaError(name, "forbidden", f"decoding it needs an operation that the sandbox forbids ({caught.strerror})")
        else:
            error = MediaError(name, "unreadable", f"decoding it fails with {type(caught).__name__}: {caught}")
    else:
        response.send({"what": "done", "cpu": used_cpu_seconds()})
        return True
    wire.send(out, {"what": "error", "cpu": used_cpu_seconds(), **_serialize_error(error)})
    return True


def _execute(
    request: Head, file: BinaryIO, name: str, limits: Limits, response: Response, cache: FactsCache, reserve: Reserve
) -> None:
    arguments = dict(request["arguments"])  # type: ignore[call-overload]
    if "span" in arguments:
        arguments["span"] = Span(*arguments["span"])
    opened = OpenedFile(file, name, limits, str(request["decoder"]), response.heartbeat, cache, reserve)
    _send_results(str(request["do"]), opened, arguments, response)


def _send_results(do: str, opened: OpenedFile, arguments: dict[str, object], response: Response) -> None:
    match do:
        case "probe":
            response.send({"what": "info", **describe_info(opened.probe())})
        case "image" | "frame_at" | "thumbnail":
            image = getattr(opened, do)(**arguments)
            response.send({"what": "picture", "shape": image.shape}, image.data.cast("B"))
        case "keyframes":
            response.send({"what": "times", "times": opened.keyframes()})
        case "frames" | "every_frame" | "live":
            for frame in getattr(opened, do)(**arguments):
                head = {"what": "frame", "time": frame.time, "cut": frame.cut, "cut_time": frame.cut_time}
                response.send({**head, "shape": frame.image.shape}, frame.image.data.cast("B"))
        case "waveform":
            for block in opened.waveform(**arguments):  # type: ignore[arg-type]
                response.send({"what": "sound"}, np.ascontiguousarray(block).data.cast("B"))
        case "clip":
            _send_clip(opened, arguments, response)
        case "dicom" | "dicom_identity" | "dicom_frames":
            _send_dicom(do, opened, arguments, response)
        case _:
            raise ValueError(f"unknown request: {do}")


def _send_clip(opened: OpenedFile, arguments: dict[str, object], response: Response) -> None:
    """Send the kind of a clip, its bytes, and what it contains."""
    times, blocks = opened.clip(**arguments)  # type: ignore[arg-type]
    response.send({"what": "begin", "suffix": times.suffix})
    for block in blocks:
        for start in range(0, len(block), CLIP_BYTES):
            response.send({"what": "data"}, block[start : start + CLIP_BYTES])
    response.send({"what": "clip", **asdict(times)})


def _send_dicom(do: str, opened: OpenedFile, arguments: dict[str, object], response: Response) -> None:
    from mm.media.decoding.dicom_file import DicomFile  # loaded by the fork server of a DICOM reader only

    file = DicomFile(opened.file, opened.name, opened.limits)
    if do != "dicom_frames":
        response.send({"what": "info", **(file.attributes() if do == "dicom" else file.identity())})
        return
    for frame in file.frames(arguments["indices"]):  # type: ignore[arg-type]
        response.send({"what": "picture", "shape": frame.shape}, frame.data.cast("B"))


def _serialize_error(error: MMError) -> Head:
    if isinstance(error, MediaError):
        return {"error": error.slug, "reason": error.reason, "detail": error.detail}
    return {"error": error.slug, "detail": str(error)}


def _receive_request(requests: socket.socket) -> tuple[Head, BinaryIO] | None:
    """Receive the next request and its file; None when the socket is closed."""

    def read(count: int) -> bytearray:
        data = bytearray(count)
        view = memoryview(data)
        while view:
            received = requests.recv_into(view)
            if received == 0:
                raise EOFError
            view = view[received:]
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
