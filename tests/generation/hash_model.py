"""A language model of hashes, whose logits depend on every token, embedding and position before.

Its key-value cache is real: the value of a position depends on that of the position before, read
through the block table, and the logits on all of them. A wrong block, a missing or an outdated
value changes the text. `logits_of` computes the same function without a cache.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from hashlib import blake2b

import numpy as np

from mm.generation import MediaSpan, Request, StepBatch, Vocabulary
from mm.generation.sampler import make_row_sampling, sample_tokens
from mm.generation.text_stream import find_stop
from mm.numerics import Float32

MASK = 2**64 - 1


def mix(value: int) -> int:
    value = ((value ^ (value >> 30)) * 0xBF58476D1CE4E5B9) & MASK
    value = ((value ^ (value >> 27)) * 0x94D049BB133111EB) & MASK
    return value ^ (value >> 31)


def input_hash(token_id: int, embedding: Float32 | None) -> int:
    return mix(token_id + 1 if embedding is None else int.from_bytes(blake2b(embedding.tobytes(), digest_size=8).digest()))


def next_state(previous: int, value: int, position: int) -> int:
    return mix(previous ^ value ^ mix(position + 1_000_003))


def logits_from(total: int, vocabulary_size: int) -> Float32:
    """Standard normal logits, of the sum of all states."""
    rng = np.random.Generator(np.random.Philox(key=mix(total & MASK)))
    return (2 * rng.standard_normal(vocabulary_size)).astype(np.float32)


class HashRunner:
    """`calls` records the number of tokens and sequences of each step, `limits` are the largest."""

    def __init__(self, vocabulary_size: int, num_blocks: int, block_size: int) -> None:
        self.cache = [0] * (num_blocks * block_size)
        self.calls: list[tuple[int, int]] = []
        self.limits: tuple[int, int] | None = None
        self._vocabulary_size, self._block_size = vocabulary_size, block_size
        self.before_run: Callable[[], None] = lambda: None

    def run(self, batch: StepBatch) -> Float32:
        self.before_run()
        self.calls.append((len(batch.token_ids_T), len(batch.context_lens_S)))
        assert self.limits is None or all(n <= limit for n, limit in zip(self.calls[-1], self.limits, strict=True))
        media = batch.media_embeddings_MD
        row_of = {int(row): i for i, row in enumerate(batch.media_rows_M)}
        logits = []
        for s, (first, last) in enumerate(zip(batch.query_starts_S1[:-1], batch.query_starts_S1[1:], strict=True)):
            assert first < last
            for t in range(first, last):
                position = int(batch.positions_T[t])
                embedding = media[row_of[t]] if media is not None and t in row_of else None
                previous = self.cache[self._slot(batch, s, position - 1)] if position else 0
                assert batch.slots_T[t] == self._slot(batch, s, position)
                value = input_hash(int(batch.token_ids_T[t]), embedding)
                self.cache[batch.slots_T[t]] = next_state(previous, value, position)
            if last - 1 in batch.logits_rows_L:
                total = sum(self.cache[self._slot(batch, s, p)] for p in range(batch.context_lens_S[s]))
                logits.append(logits_from(total, self._vocabulary_size))
        return np.stack(logits) if logits else np.zeros((0, self._vocabulary_size), np.float32)

    def _slot(self, batch: StepBatch, s: int, position: int) -> int:
        block = int(batch.block_tables_SN[s, position // self._block_size])
        assert block >= 0
        return block * self._block_size + position % self._block_size


def logits_of(token_ids: Sequence[int], media: Sequence[MediaSpan], vocabulary_size: int) -> Float32:
    state = total = 0
    for position, token_id in enumerate(token_ids):
        spans = [span for span in media if span.start <= position < span.end]
        embedding = spans[0].embeddings[position - spans[0].start] if spans else None
        state = next_state(state, input_hash(token_id, embedding), position)
        total += state
    return logits_from(total, vocabulary_size)


def generate_alone(request: Request, vocabulary: Vocabulary) -> tuple[list[int], str, str]:
    """Tokens, text and finish reason of a seeded request, without engine, cache or batch."""
    params, tokens = request.params, list(request.prompt_token_ids)
    output: list[int] = []
    while True:
        logits = logits_of(tokens, request.media, len(vocabulary))
        (token,) = sample_tokens(logits[None], make_row_sampling([params], [params.seed or 0], [len(output)])).tolist()
        tokens.append(token)
        output.append(token)
        is_end = token in vocabulary.eos_token_ids and not params.ignore_eos
        is_done = is_end or len(output) == params.max_tokens
        data = b"".join(vocabulary.text_bytes(i) for i in output)
        text = data.decode(errors="replace")
        certain = text if is_done else text.rstrip("\ufffd")  # may be the begin of a character
        if (stop := find_stop(certain, params.stop)) is not None:
            return output, text[:stop], "stop"
        if is_done:
            return output, text, "stop" if is_end else "length"


TEXT = [b"a", b"b", b"c", b" ", b"ab", b"bc", b"ca ", b"\xc3", b"\xa9", b"\xe2\x82", b"\xac", b"\xf0\x9f", b"\x98\x80", b"ba"]
SMALL = Vocabulary((*TEXT, b"<end>"), eos_token_ids=(len(TEXT),))
"""Few tokens, so that stop strings, repeats and parts of characters are frequent."""
