"""Keys and values of hypotheses as one tree for each prompt, computed by a decoder over trees.

Hypotheses that branch off copy nothing, and attention reads the keys and values of the prompt once
for all of them. Places of hypotheses that are dropped stay in the row, unseen, until the prompt
ends: a row has room for all tokens that a search of its width can compute.
"""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING

import numpy as np

from mm.errors import InvalidInput, TooLarge
from mm.models.language.graph.session import allocate_cache

if TYPE_CHECKING:
    from collections.abc import Sequence as Sequences

    from mm.generation.request import Request
    from mm.generation.sequence import Sequence
    from mm.models.language.graph.session import BoundTreeDecoder, OnnxDecoder
    from mm.numerics import Float32


class TreeHypotheses:
    """Implements `HypothesisCache`. The block table of a sequence has the places of its tokens.

    The text before the first media of a prompt is computed once for all prompts in a row that
    begin with it.
    """

    def __init__(self, decoder: OnnxDecoder, num_rows: int, row_tokens: int, width: int) -> None:
        """Up to `num_rows` prompts at once; a row holds `row_tokens`. `decoder` is over trees.

        Raises `InvalidInput` for rows that are longer than the model has positions.
        """
        self._decoder, self._row_tokens, self._width = decoder, row_tokens, width
        self._memory = allocate_cache(decoder.config, num_rows, row_tokens)
        self._rows: list[str] = []  # ids of the requests in progress
        self._num_rows = num_rows
        self._lengths: dict[str, int] = {}  # tokens in the row of a request
        self._bound: dict[tuple[int, int], BoundTreeDecoder] = {}
        self._beginning: tuple[tuple[int, ...], bytes] = (), b""
        self._beginning_memory: Float32 = self._memory[:, :, :1, :, :0]

    def check(self, request: Request) -> None:
        num_prompt = len(request.prompt_token_ids)
        needed = num_prompt + self._width * (request.params.max_tokens - 1)
        if needed > self._row_tokens:
            raise TooLarge(f"The request needs {needed} places for its hypotheses; a row of the cache has {self._row_tokens}.")
        if request.expert_bias is not None:
            raise InvalidInput("A search over trees takes no expert bias.")

    def try_start(self, sequence: Sequence, running: Sequences[Request]) -> bool:
        if len(self._rows) == self._num_rows:
            return False
        self._rows.append(sequence.request.request_id)
        self._lengths[sequence.request.request_id] = 0
        return True

    def compute(self, sequences: Sequences[Sequence]) -> Float32:
        """Prompts one by one, and the next tokens of all others in one call."""
        logits_BV = np.empty((len(sequences), self._decoder.config.vocab_size), np.float32)
        for place, sequence in enumerate(sequences):
            if not sequence.block_table:
                logits_BV[place] = self._start(sequence)
        places = [place for place, sequence in enumerate(sequences) if sequence.num_uncomputed_tokens]
        if places:
            # In the order of the rows; those of a request stay in their order.
            places.sort(key=lambda place: self._rows.index(sequences[place].request.request_id))
            logits_BV[places] = self._append([sequences[place] for place in places])
        return logits_BV

    def extend(self, sequence: Sequence) -> None:
        pass

    def branch(self, parent: Sequence, sequence: Sequence) -> None:
        sequence.block_table = parent.block_table[: sequence.num_tokens - 1]
        sequence.num_computed_tokens = len(sequence.block_table)

    def drop(self, sequence: Sequence) -> None:
        pass

    def end(self, request: Request) -> None:
        """The last row takes the place of the one that ends."""
        row, length = self._rows.index(request.request_id), self._lengths.pop(request.request_id)
        last = self._rows.pop()
        if row < len(self._rows):
            length = self._lengths[last]
            self._memory[:, :, row, :, :length] = self._memory[:, :, len(self._rows), :, :length]
            self._rows[row] = last

    def _start(self, sequence: Sequence) -> Float32:
        """Compute a prompt; the logits (V,) after it."""
        request, config = sequence.request, self._decoder.config
        row, tokens = self._rows.index(request.request_id), np.array(sequence.token_ids)
        num_text = min([span.start for span in request.media] or [len(tokens)])
        beginning = tuple(request.prompt_token_ids[: min(num_text, len(tokens) - 1)]), request.cache_salt
        first = len(beginning[0]) if beginning == self._beginning else 0
        self._memory[:, :, row, :, :first] = self._beginning_memory[:, :, 0, :, :first]
        embeddings_TD = self._decoder.embed(tokens[None])[0]
        for span in request.media:
            embeddings_TD[span.start : span.end] = span.embeddings
        positions = np.arange(first, len(tokens))
        is_seen_TL = positions[:, None] >= np.arange(len(tokens))
        count, start = np.array([len(positions)]), np.array([first])
        logits = self._bind(row, 1).forward(embeddings_TD[first:], count, start, positions, is_seen_TL, count - 1)
        if beginning != self._beginning and beginning[0]:
            self._beginning = beginning
            self._beginning_memory = self._memory[:, :, row : row + 1, :, : len(beginning[0])].copy()
        sequence.block_table = list(range(len(tokens)))
        sequence.num_computed_tokens = self._lengths[request.request_id] = len(tokens)
        return logits.reshape(config.vocab_size)

    def _append(self, sequences: Sequences[Sequence]) -> Float32:
        """Compute one token of each sequence; they are in the order of the rows."""
        counts = dict.fromkeys(self._rows, 0)
        for request_id, members in groupby(sequences, key=lambda sequence: sequence.request.request_id):
            for sequence in members:
                sequence.block_table.append(self._lengths[request_id] + counts[request_id])
                counts[request_id] += 1
        lengths_P = np.array([self._lengths[request_id] for request_id in self._rows])
        counts_P = np.array([counts[request_id] for request_id in self._rows])
        is_seen_TL = np.zeros((len(sequences), int(lengths_P.max() + counts_P.max())), np.bool_)
        for seen_L, sequence in zip(is_seen_TL, sequences, strict=True):
            seen_L[sequence.block_table] = True
        positions_T = np.array([sequence.num_computed_tokens for sequence in sequences])
        embeddings_TD = self._decoder.embed(np.array([[sequence.token_ids[-1] for sequence in sequences]]))[0]
        rows = self._bind(0, len(self._rows))
        logits = rows.forward(embeddings_TD, counts_P, lengths_P, positions_T, is_seen_TL, np.arange(len(sequences)))
        for sequence in sequences:
            sequence.num_computed_tokens += 1
        for request_id, count in counts.items():
            self._lengths[request_id] += count
        return logits

    def _bind(self, first: int, count: int) -> BoundTreeDecoder:
        """The decoder over some rows."""
        if (first, count) not in self._bound:
            self._bound[first, count] = self._decoder.bind_rows(self._memory[:, :, first : first + count])
        return self._bound[first, count]
