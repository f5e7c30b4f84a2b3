"""The language model on a CPU: the ONNX graphs over a paged cache.

The sequences of a step are divided into groups whose chunks have the same length, so that no
padding is computed: usually one group of those that generate, and one for each prompt. A group runs
over the rows of a lane (`paged_cache`). The capacities of lanes are a least one and powers of two
above it, so that a long sequence does not enlarge the rows of short ones.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

import numpy as np

from mm.errors import InvalidInput
from mm.generation.runners.paged_cache import Lane, PagedCache

if TYPE_CHECKING:
    from collections.abc import Iterator
    from concurrent.futures import Future

    from mm.generation.runner import StepBatch
    from mm.models.language.graph.session import OnnxDecoder
    from mm.numerics import Float32

MIN_CAPACITY = 64
"""Smallest number of tokens of a row."""


class OnnxRunner:
    """Implements `mm.generation.runner.Runner`. Belongs to one thread."""

    def __init__(
        self,
        decoder: OnnxDecoder,
        num_blocks: int,
        block_size: int,
        max_lane_tokens: int,
        min_capacity: int = MIN_CAPACITY,
    ) -> None:
        """`max_lane_tokens` bounds the contiguous copies, in tokens, as `num_blocks * block_size`
        does the paged cache.

        Raises `InvalidInput` when the copies have no room for a sequence of the greatest length.
        """
        self.decoder = decoder
        self._next: Future[OnnxDecoder] | None = None
        self._pages = PagedCache(decoder.config, num_blocks, block_size)
        self._max_tokens, self._min_capacity = max_lane_tokens, min_capacity
        self._lanes: dict[tuple[bool, int], Lane] = {}  # by whether it is for single tokens, and capacity
        longest = min(num_blocks * block_size, decoder.config.max_position_embeddings)
        if max_lane_tokens < (needed := self._choose_capacity(longest)):
            raise InvalidInput(
                f"The copies of the cache have room for {max_lane_tokens} tokens; a sequence of {longest} needs {needed}."
            )

    @property
    def num_lane_tokens(self) -> int:
        """Tokens for which the lanes have room."""
        return sum(lane.num_rows * capacity for (_, capacity), lane in self._lanes.items())

    def make_sibling(self, num_blocks: int, block_size: int, max_lane_tokens: int, min_capacity: int) -> OnnxRunner:
        """A runner of the same decoder, and of the one that may replace it, with another cache."""
        sibling = OnnxRunner(self.decoder, num_blocks, block_size, max_lane_tokens, min_capacity)
        sibling._next = self._next
        return sibling

    def replace_decoder(self, loading: Future[OnnxDecoder]) -> None:
        """Use another session of the same model from the first step on that begins after its load.

        That step raises the error of a load that failed.
        """
        self._next = loading

    def run(self, batch: StepBatch) -> Float32:
        """Logits (L, vocabulary) of the tokens `batch.logits_rows_L`."""
        if self._next is not None and self._next.done():
            self.decoder, self._next = self._next.result(), None
        embeddings_TD = self.decoder.embed(batch.token_ids_T[None])[0]
        if batch.media_embeddings_MD is not None:
            embeddings_TD[batch.media_rows_M] = batch.media_embeddings_MD
        logits_LV = np.empty((len(batch.logits_rows_L), self.decoder.config.vocab_size), np.float32)
        for width, capacity, members in self._divide(batch):
            self._run_group(batch, embeddings_TD, width, capacity, members, logits_LV)
        return logits_LV

    def _divide(self, batch: StepBatch) -> Iterator[tuple[int, int, list[int]]]:
        """Groups: length of the chunks, capacity of the rows, numbers of the sequences."""
        groups: defaultdict[tuple[int, int], list[int]] = defaultdict(list)
        widths = np.diff(batch.query_starts_S1).tolist()
        for s, (width, length) in enumerate(zip(widths, batch.context_lens_S.tolist(), strict=True)):
            groups[width, self._choose_capacity(length)].append(s)
        for (width, capacity), members in sorted(groups.items()):
            max_rows = self._max_tokens // capacity
            for first in range(0, len(members), max_rows):
                yield width, capacity, members[first : first + max_rows]

    def _run_group(
        self, batch: StepBatch, embeddings_TD: Float32, width: int, capacity: int, members: list[int], logits_LV: Float32
    ) -> None:
        lane = self._get_lane(width == 1, capacity, len(members))
        tables = [batch.block_tables_SN[s] for s in members]
        starts = [int(batch.context_lens_S[s]) - width for s in members]
        rows = lane.load(self._pages, tables, starts)
        order = np.argsort(rows)  # place in the lane -> place in `members`
        first_tokens = batch.query_starts_S1[np.array(members)[order]]
        tokens = first_tokens[:, None] + np.arange(width)
        bias = None if batch.expert_bias_SEA is None else batch.expert_bias_SEA[np.array(members)[order]]
        result_of = {int(token): i for i, token in enumerate(batch.logits_rows_L)}
        wanted = [(place, result_of[int(token)]) for place, token in enumerate(tokens.ravel()) if int(token) in result_of]
        places = np.array([place for place, _ in wanted] or [0])
        logits = lane.bind(self.decoder, len(members)).forward(embeddings_TD[tokens], np.array(starts)[order], places, bias)
        if wanted:
            logits_LV[[result for _, result in wanted]] = logits
        lane.store(self._pages, rows, tables, starts, width)

    def _get_lane(self, is_single: bool, capacity: int, num_rows: int) -> Lane:
        """The lane of a group. Others are dropped when the bound requires it.

        First those of prompts, which the lane of single tokens loads in any case, then the least
        recently used.
        """
        lane = self._lanes.pop((is_single, capacity), None)
        if lane is None or lane.num_rows < num_rows:
            num_rows = min(_round_up(num_rows), self._max_tokens // capacity)
            while self._lanes and self.num_lane_tokens + num_rows * capacity > self._max_tokens:
                del self._lanes[next((key for key in self._lanes if not key[0]), next(iter(self._lanes)))]
            lane = Lane(self.decoder.config, num_rows, capacity)
        self._lanes[is_single, capacity] = lane  # the last one
        return lane

    def _choose_capacity(self, length: int) -> int:
        capacity = self._min_capacity if length <= self._min_capacity else _round_up(length)
        return min(capacity, self.decoder.config.max_position_embeddings)


def _round_up(count: int) -> int:
    """The smallest power of two that is not less."""
    return 1 << (count - 1).bit_length()
