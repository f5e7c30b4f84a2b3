"""Captions of scenes as evidence: known ones, their confidence, and their vectors in a shard."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from indexes.catalog.records import NewCaption
from mm.spaces.caption_confidence import measure_confidence
from mm.spaces.encode.captions import caption_segments
from workers.tasks.segment_shards import read_segments, write_segments

if TYPE_CHECKING:
    from collections.abc import Sequence

    from indexes.catalog.records import CaptionScene, LeasedCaptions
    from indexes.storage.shards import ShardStore
    from mm.generation.caption_ranking import GeneratedCaption
    from mm.spaces import Space
    from mm.spaces.types import Vector


@dataclass(frozen=True, slots=True)
class WrittenCaption:
    """The sentence about a scene, '' where there is none, and how probable it is."""

    text: str
    confidence: float = 0.0


def judge_caption(space: Space, caption: GeneratedCaption, image: Vector) -> WrittenCaption:
    """A caption with the probability that it is right about its image (D,)."""
    return WrittenCaption(caption.text, measure_confidence(space, caption.text, image, caption.logprob))


def find_known_caption(leased: LeasedCaptions, scene: CaptionScene) -> WrittenCaption | None:
    """The latest caption by the current model of a frame in the scene."""
    known = (row for row in reversed(leased.known) if leased.is_image or scene.start <= row.frame_time < scene.end)
    return next((WrittenCaption(row.text, row.confidence) for row in known), None)


def write_caption_shard(
    shards: ShardStore,
    space: Space,
    written: Sequence[tuple[CaptionScene, WrittenCaption]],
    version: str,
    min_confidence: float,
) -> list[NewCaption]:
    """Write one shard of the captions that are searched. Returns all, with their evidence."""
    searched = [(scene, caption) for scene, caption in written if caption.confidence >= min_confidence]
    evidence = {}
    if searched:
        segments = caption_segments(space, [(scene.start, scene.end, caption.text) for scene, caption in searched])
        shard_id = write_segments(shards, space.id, segments)
        stored = read_segments(shards, space.id, [shard_id])
        evidence = {scene.start: segment.evidence[0] for (scene, _), segment in zip(searched, stored, strict=True)}
    return [
        NewCaption(
            scene.start,
            scene.end,
            scene.frame_time,
            caption.text,
            version,
            caption.confidence,
            scene.segments,
            evidence.get(scene.start),
        )
        for scene, caption in written
    ]
