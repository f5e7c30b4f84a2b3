"""Keys and values by position of the paged cache, and copies of them by sequence.

Attention on a CPU reads keys and values that are contiguous for each sequence. The paged cache is
complete at the end of each step; a `Lane` holds contiguous copies of the sequences of the last step
in rows, so that usually only the new tokens are copied. Names of arrays end in their axes: L
layers, G key-value heads, D head, N blocks.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from mm.models.language.graph.session import allocate_cache

if TYPE_CHECKING:
    from mm.generation.runner import Int32, Int64
    from mm.models.language.config import LanguageConfig
    from mm.models.language.graph.session import BoundDecoder, OnnxDecoder
    from mm.numerics import Float32


class PagedCache:
    """Memory for `num_blocks * block_size` positions, which the system commits when it is used."""

    def __init__(self, config: LanguageConfig, num_blocks: int, block_size: int) -> None:
        shape = (num_blocks * block_size, config.num_hidden_layers, 2, config.num_key_value_heads, config.head_dim)
        self.block_size = block_size
        self.memory: Float32 = np.zeros(shape, np.float32)
        self.versions = np.zeros(num_blocks, np.int64)
        """Number of writes to each block."""

    def list_slots(self, block_table_N: Int32, first: int, last: int) -> Int32:
        """The positions in the cache of tokens `first` up to `last` of a sequence."""
        positions = np.arange(first, last, dtype=np.int32)
        slots: Int32 = block_table_N[positions // self.block_size] * self.block_size + positions % self.block_size
        return slots


@dataclass(slots=True, eq=False)
class _Row:
    """The blocks that a row is a copy of, and their versions at that time."""

    blocks_N: Int32 = field(default_factory=lambda: np.zeros(0, np.int32))
    versions_N: Int64 = field(default_factory=lambda: np.zeros(0, np.int64))
    length: int = 0


class Lane:
    """Contiguous copies of up to `num_rows` sequences of up to `capacity` tokens."""

    def __init__(self, config: LanguageConfig, num_rows: int, capacity: int) -> None:
        self.num_rows = num_rows
        self._memory = allocate_cache(config, num_rows, capacity)
        self._rows = [_Row() for _ in range(num_rows)]
        self._bound: tuple[OnnxDecoder, dict[int, BoundDecoder]] | None = None

    def bind(self, decoder: OnnxDecoder, num_rows: int) -> BoundDecoder:
        """The decoder over the first rows."""
        if self._bound is None or self._bound[0] is not decoder:
            self._bound = decoder, {}
        if num_rows not in self._bound[1]:
            self._bound[1][num_rows] = decoder.bind(self._memory[:, :, :num_rows])
        return self._bound[1][num_rows]

    def load(self, pages: PagedCache, tables: list[Int32], starts: list[int]) -> list[int]:
        """Copy the first `starts[i]` tokens of each sequence to a row, unless it holds them.

        Returns the row of each sequence, a permutation of the first rows.
        """
        rows = self._match(pages, tables, starts)
        free = sorted(set(range(len(tables))) - {row for row in rows if row is not None})
        unmatched = [place for place, row in enumerate(rows) if row is None]
        chosen = self._choose_rows([tables[place] for place in unmatched], free)
        assigned = [chosen.pop(0) if row is None else row for row in rows]
        for row, table, start in zip(assigned, tables, starts, strict=True):
            self._load_row(row, pages, table, start)
        return assigned

    def store(self, pages: PagedCache, rows: list[int], tables: list[Int32], starts: list[int], width: int) -> None:
        """Copy the `width` tokens after `starts` from the rows to the paged cache."""
        positions = np.concatenate([np.arange(start, start + width) for start in starts])
        slots = [pages.list_slots(table, start, start + width) for table, start in zip(tables, starts, strict=True)]
        pages.memory[np.concatenate(slots)] = self._memory[:, :, np.repeat(rows, width), :, positions]
        for row, table, start in zip(rows, tables, starts, strict=True):
            first, end = start // pages.block_size, -(-(start + width) // pages.block_size)
            pages.versions[table[first:end]] += 1
            self._record(self._rows[row], pages, table, start + width)

    def _match(self, pages: PagedCache, tables: list[Int32], starts: list[int]) -> list[int | None]:
        """For each sequence one of the first rows that holds exactly its tokens."""
        by_last_block = {int(row.blocks_N[-1]): number for number, row in enumerate(self._rows[: len(tables)]) if row.length}
        matched: list[int | None] = []
        for table, start in zip(tables, starts, strict=True):
            num_blocks = -(-start // pages.block_size)
            number = by_last_block.get(int(table[num_blocks - 1])) if num_blocks else None
            if number is not None and self._count_common(self._rows[number], pages, table, start) == start:
                del by_last_block[int(table[num_blocks - 1])]
                matched.append(number)
            else:
                matched.append(None)
        return matched

    def _choose_rows(self, tables: list[Int32], free: list[int]) -> list[int]:
        """One of the free rows for each sequence, with as many of its first blocks as possible.

        A hypothesis of a beam search that branches off shares most blocks with one that is dropped.
        Each sequence in turn takes the best row that is left; of equal ones, the first.
        """
        if len(free) < 2:
            return free
        width = max(map(len, tables))
        blocks_RN, blocks_FN = np.full((len(tables), width), -1, np.int32), np.full((len(free), width), -2, np.int32)
        for place, table in enumerate(tables):
            blocks_RN[place, : len(table)] = table
        for place, number in enumerate(free):
            blocks = self._rows[number].blocks_N[:width]
            blocks_FN[place, : len(blocks)] = blocks
        is_equal_RFN = blocks_RN[:, None] == blocks_FN
        num_common_RF = np.where(is_equal_RFN.all(2), width, is_equal_RFN.argmin(2))
        chosen = []
        for num_common_F in num_common_RF:
            place = int(num_common_F.argmax())
            chosen.append(free[place])
            num_common_RF[:, place] = -1
        return chosen

    def _load_row(self, number: int, pages: PagedCache, table_N: Int32, start: int) -> None:
        row = self._rows[number]
        num_common = self._count_common(row, pages, table_N, start)
        if num_common < start:
            keys_values = pages.memory[pages.list_slots(table_N, num_common, start)]
            self._memory[:, :, number, :, num_common:start] = keys_values.transpose(1, 2, 3, 0, 4)
        self._record(row, pages, table_N, start)

    def _count_common(self, row: _Row, pages: PagedCache, table_N: Int32, start: int) -> int:
        """The tokens before `start` that the row holds."""
        blocks_N = table_N[: min(-(-start // pages.block_size), len(row.blocks_N))]
        num_blocks = len(blocks_N)
        is_equal_N = (row.blocks_N[:num_blocks] == blocks_N) & (row.versions_N[:num_blocks] == pages.versions[blocks_N])
        num_equal = num_blocks if is_equal_N.all() else int(is_equal_N.argmin())
        return min(num_equal * pages.block_size, row.length, start)

    def _record(self, row: _Row, pages: PagedCache, table_N: Int32, length: int) -> None:
        blocks_N = table_N[: -(-length // pages.block_size)].copy()
        row.blocks_N, row.versions_N, row.length = blocks_N, pages.versions[blocks_N], length
