"""Speech recognizers in processes of their own, each replaced after a bounded amount of work.

A recognizer's library may leak, crash or hang; none of these reaches the process that uses it.
Reasons: docs/decisions/0050-recognizers-are-processes.md.
"""

from __future__ import annotations

import json
import math
import os
import select
import subprocess
import sys
import time
import weakref
from collections.abc import Sequence
from typing import TYPE_CHECKING, BinaryIO, cast

from mm.errors import Unavailable
from mm.media.children import wire
from mm.media.types import SPEECH_RATE
from mm.models.speech.lines import SpeechLine

if TYPE_CHECKING:
    from mm.media.types import Waveform
    from mm.models.speech.child import Config

CHILD = "mm.models.speech.child"
START_SECONDS = 300.0
"""Longest time to load a model: the largest ones have 3 GB."""
SILENCE_SECONDS = 300.0
"""Longest time between two messages of a process that transcribes: within 30 s of speech."""
ATTEMPTS = 2
"""Processes that try a waveform: a second failure is due to the waveform or the machine."""


class _Failed(Exception):
    """The process ended, sent nothing for too long, or reported an error."""


class RecognizerProcess:
    """Transcribes in a child process. Used by one thread at a time.

    A process that has transcribed `max_seconds` of audio is replaced before the next waveform. If
    one fails, the waveform is transcribed again, from its start, by a new one.
    """

    def __init__(self, config: Config, max_seconds: float, command: Sequence[str] = ()) -> None:
        """No process is started yet. `command` is that of another child, for tests."""
        self._command = list(command) or [sys.executable, "-P", "-m", CHILD, json.dumps(config)]
        self._max_seconds = max_seconds
        self._child: _Child | None = None
        self._num_seconds = 0.0
        self.num_started = 0
        """Processes that were started so far."""

    @property
    def pid(self) -> int | None:
        """Process id of the running process."""
        return None if self._child is None else self._child.pid

    def start(self) -> None:
        """Start a process if none runs, and wait until its model is loaded.

        Raises `Unavailable` with its reason.
        """
        if self._child is None:
            self._child = _Child(self._command)
            self.num_started += 1

    def transcribe(self, waveform: Waveform) -> list[SpeechLine]:
        """Transcribe float32 (samples,) at 16 kHz.

        Raises `Unavailable` when a process does not start, or two in a row fail.
        """
        for attempt in range(ATTEMPTS):
            if self._num_seconds >= self._max_seconds:
                self.close()
            self.start()
            assert self._child is not None
            self._num_seconds += waveform.size / SPEECH_RATE
            try:
                return self._child.transcribe(waveform)
            except _Failed as failure:
                self.close()
                if attempt == ATTEMPTS - 1:
                    raise Unavailable(f"The speech recognizer failed {ATTEMPTS} times: {failure}.") from failure
        raise AssertionError("unreachable")

    def close(self) -> None:
        """End the process. The next call of `transcribe` starts another."""
        child, self._child, self._num_seconds = self._child, None, 0.0
        if child is not None:
            child.close()


class _Child:
    """One running process."""

    def __init__(self, command: Sequence[str]) -> None:
        environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1"}  # threads of a library forbid sandbox layers
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment
        )
        self._requests, self._responses = cast(BinaryIO, self._process.stdin), cast(BinaryIO, self._process.stdout)
        self._poll = select.poll()
        self._poll.register(self._responses, select.POLLIN)
        self.close = weakref.finalize(self, _end, self._process)
        try:
            head = self._receive(START_SECONDS)
        except _Failed as failure:
            self.close()
            raise Unavailable(f"The speech recognizer does not start: {failure}.") from failure
        if "error" in head:
            self.close()
            raise Unavailable(str(head["error"]))

    @property
    def pid(self) -> int:
        return self._process.pid

    def transcribe(self, waveform: Waveform) -> list[SpeechLine]:
        """Raises `_Failed`."""
        try:
            wire.send(self._requests, {"do": "transcribe"}, waveform.tobytes())
        except OSError as error:
            raise _Failed(self._describe_end()) from error
        lines: list[SpeechLine] = []
        while True:
            head = self._receive(SILENCE_SECONDS)
            if "error" in head:
                raise _Failed(str(head["error"]).rstrip("."))
            if "done" in head:
                return lines
            start, end, text, language, is_identified = cast(tuple[float, float, str, str, bool], head["line"])
            lines.append(SpeechLine(start, end, text, language, is_identified=is_identified))

    def _receive(self, seconds: float) -> wire.Head:
        end = time.monotonic() + seconds

        def read(count: int) -> bytearray:
            data = bytearray(count)
            view, done = memoryview(data), 0
            while done < count:
                if not self._poll.poll(max(0, math.ceil(1000 * (end - time.monotonic())))):
                    raise _Failed(f"it sent nothing for {seconds:.0f} s")
                received = os.readv(self._responses.fileno(), [view[done:]])
                if received == 0:
                    raise _Failed(self._describe_end())
                done += received
            return data

        try:
            return wire.receive(read, max_body=0)[0]
        except wire.BrokenMessage as error:
            raise _Failed(f"it sent {error}") from error

    def _describe_end(self) -> str:
        """The pipe is closed: the process has ended, or is about to."""
        try:
            return f"its process ended with the status {self._process.wait(10)}"
        except subprocess.TimeoutExpired:
            return "its process closed its output"


def _end(process: subprocess.Popen[bytes]) -> None:
    """Kill a process, which holds nothing that must be saved."""
    process.kill()
    process.wait()
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            try:
                pipe.close()
            except OSError:  # bytes that were not sent to a process that has ended
                continue
