"""FAISS search of the vectors of one kind in a part: half precision, with 4-bit codes for many."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import numpy.typing as npt

from mm.errors import SpaceMismatch

if TYPE_CHECKING:
    from indexes.vectors.pq_codes import PQCodes
    from mm.spaces.types import Vector

BLOCK = 8192
"""Vectors that are converted to float32 at once."""
ROUNDING = 3e-5
"""Relative error of an inner product by FAISS: float32, another order of summation than numpy."""
EXACT_SELECTIVITY = 8
"""A filter that passes one row in so many or fewer is searched by vectors: it would discard most of
the codes."""
GATHER_SELECTIVITY = 16
"""A filter that passes one row in so many or fewer is searched by reading only those rows."""

Mask = npt.NDArray[np.bool_]
Keys = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class KindRows:
    """N pieces of evidence of one kind, in the order of their segments."""

    pk: Keys
    """(N,) keys in the catalog."""
    segment: npt.NDArray[np.int32]
    """(N,) numbers of their segments in the part."""


@dataclass(frozen=True, eq=False)
class TopRows:
    """The rows with the largest inner products, and what all inner products are bounded by."""

    rows: Keys
    """(n,)"""
    upper_bounds: Floats
    """(n,) upper bound for the inner product of each."""
    rest_bound: float
    """Upper bound for the inner product of every other row; -inf if there is no other."""


class KindIndex:
    """The vectors (N, D) of one kind."""

    def __init__(
        self, rows: KindRows, item: npt.NDArray[np.int32], num_items: int, vectors: Any, max_norm: float, codes: PQCodes | None
    ) -> None:
        """`item` (S,) is the item of each segment; `vectors` is a `faiss.Index`."""
        self.rows = rows
        self.max_norm = max_norm
        self.codes = codes
        self._vectors = vectors
        data = _faiss().downcast_index(vectors).codes
        self._data = _faiss().rev_swig_ptr(data.data(), data.size()).reshape(len(rows.pk), -1)  # a view of mapped memory
        self._first_row = np.searchsorted(item[rows.segment], np.arange(num_items + 1)).astype(np.int64)
        """(I + 1,) the first row of each item."""

    def __len__(self) -> int:
        return len(self.rows.pk)

    @property
    def dim(self) -> int:
        return int(self._vectors.d)

    @cached_property
    def _num_rows(self) -> Keys:
        """(I,) number of rows of each item."""
        return np.diff(self._first_row)

    def search(self, weight: Vector, count: int, item_mask: Mask | None, error_bound: float | None) -> TopRows:
        """The `count` largest inner products with `weight` (D,), of the items (I,) in the mask.

        With `error_bound`, products are estimates, and their upper bounds allow for an error of so
        many standard deviations; None is exact. Raises `SpaceMismatch`.
        """
        query = self._query(weight)
        total = len(self) if item_mask is None else int(self._num_rows[item_mask].sum())
        if total == 0:
            return TopRows(np.empty(0, np.int64), np.empty(0, np.float32), -np.inf)
        if item_mask is not None and total * GATHER_SELECTIVITY <= len(self):
            return self._search_rows(query, count, self._rows_of(item_mask))
        if error_bound is not None and self.codes is not None and total * EXACT_SELECTIVITY > len(self):
            return self._search_codes(self.codes, query, count, item_mask, total, error_bound)
        return self._search_vectors(query, count, item_mask, total)

    def best_per_segment(self, weight: Vector, segments: npt.NDArray[np.intp]) -> tuple[Floats, Keys]:
        """The largest inner product (n,) and its row (n,) for each of n segments.

        -inf and -1 for a segment without evidence of this kind. Raises `SpaceMismatch`.
        """
        first = np.searchsorted(self.rows.segment, segments, "left")
        count = np.searchsorted(self.rows.segment, segments, "right") - first
        products = np.full(len(segments), -np.inf, dtype=np.float32)
        best = np.full(len(segments), -1, dtype=np.int64)
        query = self._query(weight)[0]
        for step in range(int(count.max(initial=0))):  # few: the largest number of rows of a segment
            pending = np.flatnonzero(count > step)
            rows = first[pending] + step
            for start in range(0, len(rows), BLOCK):
                at = pending[start : start + BLOCK]
                product = self.decode(rows[start : start + BLOCK]) @ query
                better = (product > products[at]) | (best[at] < 0)
                products[at[better]], best[at[better]] = product[better], rows[start : start + BLOCK][better]
        return products, best

    def decode(self, rows: npt.NDArray[np.integer]) -> Floats:
        """The vectors of some rows as float32 (n, D)."""
        return cast(Floats, self._vectors.sa_decode(self._data[rows]))  # twice as fast as `reconstruct_batch`

    def iter_blocks(self, mask: Mask) -> Iterator[Floats]:
        """The vectors of the rows in the mask (N,), in blocks."""
        rows = np.flatnonzero(mask)
        return (self.decode(rows[start : start + BLOCK]) for start in range(0, len(rows), BLOCK))

    def _search_vectors(self, query: Floats, count: int, item_mask: Mask | None, total: int) -> TopRows:
        """Scan all vectors that pass the mask."""
        faiss = _faiss()
        parameters = None
        if item_mask is not None:
            bits = np.packbits(np.repeat(item_mask, self._num_rows), bitorder="little")
            parameters = faiss.SearchParameters(sel=faiss.IDSelectorBitmap(bits))
        products, rows = self._vectors.search(query, min(count, total), params=parameters)
        return self._bounded(query, rows[0], products[0], has_rest=count < total)

    def _search_rows(self, query: Floats, count: int, rows: Keys) -> TopRows:
        """Read some rows, all of which pass the mask."""
        products = np.concatenate([self.decode(rows[start : start + BLOCK]) @ query[0] for start in range(0, len(rows), BLOCK)])
        if count < len(rows):
            largest = np.argpartition(-products, count - 1)[:count]
            return self._bounded(query, rows[largest], products[largest], has_rest=True)
        return self._bounded(query, rows, products, has_rest=False)

    def _search_codes(
        self, codes: PQCodes, query: Floats, count: int, item_mask: Mask | None, total: int, error_bound: float
    ) -> TopRows:
        """Scan all codes, with a count that allows for the rows that the mask then discards."""
        scan_count = min(len(self), -(-count * len(self) // total))
        if scan_count == len(self):
            return self._search_vectors(query, count, item_mask, total)
        rows, products, deviation = codes.search(query[0], scan_count)
        margin = np.float32(error_bound * deviation)
        rest_bound = float(products[-1] + margin)
        if item_mask is not None:
            passes = np.repeat(item_mask, self._num_rows)[rows]
            rows, products = rows[passes], products[passes]
        return TopRows(rows, products + margin, rest_bound)

    def _bounded(self, query: Floats, rows: Keys, products: Floats, *, has_rest: bool) -> TopRows:
        margin = np.float32(ROUNDING * float(np.linalg.norm(query)) * self.max_norm)
        upper_bounds = products + margin
        return TopRows(rows, upper_bounds, float(upper_bounds.min()) if has_rest else -np.inf)

    def _rows_of(self, item_mask: Mask) -> Keys:
        items = np.flatnonzero(item_mask)
        count = self._num_rows[items]
        ends = np.cumsum(count)
        rows: Keys = np.arange(ends[-1], dtype=np.int64) + np.repeat(self._first_row[items] - (ends - count), count)
        return rows

    def _query(self, weight: Vector) -> Floats:
        if weight.shape != (self.dim,):
            raise SpaceMismatch(f"The query's vectors have the shape {weight.shape}, those of the index ({self.dim},).")
        return np.ascontiguousarray(weight[None], dtype=np.float32)


def _faiss() -> Any:
    """FAISS, imported on first use; `Any`, because its stubs do not match what it accepts."""
    import faiss

    return faiss
