"""The index of one space on disk, `MM_HOME/index/<space>/`: a cache of the catalog and the shards.

One process at a time writes, under a lock; any number read. Parts are immutable: small ones are
merged into larger ones, as in a log-structured merge tree, and the manifest lists the current ones.
A merge takes seconds and has a lock of its own, so that new items are added meanwhile.
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
from indexes.vectors.gather import gather_part
from indexes.vectors.manifest import Manifest, PartEntry, read_manifest, write_manifest
from indexes.vectors.parts import Part, WrittenPart, merge_parts, open_part, write_part
from mm.errors import Corrupt
from mm.files import TEMPORARY

if TYPE_CHECKING:
    from indexes.catalog.records import PublicationRow
    from indexes.store import Store
    from mm.spaces.types import SpaceId

PART, MERGING = "part-", "merging-"
"""Name prefixes of parts, and of parts that a merge is writing."""
SMALL_EVIDENCE = 8192
"""Pieces of evidence below which a part is small; most new parts are."""
BATCH_EVIDENCE = 32768
"""Pieces of evidence from which new items are split over several parts."""
FULL_EVIDENCE = 131072
"""Pieces of evidence from which a part is not merged again: more parts cost search time, larger
merges cost memory."""
FANOUT = 4
"""Parts of one size class that are merged into one, and the ratio of the sizes of two classes."""
PAGE = 1000
"""Publications that one query of the catalog returns."""
MAX_DEAD_FRACTION = 0.1
"""Fraction of deleted items above which a part is rewritten without them."""


class SpaceIndex:
    """Safe to use from any number of threads and processes."""

    def __init__(self, store: Store, space: SpaceId) -> None:
        self._store = store
        self._space = space
        self.folder = store.settings.root / "index" / str(space)
        self._lock = store.settings.root / "locks" / f"index-{space}.lock"
        self._merge_lock = store.settings.root / "locks" / f"merge-{space}.lock"
        self._catalog_id = store.catalog.get_identity()
        self._opened: dict[str, Part] = {}

    def load_manifest(self, head: int) -> Manifest | None:
        """The manifest on disk, None if there is none of this catalog up to at most `head`."""
        try:
            manifest = read_manifest(self.folder)
        except Corrupt as error:
            structlog.get_logger().warning("rebuilding index", detail=str(error))
            return None
        if manifest is None:
            return None
        if (manifest.space, manifest.catalog) != (str(self._space), self._catalog_id) or manifest.upto > head:
            structlog.get_logger().warning("rebuilding index", detail=f"{self.folder} belongs to another catalog.")
            return None
        return manifest

    def open(self, manifest: Manifest) -> list[Part]:
        """The parts of a manifest, each opened and verified once.

        Raises `Corrupt`, also when another process has merged a part meanwhile.
        """
        opened = {entry.name: self._opened.get(entry.name) or self._open(entry) for entry in manifest.parts}
        self._opened = opened
        return list(opened.values())

    def apply_changes(self, seconds: float) -> bool:
        """Add one batch of changes of the catalog. Returns whether there were any.

        Raises `Unavailable` when another process writes for longer than `seconds`, when the disk is
        full, or when the catalog does not answer.
        """
        with self._writing(seconds):
            head = self._store.catalog.get_head()
            manifest = self.load_manifest(head)
            if manifest is not None and manifest.upto == head:
                return False
            manifest = manifest or Manifest(space=str(self._space), catalog=self._catalog_id, upto=0)
            changes = self._store.catalog.get_changes_after(manifest.upto, self._space, PAGE)
            batch = _batch(changes.publications)
            is_last = len(batch) == len(changes.publications) < PAGE
            upto = changes.head if is_last else batch[-1].seq
            dead = manifest.dead | {seq for seq in changes.tombstones if seq <= manifest.upto}
            parts = (*manifest.parts, *self._build(batch))
            self._publish(manifest.model_copy(update={"upto": upto, "parts": parts, "dead": dead}))
            return True

    def repair(self, seconds: float) -> None:
        """Rebuild damaged parts. Raises `Unavailable` as `apply_changes` does."""
        with self._writing(seconds):
            manifest = self.load_manifest(self._store.catalog.get_head())
            if manifest is None:
                return
            healthy: list[PartEntry] = []
            intact_seqs: set[int] = set()
            for entry in manifest.parts:
                try:
                    intact_seqs.update(self._open(entry).segments.item_seq.tolist())
                    healthy.append(entry)
                except Corrupt as error:
                    structlog.get_logger().warning("rebuilding index part", detail=str(error))
            if len(healthy) == len(manifest.parts):
                return
            missing = [row for row in self._list_published(manifest.upto) if row.seq not in intact_seqs]
            while missing:
                batch = _batch(missing)
                healthy += self._build(batch)
                missing = missing[len(batch) :]
            self._publish(manifest.model_copy(update={"parts": tuple(healthy)}))

    def merge(self, seconds: float) -> bool:
        """Merge parts, or rewrite one without its deleted items. Returns whether that was due.

        Other processes may write meanwhile: items that they delete stay deleted, and the merge is
        discarded when they have replaced one of its parts. Raises `Corrupt`, `Unavailable`.
        """
        with hold_lock(self._merge_lock, seconds), translate_disk_errors(self.folder):
            for path in self.folder.glob(f"{MERGING}*"):  # of a merge that crashed; the lock excludes a running one
                shutil.rmtree(path, ignore_errors=True)
            manifest = self.load_manifest(self._store.catalog.get_head())
            if manifest is None:
                return False
            parts = {part.name: part for part in self.open(manifest)}
            dead = np.asarray(sorted(manifest.dead), dtype=np.int64)
            dead_fraction: dict[str, float] = {}
            if len(dead):
                dead_fraction = {name: np.isin(part.segments.item_seq, dead).mean() for name, part in parts.items()}
            due = _select_merge(manifest.parts)
            if not due:
                due = [entry for entry in manifest.parts if dead_fraction.get(entry.name, 0.0) > MAX_DEAD_FRACTION][:1]
            if not due:
                return False
            merged: PartEntry | None = None
            if any(dead_fraction.get(entry.name, 0.0) < 1.0 for entry in due):
                sources = [parts[entry.name] for entry in due]
                merged = self._write(lambda folder: merge_parts(folder, sources, dead), MERGING)
            with self._writing(seconds):
                self._replace(due, merged)
            return True

    def _replace(self, due: Sequence[PartEntry], merged: PartEntry | None) -> None:
        """Replace parts by the merged one, unless one of them is no longer in the manifest."""
        manifest = self.load_manifest(self._store.catalog.get_head())
        if manifest is None or any(entry not in manifest.parts for entry in due):
            return
        entries = [entry for entry in manifest.parts if entry not in due]
        if merged is not None:
            renamed = merged.model_copy(update={"name": merged.name.replace(MERGING, PART)})
            (self.folder / merged.name).rename(self.folder / renamed.name)
            entries.append(renamed)
        parts = self.open(manifest.model_copy(update={"parts": tuple(entries)}))
        present = {int(seq) for part in parts for seq in part.segments.item_seq} if manifest.dead else set()
        self._publish(manifest.model_copy(update={"parts": tuple(entries), "dead": manifest.dead & present}))

    @contextmanager
    def _writing(self, seconds: float) -> Iterator[None]:
        with hold_lock(self._lock, seconds), translate_disk_errors(self.folder):
            yield

    def _open(self, entry: PartEntry) -> Part:
        return open_part(self.folder / entry.name, entry.name, entry.files)

    def _build(self, batch: Sequence[PublicationRow]) -> list[PartEntry]:
        """One part of these publications, none if they are deleted or unreadable."""
        data = gather_part(self._store.catalog, self._store.shards, self._space, batch)
        return [] if data is None else [self._write(lambda folder: write_part(folder, *data))]

    def _write(self, write: Callable[[Path], WrittenPart], prefix: str = PART) -> PartEntry:
        name = f"{prefix}{secrets.token_hex(8)}"
        written = write(self.folder / name)
        return PartEntry(name=name, evidence=written.num_evidence, files=written.files)

    def _publish(self, manifest: Manifest) -> None:
        """Replace the manifest and remove other parts; mapped ones stay readable."""
        write_manifest(self.folder, manifest)
        names = {entry.name for entry in manifest.parts}
        for path in self.folder.glob(f"{PART}*"):
            if path.name not in names:
                shutil.rmtree(path, ignore_errors=True)
        for path in self.folder.glob(f"*{TEMPORARY}"):
            path.unlink(missing_ok=True)

    def _list_published(self, upto: int) -> list[PublicationRow]:
        """All publications up to a sequence number."""
        rows: list[PublicationRow] = []
        while True:
            page = self._store.catalog.get_changes_after(rows[-1].seq if rows else 0, self._space, PAGE).publications
            rows += page
            if len(page) < PAGE:
                return [row for row in rows if row.seq <= upto]


def _batch(published: Sequence[PublicationRow]) -> list[PublicationRow]:
    """The first publications, up to `BATCH_EVIDENCE`."""
    evidence = 0
    for number, publication in enumerate(published, 1):
        evidence += publication.num_evidence
        if evidence >= BATCH_EVIDENCE:
            return list(published[:number])
    return list(published)


def _select_merge(parts: Sequence[PartEntry]) -> list[PartEntry]:
    """Parts of one size class to merge; empty if none are due.

    All small parts, or `FANOUT` of another class, up to the size of a full part.
    """
    small = [entry for entry in parts if entry.evidence < SMALL_EVIDENCE]
    if len(small) >= FANOUT:
        return small
    class_min = SMALL_EVIDENCE
    while class_min < FULL_EVIDENCE:
        of_class = [entry for entry in parts if class_min <= entry.evidence < min(class_min * FANOUT, FULL_EVIDENCE)]
        if len(of_class) >= FANOUT:
            sizes = np.cumsum([entry.evidence for entry in of_class[:FANOUT]])
            return of_class[: 1 + int(np.searchsorted(sizes[:-1], FULL_EVIDENCE))]
        class_min *= FANOUT
    return []
