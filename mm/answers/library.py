"""What answers need of a library: searches, and the moments at a place of an item."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from mm.answers.evidence import EvidenceMoment
from mm.answers.questions import Media
from mm.answers.search_state import SearchState


@dataclass(frozen=True, slots=True)
class Retrieved:
    """Moments that a search found, best first."""

    moments: tuple[EvidenceMoment, ...]
    likely: frozenset[str]
    """Ids of the moments that match with calibrated certainty; the others may match."""


class Library(Protocol):
    """A searchable library. An item is named by a key, the `source` of its moments."""

    def search(self, state: SearchState, limit: int, media: Media | None = None) -> Retrieved:
        """The best moments that fulfil all conditions of a state with a text.

        `media` is the only kind of items whose moments are searched; None for all.
        """

    def find_items(self, text: str) -> Sequence[tuple[str, str]]:
        """Name and key of each item whose name stands in a text, in any case."""

    def list_between(self, item: str, start: float, end: float) -> Sequence[EvidenceMoment]:
        """The moments of an item that overlap a time range, in order; `start` may equal `end`."""

    def find_neighbour(self, moment: EvidenceMoment, step: int) -> EvidenceMoment | None:
        """The moment after (step 1) or before (step -1) one in its item."""

    def get_duration(self, item: str) -> float | None:
        """The length of an item in seconds; None for an image, and for an item that is unknown."""

    def list_items(self, media: Media, limit: int) -> tuple[int, Sequence[str]]:
        """The number of items of a kind that can be searched, and the names of the first."""

    def list_scene(self, item: str, number: int) -> Sequence[EvidenceMoment]:
        """The moments of a scene of an item, counted from 1."""

    def get_moments(self, ids: Sequence[str]) -> Sequence[EvidenceMoment]:
        """The moments of handles, in this order; those that no longer exist are left out."""
