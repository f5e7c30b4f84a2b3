"""What a search looks at: parts that do not change while it runs, and which of their items are alive."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from indexes.parts import Keys, Mask, Part


@dataclass(frozen=True, eq=False)
class Snapshot:
    """The index as it was at the sequence number `upto`."""

    upto: int
    parts: Sequence[Part]
    dead: Keys
    """Publications in the parts that are no more, sorted."""

    def items(self, part: Part, chosen: Keys | None) -> Mask:
        """Which items of a part are alive and, if a choice is given, in it: what a search may look at."""
        alive = ~np.isin(part.segments.item_seq, self.dead)
        return alive if chosen is None else alive & np.isin(part.segments.item_pk, chosen)


EMPTY = Snapshot(0, (), np.empty(0, dtype=np.int64))
"""Before anything was read."""
