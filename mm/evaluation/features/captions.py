"""Captions of images by the language model, kept by content of the file and by what wrote them.

A caption is stored as soon as it is written: an interrupted command continues, and a second run
writes none. Processes do not share the work: two over one set write the same captions.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from mm.data.sets.types import SetItem
from mm.errors import InvalidInput, MMError
from mm.evaluation.features.cache import FeatureCache
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
        if strict:
            raise InvalidInput(f"{item.id} cannot be read: {error} Without `--strict` such files are counted and left out.")
        self.failed.append(FailedItem(id=item.id, reason=str(error)))


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
        """Captions of all items that can be read.

        `on_tick` is called for each image, and may raise to stop the work. With `strict` the first
        file that cannot be read is an error. Raises `InvalidInput` then, `StorageFull`, and as the
        captioner.
        """
        written = WrittenCaptions()
        hashes: dict[str, str] = {}

        def report() -> None:
            done = len(written.texts) + len(written.failed)
            on_progress(Progress(done, len(items), written.reused, len(written.failed), "captioned"))

        lacking = []
        for item in items:
            on_tick()
            try:
                hashes[item.id] = digest = cache.hash_of(_require_image(item))
                written.texts[item.id] = cache.get(digest, self.name).texts[KIND][0]
                written.reused += 1
            except KeyError:
                lacking.append(item)
            except InvalidInput as error:
                written.fail(item, error, strict=strict)
        report()
        if not lacking:
            return written
        started: list[SetItem] = []

        def encode() -> Iterator[ImageFeatures]:
            for item in lacking:
                on_tick()
                try:
                    pixels = self.read(_require_image(item))
                except MMError as error:
                    written.fail(item, error, strict=strict)
                    continue
                started.append(item)
                yield self.tower().encode([pixels])[0]

        for number, caption in self.load().caption(encode()):
            item = started[number]
            cache.put([(hashes[item.id], Features(0.0, {}, {}, {KIND: (caption.text,)}))], self.name)
            written.texts[item.id] = caption.text
            report()
        return written


def _require_image(item: SetItem) -> Path:
    path = item.path or Path()
    if path.suffix.lower() not in IMAGE_SUFFIXES:
        raise InvalidInput(f"{path.name} is no image; videos are described by the task dense-captions.")
    return path
