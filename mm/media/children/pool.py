"""Pool of decoding children; each child belongs to one file from its first request to its end."""

from __future__ import annotations

import threading
import time
from dataclasses import replace
from typing import TYPE_CHECKING

from mm.errors import Unavailable
from mm.media.children.deadline import NO_DEADLINE, Deadline
from mm.media.children.fork_client import ForkServerDied
from mm.media.children.fork_rotation import ForkServerRotation
from mm.media.children.idle import IdleChildren, Lease, file_id
from mm.media.children.process import DecodingChild
from mm.media.containers.memory_estimate import INITIAL_BYTES

if TYPE_CHECKING:
    from mm.media.children.budget import MemoryBudget
    from mm.media.sandbox.layers import ActiveLayers, Sandbox
    from mm.media.types import Limits

MAX_CHILDREN = 3
"""Requests that run at the same time; further ones wait."""


class ChildPool:
    """Up to `MAX_CHILDREN` busy children, and a few idle ones. Safe for several threads."""

    def __init__(self, limits: Limits, decoder: str, sandbox: Sandbox, budget: MemoryBudget) -> None:
        """`budget` may be shared with other pools."""
        self._limits = replace(limits, memory_bytes=min(limits.memory_bytes, budget.total))
        self._decoder, self._budget = decoder, budget
        self._active_layers: ActiveLayers | None = None
        self._slots = threading.BoundedSemaphore(MAX_CHILDREN)
        self._lock = threading.Lock()
        self._idle = IdleChildren(limits.idle_seconds, budget, self._end)
        self.is_closed = False
        self._servers = ForkServerRotation(limits, decoder, sandbox)
        budget.add_reclaimer(self._idle.end_longest)

    @property
    def max_child_memory(self) -> int:
        """Bytes that one child may use at most."""
        return self._limits.memory_bytes

    def acquire(self, file: int, name: str, deadline: Deadline, memory_bytes: int = INITIAL_BYTES) -> Lease:
        """Return a child that has received no file but this one; pass it to `release` afterwards.

        It may use at least `memory_bytes`, at most `max_child_memory`. Raises `Unavailable` when
        all children or all memory stay in use or no child starts, and what `deadline` raises.
        """
        self._wait_for_slot(name, deadline)
        try:
            memory = min(memory_bytes, self.max_child_memory)
            return self._idle.take(file_id(file), memory) or Lease(file, lambda: self.fork(name, deadline, memory))
        except BaseException:
            self._slots.release()
            raise

    def release(self, lease: Lease) -> None:
        """Keep the child for its file, or end it.

        It is ended if its response is incomplete, if it is exhausted or if others wait for memory.
        """
        child = lease.child
        if child.is_idle and child.is_alive and not child.is_exhausted:
            self._idle.add(lease)
        else:
            self._end(lease)
        self._slots.release()

    def active_layers(self) -> ActiveLayers:
        """Layers of the first child that started; starts one if needed.

        Raises `Unavailable` when none starts.
        """
        if self._active_layers is None:
            self.end_child(self.fork("", NO_DEADLINE))
        assert self._active_layers is not None
        return self._active_layers

    def close(self) -> None:
        """End all children. Requests of other threads fail. May be called again."""
        with self._lock:
            if self.is_closed:
                return
            self.is_closed = True
        self._idle.close()
        self._servers.close()
        self._budget.remove_reclaimer(self._idle.end_longest)

    def _wait_for_slot(self, name: str, deadline: Deadline) -> None:
        end = time.monotonic() + self._limits.silent_seconds
        while True:
            deadline.check(name)
            left = end - time.monotonic()
            if left <= 0:
                raise Unavailable(f"All {MAX_CHILDREN} decoding children are busy: try again later.")
            if self._slots.acquire(timeout=deadline.limit_wait(left)):
                return

    def fork(self, name: str, deadline: Deadline, memory_bytes: int = INITIAL_BYTES) -> DecodingChild:
        """Fork a new child; pass it to `end_child` afterwards.

        Raises `Unavailable` when none starts, and what `deadline` raises.
        """
        memory = min(memory_bytes, self.max_child_memory)
        self._budget.reserve(memory, self._limits.silent_seconds, name, deadline)
        try:
            return self._fork(name, deadline, memory)
        except BaseException:
            self._budget.release(memory)
            raise

    def end_child(self, child: DecodingChild) -> None:
        """Kill a child and release its memory."""
        try:
            child.kill()
        finally:
            self._budget.release(child.memory_bytes)

    def _end(self, lease: Lease) -> None:
        self.end_child(lease.child)
        lease.close_file()

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
