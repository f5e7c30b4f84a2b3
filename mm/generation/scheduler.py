"""Which tokens the next step computes: continuous batching with chunked prefill.

Each step computes at most `max_num_batched_tokens` tokens. The sequences that generate come first,
one token each, so that a long prompt does not delay them (Sarathi-Serve, Agrawal et al., OSDI 2024,
arXiv:2403.02310); prompts take the rest, in chunks, in the order of the keys' counters
(`mm.generation.fairness`). A waiting sequence is admitted when free blocks hold all of its tokens.
When a sequence needs a block and none is free, the last one in the order of service is preempted:
its blocks are released, and it waits to be computed again, from the cached prefix where it can.

Every preemption makes room for a token of another sequence or of a prompt in progress, and one
sequence at its maximum length fits in the cache, so that all requests end.
"""

from __future__ import annotations

from collections import Counter, deque
from typing import TYPE_CHECKING, NamedTuple

from mm.generation.fairness import TokenCounters

if TYPE_CHECKING:
    from mm.generation.blocks import BlockManager
    from mm.generation.sequence import Sequence


class Chunk(NamedTuple):
    """The next `num_tokens` tokens of a sequence; `is_last` if no token remains after them.

    A tuple, because a thousand of them are made for each step.
    """

    sequence: Sequence
    num_tokens: int
    is_last: bool


class Scheduler:
    def __init__(self, blocks: BlockManager, max_num_seqs: int, max_num_batched_tokens: int) -> None:
        assert max_num_seqs <= max_num_batched_tokens  # one token for each sequence that generates
        self._blocks = blocks
        self._max_num_seqs = max_num_seqs
        self._max_num_batched_tokens = max_num_batched_tokens
        self._counters = TokenCounters()
        self._waiting: dict[str, deque[Sequence]] = {}  # the keys that have waiting sequences
        self.running: list[Sequence] = []
        self.num_preemptions = 0

    @property
    def num_waiting(self) -> int:
        return sum(map(len, self._waiting.values()))

    def add(self, sequence: Sequence) -> None:
        key = sequence.request.key
        if key not in self._waiting:
            self._counters.join(key, self._waiting.keys())
        self._waiting.setdefault(key, deque()).append(sequence)

    def remove(self, sequence: Sequence) -> None:
        """Remove a sequence that ended or is cancelled."""
        if sequence in self.running:
            self.running.remove(sequence)
            self._blocks.release(sequence)
        else:
            self._dequeue(sequence)

    def schedule(self) -> list[Chunk]:
        """Choose the chunks of the next step and allocate their blocks.

        `register_computed` must follow when the runner has computed them. Without it, the next call
        schedules the same tokens again.
        """
        chunks = self._schedule_decodes()
        return chunks + self._schedule_prefills(self._max_num_batched_tokens - len(chunks))

    def register_computed(self, chunks: list[Chunk]) -> None:
        """The runner has written the keys and values of the chunks."""
        for chunk in chunks:
            self._blocks.register_computed(chunk.sequence, chunk.num_tokens)

    def _schedule_decodes(self) -> list[Chunk]:
        counters = {key: self._counters[key] for key in {sequence.request.key for sequence in self.running}}
        order = sorted(self.running, key=lambda sequence: (counters[sequence.request.key], sequence.arrival))
        num_decodable = 0
        while num_decodable < len(order):
            sequence = order[num_decodable]
            if self._blocks.try_append(sequence):
                num_decodable += 1
            else:  # the last one may be this one
                self._preempt(order.pop())
        chunks = [Chunk(sequence, 1, True) for sequence in order if sequence.num_uncomputed_tokens == 1]
        for key, num_tokens in Counter(chunk.sequence.request.key for chunk in chunks).items():
            self._counters.charge(key, num_tokens)
        return chunks

    def _schedule_prefills(self, budget: int) -> list[Chunk]:
        chunks: list[Chunk] = []
        prefilling: dict[str, deque[Sequence]] = {}
        for sequence in self.running:
            if sequence.num_uncomputed_tokens > 1:
                prefilling.setdefault(sequence.request.key, deque()).append(sequence)
        admissible = set(self._waiting)
        while budget and (keys := admissible | {key for key, queue in prefilling.items() if queue}):
            key = min(keys, key=lambda key: (self._counters[key], key))
            if prefilling.get(key):
                sequence = prefilling[key].popleft()
            elif (candidate := self._first_candidate(key)) is None:
                admissible.discard(key)
                continue
            elif not self._admit(candidate):  # it keeps its place: nothing smaller passes it
                admissible = set()
                continue
            else:
                sequence = candidate
            num_tokens = min(budget, sequence.num_uncomputed_tokens)
            chunks.append(Chunk(sequence, num_tokens, num_tokens == sequence.num_uncomputed_tokens))
            self._counters.charge(key, num_tokens)
            budget -= num_tokens
        return chunks

    def _first_candidate(self, key: str) -> Sequence | None:
        """The first waiting sequence of a key whose prefix no running sequence is computing."""
        queue = self._waiting.get(key, ())
        return next((sequence for sequence in queue if not self._blocks.is_prefix_in_progress(sequence)), None)

    def _admit(self, sequence: Sequence) -> bool:
        reserve = self._blocks.num_blocks // 100 if self.running else 0  # the running ones will grow
        if len(self.running) >= self._max_num_seqs or not self._blocks.try_allocate(sequence, reserve):
            return False
        if sequence.num_cached_tokens is None:
            sequence.num_cached_tokens = sequence.num_computed_tokens
        self._dequeue(sequence)
        self.running.append(sequence)
        return True

    def _dequeue(self, sequence: Sequence) -> None:
        key = sequence.request.key
        self._waiting[key].remove(sequence)
        if not self._waiting[key]:
            del self._waiting[key]
            self._counters.leave(key)

    def _preempt(self, sequence: Sequence) -> None:
        self.running.remove(sequence)
        self._blocks.release(sequence)
        self._waiting.setdefault(sequence.request.key, deque()).appendleft(sequence)
        self.num_preemptions += 1
