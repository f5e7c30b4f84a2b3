"""Reads the arrays of an index part: rows of publications from the catalog, vectors from shards."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import structlog

from indexes.vectors.kind_index import BLOCK, KindRows
from indexes.vectors.parts import KindData, Segments
from mm.errors import Corrupt, SpaceMismatch
from mm.schemas import EvidenceKind

if TYPE_CHECKING:
    from indexes.catalog.catalog import Catalog
    from indexes.catalog.records import EvidenceRow, PublicationRow
    from indexes.storage.shards import Half, ShardStore
    from mm.spaces.types import SpaceId

PartData = tuple[Segments, dict[EvidenceKind, KindData]]
ItemEvidence = list[tuple["EvidenceRow", "npt.NDArray[np.float16]"]]
"""Pieces of evidence of one item, with their vectors."""


def gather_part(catalog: Catalog, shards: ShardStore, space: SpaceId, published: Sequence[PublicationRow]) -> PartData | None:
    """Arguments of `write_part`, None if there is nothing to index.

    An item whose vectors cannot be read is logged and left out, so that all others can be searched.
    """
    seq_of = {publication.item_pk: publication.seq for publication in published}
    rows = catalog.list_evidence(list(seq_of), space)
    items: dict[int, ItemEvidence] = {}
    for item_pk, evidence in groupby(rows, lambda row: row.item_pk):
        try:
            items[item_pk] = _with_vectors(shards, space, list(evidence))
        except (Corrupt, SpaceMismatch) as error:
            if catalog.filter_published_items([item_pk], space):  # not deleted since
                structlog.get_logger().error("item cannot be searched", item=item_pk, detail=str(error))
    return _arrays(items, seq_of) if items else None


def _with_vectors(shards: ShardStore, space: SpaceId, evidence: list[EvidenceRow]) -> ItemEvidence:
    vectors: dict[str, Mapping[str, Half]] = {
        shard_id: shards.read(shard_id, space).vectors for shard_id in {row.shard_id for row in evidence}
    }
    try:
        return [(row, vectors[row.shard_id][row.kind][row.row]) for row in evidence]
    except (KeyError, IndexError) as error:
        raise Corrupt(f"A shard has fewer vectors than its item refers to: {error}.") from error


def _arrays(items: Mapping[int, ItemEvidence], seq_of: Mapping[int, int]) -> PartData:
    order = sorted(items, key=lambda pk: seq_of[pk])
    number_of: dict[tuple[int, int], int] = {}
    segments: list[tuple[int, float, float, int]] = []
    pieces: dict[EvidenceKind, list[tuple[int, int, npt.NDArray[np.float16]]]] = {}
    for number, item_pk in enumerate(order):
        for row, vector in items[item_pk]:
            key = (item_pk, row.segment_index)
            if key not in number_of:
                number_of[key] = len(segments)
                segments.append((number, row.segment_start, row.segment_end, row.shot))
            pieces.setdefault(row.kind, []).append((row.pk, number_of[key], vector))
    item, start, end, shot = zip(*segments, strict=True)
    table = Segments(
        np.asarray(order, dtype=np.int64),
        np.asarray([seq_of[pk] for pk in order], dtype=np.int64),
        np.asarray(item, dtype=np.int32),
        np.asarray(start, dtype=np.float64),
        np.asarray(end, dtype=np.float64),
        np.asarray(shot, dtype=np.int32),
    )
    return table, {kind: _kind_arrays(of_kind) for kind, of_kind in sorted(pieces.items())}


def _kind_arrays(
    pieces: Sequence[tuple[int, int, npt.NDArray[np.float16]]],
) -> KindData:
    pks, segments, vectors = zip(*pieces, strict=True)
    rows = KindRows(np.asarray(pks, dtype=np.int64), np.asarray(segments, dtype=np.int32))
    blocks = (np.stack(vectors[start : start + BLOCK]).astype(np.float32) for start in range(0, len(vectors), BLOCK))
    return rows, blocks
