"""A row for a blob, from what probing its bytes gave."""

from __future__ import annotations

from typing import TYPE_CHECKING

from indexes.catalog.records import NewItem

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from mm.media.types import MediaInfo


def new_item(
    sha256: str,
    size: int,
    name: str,
    tags: Sequence[str],
    info: MediaInfo,
    *,
    request_id: str | None = None,
    key_id: str | None = None,
    created_at: datetime | None = None,
) -> NewItem:
    """The row of a file of `size` bytes."""
    return NewItem(
        sha256=sha256,
        name=name,
        kind=info.kind,
        content_type=info.content_type,
        size=size,
        duration=info.duration,
        width=info.width,
        height=info.height,
        fps=info.fps,
        has_audio=info.has_audio,
        tags=list(tags),
        request_id=request_id,
        key_id=key_id,
        created_at=created_at,
    )
