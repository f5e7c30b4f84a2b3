"""What a conversation searches for."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class SearchState:
    """What a conversation searches for. All conditions hold at once."""

    text: str = ""
    """The query; empty before the first one and after everything was cleared."""
    also: tuple[str, ...] = ()
    """What a moment must show besides."""
    without: tuple[str, ...] = ()
    """What a moment must not show."""
    items: tuple[str, ...] = ()
    """The only items searched; empty for all."""
    before: float | None = None
    """Moments must end at or before this time, in seconds."""
    after: float | None = None
    """Moments must start at or after this time."""
    selected: str | None = None
    """Id of the moment that 'it' and 'there' mean."""
    listed: tuple[str, ...] = ()
    """Ids of the moments that the last answer cites: number n is `listed[n - 1]`."""
