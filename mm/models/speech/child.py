"""The process of a speech recognizer: loads one, and transcribes waveforms until its input ends.

    python -m mm.models.speech.child JSON

The argument is {"engine", "folder", "language", "threads"}. Messages are those of
`mm.media.children.wire`. The first one that it sends is {"ready": true}, or {"error"} before it
exits. Then it answers each request, whose body is the waveform:

    {"do": "transcribe"}
        {"line": [start, end, text, language, is_identified]} for each line, then {"done": true}
        or {"error"}

The process has no network. That of Whisper also opens no file once its model is in memory, where
the kernel has Landlock: a model is a file from elsewhere.
"""

from __future__ import annotations

import json
import os
import queue
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Protocol, TypedDict

import numpy as np

from mm.errors import Unavailable
from mm.media.children import wire
from mm.media.sandbox import kernel, landlock

if TYPE_CHECKING:
    from mm.media.types import Waveform
    from mm.models.speech.lines import SpeechLine

MAX_BODY = 1 << 31
"""Bytes of a waveform."""


class Config(TypedDict):
    """The argument of the command line."""

    engine: str
    folder: str
    language: str
    threads: int


class Engine(Protocol):
    """A loaded recognizer."""

    def transcribe(self, waveform: Waveform) -> Iterator[SpeechLine]: ...


def main() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl+C reaches the whole group; the other process ends this one
    config: Config = json.loads(sys.argv[1])
    responses = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # what a library prints is no message
    try:
        engine = load(config)
    except Unavailable as error:
        wire.send(responses, {"error": str(error)})
        sys.exit(1)
    serve(engine, sys.stdin.buffer, responses)


def load(config: Config) -> Engine:
    """Load the recognizer, and give up what it does not need. Raises `Unavailable`."""
    folder = Path(config["folder"])
    if config["engine"] == "moonshine":
        from mm.models.speech.moonshine import Moonshine

        leave_network()
        return Moonshine(folder)
    from mm.models.speech.whisper import Whisper, load_libraries, read_files

    leave_network()
    load_libraries()
    files = read_files(folder)
    close_file_system()
    return Whisper(folder, files, config["language"], config["threads"])


def serve(engine: Engine, requests: BinaryIO, responses: BinaryIO) -> None:
    """Answer requests in order. The process ends as soon as `requests` is closed."""
    received: queue.SimpleQueue[bytearray] = queue.SimpleQueue()
    threading.Thread(target=_receive, args=(requests, received), daemon=True).start()
    wire.send(responses, {"ready": True})
    while True:
        waveform = np.frombuffer(received.get(), np.float32)
        try:
            for line in engine.transcribe(waveform):
                wire.send(responses, {"line": [line.start, line.end, line.text, line.language, line.is_identified]})
        except Exception as error:  # noqa: BLE001  of any library: the other process decides
            wire.send(responses, {"error": f"{type(error).__name__}: {error}"})
        else:
            wire.send(responses, {"done": True})


def leave_network() -> None:
    """Give up new privileges, the network and capabilities, as far as this machine can."""
    for layer in (kernel.no_new_privileges, kernel.leave_network, kernel.drop_capabilities):
        with suppress(OSError):
            layer()


def close_file_system() -> None:
    """Give up every file that is not open, if the kernel can.

    It binds this thread, which parses and runs the model, and all that it starts from now on. One
    idle thread, which ONNX Runtime starts when it is imported, is not bound.
    """
    version = landlock.abi()
    if version:
        with suppress(OSError):
            landlock.deny_all(version)


def _receive(requests: BinaryIO, received: queue.SimpleQueue[bytearray]) -> None:
    """Pass the waveforms on; end the process, also in the middle of one, when the input ends."""

    def read(count: int) -> bytearray:
        data = bytearray(requests.read(count))
        if len(data) < count:
            os._exit(0)
        return data

    while True:
        received.put(wire.receive(read, MAX_BODY)[1])


if __name__ == "__main__":
    main()
