"""Encode a data set in slices that processes share, and that survive a kill.

A slice is a few images or one video. A process leases a slice, encodes what the cache lacks and
stores it in one transaction. Another process, or the same command after a kill, takes the slices
that are not in the cache.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from mm.data.sets.types import SetItem
from mm.errors import InvalidInput, MMError
from mm.evaluation.features.cache import CachedFeatures, FeatureCache
from mm.evaluation.features.encode import SetEncoder
from mm.evaluation.features.failures import leave_out, refuse
from mm.evaluation.features.owners import describe_owner
from mm.evaluation.features.types import Features
from mm.evaluation.runs.types import FailedItem

IMAGES_PER_SLICE = 64
LEASE_SECONDS = 60.0
POLL_SECONDS = 0.5
"""Between two looks at slices that other processes encode."""
IMAGE_SUFFIXES = frozenset(
    {".jpg", ".jpeg", ".png", ".webp", ".bmp", ".gif", ".tif", ".tiff", ".avif", ".heic", ".heif", ".jp2", ".jxl"}
)


@dataclass(frozen=True, slots=True)
class Progress:
    """What is done of a set; `reused` items were in the cache before."""

    done: int
    total: int
    reused: int
    failed: int
    verb: str = "encoded"
    """What is done with the items."""


@dataclass(slots=True)
class EncodedSet:
    """Features by item id, and what could not be read."""

    features: Mapping[str, Features]
    failed: tuple[FailedItem, ...]


@dataclass(slots=True)
class _Work:
    hashes: dict[str, str] = field(default_factory=dict)
    failed: list[FailedItem] = field(default_factory=list)
    reused: int = 0


def cut_slices(items: Sequence[SetItem], images_per_slice: int = IMAGES_PER_SLICE) -> list[list[SetItem]]:
    """Slices in the order of the items: up to so many images, or one other file."""
    slices: list[list[SetItem]] = []
    images: list[SetItem] = []
    for item in items:
        if item.path is None:
            continue
        if item.path.suffix.lower() not in IMAGE_SUFFIXES:
            slices.append([item])
            continue
        images.append(item)
        if len(images) == images_per_slice:
            slices.append(images)
            images = []
    return [*slices, images] if images else slices


def encode_set(
    items: Sequence[SetItem],
    encoder: SetEncoder,
    weights: str,
    cache: FeatureCache,
    *,
    strict: bool = False,
    on_progress: Callable[[Progress], None] = lambda progress: None,
    on_tick: Callable[[], None] = lambda: None,
    images_per_slice: int = IMAGES_PER_SLICE,
) -> EncodedSet:
    """Encode all items whose file is there, or take them from the cache.

    `on_tick` is called often, and may raise to stop the work; slices that are done stay in the
    cache. With `strict` the first file that cannot be read is an error. Raises `InvalidInput` then,
    and `StorageFull`.
    """
    name = encoder.name(weights)
    owner = describe_owner()
    waiting = cut_slices(items, images_per_slice)
    total = sum(map(len, waiting))
    work = _Work()

    while waiting:
        left = []
        for piece in waiting:
            on_tick()
            if not _encode_slice(piece, encoder, name, cache, owner, work, on_tick):
                left.append(piece)
                continue
            if strict:
                refuse(work.failed)
            on_progress(Progress(len(work.hashes) + len(work.failed), total, work.reused, len(work.failed)))
        waiting = left
        if waiting:
            time.sleep(POLL_SECONDS)
    return EncodedSet(CachedFeatures(cache, work.hashes, name), tuple(work.failed))


def _encode_slice(
    items: Sequence[SetItem],
    encoder: SetEncoder,
    name: str,
    cache: FeatureCache,
    owner: str,
    work: _Work,
    on_tick: Callable[[], None],
) -> bool:
    """Encode what the cache lacks of a slice; False while another process has its lease."""
    hashes: dict[str, str] = {}
    failed: list[FailedItem] = []
    for item, digest in zip(items, cache.hash_files([item.path or Path() for item in items]), strict=True):
        if isinstance(digest, InvalidInput):
            failed.append(leave_out(item, digest, strict=False))
        else:
            hashes[item.id] = digest

    def list_lacking() -> list[SetItem]:
        return [item for item in items if item.id in hashes and not cache.has(hashes[item.id], name)]

    num_reused = len(hashes)
    if list_lacking():
        key = hashlib.sha256("\n".join([name, *hashes.values()]).encode()).hexdigest()
        if not cache.lease(key, owner, LEASE_SECONDS):
            return False

        extended = time.monotonic()

        def extend_lease() -> None:
            nonlocal extended
            on_tick()
            if time.monotonic() - extended > LEASE_SECONDS / 4:
                extended = time.monotonic()
                cache.lease(key, owner, LEASE_SECONDS)

        try:
            lacking = list_lacking()  # another process may have encoded some before the lease
            num_reused -= len(lacking)
            outcomes = encoder.encode([item.path for item in lacking if item.path], extend_lease)
            encoded = {}
            for item, outcome in zip(lacking, outcomes, strict=True):
                if isinstance(outcome, MMError):
                    failed.append(leave_out(item, outcome, strict=False))
                    del hashes[item.id]
                else:
                    encoded[hashes[item.id]] = outcome
            cache.put(list(encoded.items()), name)
        finally:
            cache.release(key, owner)
    work.hashes |= hashes
    work.failed += failed
    work.reused += num_reused
    return True
