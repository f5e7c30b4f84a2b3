"""Metadata of files in responses: when, where and with what they were taken (MM_METADATA)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mm.errors import InvalidInput
from mm.schemas import Capture

if TYPE_CHECKING:
    from indexes.catalog.captures import CaptureConditions
    from mm.media.types import Capture as FileCapture
    from mm.schemas import ItemSort
    from mm.settings import Settings

HIDDEN = "Metadata of files is hidden (MM_METADATA): {} cannot be used."
SORTS: tuple[ItemSort, ...] = ("taken", "taken-oldest")


def shows_metadata(settings: Settings) -> bool:
    """Whether responses may contain metadata of files."""
    return settings.metadata == "keep"


def check_conditions(settings: Settings, filters: CaptureConditions) -> None:
    """Raise `InvalidInput` for a filter by hidden metadata, which its hits disclose."""
    is_used = filters.taken_after is not None or filters.taken_before is not None or filters.camera
    if not shows_metadata(settings) and (is_used or filters.has_place is not None):
        raise InvalidInput(HIDDEN.format("`taken_after`, `taken_before`, `camera` and `has_place`"))


def check_sort(settings: Settings, sort: ItemSort) -> None:
    """Raise `InvalidInput` for an order by metadata that is hidden."""
    if not shows_metadata(settings) and sort in SORTS:
        raise InvalidInput(HIDDEN.format(f"the order {sort!r}"))


def serialize_capture(capture: FileCapture | None) -> Capture | None:
    """Convert metadata of a file; None if nothing is known."""
    if capture is None:
        return None
    return Capture(
        taken_at=capture.taken_at,
        make=capture.make or None,
        model=capture.model or None,
        lens=capture.lens or None,
        orientation=capture.orientation,
        latitude=capture.latitude,
        longitude=capture.longitude,
        altitude=capture.altitude,
    )
