"""Blocks of the paged key-value cache: allocation, sharing of equal prefixes, eviction.

The cache is divided into blocks of `block_size` token positions (PagedAttention, Kwon et al. 2023,
arXiv:2309.06180). A full block is identified by a digest of its tokens, its media and the digest of
the block before it, so that equal digests mean equal prefixes (automatic prefix caching of vLLM).
Blocks that no sequence uses keep their content until they are allocated again, the least recently
used first; within a sequence, its end before its begin.
"""

from __future__ import annotations

from collections import Counter, OrderedDict
from hashlib import blake2b
from itertools import takewhile
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from mm.generation.request import Request
    from mm.generation.sequence import Sequence


class BlockManager:
    """Block tables of all running sequences. Invariant: a block is free, or the tables of the
    running sequences hold it exactly as often as its reference count says."""

    def __init__(self, num_blocks: int, block_size: int) -> None:
        self.num_blocks = num_blocks
        self.block_size = block_size
        self._free: OrderedDict[int, None] = OrderedDict.fromkeys(range(num_blocks))  # first: allocated next
        self._ref_counts = [0] * num_blocks
        self._digests: list[bytes | None] = [None] * num_blocks
        self._block_of: dict[bytes, int] = {}  # computed blocks by digest
        self._in_progress: dict[bytes, int] = {}  # digest of a block being computed -> its block

    @property
    def num_free_blocks(self) -> int:
        return len(self._free)

    def num_needed_blocks(self, num_tokens: int) -> int:
        return -(-num_tokens // self.block_size)

    def is_prefix_in_progress(self, sequence: Sequence) -> bool:
        """Another sequence is computing the first block that this one lacks: waiting saves work."""
        digests, cached = self._find_cached_blocks(sequence)
        return len(cached) < len(digests) and digests[len(cached)] in self._in_progress

    def try_allocate(self, sequence: Sequence, reserve: int) -> bool:
        """Allocate blocks for all tokens of a waiting sequence, cached ones where there are.

        Sets its `num_computed_tokens`. False, without a change, when fewer than `reserve` blocks
        would remain free.
        """
        assert not sequence.block_table
        digests, cached = self._find_cached_blocks(sequence)
        num_new = self.num_needed_blocks(sequence.num_tokens) - len(cached)
        num_idle = sum(not self._ref_counts[block] for block in cached)
        if self.num_free_blocks - num_idle - num_new < reserve:
            return False
        for block in cached:
            if not self._ref_counts[block]:
                del self._free[block]
            self._ref_counts[block] += 1
        sequence.block_table = cached + [self._take_free_block() for _ in range(num_new)]
        sequence.num_computed_tokens = len(cached) * self.block_size
        sequence.num_registered_blocks = len(cached)
        for digest, block in zip(digests[len(cached) :], sequence.block_table[len(cached) :], strict=False):
            self._in_progress.setdefault(digest, block)
        return True

    def try_append(self, sequence: Sequence) -> bool:
        """Extend the table of a running sequence to all its tokens. False if no block is free."""
        while len(sequence.block_table) < self.num_needed_blocks(sequence.num_tokens):
            if not self._free:
                return False
            sequence.block_table.append(self._take_free_block())
        return True

    def register_computed(self, sequence: Sequence, num_tokens: int) -> None:
        """The runner has written the next keys and values: offer the full blocks for reuse."""
        sequence.num_computed_tokens += num_tokens
        num_full = sequence.num_computed_tokens // self.block_size
        if num_full <= sequence.num_registered_blocks:
            return
        digests = self._extend_digests(sequence, num_full)
        for i in range(sequence.num_registered_blocks, num_full):
            block, digest = sequence.block_table[i], digests[i]
            self._end_progress(digest, block)
            if digest not in self._block_of:  # else an equal block was computed at the same time
                self._block_of[digest] = block
                self._digests[block] = digest
        sequence.num_registered_blocks = num_full

    def release(self, sequence: Sequence) -> None:
        """Return the blocks of a sequence that ended or is preempted."""
        for digest, block in zip(sequence.block_digests, sequence.block_table, strict=False):
            self._end_progress(digest, block)
        for block in reversed(sequence.block_table):
            self._ref_counts[block] -= 1
            if not self._ref_counts[block]:
                self._free[block] = None
                if self._digests[block] is None:  # nothing to keep: allocate it before a cached one
                    self._free.move_to_end(block, last=False)
        sequence.block_table = []
        sequence.num_computed_tokens = 0

    def _take_free_block(self) -> int:
        block, _ = self._free.popitem(last=False)
        if (digest := self._digests[block]) is not None:
            del self._block_of[digest]
            self._digests[block] = None
        self._ref_counts[block] = 1
        return block

    def _end_progress(self, digest: bytes, block: int) -> None:
        if self._in_progress.get(digest) == block:
            del self._in_progress[digest]

    def _find_cached_blocks(self, sequence: Sequence) -> tuple[list[bytes], list[int]]:
        """Digests of the full blocks, without that of the last token, whose logits are needed; and
        the blocks that hold the longest prefix of them."""
        digests = self._extend_digests(sequence, (sequence.num_tokens - 1) // self.block_size)
        return digests, [self._block_of[digest] for digest in takewhile(self._block_of.__contains__, digests)]

    def _extend_digests(self, sequence: Sequence, num_blocks: int) -> list[bytes]:
        digests = sequence.block_digests
        while len(digests) < num_blocks:
            parent = digests[-1] if digests else _root_digest(sequence.request)
            start = len(digests) * self.block_size
            digests.append(_digest(parent, self._content(sequence, start)))
        return digests[:num_blocks]

    def _content(self, sequence: Sequence, start: int) -> bytes:
        """Tokens of a block, and for each media span in it the digest and the relative position."""
        end = start + self.block_size
        content = np.asarray(sequence.token_ids[start:end], np.int64).tobytes()
        for span in sequence.request.media:
            if span.start < end and span.end > start:
                content += _digest(span.digest, str(span.start - start).encode())
        return content

    def check(self, sequences: list[Sequence]) -> None:
        """Assert the invariants, given all running sequences. For tests."""
        counts = Counter(block for sequence in sequences for block in sequence.block_table)
        assert [counts[block] for block in range(self.num_blocks)] == self._ref_counts
        assert set(self._free) == set(range(self.num_blocks)) - counts.keys()
        assert sorted(self._block_of.items()) == sorted((d, block) for block, d in enumerate(self._digests) if d is not None)
        assert all(counts[block] for block in self._in_progress.values())


def _root_digest(request: Request) -> bytes:
    """Of the empty prefix: equal for requests whose equal tokens have equal keys and values."""
    salt = _digest(b"", request.cache_salt)
    return salt if request.expert_bias is None else _digest(salt, np.ascontiguousarray(request.expert_bias).tobytes())


def _digest(parent: bytes, content: bytes) -> bytes:
    return blake2b(content, digest_size=16, key=parent).digest()
