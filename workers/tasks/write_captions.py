"""Captions of searchable items, written when no job waits and no text is to be recognized."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import structlog

from mm.errors import MMError
from mm.generation.caption_ranking import CaptionRanking
from mm.runtimes.memory import release_memory
from mm.spaces.encode.frames import longest_decoded_side
from workers.tasks.caption_evidence import WrittenCaption, find_known_caption, judge_caption, write_caption_shard
from workers.tasks.retries import describe_error, is_permanent

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from indexes.catalog.records import CaptionScene, LeasedCaptions
    from mm.generation.caption_model import CaptionModel
    from mm.generation.captioner import ImageCaptioner
    from mm.models.image.map_tower import ImageFeatures
    from mm.spaces import Space
    from mm.spaces.types import Vector
    from workers.context import WorkerContext

MAX_ITEMS = 32
"""Items that are leased together, so that their images are computed together."""
BATCH = 16
"""Scenes of one item whose captions are committed at once."""
MAX_TASK_SECONDS = 60.0
"""Time after which a task starts no other item; the sweeper dispatches the next task."""


def has_waiting_captions(context: WorkerContext) -> bool:
    """Whether there is a captioner, captions are due, and no job waits. Raises `Unavailable`."""
    if context.caption_model is None:
        return False
    space, catalog = context.spaces.load_current(), context.store.catalog
    catalog.set_caption_model(context.caption_model.version, context.settings.caption_confidence)
    return catalog.has_due_captions(space.id, context.settings.max_attempts, reuse_only=not space.has_image_maps)


def write_captions(context: WorkerContext) -> None:
    """Write the captions of items until a job waits or the worker stops.

    Ends after `MAX_TASK_SECONDS`, or when no item is left. Any number of processes may run it. The
    model is loaded for the first scene that needs it, and unloaded at the end of the task. In a
    space without feature maps, captions that were written in another space are used again.
    """
    catalog, model = context.store.catalog, context.caption_model
    context.record_heartbeat()
    if model is None:
        return
    space = context.spaces.load_current()
    catalog.set_caption_model(model.version, context.settings.caption_confidence)
    writer = _Writer(context, space, model)
    try:
        _write_until_done(context, space, writer)
    finally:
        del writer
        release_memory()


def _write_until_done(context: WorkerContext, space: Space, writer: _Writer) -> None:
    """Caption items until none is due, a job waits, the worker stops, or time is over."""
    catalog, settings = context.store.catalog, context.settings
    end = time.monotonic() + MAX_TASK_SECONDS
    while time.monotonic() < end and not _must_stop(context):
        items = catalog.lease_captions(
            space.id,
            context.owner,
            _lease_seconds(context),
            settings.max_attempts,
            MAX_ITEMS,
            reuse_only=not space.has_image_maps,
        )
        if not items:
            return
        writer.caption_items(items)


@dataclass(slots=True)
class _Item:
    """A leased item with the captions of its first scenes; None for one that is not written yet."""

    leased: LeasedCaptions
    scenes: Sequence[CaptionScene]
    captions: list[WrittenCaption | None]
    failure: Exception | None = None

    @property
    def num_done(self) -> int:
        """Scenes up to the first one without a caption."""
        return next((number for number, caption in enumerate(self.captions) if caption is None), len(self.captions))


class _Writer:
    """Captions items with one model, which it loads at first use."""

    def __init__(self, context: WorkerContext, space: Space, model: CaptionModel) -> None:
        self._context = context
        self._space = space
        self._model = model
        self._captioner: ImageCaptioner | None = None

    def caption_items(self, leased_items: Sequence[LeasedCaptions]) -> None:
        """Write and commit captions of up to `BATCH` scenes of each item; ends early for a job."""
        items = [self._start(leased) for leased in leased_items]
        uncommitted = [item for item in items if None in item.captions]
        for item in items:
            if None not in item.captions:
                self._commit(item)
        failure: Exception | None = None
        try:
            for item in self._write(uncommitted):
                uncommitted.remove(item)
                self._commit(item)
        except Exception as error:  # noqa: BLE001 - captions so far are committed, and the attempts count
            failure = error
        for item in uncommitted:
            item.failure = item.failure or failure
            self._commit(item)
        for cause in (failure, *(item.failure for item in items)):
            if cause is not None and not isinstance(cause, MMError):
                raise cause

    def _start(self, leased: LeasedCaptions) -> _Item:
        scenes = leased.scenes[:BATCH]
        missing = None if self._space.has_image_maps else WrittenCaption("")
        return _Item(leased, scenes, [find_known_caption(leased, scene) or missing for scene in scenes])

    def _write(self, items: Sequence[_Item]) -> Iterator[_Item]:
        """Write the missing captions of all items, and yield each item that is complete."""
        if not items:
            return
        started: list[tuple[_Item, int, Vector]] = []
        for place, caption in self._load_captioner().caption(self._read_images(items, started)):
            item, number, vector_D = started[place]
            item.captions[number] = judge_caption(self._space, caption, vector_D)
            self._context.record_heartbeat()
            if None not in item.captions:
                yield item

    def _read_images(self, items: Sequence[_Item], started: list[tuple[_Item, int, Vector]]) -> Iterator[ImageFeatures]:
        """The frames of scenes without caption, until a job waits.

        Their places and vectors are added to `started`.

        A scene whose frame cannot be decoded is left without caption. Another error ends the item.
        """
        for item in items:
            for number in [number for number, caption in enumerate(item.captions) if caption is None]:
                if _must_stop(self._context):
                    return
                try:
                    if not self._extend_lease(item.leased):
                        break
                    features = self._encode_frame(item.leased, item.scenes[number])
                except Exception as error:  # noqa: BLE001 - of this item; the others continue
                    if not is_permanent(error):
                        item.failure = error
                        break
                    structlog.get_logger().warning("no caption: the image cannot be decoded", detail=str(error))
                    item.captions[number] = WrittenCaption("")
                    continue
                started.append((item, number, features.vector_D))
                yield features

    def _extend_lease(self, leased: LeasedCaptions) -> bool:
        return self._context.store.catalog.extend_caption_lease(leased, self._context.owner, _lease_seconds(self._context))

    def _encode_frame(self, leased: LeasedCaptions, scene: CaptionScene) -> ImageFeatures:
        reader, path = self._context.reader, self._context.store.blobs.path(leased.sha256)
        longest = longest_decoded_side(leased.width, leased.height, self._space.image_maps.size)
        if leased.is_image:
            image = reader.image(path, leased.name, longest=longest)
        else:
            image = reader.frame_at(path, leased.name, scene.frame_time, longest=longest)
        return self._space.image_maps.encode([image])[0]

    def _load_captioner(self) -> ImageCaptioner:
        if self._captioner is None:
            self._captioner = self._model.load(CaptionRanking(self._space.text, self._space.caption_heads))
            self._context.record_progress()
        return self._captioner

    def _commit(self, item: _Item) -> None:
        """Add the captions of an item up to the first missing one."""
        context, leased, num_done = self._context, item.leased, item.num_done
        done = zip(item.scenes[:num_done], item.captions, strict=False)
        written = [(scene, caption) for scene, caption in done if caption is not None and caption.text]
        min_confidence = context.settings.caption_confidence
        captions = write_caption_shard(context.store.shards, self._space, written, self._model.version, min_confidence)
        rest = leased.scenes[num_done:]
        next_segment = rest[0].segments[0] if rest else None
        detail = None if item.failure is None else describe_error(item.failure, context.settings.root)
        is_added = context.store.catalog.add_captions(leased, context.owner, captions, next_segment, detail)
        log = structlog.get_logger().bind(item=leased.item_id)
        num_searched = sum(caption.evidence is not None for caption in captions)
        log.info("captions written", captions=len(captions), shown=num_searched, left=len(rest), kept=is_added)
        if detail is not None:
            log.warning("captions not written", detail=detail)


def _must_stop(context: WorkerContext) -> bool:
    return context.stop.is_set() or context.store.catalog.has_runnable_jobs()


def _lease_seconds(context: WorkerContext) -> float:
    """Lease time that is enough to decode one image and write the captions in progress."""
    return context.settings.lease_seconds + context.settings.sandbox_seconds
