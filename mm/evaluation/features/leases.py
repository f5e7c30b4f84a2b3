"""Leases of the pieces of one piece of work, which processes share through a `FeatureCache`."""

from __future__ import annotations

import time

from mm.evaluation.features.cache import FeatureCache
from mm.evaluation.features.owners import describe_owner

LEASE_SECONDS = 600.0
"""Of processes of other machines; the lease of a process of this machine ends with it."""
POLL_SECONDS = 0.5
"""Between two looks at pieces that other processes have."""


class WorkLeases:
    """The leases that one process has. Used by one thread."""

    def __init__(self, cache: FeatureCache, name: str) -> None:
        """`name` is that of the work; processes with the same name share it."""
        self._cache, self._name = cache, name
        self._owner = describe_owner()
        self._held: set[str] = set()
        self._extended = time.monotonic()

    def take(self, piece: str) -> bool:
        """Whether the piece is free, and then leased; False while another process has it."""
        is_free = self._cache.lease(self._key(piece), self._owner, LEASE_SECONDS)
        if is_free:
            self._held.add(piece)
        return is_free

    def extend(self) -> None:
        """Extend the leases where it is time; called often."""
        if time.monotonic() - self._extended < LEASE_SECONDS / 4:
            return
        self._extended = time.monotonic()
        for piece in self._held:
            self._cache.lease(self._key(piece), self._owner, LEASE_SECONDS)

    def release(self, piece: str) -> None:
        """Give a piece back."""
        self._held.discard(piece)
        self._cache.release(self._key(piece), self._owner)

    def close(self) -> None:
        """Give all pieces back."""
        for piece in tuple(self._held):
            self.release(piece)

    def join(self) -> None:
        """Count this process among those that do the work, until `leave` or `close`."""
        self.take(f"by {self._owner}")

    def leave(self) -> bool:
        """Leave the work; whether no other process does it."""
        self.release(f"by {self._owner}")
        return not self._cache.has_lease(self._key("by "))

    def _key(self, piece: str) -> str:
        return f"{self._name}|{piece}"
