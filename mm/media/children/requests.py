"""Requests about a file, executed by children of a pool and repeated where that can help."""

from __future__ import annotations

import os
import stat
from contextlib import closing
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from mm.errors import Forbidden, InvalidInput, MediaError, NotFound, Unavailable
from mm.media.children.deadline import NO_DEADLINE, Deadline
from mm.media.children.fork_rotation import CLOSED
from mm.media.children.process import ChildDied
from mm.media.containers.memory_estimate import INITIAL_BYTES, NeedsMemory

if TYPE_CHECKING:
    from collections.abc import Generator

    from mm.media.children.idle import Lease
    from mm.media.children.pool import ChildPool
    from mm.media.children.wire import Head

MAX_ATTEMPTS = 3
"""Children that one request may use in succession, each with more memory than the one before."""


@dataclass(frozen=True, slots=True)
class Request:
    """A request about the file at `path`, which errors call `name`.

    `do` is the name of a method of `mm.media.decoding.opened_file.OpenedFile`.
    """

    do: str
    path: Path
    name: str
    arguments: Head
    deadline: Deadline = NO_DEADLINE


def request_one(pool: ChildPool, request: Request) -> tuple[Head, bytearray]:
    """Return the response to a request that has a single message.

    The request is repeated once when the system killed the child: a system that is short of memory
    may kill any process. Raises `ValueError` when there is another number of messages.
    """
    try:
        return _request_once(pool, request)
    except MediaError as error:
        if not (isinstance(error.__cause__, ChildDied) and error.__cause__.was_killed):
            raise
        return _request_once(pool, request)


def request_many(pool: ChildPool, request: Request) -> Generator[tuple[Head, bytearray], None, None]:
    """Return the messages of the response; the child is ended when the generator is closed early.

    A file that needs more memory than its child has, by its header or while it is decoded, is
    requested again in a child that may use more, at most `MAX_ATTEMPTS` times. Messages that were
    returned before are skipped: a request has the same response each time.
    """
    file = _open_file(request.path, request.name)
    try:
        memory, num_returned = INITIAL_BYTES, 0
        for attempts_left in reversed(range(MAX_ATTEMPTS)):
            lease = pool.acquire(file, request.name, request.deadline, memory)
            try:
                with closing(_request_of_child(pool, lease, request, file)) as messages:
                    for message in islice(messages, num_returned, None):
                        num_returned += 1
                        yield message
                return
            except NeedsMemory as need:
                memory = need.size
                if not attempts_left:
                    detail = "the decoder requested more memory in every attempt"
                    raise MediaError(request.name, "crashed", detail) from need
            except MediaError as error:
                memory = pool.max_child_memory
                if not (attempts_left and is_out_of_memory(error) and lease.child.memory_bytes < memory):
                    raise
    finally:
        os.close(file)


def is_out_of_memory(error: MediaError) -> bool:
    """Whether a child reported that it has too little memory, rather than being killed for it."""
    return error.reason == "out-of-memory" and not isinstance(error.__cause__, ChildDied)


def _request_once(pool: ChildPool, request: Request) -> tuple[Head, bytearray]:
    with closing(request_many(pool, request)) as messages:
        (message,) = messages
        return message


def _request_of_child(
    pool: ChildPool, lease: Lease, request: Request, file: int
) -> Generator[tuple[Head, bytearray], None, None]:
    """Messages of one child, which is released afterwards."""
    try:
        response = lease.child.request(request.do, file, request.name, request.arguments, request.deadline)
        with closing(response) as messages:
            yield from messages
    except MediaError as error:
        if pool.is_closed:
            raise Unavailable(CLOSED) from error
        raise
    finally:
        pool.release(lease)


def _open_file(path: Path, name: str) -> int:
    """Open a regular file for reading; a pipe without a writer does not block."""
    try:
        file = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except PermissionError as error:
        raise Forbidden(f"{name}: the service has no permission to read this file.") from error
    except OSError as error:
        raise NotFound(f"{name}: this file no longer exists.") from error
    if not stat.S_ISREG(os.fstat(file).st_mode):
        os.close(file)
        raise InvalidInput(f"{name}: this is not a regular file.")
    return file
