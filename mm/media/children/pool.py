"""Decoding children, each of which belongs to one file from its first request to its end."""

from __future__ import annotations

import os
import threading
import time
from dataclasses import replace
from typing import TYPE_CHECKING

from mm.errors import Unavailable
from mm.media.children.budget import MemoryBudget
from mm.media.children.deadline import NO_DEADLINE, Deadline
from mm.media.children.fork_client import ForkServerDied
from mm.media.children.fork_rotation import CLOSED, ForkServerRotation
from mm.media.children.process import DecodingChild
from mm.media.containers.memory_estimate import INITIAL_BYTES

if TYPE_CHECKING:
    from collections.abc import Callable

    from mm.media.sandbox.layers import ActiveLayers, Sandbox
    from mm.media.types import Limits

MAX_CHILDREN = 3
"""Requests that run side by side; more of them wait."""
KEPT_CHILDREN = 2
"""Children that wait for the next request about their file: one for pictures, one for sound."""
IDLE_SECONDS = 60.0
"""How long they wait. The file that a child belongs to is held open, so that a deleted one takes
room on the disk as long."""

FileId = tuple[int, int, int, int]


class Lease:
    """A child and the file that it belongs to, held open here: the number of an inode that is open
    is not given to another."""

    def __init__(self, file: int, fork: Callable[[], DecodingChild]) -> None:
        self.key = file_id(file)
        self.idle_since = 0.0
        self._file = os.dup(file)
        try:
            self.child = fork()
        except BaseException:
            os.close(self._file)
            raise

    def release(self) -> None:
        """Close the file, after the end of the child."""
        os.close(self._file)


class ChildPool:
    """Up to `MAX_CHILDREN` children at work, and a few that wait. Safe to use from several
    threads."""

    def __init__(self, limits: Limits, decoder: str, sandbox: Sandbox, budget: MemoryBudget) -> None:
        """`budget` may be shared with other pools."""
        self._limits = replace(limits, memory_bytes=min(limits.memory_bytes, budget.total))
        self._decoder, self._budget = decoder, budget
        budget.add_reclaimer(self._end_longest_idle)
        self._active_layers: ActiveLayers | None = None
        self._slots = threading.BoundedSemaphore(MAX_CHILDREN)
        self._lock = threading.Lock()
        self._idle: list[Lease] = []  # the one that has waited longest first
        self._timer: threading.Timer | None = None
        self.closed = False
        self._servers = ForkServerRotation(limits, decoder, sandbox)

    @property
    def max_child_memory(self) -> int:
        """Bytes that one child may be given."""
        return self._limits.memory_bytes

    def acquire(self, file: int, name: str, deadline: Deadline, memory_bytes: int = INITIAL_BYTES) -> Lease:
        """A child that has seen no file, or none but this one, for the caller alone. To be given
        back.

        It may use at least `memory_bytes`, at most `max_child_memory`. Raises `Unavailable` when
        all children or all memory stay in use or no child starts, and what `deadline` raises.
        """
        self._wait_for_slot(name, deadline)
        try:
            memory = min(memory_bytes, self.max_child_memory)
            return self._waiting_for(file_id(file), memory) or Lease(file, lambda: self.fork(name, deadline, memory))
        except BaseException:
            self._slots.release()
            raise

    def release(self, lease: Lease) -> None:
        """Keep the child for its file, unless it is in mid-answer, has done its share, or there is
        no room."""
        child, surplus = lease.child, [lease]
        with self._lock:
            if child.idle and child.alive and not child.spent and not self.closed and not self._budget.has_waiters:
                lease.idle_since = time.monotonic()
                self._idle.append(lease)
                surplus, self._idle = self._idle[:-KEPT_CHILDREN], self._idle[-KEPT_CHILDREN:]
                self._watch()
        for ended in surplus:
            self._end(ended)
        self._slots.release()

    def active_layers(self) -> ActiveLayers:
        """What children are held by, told by the first one. Raises `Unavailable` when none
        starts."""
        if self._active_layers is None:
            self.end_child(self.fork("", NO_DEADLINE))
        assert self._active_layers is not None
        return self._active_layers

    def close(self) -> None:
        """End all children. Whoever waits for an answer notices."""
        with self._lock:
            if self.closed:
                return
            self.closed = True
            idle, self._idle = self._idle, []
            if self._timer is not None:
                self._timer.cancel()
        for lease in idle:
            self._end(lease)
        self._servers.close()
        self._budget.remove_reclaimer(self._end_longest_idle)

    def _wait_for_slot(self, name: str, deadline: Deadline) -> None:
        end = time.monotonic() + self._limits.silent_seconds
        while True:
            deadline.check(name)
            left = end - time.monotonic()
            if left <= 0:
                raise Unavailable(f"All {MAX_CHILDREN} decoding children stay busy: try again later.")
            if self._slots.acquire(timeout=deadline.wait(left)):
                return

    def _waiting_for(self, key: FileId, memory_bytes: int) -> Lease | None:
        """A child of this file that waits for its next request and may use as much."""
        while True:
            with self._lock:
                if self.closed:
                    raise Unavailable(CLOSED)
                fitting = (lease for lease in self._idle if lease.key == key and lease.child.memory_bytes >= memory_bytes)
                lease = next(fitting, None)
                if lease is None:
                    return None
                self._idle.remove(lease)
            if lease.child.alive:
                return lease
            self._end(lease)

    def fork(self, name: str, deadline: Deadline, memory_bytes: int = INITIAL_BYTES) -> DecodingChild:
        """A fresh child, to be ended by `end_child`. Raises `Unavailable` when none starts, and
        what `deadline` raises."""
        memory = min(memory_bytes, self.max_child_memory)
        self._budget.reserve(memory, self._limits.silent_seconds, name, deadline)
        try:
            return self._fork(name, deadline, memory)
        except BaseException:
            self._budget.release(memory)
            raise

    def end_child(self, child: DecodingChild) -> None:
        """Kill it, and give back its memory."""
        try:
            child.kill()
        finally:
            self._budget.release(child.memory_bytes)

    def _end(self, lease: Lease) -> None:
        self.end_child(lease.child)
        lease.release()

    def _end_longest_idle(self) -> bool:
        """For another child's sake. False when none waits."""
        with self._lock:
            if not self._idle:
                return False
            lease = self._idle.pop(0)
        self._end(lease)
        return True

    def _fork(self, name: str, deadline: Deadline, memory_bytes: int) -> DecodingChild:
        for _ in range(2):  # a server that was killed is replaced once
            server = self._servers.current(name, deadline)
            try:
                child = DecodingChild(server, self._limits, self._decoder, memory_bytes, name, deadline)
            except ForkServerDied:
                continue
            self._active_layers = child.active_layers
            return child
        raise Unavailable("The decoding child does not start: the fork server has ended twice.")

    def _watch(self) -> None:
        """Have idle children looked at when the first of them has waited long enough."""
        if self._timer is None and self._idle:
            left = self._idle[0].idle_since + IDLE_SECONDS - time.monotonic()
            self._timer = threading.Timer(max(left, 0.0), self._end_idle)
            self._timer.daemon = True
            self._timer.start()

    def _end_idle(self) -> None:
        with self._lock:
            now = time.monotonic()
            ended = [lease for lease in self._idle if now - lease.idle_since >= IDLE_SECONDS]
            self._idle = [lease for lease in self._idle if lease not in ended]
            self._timer = None
            self._watch()
        for lease in ended:
            self._end(lease)


def file_id(file: int) -> FileId:
    """What tells an open file from every other one, and from itself with other bytes."""
    status = os.fstat(file)
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns
