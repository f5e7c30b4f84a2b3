"""The vectors of one kind of evidence in a part: all of them in half precision, and a rough copy of
them where they are many."""

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
"""Vectors that are turned into float32 at once."""
ROUNDING = 3e-5
"""Relative error of an inner product by FAISS against ours: float32, another order of summation."""
SELECTIVE = 8
"""A filter that leaves one row in so many is answered from the vectors: reading codes that are
thrown away costs as much."""
FEW = 16
"""Where it leaves one row in so many, only those rows are read."""

Mask = npt.NDArray[np.bool_]
Keys = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class KindRows:
    """N pieces of evidence of one kind, in the order of their segments."""

    pk: Keys
    """(N,) keys in the catalog."""
    segment: npt.NDArray[np.int32]
    """(N,) which segment of the part."""


@dataclass(frozen=True, eq=False)
class Top:
    """The rows with the largest inner products of those that were looked for."""

    rows: Keys
    most: Floats
    """What the inner product of each row does not exceed."""
    rest: float
    """What that of every other row does not exceed; -inf if there is no other."""


class KindIndex:
    """The vectors (N, D) of one kind, searched by FAISS."""

    def __init__(
        self, rows: KindRows, item: npt.NDArray[np.int32], items: int, vectors: Any, longest: float, codes: PQCodes | None
    ) -> None:
        """`item` is (S,) the item of each segment of the part, `vectors` a `faiss.Index`, `longest`
        the norm of the longest."""
        self.rows = rows
        self.longest = longest
        self.codes = codes
        self._vectors = vectors
        bytes_ = _faiss().downcast_index(vectors).codes
        self._bytes = _faiss().rev_swig_ptr(bytes_.data(), bytes_.size()).reshape(len(rows.pk), -1)  # a view, mapped
        self._first = np.searchsorted(item[rows.segment], np.arange(items + 1)).astype(np.int64)
        """(I + 1,) the first row of each item."""

    def __len__(self) -> int:
        return len(self.rows.pk)

    @property
    def dim(self) -> int:
        return int(self._vectors.d)

    @cached_property
    def _count(self) -> Keys:
        """(I,) rows of each item."""
        return np.diff(self._first)

    def top(self, weight: Vector, count: int, items: Mask | None, doubt: float | None) -> Top:
        """The `count` largest inner products, of the items (I,) alone if these are given.

        With `doubt`, products are estimates, and what they cannot exceed allows for an error of so
        many standard deviations; None is exact.
        """
        query = self._query(weight)
        total = len(self) if items is None else int(self._count[items].sum())
        if total == 0:
            return Top(np.empty(0, np.int64), np.empty(0, np.float32), -np.inf)
        if items is not None and total * FEW <= len(self):
            return self._among(query, count, self._rows_of(items))
        if doubt is not None and self.codes is not None and total * SELECTIVE > len(self):
            return self._rough(self.codes, query, count, items, total, doubt)
        return self._exact(query, count, items, total)

    def best(self, weight: Vector, segments: npt.NDArray[np.intp]) -> tuple[Floats, Keys]:
        """For each of some segments the largest inner product and its row; -inf and -1 where it has
        no such evidence."""
        first = np.searchsorted(self.rows.segment, segments, "left")
        count = np.searchsorted(self.rows.segment, segments, "right") - first
        products = np.full(len(segments), -np.inf, dtype=np.float32)
        best = np.full(len(segments), -1, dtype=np.int64)
        query = self._query(weight)[0]
        for step in range(int(count.max(initial=0))):  # few: the most pieces that one segment has
            some = np.flatnonzero(count > step)
            rows = first[some] + step
            for start in range(0, len(rows), BLOCK):
                at = some[start : start + BLOCK]
                product = self.vectors(rows[start : start + BLOCK]) @ query
                better = (product > products[at]) | (best[at] < 0)
                products[at[better]], best[at[better]] = product[better], rows[start : start + BLOCK][better]
        return products, best

    def vectors(self, rows: npt.NDArray[np.integer]) -> Floats:
        """Some rows, as float32 (n, D)."""
        return cast(Floats, self._vectors.sa_decode(self._bytes[rows]))  # twice as fast as `reconstruct_batch`

    def blocks(self, mask: Mask) -> Iterator[Floats]:
        """The rows that pass the mask (N,), in blocks."""
        rows = np.flatnonzero(mask)
        return (self.vectors(rows[start : start + BLOCK]) for start in range(0, len(rows), BLOCK))

    def _exact(self, query: Floats, count: int, items: Mask | None, total: int) -> Top:
        """By reading every vector, or every one that passes."""
        faiss = _faiss()
        parameters = None
        if items is not None:
            bits = np.packbits(np.repeat(items, self._count), bitorder="little")
            parameters = faiss.SearchParameters(sel=faiss.IDSelectorBitmap(bits))
        products, rows = self._vectors.search(query, min(count, total), params=parameters)
        return self._top(query, rows[0], products[0], count < total)

    def _among(self, query: Floats, count: int, rows: Keys) -> Top:
        """By reading some rows, all of which pass."""
        products = np.concatenate([self.vectors(rows[start : start + BLOCK]) @ query[0] for start in range(0, len(rows), BLOCK)])
        if count < len(rows):
            kept = np.argpartition(-products, count - 1)[:count]
            return self._top(query, rows[kept], products[kept], True)
        return self._top(query, rows, products, False)

    def _rough(self, codes: PQCodes, query: Floats, count: int, items: Mask | None, total: int, doubt: float) -> Top:
        """By reading the codes of all. Those that do not pass are thrown away, so that more are
        asked for."""
        asked = min(len(self), -(-count * len(self) // total))
        if asked == len(self):
            return self._exact(query, count, items, total)
        rows, products, deviation = codes.top(query[0], asked)
        slack = np.float32(doubt * deviation)
        rest = float(products[-1] + slack)
        if items is not None:
            passed = np.repeat(items, self._count)[rows]
            rows, products = rows[passed], products[passed]
        return Top(rows, products + slack, rest)

    def _top(self, query: Floats, rows: Keys, products: Floats, more: bool) -> Top:
        slack = np.float32(ROUNDING * float(np.linalg.norm(query)) * self.longest)
        most = products + slack
        return Top(rows, most, float(most.min()) if more else -np.inf)

    def _rows_of(self, items: Mask) -> Keys:
        chosen = np.flatnonzero(items)
        count = self._count[chosen]
        ends = np.cumsum(count)
        rows: Keys = np.arange(ends[-1], dtype=np.int64) + np.repeat(self._first[chosen] - (ends - count), count)
        return rows

    def _query(self, weight: Vector) -> Floats:
        if weight.shape != (self.dim,):
            raise SpaceMismatch(f"The question's vectors have the shape {weight.shape}, those of the index {self.dim} numbers.")
        return np.ascontiguousarray(weight[None], dtype=np.float32)


def _faiss() -> Any:
    """FAISS, imported by those who search only; what it says of its types is not what it takes."""
    import faiss

    return faiss
