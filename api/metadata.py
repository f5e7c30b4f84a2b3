"""Metadata of files in responses: when, where and with what they were taken (MM_METADATA)."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from mm.errors import Forbidden, InvalidInput
from mm.media.stripping.pieces import NotStripped
from mm.media.stripping.strip import open_stripped
from mm.schemas import Capture

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import BinaryIO

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
    is_used = filters.taken_after is not None or filters.taken_before is not None or filters.camera or filters.place
    if not shows_metadata(settings) and (is_used or filters.has_place is not None):
        raise InvalidInput(HIDDEN.format("`taken_after`, `taken_before`, `camera`, `place` and `has_place`"))


def check_sort(settings: Settings, sort: ItemSort) -> None:
    """Raise `InvalidInput` for an order by metadata that is hidden."""
    if not shows_metadata(settings) and sort in SORTS:
        raise InvalidInput(HIDDEN.format(f"the order {sort!r}"))


def strip_view(settings: Settings, name: str) -> Callable[[BinaryIO], BinaryIO] | None:
    """What removes metadata from the file of the item `name` before it is sent; None to send it as
    it is stored. It raises `Forbidden` where that cannot be done.
    """
    if settings.metadata != "strip":
        return None

    def view(file: BinaryIO) -> BinaryIO:
        try:
            return cast("BinaryIO", open_stripped(file))
        except NotStripped as error:
            raise Forbidden(f"{name} is not sent, because MM_METADATA is `strip` and it {error}.") from error

    return view


def serialize_capture(capture: FileCapture | None, place: str) -> Capture | None:
    """Convert metadata of a file and the name of its place; None if nothing is known."""
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
        place=place or None,
    )
