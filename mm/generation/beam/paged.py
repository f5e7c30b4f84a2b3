"""Keys and values of hypotheses in blocks, computed by a `Runner`.

Hypotheses of a prompt share the full blocks of their common tokens; a hypothesis that branches off
computes its last block, at most `block_size` tokens, again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mm.errors import TooLarge
from mm.generation.blocks import BlockManager
from mm.generation.runner import build_batch
from mm.generation.scheduler import Chunk

if TYPE_CHECKING:
    from collections.abc import Sequence as Sequences

    from mm.generation.request import Request
    from mm.generation.runner import Runner
    from mm.generation.sequence import Sequence
    from mm.numerics import Float32


class PagedHypotheses:
    """Implements `HypothesisCache`, on a runner that it alone uses."""

    def __init__(self, runner: Runner, num_blocks: int, block_size: int, width: int) -> None:
        """`num_blocks` and `block_size` are of the runner's cache, `width` is of the search."""
        self._runner = runner
        self._num_blocks, self._block_size, self._width = num_blocks, block_size, width
        self._blocks = BlockManager(num_blocks, block_size)

    @property
    def num_free_blocks(self) -> int:
        """Blocks that no hypothesis uses."""
        return self._blocks.num_free_blocks

    def check(self, request: Request) -> None:
        if (needed := self._max_blocks(request)) > self._num_blocks:
            raise TooLarge(f"The request needs {needed} blocks of the cache for its hypotheses; it has {self._num_blocks}.")

    def try_start(self, sequence: Sequence, running: Sequences[Request]) -> bool:
        promised = sum(self._max_blocks(request) for request in (*running, sequence.request))
        if promised > self._num_blocks or self._blocks.is_prefix_in_progress(sequence):
            return False
        return self._blocks.try_allocate(sequence, reserve=0)

    def compute(self, sequences: Sequences[Sequence]) -> Float32:
        chunks = [Chunk(sequence, sequence.num_uncomputed_tokens, is_last=True) for sequence in sequences]
        logits_BV = self._runner.run(build_batch(chunks, self._block_size))
        for chunk in chunks:
            self._blocks.register_computed(chunk.sequence, chunk.num_tokens)
        return logits_BV

    def extend(self, sequence: Sequence) -> None:
        is_allocated = self._blocks.try_append(sequence)
        assert is_allocated, "admission promised the blocks"

    def branch(self, parent: Sequence, sequence: Sequence) -> None:
        sequence.block_digests = list(parent.block_digests)
        is_allocated = self._blocks.try_allocate(sequence, reserve=0)
        assert is_allocated, "admission promised the blocks"

    def drop(self, sequence: Sequence) -> None:
        self._blocks.release(sequence)

    def end(self, request: Request) -> None:
        pass

    def _max_blocks(self, request: Request) -> int:
        """Blocks of `width` hypotheses of the greatest length, which share those of the prompt."""
        num_prompt = len(request.prompt_token_ids)
        num_shared = (num_prompt - 1) // self._block_size
        num_each = self._blocks.num_needed_blocks(num_prompt + request.params.max_tokens) - num_shared
        return num_shared + self._width * num_each
