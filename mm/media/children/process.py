"""The parent's end of one decoding child: have it forked, ask it, notice when and why it dies."""

from __future__ import annotations

import math
import os
import select
import signal
import socket
import time
from dataclasses import asdict
from typing import TYPE_CHECKING

from mm.errors import ERRORS, MediaError, MMError, Unavailable
from mm.media.children import wire
from mm.media.children.deadline import NO_DEADLINE, Deadline
from mm.media.containers.memory_estimate import NeedsMemory
from mm.media.sandbox.layers import ActiveLayers

if TYPE_CHECKING:
    from collections.abc import Generator

    from mm.media.children.fork_client import ForkClient
    from mm.media.children.wire import Head
    from mm.media.types import Limits

START_SECONDS = 60.0
DEATH_SECONDS = 10.0  # between closing its output and its end


class ChildDied(Exception):
    """It ended, fell silent or talked nonsense in the middle of an answer."""

    def __init__(self, reason: str, detail: str, *, killed: bool = False) -> None:
        """`killed` from outside, which the file may have no part in."""
        super().__init__(detail)
        self.reason, self.detail, self.killed = reason, detail, killed


class DecodingChild:
    """One child process, for one file. It answers one request at a time, and the next one only when
    `idle`."""

    def __init__(
        self, server: ForkClient, limits: Limits, decoder: str, memory_bytes: int, name: str, deadline: Deadline
    ) -> None:
        """`memory_bytes` are what it may use.

        Raises `ForkServerDied`, `Unavailable` when no child starts, and what `deadline` raises
        about the file `name`.
        """
        self._server, self._limits, self._decoder = server, limits, decoder
        self.memory_bytes = memory_bytes
        self.requests = 0
        self.idle = True  # nothing of an answer is still on its way
        self.cpu_seconds = 0.0
        self._status: int | None = None
        self._requests, theirs = socket.socketpair()  # files travel over it, so that the child opens none
        self._out, answers = os.pipe2(os.O_CLOEXEC)
        try:
            self.pid = server.fork(memory_bytes, theirs.fileno(), answers)
        except BaseException:
            self._close()
            raise
        finally:
            theirs.close()
            os.close(answers)
        self._poll = select.poll()
        self._poll.register(self._out, select.POLLIN)
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
    def spent(self) -> bool:
        """It has done its share and is to be replaced: what a decoder leaks goes with it."""
        return self.requests >= self._limits.requests or self.cpu_seconds > self._limits.cpu_seconds / 2

    def ask(
        self, do: str, file: int, name: str, arguments: Head, deadline: Deadline = NO_DEADLINE
    ) -> Generator[tuple[Head, bytearray], None, None]:
        """Messages that answer a request about an open file.

        Raises the error that the child names, `MediaError` when it dies, `NeedsMemory` when the
        file takes more than it may use.

        The file may be closed when the first message is there. Past the `deadline` the child is in
        mid-answer and must be killed.
        """
        self.requests += 1
        self.idle = False
        request: Head = {"do": do, "name": name, "decoder": self._decoder, "arguments": arguments, "limits": asdict(self._limits)}
        left, seconds = self._limits.output_bytes, self._limits.wall_seconds
        try:
            self._send(file, request)
            while True:
                asked = time.monotonic()
                head, body = self._receive(min(self._limits.silent_seconds, seconds), left, name, deadline)
                seconds -= time.monotonic() - asked  # what the consumer takes in between does not count
                left -= len(body)
                match head.get("what"):
                    case "alive":
                        continue
                    case "done" | "error" as what:
                        self.cpu_seconds, self.idle = _number(head, "cpu"), True
                        if what == "error":
                            raise _error(head, name)
                        return
                    case "need":
                        raise NeedsMemory(self._needed(head))
                    case _:
                        yield head, body
        except ChildDied as died:
            self.kill()
            raise MediaError(name, died.reason, died.detail) from died

    def end(self) -> None:
        """Make it die. Whoever waits for its answer notices."""
        self._server.kill(self.pid)

    def kill(self) -> None:
        """End it at once, wait until it is gone, close the pipes. May be called again."""
        if self._status is None:
            self.end()
            self._status = self._server.status(self.pid, math.inf)
        self._close()

    @property
    def alive(self) -> bool:
        """Whether it still has its output open."""
        return not any(events & (select.POLLHUP | select.POLLERR) for _, events in self._poll.poll(0))

    def _needed(self, head: Head) -> int:
        """More than it has and no more than any child may have, whatever it says."""
        needed = int(min(_number(head, "bytes"), self._limits.memory_bytes))
        if needed <= self.memory_bytes:
            raise ChildDied("crashed", "the decoder lost its way and asked for memory that it has")
        return needed

    def _close(self) -> None:
        self._requests.close()
        if self._out >= 0:
            os.close(self._out)
            self._out = -1

    def _send(self, file: int, head: Head) -> None:
        try:
            socket.send_fds(self._requests, [b"F"], [file])
            with self._requests.makefile("wb") as stream:
                wire.send(stream, head)
        except OSError as error:
            raise self._death() from error

    def _receive(self, seconds: float, max_body: int, name: str = "", deadline: Deadline = NO_DEADLINE) -> tuple[Head, bytearray]:
        end = time.monotonic() + seconds

        def wait() -> None:
            while True:
                deadline.check(name)
                left = end - time.monotonic()
                if left <= 0:
                    raise ChildDied("timeout", f"decoding it gave no sign of life for {seconds:g} s")
                if self._poll.poll(math.ceil(deadline.wait(left) * 1000)):
                    return

        def read(count: int) -> bytearray:
            data = bytearray(count)
            view, done = memoryview(data), 0
            while done < count:
                wait()
                got = os.readv(self._out, [view[done:]])
                if got == 0:
                    raise self._death()
                done += got
            return data

        try:
            return wire.receive(read, max_body)
        except wire.BrokenMessage as error:
            raise ChildDied("crashed", f"the decoder lost its way and answered with {error}") from error

    def _death(self) -> ChildDied:
        """Why it is gone, by its exit status. Only for one that has closed its output."""
        if self._status is None:
            self._status = self._server.status(self.pid, DEATH_SECONDS)
        status = self._status
        if status is None:
            return ChildDied("crashed", "the decoder closed its output")
        if status == -signal.SIGKILL:
            return ChildDied("out-of-memory", "the system killed the decoder, most likely for want of memory", killed=True)
        if status == -signal.SIGXCPU:
            return ChildDied("timeout", f"decoding it takes more than {self._limits.cpu_seconds} s of processor time")
        if status < 0:
            return ChildDied("crashed", f"the decoder died of {signal.Signals(-status).name}")
        return ChildDied("crashed", f"the decoder ended with status {status}")


def _number(head: Head, key: str) -> float:
    value = head.get(key)
    return float(value) if isinstance(value, int | float) else 0.0


def _error(head: Head, name: str) -> MMError:
    slug, detail = str(head.get("error")), str(head.get("detail"))
    if slug == MediaError.slug:
        return MediaError(name, str(head.get("reason")), detail)
    return ERRORS.get(slug, MMError)(detail)
