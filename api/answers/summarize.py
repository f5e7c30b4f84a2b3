"""Summaries of items, whose scenes are read from the catalog page by page."""

from __future__ import annotations

import math
from itertools import groupby
from typing import TYPE_CHECKING

from api.answers.library import SearchLibrary
from api.answers.moments import collect_evidence, make_moment
from api.scenes import get_scene
from mm.answers.handles import Handle
from mm.answers.summaries import make_chapters, write_paragraph
from mm.errors import Conflict
from mm.schemas import Chapter, Filters, Summary

if TYPE_CHECKING:
    from collections.abc import Iterator

    from api.service import Service
    from indexes.catalog.records import NewSegment
    from mm.answers.evidence import EvidenceMoment

MAX_SCENE_SEGMENTS = 400
"""Segments of one scene that are read for its description; a longer scene is described by these."""


def prepare_summary(service: Service, item_id: str) -> Summary:
    """The summary of an item from its evidence. Blocks.

    Raises `NotFound`, `Conflict` for an item that is not ready, `InvalidInput` without scenes.
    """
    item = service.library.get_item(item_id)
    if item.status != "ready":
        raise Conflict(f"{item.name} cannot be summarized yet; its status is {item.status}.")
    chapters = make_chapters(_stream_scenes(SearchLibrary(service, Filters(), ()), item.id, item.name))
    return Summary(
        item_id=item.id,
        text=write_paragraph(chapters),
        chapters=[Chapter(start=entry.start, end=entry.end, title=entry.title, text=entry.text) for entry in chapters],
        model="extractive",
    )


def _stream_scenes(library: SearchLibrary, item_id: str, name: str) -> Iterator[tuple[float, float, EvidenceMoment]]:
    for _, segments in groupby(library.stream_segments(item_id, -1.0), key=get_scene):
        described: list[NewSegment] = []
        start, end = math.inf, 0.0
        for segment in segments:
            start, end = min(start, segment.start), segment.end
            if len(described) < MAX_SCENE_SEGMENTS:
                described.append(segment)
        yield start, end, make_moment(Handle(item_id, start, end), name, collect_evidence(described))
