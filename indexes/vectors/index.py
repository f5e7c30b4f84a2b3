"""The index of one space on disk, `MM_HOME/index/<space>/`: a cache of what the catalog and the
shards say.

One process at a time writes, under a lock; any number read. Parts are never changed: small ones are
merged into larger ones, as in a log-structured merge tree, and the manifest says which ones count.
A merge takes seconds; it is made beside the index, under a lock of its own, so that what is new
does not wait for it.
"""

from __future__ import annotations

import secrets
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import structlog

from indexes.storage.files import hold_lock, translate_disk_errors
from indexes.vectors.gather import gather
from indexes.vectors.manifest import Manifest, PartEntry, read_manifest, write_manifest
from indexes.vectors.parts import Part, WrittenPart, merge_parts, open_part, write_part
from mm.errors import Corrupt
from mm.files import TEMPORARY

if TYPE_CHECKING:
    from indexes.catalog.records import PublicationRow
    from indexes.store import Store
    from mm.spaces.types import SpaceId

PART, MERGING = "part-", "merging-"
"""Beginnings of the names of parts, and of those that are still being merged."""
SMALL = 8192
"""Pieces of evidence below which a part is small; a new part usually is."""
STEP = 32768
"""Pieces of evidence that are added in one step, where more are new."""
FULL = 131072
"""Pieces of evidence from which a part is never merged again: each search costs a little for each
part, each merge memory."""
FANOUT = 4
"""Parts of one size class that are merged into one, and how many times larger the next class is."""
PUBLICATIONS = 1000
"""Publications asked for at once."""
WORN = 0.1
"""Fraction of dead items from which a part is written anew without them."""


class SpaceIndex:
    """Safe to use from any number of threads and processes."""

    def __init__(self, store: Store, space: SpaceId) -> None:
        self._store = store
        self._space = space
        self.folder = store.settings.root / "index" / str(space)
        self._lock = store.settings.root / "locks" / f"index-{space}.lock"
        self._merge_lock = store.settings.root / "locks" / f"merge-{space}.lock"
        self._catalog_id = store.catalog.identity()
        self._opened: dict[str, Part] = {}

    def load_manifest(self, head: int) -> Manifest | None:
        """The state on disk; None if there is none that fits the catalog, whose latest sequence
        number is `head`."""
        try:
            manifest = read_manifest(self.folder)
        except Corrupt as error:
            structlog.get_logger().warning("index is built again", detail=str(error))
            return None
        if manifest is None:
            return None
        if (manifest.space, manifest.catalog) != (str(self._space), self._catalog_id) or manifest.upto > head:
            structlog.get_logger().warning("index is built again", detail=f"{self.folder} belongs to another catalog.")
            return None
        return manifest

    def open(self, manifest: Manifest) -> list[Part]:
        """The parts of a state, each opened and checked once. Raises `Corrupt`, also when one was
        merged away by now."""
        opened = {entry.name: self._opened.get(entry.name) or self._open(entry) for entry in manifest.parts}
        self._opened = opened
        return list(opened.values())

    def apply_changes(self, seconds: float) -> bool:
        """Take one step towards what the catalog says. Returns whether there was one to take.

        Raises `Unavailable` when another process writes for longer than `seconds`, when the disk
        takes no more, or when the catalog does not answer.
        """
        with self._writing(seconds):
            head = self._store.catalog.head()
            manifest = self.load_manifest(head)
            if manifest is not None and manifest.upto == head:
                return False
            manifest = manifest or Manifest(space=str(self._space), catalog=self._catalog_id, upto=0)
            changes = self._store.catalog.changes_after(manifest.upto, self._space, PUBLICATIONS)
            batch = _batch(changes.publications)
            everything = len(batch) == len(changes.publications) < PUBLICATIONS
            upto = changes.head if everything else batch[-1].seq
            dead = manifest.dead | {seq for seq in changes.tombstones if seq <= manifest.upto}
            parts = (*manifest.parts, *self._build(batch))
            self._publish(manifest.model_copy(update={"upto": upto, "parts": parts, "dead": dead}))
            return True

    def repair(self, seconds: float) -> None:
        """Build again what is damaged. Raises `Unavailable` as `follow` does."""
        with self._writing(seconds):
            manifest = self.load_manifest(self._store.catalog.head())
            if manifest is None:
                return
            healthy: list[PartEntry] = []
            there: set[int] = set()
            for entry in manifest.parts:
                try:
                    there.update(self._open(entry).segments.item_seq.tolist())
                    healthy.append(entry)
                except Corrupt as error:
                    structlog.get_logger().warning("index part is built again", detail=str(error))
            if len(healthy) == len(manifest.parts):
                return
            missing = [row for row in self._published(manifest.upto) if row.seq not in there]
            while missing:
                batch = _batch(missing)
                healthy += self._build(batch)
                missing = missing[len(batch) :]
            self._publish(manifest.model_copy(update={"parts": tuple(healthy)}))

    def merge(self, seconds: float) -> bool:
        """Merge parts, or write one anew without its dead. Returns whether that was due. Raises
        `Corrupt`, `Unavailable`.

        Others may write meanwhile. What they bury stays noted; a part that they replace is not
        brought back.
        """
        with hold_lock(self._merge_lock, seconds), translate_disk_errors(self.folder):
            for path in self.folder.glob(f"{MERGING}*"):  # a merge that crashed: nobody else merges now
                shutil.rmtree(path, ignore_errors=True)
            manifest = self.load_manifest(self._store.catalog.head())
            if manifest is None:
                return False
            parts = {part.name: part for part in self.open(manifest)}
            dead = np.asarray(sorted(manifest.dead), dtype=np.int64)
            worn = {name: np.isin(part.segments.item_seq, dead).mean() for name, part in parts.items()} if len(dead) else {}
            due = _due(manifest.parts) or [entry for entry in manifest.parts if worn.get(entry.name, 0.0) > WORN][:1]
            if not due:
                return False
            merged: PartEntry | None = None
            if any(worn.get(entry.name, 0.0) < 1.0 for entry in due):
                sources = [parts[entry.name] for entry in due]
                merged = self._write(lambda folder: merge_parts(folder, sources, dead), MERGING)
            with self._writing(seconds):
                self._replace(due, merged)
            return True

    def _replace(self, due: Sequence[PartEntry], merged: PartEntry | None) -> None:
        """Let what was merged stand for its parts, unless one of them is no more."""
        manifest = self.load_manifest(self._store.catalog.head())
        if manifest is None or any(entry not in manifest.parts for entry in due):
            return
        kept = [entry for entry in manifest.parts if entry not in due]
        if merged is not None:
            named = merged.model_copy(update={"name": merged.name.replace(MERGING, PART)})
            (self.folder / merged.name).rename(self.folder / named.name)
            kept.append(named)
        parts = self.open(manifest.model_copy(update={"parts": tuple(kept)}))
        left = {int(seq) for part in parts for seq in part.segments.item_seq} if manifest.dead else set()
        self._publish(manifest.model_copy(update={"parts": tuple(kept), "dead": manifest.dead & left}))

    @contextmanager
    def _writing(self, seconds: float) -> Iterator[None]:
        with hold_lock(self._lock, seconds), translate_disk_errors(self.folder):
            yield

    def _open(self, entry: PartEntry) -> Part:
        return open_part(self.folder / entry.name, entry.name, entry.files)

    def _build(self, batch: Sequence[PublicationRow]) -> list[PartEntry]:
        """One part of these publications, none if they are gone or unreadable."""
        gathered = gather(self._store.catalog, self._store.shards, self._space, batch)
        return [] if gathered is None else [self._write(lambda folder: write_part(folder, *gathered))]

    def _write(self, write: Callable[[Path], WrittenPart], prefix: str = PART) -> PartEntry:
        name = f"{prefix}{secrets.token_hex(8)}"
        written = write(self.folder / name)
        return PartEntry(name=name, evidence=written.evidence, files=written.files)

    def _publish(self, manifest: Manifest) -> None:
        """Make a state the one on disk, and remove the parts of all others: what readers have open
        stays open."""
        write_manifest(self.folder, manifest)
        names = {entry.name for entry in manifest.parts}
        for path in self.folder.glob(f"{PART}*"):
            if path.name not in names:
                shutil.rmtree(path, ignore_errors=True)
        for path in self.folder.glob(f"*{TEMPORARY}"):
            path.unlink(missing_ok=True)

    def _published(self, upto: int) -> list[PublicationRow]:
        """Everything that is published up to a sequence number."""
        rows: list[PublicationRow] = []
        while True:
            some = self._store.catalog.changes_after(rows[-1].seq if rows else 0, self._space, PUBLICATIONS).publications
            rows += some
            if len(some) < PUBLICATIONS:
                return [row for row in rows if row.seq <= upto]


def _batch(published: Sequence[PublicationRow]) -> list[PublicationRow]:
    """The first so many that make one step."""
    evidence = 0
    for number, publication in enumerate(published, 1):
        evidence += publication.num_evidence
        if evidence >= STEP:
            return list(published[:number])
    return list(published)


def _due(parts: Sequence[PartEntry]) -> list[PartEntry]:
    """Parts of one size class that are to become one: all small ones, or a few of another class, up
    to a full part."""
    small = [entry for entry in parts if entry.evidence < SMALL]
    if len(small) >= FANOUT:
        return small
    least = SMALL
    while least < FULL:
        some = [entry for entry in parts if least <= entry.evidence < min(least * FANOUT, FULL)]
        if len(some) >= FANOUT:
            sizes = np.cumsum([entry.evidence for entry in some[:FANOUT]])
            return some[: 1 + int(np.searchsorted(sizes[:-1], FULL))]
        least *= FANOUT
    return []
