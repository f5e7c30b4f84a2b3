"""Captions of images by the language model, kept by content of the file and by what wrote them.

A caption is stored as soon as it is written: an interrupted command continues, and a second run
writes none. Processes share the images of a set: each leases those that it is writing captions of,
and takes the captions of the others from the cache.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

from mm.data.sets.types import SetItem
from mm.errors import InvalidInput, MMError
from mm.evaluation.features.cache import FeatureCache
from mm.evaluation.features.failures import leave_out
from mm.evaluation.features.leases import POLL_SECONDS, WorkLeases
from mm.evaluation.features.slices import IMAGE_SUFFIXES, Progress
from mm.evaluation.features.types import Features
from mm.evaluation.runs.types import FailedItem

if TYPE_CHECKING:
    from mm.generation.captioner import ImageCaptioner
    from mm.media.types import RGB
    from mm.models.image.map_tower import ImageFeatures, ImageMapTower

KIND = "caption"
"""Key of `Features.texts`."""


@dataclass(slots=True)
class WrittenCaptions:
    """Captions by id of the item, and what could not be read."""

    texts: dict[str, str] = field(default_factory=dict)
    failed: list[FailedItem] = field(default_factory=list)
    reused: int = 0

    def fail(self, item: SetItem, error: MMError, *, strict: bool) -> None:
        """Count an item that cannot be read; with `strict` raise `InvalidInput`."""
        self.failed.append(leave_out(item, error, strict=strict))


@dataclass(frozen=True, slots=True)
class CaptionWriter:
    """Writes captions of the images of a set, or takes them from the cache."""

    name: str
    """Key of the cache: all that a caption depends on besides the file."""
    load: Callable[[], ImageCaptioner]
    """Called only if a caption is not in the cache."""
    tower: Callable[[], ImageMapTower]
    read: Callable[[Path], RGB]

    def write(
        self, items: Sequence[SetItem], cache: FeatureCache, *, strict: bool, on_progress: Callable[[Progress], None],
        on_tick: Callable[[], None],
    ) -> WrittenCaptions:  # fmt: skip
        """Captions of all items that can be read, also those that other processes write.

        `on_tick` is called for each image, and may raise to stop the work. With `strict` the first
        file that cannot be read is an error. Raises `InvalidInput` then, `StorageFull`, and as the
        captioner.
        """
        writing = _Writing(self, cache, WorkLeases(cache, self.name), len(items), strict, on_progress, on_tick)
        captioner: ImageCaptioner | None = None
        waiting = writing.take_stored(items)
        try:
            while waiting:
                busy: list[SetItem] = []
                images = writing.read_free(waiting, busy)
                if (first := next(images, None)) is not None:
                    captioner = captioner or self.load()
                    for number, caption in captioner.caption(chain([first], images)):
                        writing.store(number, caption.text)
                    writing.started.clear()
                waiting = writing.take_stored(busy)
                if waiting:
                    on_tick()
                    time.sleep(POLL_SECONDS)
        finally:
            writing.leases.close()
        return writing.written


@dataclass(slots=True)
class _Writing:
    """One call of `CaptionWriter.write`."""

    writer: CaptionWriter
    cache: FeatureCache
    leases: WorkLeases
    total: int
    strict: bool
    on_progress: Callable[[Progress], None]
    on_tick: Callable[[], None]
    written: WrittenCaptions = field(default_factory=WrittenCaptions)
    hashes: dict[str, str] = field(default_factory=dict)
    started: list[SetItem] = field(default_factory=list)
    """Items whose images the captioner has, by their numbers."""

    def take_stored(self, items: Sequence[SetItem]) -> list[SetItem]:
        """Take the captions that are in the cache; return the items without one."""
        lacking = []
        for item in items:
            self._tick()
            try:
                self.hashes[item.id] = digest = self.cache.hash_of(_require_image(item))
                self.written.texts[item.id] = self._get(digest)
                self.written.reused += 1
            except KeyError:
                lacking.append(item)
            except InvalidInput as error:
                self.written.fail(item, error, strict=self.strict)
        self._report()
        return lacking

    def read_free(self, items: Sequence[SetItem], busy: list[SetItem]) -> Iterator[ImageFeatures]:
        """Lease and read images; add those that another process has leased to `busy`."""
        for item in items:
            self._tick()
            digest = self.hashes[item.id]
            if not self.leases.take(digest) or self.cache.has(digest, self.writer.name):
                self.leases.release(digest)
                busy.append(item)
                continue
            try:
                pixels = self.writer.read(_require_image(item))
            except MMError as error:
                self.leases.release(digest)
                self.written.fail(item, error, strict=self.strict)
                continue
            self.started.append(item)
            yield self.writer.tower().encode([pixels])[0]

    def store(self, number: int, text: str) -> None:
        """Keep the caption of the image with this number."""
        item = self.started[number]
        digest = self.hashes[item.id]
        self.cache.put([(digest, Features(0.0, {}, {}, {KIND: (text,)}))], self.writer.name)
        self.leases.release(digest)
        self.leases.extend()
        self.written.texts[item.id] = text
        self._report()

    def _get(self, digest: str) -> str:
        return self.cache.get(digest, self.writer.name).texts[KIND][0]

    def _tick(self) -> None:
        self.leases.extend()
        self.on_tick()

    def _report(self) -> None:
        written = self.written
        done = len(written.texts) + len(written.failed)
        self.on_progress(Progress(done, self.total, written.reused, len(written.failed), "captioned"))


def _require_image(item: SetItem) -> Path:
    path = item.path or Path()
    if path.suffix.lower() not in IMAGE_SUFFIXES:
        raise InvalidInput(f"{path.name} is no image; videos are described by the task dense-captions.")
    return path
