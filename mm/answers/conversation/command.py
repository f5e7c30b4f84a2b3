"""What a message does to the search of a conversation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Operation = Literal[
    "question", "select", "earlier", "later", "only_item", "all_items", "without", "also", "back", "clear", "talk"
]
MAX_THING_WORDS = 4
"""Words of what 'without' and 'also' name; a longer text is a question."""


@dataclass(frozen=True, slots=True)
class Command:
    """A parsed message."""

    operation: Operation
    thing: str = ""
    """What a moment must show, or must not show."""
    ordinal: int = 0
    """Position from 0; -1 for the last."""
