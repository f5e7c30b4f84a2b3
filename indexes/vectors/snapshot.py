"""What a search looks at: parts that do not change while it runs, and which of their items are
alive."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from indexes.vectors.kind_index import Keys, Mask
from indexes.vectors.parts import Part


@dataclass(frozen=True, eq=False)
class Snapshot:
    """The index as it was at the sequence number `upto`."""

    upto: int
    parts: Sequence[Part]
    dead: Keys
    """Publications in the parts that are no more, sorted."""
    alive: Sequence[Mask | None] = field(init=False)
    """For each part which of its items are alive, None if all are."""

    def __post_init__(self) -> None:
        dead = [np.isin(part.segments.item_seq, self.dead) for part in self.parts]
        object.__setattr__(self, "alive", [~mask if mask.any() else None for mask in dead])

    def select_parts(self, chosen: Keys | None) -> Iterator[tuple[Part, Mask | None]]:
        """Parts with items that are alive and, if a choice (sorted) is given, in it; and which
        these are, None for all."""
        for part, alive in zip(self.parts, self.alive, strict=True):
            items = alive
            if chosen is not None:
                picked = part.segments.picks(chosen)
                items = picked if alive is None else alive & picked
            if items is None or items.any():
                yield part, items


EMPTY = Snapshot(0, (), np.empty(0, dtype=np.int64))
"""Before anything was read."""
