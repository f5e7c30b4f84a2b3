"""Channel to a decoding child: its request socket and its response pipe, with time limits."""

from __future__ import annotations

import math
import os
import select
import socket
import time
from typing import TYPE_CHECKING

from mm.media.children import wire

if TYPE_CHECKING:
    from mm.media.children.deadline import Deadline
    from mm.media.children.wire import Head


class ChannelClosed(Exception):
    """The child has closed its end."""


class ChannelTimeout(Exception):
    """The child sent nothing for too long."""


class Channel:
    """The parent's ends. Files travel over the socket, so that the child opens none itself."""

    def __init__(self) -> None:
        self._requests, self._child_requests = socket.socketpair()
        self._responses, self._child_responses = os.pipe2(os.O_CLOEXEC)
        self._poll = select.poll()
        self._poll.register(self._responses, select.POLLIN)

    @property
    def child_ends(self) -> tuple[int, int]:
        """Descriptors of the child: request socket and response pipe."""
        return self._child_requests.fileno(), self._child_responses

    def close_child_ends(self) -> None:
        """Close the child's descriptors in this process, once the child has them."""
        self._child_requests.close()
        os.close(self._child_responses)

    @property
    def is_open(self) -> bool:
        """Whether the child has its end of the pipe open."""
        return not any(events & (select.POLLHUP | select.POLLERR) for _, events in self._poll.poll(0))

    def close(self) -> None:
        """Close both ends of the parent. May be called again."""
        self._requests.close()
        if self._responses >= 0:
            os.close(self._responses)
            self._responses = -1

    def send(self, file: int, head: Head) -> None:
        """Send an open file and a request. Raises `ChannelClosed`."""
        try:
            socket.send_fds(self._requests, [b"F"], [file])
            with self._requests.makefile("wb") as stream:
                wire.send(stream, head)
        except OSError as error:
            raise ChannelClosed from error

    def receive(self, seconds: float, max_body: int, name: str, deadline: Deadline) -> tuple[Head, bytearray]:
        """Receive one message within so many seconds.

        Raises `ChannelTimeout`, `ChannelClosed`, `BrokenMessage`, and what `deadline` raises about
        the file `name`.
        """
        end = time.monotonic() + seconds

        def wait() -> None:
            while True:
                deadline.check(name)
                left = end - time.monotonic()
                if left <= 0:
                    raise ChannelTimeout
                if self._poll.poll(math.ceil(deadline.limit_wait(left) * 1000)):
                    return

        def read(count: int) -> bytearray:
            data = bytearray(count)
            view, done = memoryview(data), 0
            while done < count:
                wait()
                received = os.readv(self._responses, [view[done:]])
                if received == 0:
                    raise ChannelClosed
                done += received
            return data

        return wire.receive(read, max_body)
