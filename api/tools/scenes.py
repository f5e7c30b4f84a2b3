"""What is shown, said, written and audible in each scene of an item."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from api.scenes import list_texts, shorten
from mm.agent.results import SceneDescription

if TYPE_CHECKING:
    from collections.abc import Iterable

    from api.service import Service
    from indexes.catalog.records import NewSegment

MAX_SEGMENTS = 1000
"""Segments that one description reads; about three hours of video."""
SAID_CHARS, CAPTION_CHARS, WRITTEN_CHARS, MAX_SOUNDS = 1000, 300, 300, 8


@dataclass
class _Scene:
    """The segments of one scene: of a detected one, else of one segment."""

    start: float
    end: float
    segments: list[NewSegment] = field(default_factory=list)


def describe_scenes(service: Service, item_id: str, start: float, limit: int) -> tuple[list[SceneDescription], float | None]:
    """Describe up to `limit` scenes of an item that end after `start` seconds.

    Returns them and the `start` of the next call, None after the last scene.
    """
    after = start if start else -1.0  # the segment of an image ends at 0
    with service.spaces.acquire() as served:
        segments = service.store.catalog.list_segments(item_id, served.space.id, after, MAX_SEGMENTS + 1)
    scenes = _group_segments(segments[:MAX_SEGMENTS])
    is_cut = len(scenes) > limit or len(segments) > MAX_SEGMENTS
    shown = scenes[:limit]
    return [_describe(scene) for scene in shown], shown[-1].segments[-1].end if is_cut else None


def _group_segments(segments: Iterable[NewSegment]) -> list[_Scene]:
    scenes: list[_Scene] = []
    previous: tuple[float, float] | None = None
    for segment in segments:
        if segment.scene is None or segment.scene != previous:
            start, end = segment.scene or (segment.start, segment.end)
            scenes.append(_Scene(start, end))
        scenes[-1].segments.append(segment)
        previous = segment.scene
    return scenes


def _describe(scene: _Scene) -> SceneDescription:
    captions = dict.fromkeys(segment.caption for segment in scene.segments if segment.caption)
    return SceneDescription(
        start=scene.start,
        end=scene.end,
        caption=shorten(" ".join(captions), CAPTION_CHARS),
        said=shorten(" ".join(list_texts(scene.segments, "speech")), SAID_CHARS),
        written=shorten(" ".join(list_texts(scene.segments, "written")), WRITTEN_CHARS),
        sounds=list_texts(scene.segments, "sound")[:MAX_SOUNDS],
    )
