"""A part of an index: an immutable folder with the segments and vectors of some items.

It holds `rows.safetensors`, and for each kind of evidence a FAISS file, which is memory-mapped, and
optional codes. Vectors are half precision, as in the shards: inner products with a float32 query
are exact up to the order of summation. Files are not flushed to disk: a part whose checksum differs
after a power failure is rebuilt.
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
from indexes.vectors.pq_codes import PQCodes, PrincipalAxes, needs_codes, read_codes, train_codes
from mm.errors import Corrupt
from mm.files import hash_file
from mm.schemas import EvidenceKind

ROWS = "rows.safetensors"
VECTORS, CODES = ".faiss", ".codes"
"""Suffixes of the files of a kind."""
AXES = {"mean": "mean", "directions": "directions", "spread": "variance", "lost": "residual_variance"}
"""Names of stored tensors, and the attributes of `PrincipalAxes` that they hold."""
ADJACENT_SECONDS = 1e-3
"""Segments of one item are adjacent with at most this gap."""

KindData = tuple[KindRows, Iterator[npt.NDArray[np.float32]]]
"""Rows of one kind of evidence, and their vectors (N, D) in blocks."""


@dataclass(frozen=True, eq=False)
class Segments:
    """S segments of I items. Those of one item are consecutive and in order of time."""

    item_pk: Keys
    """(I,) keys in the catalog."""
    item_seq: Keys
    """(I,) sequence numbers of their publications."""
    item: npt.NDArray[np.int32]
    """(S,) number of the item of each segment."""
    start: npt.NDArray[np.float64]
    end: npt.NDArray[np.float64]
    shot: npt.NDArray[np.int32]

    @cached_property
    def adjacent(self) -> Mask:
        """(S,) whether a segment follows the one before it without a gap, in the same item."""
        adjacent = np.zeros(len(self.item), dtype=np.bool_)
        adjacent[1:] = (self.item[1:] == self.item[:-1]) & (self.start[1:] - self.end[:-1] <= ADJACENT_SECONDS)
        return adjacent

    @cached_property
    def adjacent_in_shot(self) -> Mask:
        """(S,) whether a segment is `adjacent` to the one before it and of the same shot."""
        adjacent = self.adjacent.copy()
        adjacent[1:] &= self.shot[1:] == self.shot[:-1]
        return adjacent

    @cached_property
    def _order(self) -> npt.NDArray[np.intp]:
        return np.argsort(self.item_pk, kind="stable")

    @cached_property
    def _sorted_pk(self) -> Keys:
        return self.item_pk[self._order]

    def select_items(self, item_pks: Keys) -> Mask:
        """(I,) which items have one of these keys, which are sorted."""
        selected = np.zeros(len(self.item_pk), dtype=np.bool_)
        if len(selected):
            first, last = np.searchsorted(item_pks, self._sorted_pk[[0, -1]] + [0, 1])
            in_range = item_pks[first:last]
            at = np.searchsorted(self._sorted_pk, in_range)
            selected[self._order[at[self._sorted_pk[at] == in_range]]] = True
        return selected

    def filter(self, item_mask: Mask) -> tuple[Segments, Mask]:
        """The segments of the items (I,) in the mask, and their mask (S,)."""
        mask = item_mask[self.item]
        number = np.cumsum(item_mask, dtype=np.int32) - np.int32(1)
        return Segments(
            self.item_pk[item_mask],
            self.item_seq[item_mask],
            number[self.item[mask]],
            self.start[mask],
            self.end[mask],
            self.shot[mask],
        ), mask


@dataclass(frozen=True, eq=False)
class Part:
    """A part opened for search."""

    name: str
    segments: Segments
    kinds: Mapping[EvidenceKind, KindIndex]

    def __len__(self) -> int:
        """Number of pieces of evidence."""
        return sum(map(len, self.kinds.values()))


@dataclass(frozen=True, slots=True)
class WrittenPart:
    """A part on disk."""

    num_evidence: int
    """Pieces of evidence of all kinds."""
    files: Mapping[str, str]
    """SHA-256 by file name."""


def write_part(folder: Path, segments: Segments, kinds: Mapping[EvidenceKind, KindData]) -> WrittenPart:
    """Write a part into `folder`, which must not exist. Raises `OSError` when the disk is full."""
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
        max_norm = 0.0
        for block in blocks:
            max_norm = max(max_norm, float(np.linalg.norm(block, axis=1).max()))
            if index is None:
                index = faiss.IndexScalarQuantizer(block.shape[1], faiss.ScalarQuantizer.QT_fp16, faiss.METRIC_INNER_PRODUCT)
            index.add(block)
        tensors[f"{kind}.longest"] = np.asarray([max_norm])
        try:
            faiss.write_index(index, str(folder / f"{kind}{VECTORS}"))
        except RuntimeError as error:  # FAISS reports a full disk so
            raise OSError(f"FAISS cannot write {folder / kind}: {error}") from error
        if needs_codes(index.ntotal, index.d):
            codes = train_codes(index, BLOCK)
            codes.save(folder / f"{kind}{CODES}")
            tensors |= {f"{kind}.{name}": getattr(codes.axes, attribute) for name, attribute in AXES.items()}
    try:
        save_file(tensors, folder / ROWS)
    except SafetensorError as error:  # so do safetensors
        raise OSError(f"The rows cannot be written to {folder / ROWS}: {error}") from error
    files = {path.name: hash_file(path) for path in sorted(folder.iterdir())}
    return WrittenPart(sum(len(rows.pk) for rows, _ in kinds.values()), files)


def open_part(folder: Path, name: str, files: Mapping[str, str]) -> Part:
    """Open what `write_part` wrote. Raises `Corrupt`, also when a checksum differs."""
    faiss = _faiss()
    try:
        for file, digest in files.items():
            if hash_file(folder / file) != digest:
                raise Corrupt(f"{folder / file} is damaged: its checksum differs.")
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
                    codes = read_codes(folder / f"{kind}{CODES}", _read_axes(tensors, kind))
                kinds[kind] = KindIndex(
                    rows, segments.item, len(segments.item_pk), vectors, float(tensors[f"{kind}.longest"][0]), codes
                )
    except (OSError, SafetensorError, RuntimeError, KeyError) as error:
        raise Corrupt(f"The index part {folder} cannot be read: {error}.") from error
    return Part(name, segments, kinds)


def merge_parts(folder: Path, parts: Sequence[Part], dead: Keys) -> WrittenPart:
    """Write one part with the contents of others, except the publications `dead`."""
    filtered = [part.segments.filter(~np.isin(part.segments.item_seq, dead)) for part in parts]
    live = [segments for segments, _ in filtered]
    first_items = np.cumsum([0, *(len(segments.item_pk) for segments in live)])
    first_segments = np.cumsum([0, *(len(segments.item) for segments in live)])
    merged = Segments(
        np.concatenate([s.item_pk for s in live]),
        np.concatenate([s.item_seq for s in live]),
        np.concatenate([s.item + np.int32(first) for s, first in zip(live, first_items, strict=False)]),
        np.concatenate([s.start for s in live]),
        np.concatenate([s.end for s in live]),
        np.concatenate([s.shot for s in live]),
    )
    kinds: dict[EvidenceKind, KindData] = {}
    for kind in sorted({kind for part in parts for kind in part.kinds}):
        pks, segment_numbers, sources = [], [], []
        for part, (_, segment_mask), first in zip(parts, filtered, first_segments, strict=False):
            if kind not in part.kinds:
                continue
            index = part.kinds[kind]
            mask = segment_mask[index.rows.segment]
            number = np.cumsum(segment_mask, dtype=np.int32) - np.int32(1) + np.int32(first)
            pks.append(index.rows.pk[mask])
            segment_numbers.append(number[index.rows.segment[mask]])
            sources.append((index, mask))
        if any(len(pk) for pk in pks):
            rows = KindRows(np.concatenate(pks), np.concatenate(segment_numbers))
            kinds[kind] = (rows, _chain(sources))
    return write_part(folder, merged, kinds)


def _read_axes(tensors: Mapping[str, npt.NDArray[np.float32]], kind: EvidenceKind) -> PrincipalAxes:
    return PrincipalAxes(**{attribute: tensors[f"{kind}.{name}"] for name, attribute in AXES.items()})


def _chain(sources: Sequence[tuple[KindIndex, Mask]]) -> Iterator[npt.NDArray[np.float32]]:
    for index, mask in sources:
        yield from index.iter_blocks(mask)


def _faiss() -> Any:
    """FAISS, imported on first use; `Any`, because its stubs do not match what it accepts."""
    import faiss

    return faiss
