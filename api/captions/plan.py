"""The captions of a request: stored ones, and images that are still to be captioned."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import groupby
from typing import TYPE_CHECKING

from api.chat.library_media import select_segments
from api.chat.media import IMAGE_PIXELS, make_image_media
from api.scenes import get_scene
from mm.errors import Cancelled, UnsupportedMedia
from mm.schemas import Caption
from mm.spaces.encode.captions import find_captioned_segment

if TYPE_CHECKING:
    import threading
    from collections.abc import Sequence
    from pathlib import Path

    from api.service import Service
    from indexes.catalog.records import CaptionRow, ItemRow
    from mm.generation.chat.types import ChatModel, ImageMedia
    from mm.spaces import Space

MAX_WRITTEN = 32
"""Images and scenes that are captioned for one request; workers caption the rest."""
LEFT_OUT = "{} has more scenes without caption than are captioned for one request, {}: the rest is written in the background."


@dataclass(frozen=True, slots=True)
class Uncaptioned:
    """An image, or the frame of a scene, without a stored caption."""

    item_id: str | None
    start: float
    end: float
    image: ImageMedia


@dataclass(slots=True)
class CaptionPlan:
    """Captions and images in the order of the response."""

    entries: list[Caption | Uncaptioned] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    num_hidden: int = 0
    """Stored captions that are too improbable to be shown."""


def plan_items(service: Service, model: ChatModel, item_ids: Sequence[str], cancelled: threading.Event) -> CaptionPlan:
    """Stored captions of items, and images of those that have none. Blocks.

    Raises `NotFound`, `UnsupportedMedia` for audio and for a model that reads no images,
    `Conflict` for a video that is not encoded yet, `MediaError`, `Unavailable`, and `Cancelled`
    between two images once the event is set.
    """
    plan = CaptionPlan()
    with service.spaces.acquire() as served:
        for item_id in dict.fromkeys(item_ids):
            item = service.library.get_item(item_id)
            if item.kind == "audio":
                raise UnsupportedMedia(f"{item.name} is audio, which has no captions.")
            rows = service.store.catalog.list_captions(item_id, served.space.id)
            num_hidden = service.store.catalog.count_hidden_captions(item_id, served.space.id)
            if rows or num_hidden:
                plan.entries.extend(serialize_caption(item_id, row) for row in rows)
                plan.num_hidden += num_hidden
            else:
                _plan_images(service, model, served.space, item, plan, cancelled)
    return plan


def plan_upload(service: Service, model: ChatModel, path: Path, name: str, cancelled: threading.Event) -> CaptionPlan:
    """The image of a request. Blocks. Raises as `plan_items`."""
    info = service.query_reader.probe(path, name)
    if info.kind != "image":
        raise UnsupportedMedia(f"{name} is no image. Add videos to the library: their scenes are captioned there.")
    image = service.query_reader.image(path, name, longest=IMAGE_PIXELS)
    with service.spaces.acquire() as served:
        return CaptionPlan([Uncaptioned(None, 0.0, 0.0, make_image_media(served.space, model, image, ""))])


def serialize_caption(item_id: str, row: CaptionRow) -> Caption:
    return Caption(item_id=item_id, start=row.start, end=row.end, text=row.text, model=row.model, confidence=row.confidence)


def _plan_images(
    service: Service, model: ChatModel, space: Space, item: ItemRow, plan: CaptionPlan, cancelled: threading.Event
) -> None:
    """Decode the image of an item, or a frame of each scene, up to the limit of a request."""
    num_left = MAX_WRITTEN - sum(isinstance(entry, Uncaptioned) for entry in plan.entries)
    spans = [(0.0, 0.0, 0.0)] if item.kind == "image" else _list_scenes(service, space, item)
    if len(spans) > num_left:
        plan.notes.append(LEFT_OUT.format(item.name, MAX_WRITTEN))
    reader, path = service.query_reader, service.store.blobs.path(item.sha256)
    for start, end, frame_time in spans[:num_left]:
        if cancelled.is_set():
            raise Cancelled("The request was cancelled.")
        if item.kind == "image":
            image = reader.image(path, item.name, longest=IMAGE_PIXELS)
        else:
            image = reader.frame_at(path, item.name, frame_time, longest=IMAGE_PIXELS)
        plan.entries.append(Uncaptioned(item.id, start, end, make_image_media(space, model, image, item.name)))


def _list_scenes(service: Service, space: Space, item: ItemRow) -> list[tuple[float, float, float]]:
    """Start, end and frame of the scenes of a video; where none are known, of its shots.

    The frame is the one that a worker captions.
    """
    segments = select_segments(service, space.id, item, None, None)
    scenes = []
    for _, group in groupby(segments, get_scene):
        spans = [(segment.start, segment.end) for segment in group]
        scenes.append((spans[0][0], spans[-1][1], sum(spans[find_captioned_segment(spans)]) / 2))
    return scenes
