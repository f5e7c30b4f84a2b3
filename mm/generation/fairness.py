"""Fair service of API keys: virtual token counters (Sheng et al., OSDI 2024, arXiv:2401.00588).

The counter of a key is the number of tokens that the engine computed for it. The waiting key with
the smallest counter is served next. A key that had nothing to wait for is raised to the smallest
counter of the waiting keys, so that it cannot save up service. This is start-time fair queueing
with the counter as start tag, for units whose cost is known only as they are generated. While two
keys both have waiting requests, their services differ by at most `2 * max(longest prompt, tokens
of a full batch)` (theorem 4.4 of the paper).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection


class TokenCounters:
    def __init__(self) -> None:
        self._counters: dict[str, int] = {}
        self._floor = 0

    def __getitem__(self, key: str) -> int:
        return self._counters.get(key, 0)

    def join(self, key: str, waiting_keys: Collection[str]) -> None:
        """A request arrived for a key that had none waiting; `waiting_keys` are the other keys."""
        floor = min((self[other] for other in waiting_keys), default=self._floor)
        self._counters[key] = max(self[key], floor)

    def charge(self, key: str, num_tokens: int) -> None:
        """The engine computes tokens for a key."""
        self._counters[key] = self[key] + num_tokens

    def leave(self, key: str) -> None:
        """The last waiting request of a key left the queue."""
        self._floor = max(self._floor, self[key])
