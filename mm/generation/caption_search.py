"""The beam search that writes captions: its cache has the size of their prompts and hypotheses."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mm.generation.beam.paged import PagedHypotheses
from mm.generation.beam.search import BeamSearch
from mm.generation.beam.tree import TreeHypotheses

if TYPE_CHECKING:
    from collections.abc import Callable

    from mm.generation.runner import Runner
    from mm.generation.vocabulary import Vocabulary
    from mm.models.language.graph.session import OnnxDecoder

BLOCK_SIZE = 1
"""A hypothesis that branches off computes no token again, so that all have one token in a step."""
BLOCKS_PER_PROMPT = 240
"""A prompt of 65 tokens with 5 hypotheses of 32 tokens: 11 MB of keys and values."""
ROW_TOKENS = 96
"""Of the contiguous copy of a hypothesis: a prompt of 65 tokens, and all tokens but the last one,
which is not computed. All rows of a step then have one length, and are computed together."""
NUM_STARTING = 4
"""Prompts that begin in a step while others are in progress, without that rows are copied again."""


def make_search(
    make_runner: Callable[[int, int, int, int], Runner], vocabulary: Vocabulary, width: int, num_prompts: int
) -> BeamSearch:
    """A search over `num_prompts` at once.

    `make_runner` takes the number of blocks, their size, the tokens of all contiguous copies, and
    those of the shortest copy, as `OnnxRunner` does. A longer prompt is computed too, more slowly.
    """
    num_blocks = num_prompts * BLOCKS_PER_PROMPT
    lane_tokens = max((num_prompts * width + NUM_STARTING) * ROW_TOKENS, 2 * num_blocks * BLOCK_SIZE)
    runner = make_runner(num_blocks, BLOCK_SIZE, lane_tokens, ROW_TOKENS)
    hypotheses = PagedHypotheses(runner, num_blocks, BLOCK_SIZE, width)
    return BeamSearch(hypotheses, vocabulary, width=width, max_num_prompts=num_prompts)


def make_tree_search(decoder: OnnxDecoder, vocabulary: Vocabulary, width: int, num_prompts: int) -> BeamSearch:
    """A search over `num_prompts` at once by a decoder over trees; a longer prompt is refused."""
    hypotheses = TreeHypotheses(decoder, num_prompts, BLOCKS_PER_PROMPT, width)
    return BeamSearch(hypotheses, vocabulary, width=width, max_num_prompts=num_prompts)
