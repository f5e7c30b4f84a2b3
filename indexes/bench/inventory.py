"""Count what a library holds, for `mm bench crash`: one JSON line for each line that comes in,
until there are no more.

MM_HOME=FOLDER python -m indexes.bench.inventory QUESTION...
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
from mm.private import restrict_umask
from mm.schemas import Filters
from mm.settings import load_settings
from mm.spaces import load_space
from mm.spaces.query import build_query

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from mm.spaces.types import Query, SpaceId

ALL = 1_000_000


def count(store: Store, space: SpaceId, questions: Mapping[str, Query]) -> Inventory:
    """Everything that must hold at rest. Raises `Unavailable` when the catalog does not answer."""
    # Files first: one that comes in between has no row here and yet is no orphan, and the other way
    # round it would be one.
    files = sorted(_files(store.settings.root))
    with store.database.read() as session:
        item_of = dict(session.execute(select(Item.pk, Item.id)).tuples().all())
        sha_of = dict(session.execute(select(Item.id, Item.sha256)).tuples().all())
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
        rows = session.execute(
            select(Segment, Evidence)
            .outerjoin(Evidence, Evidence.segment_pk == Segment.pk)
            .order_by(Segment.item_pk, Segment.index, Segment.pk, Evidence.pk)
        ).tuples()
        moments: dict[str, list[str]] = {}
        digest = cache(partial(_vector_digest, store, space))
        shards = set(session.scalars(select(Chunk.shard_id).where(Chunk.shard_id.is_not(None))))
        for segment, pieces in groupby(rows, lambda row: row[0]):
            said = []
            for _, piece in pieces:
                if piece is None:
                    continue
                shards.add(piece.shard_id)
                vector = digest(piece.shard_id, piece.kind, piece.row)
                said.append(f"{piece.kind} {piece.start:.3f}-{piece.end:.3f} {piece.text!r} {vector}")
            head = f"{segment.start:.3f}-{segment.end:.3f} shot {segment.shot} scene {segment.scene}"
            moments.setdefault(item_of[segment.item_pk], []).append("; ".join([head, *said]))
        published = {item_of[pk] for pk in session.scalars(select(Publication.item_pk))}
    damaged = [f"{item} has moments and is not published" for item in moments.keys() - published]
    for shard in sorted(shard for shard in shards if shard):
        try:
            store.shards.read(shard, space)
        except Corrupt as error:
            damaged.append(str(error))
    for sha256 in sha_of.values():
        path = store.blobs.path(sha256)
        if not path.is_file() or hashlib.sha256(path.read_bytes()).hexdigest() != sha256:
            damaged.append(f"The bytes {sha256} are not what was sent.")
    answers = {}
    if not damaged:
        for text, question in questions.items():
            hits = search_brute_force(store, question, ALL, Filters(), 0.0, merge_near_duplicates=False)
            answers[text] = [ScoredMoment(item=hit.item_id, start=hit.start, end=hit.end, score=hit.score) for hit in hits]
    known = {*sha_of.values(), *(shard for shard in shards if shard), *sha_of}
    orphans = [name for name in files if _is_orphan(store.settings.root, name, known)]
    return Inventory(jobs=jobs, items=status, chunks=chunks, segments=moments, damaged=damaged, orphans=orphans, results=answers)


def _vector_digest(store: Store, space: SpaceId, shard_id: str, kind: str, row: int) -> str:
    """Of one vector: a shard's own id also tells which text was left out for want of time."""
    try:
        return hashlib.sha256(store.shards.read(shard_id, space).vectors[kind][row].tobytes()).hexdigest()[:16]
    except (Corrupt, LookupError):
        return "no vector"


def _files(root: Path) -> Iterator[str]:
    for folder in ("blobs", "shards", "index", "run", "cache/thumbnails", "cache/questions"):
        for path in (root / folder).rglob("*"):
            if path.is_file():
                yield str(path.relative_to(root))


def _is_orphan(root: Path, name: str, known: set[str]) -> bool:
    """Whether nothing points to a file. Bytes, vectors and pictures bear the name of what they
    belong to."""
    path = root / name
    first, *_ = name.split("/")
    if path.name == MARKER or "trash" in path.parts[-3:] or name == REPORT:
        return False
    if path.suffix == ".part" or name.startswith("cache/questions"):
        return True
    if first in {"blobs", "shards"}:
        return path.stem not in known
    if name.startswith("cache/thumbnails"):
        return path.parent.name not in known
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
    questions = {text: build_query(space, text=text) for text in texts}
    with open_store(settings) as store:
        for _ in sys.stdin:
            try:
                line = count(store, space.id, questions).model_dump_json()
            except Unavailable as error:
                line = f"unavailable {' '.join(str(error).split())}"
            sys.stdout.write(line + "\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main(sys.argv[1:])
