"""Interface of a source of frames."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Iterator

    from mm.line.types import SourceItem


class Source(Protocol):
    """Frames in the order of their times."""

    @property
    def key(self) -> str:
        """Identifies the source in the journal and in part ids; valid in a part id."""
        ...

    @property
    def is_live(self) -> bool:
        """Whether frames that are not taken in time are lost, and none can be read again."""
        ...

    @property
    def has_part_ids(self) -> bool:
        """Whether each frame names its part; otherwise a tracker finds the parts."""
        ...

    @property
    def num_lost(self) -> int:
        """Frames that the source lost before it could yield them; they are of no known part."""
        ...

    def items(self, start: float, stop: threading.Event, is_decided: Callable[[str], bool]) -> Iterator[SourceItem]:
        """Yield frames from the time `start` on until the source ends or `stop` is set.

        `is_decided` returns whether a part has its verdict: a source with part ids may skip it.
        """
        ...
