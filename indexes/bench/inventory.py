"""Inventory of a library, for `mm bench crash`: prints one JSON line for each line of input.

MM_HOME=FOLDER python -m indexes.bench.inventory QUERY...
"""

from __future__ import annotations

import hashlib
import sys
from functools import cache, partial
from itertools import groupby
from typing import TYPE_CHECKING

from sqlalchemy import select

from indexes.catalog.tables import Chunk, Evidence, Item, Job, Publication, Segment
from indexes.integrity.garbage import REPORT
from indexes.search.brute_force import search_brute_force
from indexes.storage.markers import MARKER
from indexes.store import Store, open_store
from indexes.vectors.manifest import read_manifest
from mm.bench.crash.inventory import ChunkRecord, Inventory, JobRecord, ScoredMoment
from mm.errors import Corrupt, Unavailable
from mm.files import hash_file
from mm.private import restrict_umask
from mm.schemas import Filters
from mm.settings import load_settings
from mm.spaces import load_space
from mm.spaces.query import build_query

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

    from sqlalchemy.orm import Session

    from mm.spaces.types import Query, SpaceId

ALL = 1_000_000


def take_inventory(store: Store, space: SpaceId, queries: Mapping[str, Query]) -> Inventory:
    """Read a library at rest. Raises `Unavailable` when the catalog does not answer."""
    # Files are listed first: a file that is added later has a row, which is read later.
    files = sorted(_files(store.settings.root))
    with store.database.read() as session:
        item_ids = dict(session.execute(select(Item.pk, Item.id)).tuples().all())
        sha256_of = dict(session.execute(select(Item.id, Item.sha256)).tuples().all())
        status = dict(session.execute(select(Item.id, Item.status)).tuples().all())
        jobs = [
            JobRecord(id=job.id, item=job.item_id, state=job.state, error=job.error)
            for job in session.scalars(select(Job).order_by(Job.pk))
        ]
        chunks = [
            ChunkRecord(item=item, index=chunk.index, attempts=chunk.attempts, done=chunk.done)
            for chunk, item in session.execute(
                select(Chunk, Job.item_id).join(Job, Job.pk == Chunk.job_pk).order_by(Chunk.pk)
            ).tuples()
        ]
        shards = set(session.scalars(select(Chunk.shard_id).where(Chunk.shard_id.is_not(None))))
        segments = _describe_segments(store, session, space, item_ids, shards)
        published = {item_ids[pk] for pk in session.scalars(select(Publication.item_pk))}
    shard_ids = sorted(shard for shard in shards if shard)
    damaged = [f"{item} has segments and is not published" for item in segments.keys() - published]
    damaged += _find_damage(store, space, shard_ids, sha256_of.values())
    results = {}
    if not damaged:
        for text, query in queries.items():
            hits = search_brute_force(store, query, ALL, Filters(), 0.0, merge_near_duplicates=False)
            results[text] = [ScoredMoment(item=hit.item_id, start=hit.start, end=hit.end, score=hit.score) for hit in hits]
    referenced = {*sha256_of.values(), *shard_ids, *sha256_of}
    orphans = [name for name in files if _is_orphan(store.settings.root, name, referenced)]
    return Inventory(jobs=jobs, items=status, chunks=chunks, segments=segments, damaged=damaged, orphans=orphans, results=results)


def _describe_segments(
    store: Store, session: Session, space: SpaceId, item_ids: Mapping[int, str], shards: set[str | None]
) -> dict[str, list[str]]:
    """A line for each segment, by item id, with its evidence and vectors. Adds to `shards`."""
    rows = session.execute(
        select(Segment, Evidence)
        .outerjoin(Evidence, Evidence.segment_pk == Segment.pk)
        .order_by(Segment.item_pk, Segment.index, Segment.pk, Evidence.pk)
    ).tuples()
    digest = cache(partial(_hash_vector, store, space))
    lines: dict[str, list[str]] = {}
    for segment, of_segment in groupby(rows, lambda row: row[0]):
        line = [f"{segment.start:.3f}-{segment.end:.3f} shot {segment.shot} scene {segment.scene}"]
        for _, evidence in of_segment:
            if evidence is None:
                continue
            shards.add(evidence.shard_id)
            vector = digest(evidence.shard_id, evidence.kind, evidence.row)
            line.append(f"{evidence.kind} {evidence.start:.3f}-{evidence.end:.3f} {evidence.text!r} {vector}")
        lines.setdefault(item_ids[segment.item_pk], []).append("; ".join(line))
    return lines


def _find_damage(store: Store, space: SpaceId, shard_ids: Iterable[str], sha256s: Iterable[str]) -> Iterator[str]:
    for shard_id in shard_ids:
        try:
            store.shards.read(shard_id, space)
        except Corrupt as error:
            yield str(error)
    for sha256 in sha256s:
        path = store.blobs.path(sha256)
        if not path.is_file() or hash_file(path) != sha256:
            yield f"The blob {sha256} is missing or damaged."


def _hash_vector(store: Store, space: SpaceId, shard_id: str, kind: str, row: int) -> str:
    """Hash of one vector in 16 hex digits.

    Shard ids are not compared, because they depend on the time left for text recognition.
    """
    try:
        return hashlib.sha256(store.shards.read(shard_id, space).vectors[kind][row].tobytes()).hexdigest()[:16]
    except (Corrupt, LookupError):
        return "no vector"


def _files(root: Path) -> Iterator[str]:
    for folder in ("blobs", "shards", "index", "run", "cache/thumbnails", "cache/questions"):
        for path in (root / folder).rglob("*"):
            if path.is_file():
                yield str(path.relative_to(root))


def _is_orphan(root: Path, name: str, referenced: set[str]) -> bool:
    """Whether nothing refers to a file, by its name: that of a blob, shard, item or part."""
    path = root / name
    first, *_ = name.split("/")
    if path.name == MARKER or "trash" in path.parts[-3:] or name == REPORT:
        return False
    if path.suffix == ".part" or name.startswith("cache/questions"):
        return True
    if first in {"blobs", "shards"}:
        return path.stem not in referenced
    if name.startswith("cache/thumbnails"):
        return path.parent.name not in referenced
    if first == "index" and path.parent.name.startswith("part-"):
        try:
            manifest = read_manifest(path.parents[1])
        except Corrupt:
            return True
        return manifest is None or path.parent.name not in {entry.name for entry in manifest.parts}
    return False


def main(texts: list[str]) -> None:
    restrict_umask()
    settings = load_settings()
    space = load_space(settings.space, settings, keep_speech=False)
    queries = {text: build_query(space, text=text) for text in texts}
    with open_store(settings) as store:
        for _ in sys.stdin:
            try:
                line = take_inventory(store, space.id, queries).model_dump_json()
            except Unavailable as error:
                line = f"unavailable {' '.join(str(error).split())}"
            sys.stdout.write(line + "\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main(sys.argv[1:])
