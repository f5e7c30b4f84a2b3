"""The state of one request inside the engine."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mm.generation.grammar import GrammarMatcher
    from mm.generation.request import Request
    from mm.generation.text_stream import TextStream


class Sequence:
    """Tokens of a request and where their keys and values are.

    Invariant while it runs: `0 <= num_computed_tokens < num_tokens`, and the block table covers
    at least the computed tokens. A waiting sequence has no blocks and no computed tokens.
    """

    def __init__(
        self, request: Request, arrival: int, seed: int, text_stream: TextStream, matcher: GrammarMatcher | None
    ) -> None:
        self.request = request
        self.arrival = arrival
        """Requests are numbered in the order in which they arrive."""
        self.seed = seed
        self.text_stream = text_stream
        self.matcher = matcher
        self.token_ids = list(request.prompt_token_ids)
        self.num_prompt_tokens = len(self.token_ids)
        self.num_computed_tokens = 0
        """Tokens whose keys and values are in the cache."""
        self.num_cached_tokens: int | None = None
        """Of the prompt, computed by others before the first admission; None before it."""
        self.block_table: list[int] = []
        self.block_digests: list[bytes] = []
        """Of the full blocks, as far as they were needed. A preemption does not change them."""
        self.num_registered_blocks = 0

    @property
    def num_tokens(self) -> int:
        return len(self.token_ids)

    @property
    def num_output_tokens(self) -> int:
        return len(self.token_ids) - self.num_prompt_tokens

    @property
    def num_uncomputed_tokens(self) -> int:
        return len(self.token_ids) - self.num_computed_tokens
