"""Parent's side of one decoding child: start it, send requests, detect when and why it dies."""

from __future__ import annotations

import math
import signal
import time
from dataclasses import asdict
from typing import TYPE_CHECKING

from mm.errors import ERRORS, MediaError, MMError, Unavailable
from mm.media.children.channel import Channel, ChannelClosed, ChannelTimeout
from mm.media.children.deadline import NO_DEADLINE, Deadline
from mm.media.children.wire import BrokenMessage
from mm.media.containers.memory_estimate import NeedsMemory
from mm.media.sandbox.layers import ActiveLayers

if TYPE_CHECKING:
    from collections.abc import Generator

    from mm.media.children.fork_client import ForkClient
    from mm.media.children.wire import Head
    from mm.media.types import Limits

START_SECONDS = 60.0
EXIT_SECONDS = 10.0  # between the end of its output and its exit


class ChildDied(Exception):
    """A child exited, stalled or sent a malformed message within a response.

    `was_killed` by the system, which may not be the fault of the file.
    """

    def __init__(self, reason: str, detail: str, *, was_killed: bool = False) -> None:
        super().__init__(detail)
        self.reason, self.detail, self.was_killed = reason, detail, was_killed


class DecodingChild:
    """One child process, for one file. It accepts a request only when `is_idle`."""

    def __init__(
        self, server: ForkClient, limits: Limits, decoder: str, memory_bytes: int, name: str, deadline: Deadline
    ) -> None:
        """Start a child that may use `memory_bytes`.

        Raises `ForkServerDied`, `Unavailable` when no child starts, and what `deadline` raises
        about the file `name`.
        """
        self._server, self._limits, self._decoder = server, limits, decoder
        self.memory_bytes = memory_bytes
        self.num_requests = 0
        self.is_idle = True  # no part of a response is outstanding
        self.cpu_seconds = 0.0
        self._status: int | None = None
        self._channel = Channel()
        try:
            self.pid = server.fork(memory_bytes, *self._channel.child_ends)
        except BaseException:
            self._channel.close()
            raise
        finally:
            self._channel.close_child_ends()
        try:
            head, _ = self._receive(START_SECONDS, 0, name, deadline)
            if head.get("what") != "ready":
                raise Unavailable(f"The decoding child does not start: {head.get('detail')}.")
        except ChildDied as died:
            self.kill()
            raise Unavailable(f"The decoding child does not start: {died.detail}.") from died
        except BaseException:
            self.kill()
            raise
        self.active_layers = ActiveLayers(head["layers"], head["missing"])  # type: ignore[arg-type]

    @property
    def is_exhausted(self) -> bool:
        """Whether it must be replaced, and with it what its decoders have leaked."""
        return self.num_requests >= self._limits.requests or self.cpu_seconds > self._limits.cpu_seconds / 2

    def request(
        self, do: str, file: int, name: str, arguments: Head, deadline: Deadline = NO_DEADLINE
    ) -> Generator[tuple[Head, bytearray], None, None]:
        """Send a request about an open file and return the messages of the response.

        Raises the error that the child sends, `MediaError` when it dies, `NeedsMemory` when the
        file takes more than it may use. The file may be closed after the first message. After the
        `deadline` the response is incomplete and the child must be killed.
        """
        self.num_requests += 1
        self.is_idle = False
        request: Head = {"do": do, "name": name, "decoder": self._decoder, "arguments": arguments, "limits": asdict(self._limits)}
        left, seconds = self._limits.output_bytes, self._limits.wall_seconds
        try:
            self._send(file, request)
            while True:
                started = time.monotonic()
                is_silence = self._limits.silent_seconds <= seconds
                setting = " (MM_SANDBOX_SECONDS)" if is_silence else ", the rest of MM_SANDBOX_REQUEST_SECONDS"
                head, body = self._receive(min(self._limits.silent_seconds, seconds), left, name, deadline, setting)
                seconds -= time.monotonic() - started  # the time of the consumer between messages does not count
                left -= len(body)
                match head.get("what"):
                    case "alive":
                        continue
                    case "done" | "error" as what:
                        self.cpu_seconds, self.is_idle = _number(head, "cpu"), True
                        if what == "error":
                            raise _parse_error(head, name)
                        return
                    case "need":
                        raise NeedsMemory(self._needed_bytes(head))
                    case _:
                        yield head, body
        except ChildDied as died:
            self.kill()
            raise MediaError(name, died.reason, died.detail) from died

    def terminate(self) -> None:
        """Kill it without waiting. A thread that waits for its response receives an error."""
        self._server.kill(self.pid)

    def kill(self) -> None:
        """Kill it, wait for its exit and close the channel. May be called again."""
        if self._status is None:
            self.terminate()
            self._status = self._server.wait(self.pid, math.inf)
        self._channel.close()

    @property
    def is_alive(self) -> bool:
        """Whether it still has its output open."""
        return self._channel.is_open

    def _needed_bytes(self, head: Head) -> int:
        """Bytes of a "need" message: more than it has, at most the limit, whatever it states."""
        needed = int(min(_number(head, "bytes"), self._limits.memory_bytes))
        if needed <= self.memory_bytes:
            raise ChildDied("crashed", "the decoder requested no more memory than it already has")
        return needed

    def _send(self, file: int, head: Head) -> None:
        try:
            self._channel.send(file, head)
        except ChannelClosed as error:
            raise self._describe_death() from error

    def _receive(self, seconds: float, max_body: int, name: str, deadline: Deadline, setting: str = "") -> tuple[Head, bytearray]:
        """Receive a message within `seconds`; the error of a timeout ends with `setting`."""
        try:
            return self._channel.receive(seconds, max_body, name, deadline)
        except ChannelTimeout as error:
            raise ChildDied("timeout", f"the decoder sent nothing for {seconds:g} s{setting}") from error
        except ChannelClosed as error:
            raise self._describe_death() from error
        except BrokenMessage as error:
            raise ChildDied("crashed", f"the decoder sent {error}") from error

    def _describe_death(self) -> ChildDied:
        """The cause of death by the exit status of a child that has closed its output."""
        if self._status is None:
            self._status = self._server.wait(self.pid, EXIT_SECONDS)
        status = self._status
        if status is None:
            return ChildDied("crashed", "the decoder closed its output")
        if status == -signal.SIGKILL:
            return ChildDied(
                "out-of-memory", "the operating system killed the decoder, probably for lack of memory", was_killed=True
            )
        if status == -signal.SIGXCPU:
            return ChildDied("timeout", f"decoding it takes more than {self._limits.cpu_seconds} s of processor time")
        if status < 0:
            return ChildDied("crashed", f"the decoder was ended by the signal {signal.Signals(-status).name}")
        return ChildDied("crashed", f"the decoder exited with status {status}")


def _number(head: Head, key: str) -> float:
    value = head.get(key)
    return float(value) if isinstance(value, int | float) else 0.0


def _parse_error(head: Head, name: str) -> MMError:
    slug, detail = str(head.get("error")), str(head.get("detail"))
    if slug == MediaError.slug:
        return MediaError(name, str(head.get("reason")), detail)
    return ERRORS.get(slug, MMError)(detail)
