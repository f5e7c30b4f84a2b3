"""Snapshot of an index: the parts that a search reads, and which of their items are live."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from indexes.vectors.kind_index import Keys, Mask
from indexes.vectors.parts import Part


@dataclass(frozen=True, eq=False)
class Snapshot:
    """The index after all changes of the catalog up to the sequence number `upto`."""

    upto: int
    parts: Sequence[Part]
    dead: Keys
    """Publications in the parts that were deleted, sorted."""
    live: Sequence[Mask | None] = field(init=False)
    """For each part which of its items (I,) are live, None if all are."""

    def __post_init__(self) -> None:
        dead = [np.isin(part.segments.item_seq, self.dead) for part in self.parts]
        object.__setattr__(self, "live", [~mask if mask.any() else None for mask in dead])

    def select_parts(self, item_pks: Keys | None) -> Iterator[tuple[Part, Mask | None]]:
        """Parts with live items, and which items (I,) to search, None for all.

        `item_pks` limits the search to some items, sorted by key; None does not.
        """
        for part, live in zip(self.parts, self.live, strict=True):
            item_mask = live
            if item_pks is not None:
                selected = part.segments.select_items(item_pks)
                item_mask = selected if live is None else live & selected
            if item_mask is None or item_mask.any():
                yield part, item_mask


EMPTY = Snapshot(0, (), np.empty(0, dtype=np.int64))
"""The snapshot before the index is read."""
