"""A part of an index: vectors of some items and what they belong to, in files that are never
changed.

A folder of `rows.safetensors` and one FAISS file a kind of evidence, opened by memory mapping.
Vectors are half precision, as in the shards, so that inner products with a float32 query are exact
up to the order of summation. Nothing here is synced to disk: what does not match its checksum after
a power cut is built again.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, cast

import numpy as np
import numpy.typing as npt
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from indexes.vectors.kind_index import BLOCK, Keys, KindIndex, KindRows, Mask
from indexes.vectors.pq_codes import PQCodes, PrincipalAxes, make_codes, read_codes, wants_codes
from mm.errors import Corrupt
from mm.files import hash_file
from mm.schemas import EvidenceKind

ROWS = "rows.safetensors"
VECTORS, CODES = ".faiss", ".codes"
"""Endings of the files of a kind."""
AXES = ("mean", "directions", "spread", "lost")
TOUCH_SECONDS = 1e-3
"""Segments of one item at most this far apart touch."""


@dataclass(frozen=True, eq=False)
class Segments:
    """S segments of I items. Those of one item are consecutive and in order of time."""

    item_pk: Keys
    """(I,) keys in the catalog."""
    item_seq: Keys
    """(I,) sequence numbers of their publications."""
    item: npt.NDArray[np.int32]
    """(S,) which item a segment is of."""
    start: npt.NDArray[np.float64]
    end: npt.NDArray[np.float64]
    shot: npt.NDArray[np.int32]

    @cached_property
    def touching(self) -> Mask:
        """(S,) whether a segment touches the one before it, which is of the same item."""
        touching = np.zeros(len(self.item), dtype=np.bool_)
        touching[1:] = (self.item[1:] == self.item[:-1]) & (self.start[1:] - self.end[:-1] <= TOUCH_SECONDS)
        return touching

    @cached_property
    def joined(self) -> Mask:
        """(S,) whether a segment touches the one before it, in the same shot."""
        joined = self.touching.copy()
        joined[1:] &= self.shot[1:] == self.shot[:-1]
        return joined

    @cached_property
    def _order(self) -> npt.NDArray[np.intp]:
        return np.argsort(self.item_pk, kind="stable")

    @cached_property
    def _sorted_pk(self) -> Keys:
        return self.item_pk[self._order]

    def picks(self, chosen: Keys) -> Mask:
        """(I,) which items are among those with some keys, which are sorted."""
        picked = np.zeros(len(self.item_pk), dtype=np.bool_)
        if len(picked):
            first, last = np.searchsorted(chosen, self._sorted_pk[[0, -1]] + [0, 1])
            near = chosen[first:last]
            at = np.searchsorted(self._sorted_pk, near)
            picked[self._order[at[self._sorted_pk[at] == near]]] = True
        return picked

    def select(self, items: Mask) -> tuple[Segments, Mask]:
        """The segments of some items, and which they are."""
        kept = items[self.item]
        number = np.cumsum(items, dtype=np.int32) - np.int32(1)
        return Segments(
            self.item_pk[items], self.item_seq[items], number[self.item[kept]], self.start[kept], self.end[kept], self.shot[kept]
        ), kept


@dataclass(frozen=True, eq=False)
class Part:
    """An opened part."""

    name: str
    segments: Segments
    kinds: Mapping[EvidenceKind, KindIndex]

    def __len__(self) -> int:
        """Pieces of evidence."""
        return sum(map(len, self.kinds.values()))


@dataclass(frozen=True, slots=True)
class WrittenPart:
    """What was written."""

    evidence: int
    """Pieces, all kinds together."""
    files: Mapping[str, str]
    """SHA-256 by file name."""


def write_part(
    folder: Path, segments: Segments, kinds: Mapping[EvidenceKind, tuple[KindRows, Iterator[npt.NDArray[np.float32]]]]
) -> WrittenPart:
    """Write a part into `folder`, which must not exist. Vectors come in blocks."""
    faiss = _faiss()
    folder.mkdir(parents=True)
    tensors: dict[str, npt.NDArray[np.generic]] = {
        "item_pk": segments.item_pk,
        "item_seq": segments.item_seq,
        "item": segments.item,
        "start": segments.start,
        "end": segments.end,
        "shot": segments.shot,
    }
    for kind, (rows, blocks) in kinds.items():
        tensors[f"{kind}.pk"], tensors[f"{kind}.segment"] = rows.pk, rows.segment
        index: Any = None
        longest = 0.0
        for block in blocks:
            longest = max(longest, float(np.linalg.norm(block, axis=1).max()))
            if index is None:
                index = faiss.IndexScalarQuantizer(block.shape[1], faiss.ScalarQuantizer.QT_fp16, faiss.METRIC_INNER_PRODUCT)
            index.add(block)
        tensors[f"{kind}.longest"] = np.asarray([longest])
        try:
            faiss.write_index(index, str(folder / f"{kind}{VECTORS}"))
        except RuntimeError as error:  # how FAISS says that the disk is full
            raise OSError(f"FAISS cannot write {folder / kind}: {error}") from error
        if wants_codes(index.ntotal, index.d):
            codes = make_codes(index, BLOCK)
            codes.save(folder / f"{kind}{CODES}")
            tensors |= {f"{kind}.{name}": getattr(codes.axes, name) for name in AXES}
    try:
        save_file(tensors, folder / ROWS)
    except SafetensorError as error:  # and so do safetensors
        raise OSError(f"The rows cannot be written to {folder / ROWS}: {error}") from error
    files = {path.name: hash_file(path) for path in sorted(folder.iterdir())}
    return WrittenPart(sum(len(rows.pk) for rows, _ in kinds.values()), files)


def open_part(folder: Path, name: str, files: Mapping[str, str]) -> Part:
    """Open what `write_part` wrote, its checksums compared. Raises `Corrupt`."""
    faiss = _faiss()
    try:
        for file, digest in files.items():
            if hash_file(folder / file) != digest:
                raise Corrupt(f"{folder / file} is not what was written: the checksum differs.")
        tensors = load_file(folder / ROWS)
        segments = Segments(*(tensors[key] for key in ("item_pk", "item_seq", "item", "start", "end", "shot")))
        kinds: dict[EvidenceKind, KindIndex] = {}
        for file in files:
            if file.endswith(VECTORS):
                kind = cast(EvidenceKind, file.removesuffix(VECTORS))
                vectors = faiss.read_index(str(folder / file), faiss.IO_FLAG_MMAP_IFC)
                rows = KindRows(tensors[f"{kind}.pk"], tensors[f"{kind}.segment"])
                codes: PQCodes | None = None
                if f"{kind}{CODES}" in files:
                    codes = read_codes(folder / f"{kind}{CODES}", PrincipalAxes(*(tensors[f"{kind}.{name}"] for name in AXES)))
                kinds[kind] = KindIndex(
                    rows, segments.item, len(segments.item_pk), vectors, float(tensors[f"{kind}.longest"][0]), codes
                )
    except (OSError, SafetensorError, RuntimeError, KeyError) as error:
        raise Corrupt(f"The index part {folder} cannot be read: {error}.") from error
    return Part(name, segments, kinds)


def merge_parts(folder: Path, parts: Sequence[Part], dead: Keys) -> WrittenPart:
    """Write one part with what others hold, without the publications `dead`."""
    kept = [part.segments.select(~np.isin(part.segments.item_seq, dead)) for part in parts]
    items = np.cumsum([0, *(len(segments.item_pk) for segments, _ in kept)])
    firsts = np.cumsum([0, *(len(segments.item) for segments, _ in kept)])
    chosen = [segments for segments, _ in kept]
    merged = Segments(
        np.concatenate([s.item_pk for s in chosen]),
        np.concatenate([s.item_seq for s in chosen]),
        np.concatenate([s.item + np.int32(first) for s, first in zip(chosen, items, strict=False)]),
        np.concatenate([s.start for s in chosen]),
        np.concatenate([s.end for s in chosen]),
        np.concatenate([s.shot for s in chosen]),
    )
    kinds: dict[EvidenceKind, tuple[KindRows, Iterator[npt.NDArray[np.float32]]]] = {}
    for kind in sorted({kind for part in parts for kind in part.kinds}):
        pks, segment_numbers, sources = [], [], []
        for part, (_, alive), first in zip(parts, kept, firsts, strict=False):
            if kind not in part.kinds:
                continue
            index = part.kinds[kind]
            mask = alive[index.rows.segment]
            number = np.cumsum(alive, dtype=np.int32) - np.int32(1) + np.int32(first)
            pks.append(index.rows.pk[mask])
            segment_numbers.append(number[index.rows.segment[mask]])
            sources.append((index, mask))
        if any(len(pk) for pk in pks):
            rows = KindRows(np.concatenate(pks), np.concatenate(segment_numbers))
            kinds[kind] = (rows, _chain(sources))
    return write_part(folder, merged, kinds)


def _chain(sources: Sequence[tuple[KindIndex, Mask]]) -> Iterator[npt.NDArray[np.float32]]:
    for index, mask in sources:
        yield from index.blocks(mask)


def _faiss() -> Any:
    """FAISS, imported by those who search only; what it says of its types is not what it takes."""
    import faiss

    return faiss
