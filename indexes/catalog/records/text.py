"""Values of text recognition: the images of an item, by what was done with them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mm.spaces.types import SpaceId


@dataclass(frozen=True, slots=True)
class UnreadImage:
    """An image on which text recognition is to run. All times are 0 for an image item."""

    index: int
    """Of its segment."""
    time: float
    start: float
    end: float
    """From when to when its text is shown."""


@dataclass(frozen=True, slots=True)
class FailedImage:
    """An image whose text could not be recognized, and that is not tried again."""

    time: float
    reason: str


@dataclass(frozen=True, slots=True)
class TextProgress:
    """Images of an item by what text recognition has done with them."""

    num_done: int = 0
    num_left: int = 0
    failed: Sequence[FailedImage] = ()


@dataclass(frozen=True, slots=True)
class LeasedText:
    """An item that is leased for text recognition, with the images to read."""

    item_pk: int
    item_id: str
    sha256: str
    name: str
    is_image: bool
    """Whether the item is an image and not a video."""
    space: SpaceId
    images: Sequence[UnreadImage]
    is_retry: bool = False
    """Whether an earlier attempt failed: images are then read one by one."""
