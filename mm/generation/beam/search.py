"""Beam search: the most probable texts of several prompts at once, with shared prefixes.

Each step keeps, for every prompt, the `width` hypotheses of the highest total log probability; an
ended one keeps its place and its total. The result is the hypothesis of the highest total divided
by length ** `length_penalty` (Wu et al. 2016, arXiv:1609.08144, without its constant 5). A width of
1 is greedy decoding.

Prompts begin and end independently of each other, as in the engine. Their keys and values are in a
`HypothesisCache`: in blocks (`paged`), or in a tree for each prompt (`tree`).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

import numpy as np

from mm.errors import Corrupt, InvalidInput
from mm.generation.beam.hypotheses import BeamCandidate, BeamOutput, Hypothesis, Prompt
from mm.numerics import select_top

if TYPE_CHECKING:
    from mm.generation.beam.cache import HypothesisCache
    from mm.generation.request import Request
    from mm.generation.vocabulary import Vocabulary
    from mm.numerics import Float32, Float64


class BeamSearch:
    """Runs requests over a cache that it alone uses. Belongs to one thread."""

    def __init__(
        self,
        cache: HypothesisCache,
        vocabulary: Vocabulary,
        *,
        width: int = 3,
        max_num_prompts: int = 8,
        length_penalty: float = 1.0,
    ) -> None:
        """At most `max_num_prompts` are computed at once, fewer if the cache is too small.

        Raises `InvalidInput` for sizes below 1.
        """
        if min(width, max_num_prompts) < 1:
            raise InvalidInput("The sizes of a beam search must be at least 1.")
        self._cache = cache
        self._vocabulary = vocabulary
        self._width = width
        self._max_num_prompts = max_num_prompts
        self._length_penalty = length_penalty
        self._running: list[Prompt] = []
        self._waiting: deque[Prompt] = deque()

    def generate(self, requests: Iterable[Request]) -> Iterator[BeamOutput]:
        """The outputs of requests, in the order in which they end.

        A request is taken when there is room for it. Raises what `add` and `step` raise; the other
        requests in progress are then lost.
        """
        remaining = iter(requests)
        try:
            while True:
                self._admit()
                while not self._waiting and len(self._running) < self._max_num_prompts:
                    if (request := next(remaining, None)) is None:
                        break
                    self.add(request)
                    self._admit()
                if not self._running:
                    return
                yield from self.step()
        finally:  # also when the caller takes no further output
            self.clear()

    @property
    def requests(self) -> list[Request]:
        """Those in progress, then those that wait."""
        return [prompt.request for prompt in (*self._running, *self._waiting)]

    @property
    def num_running(self) -> int:
        """Requests in progress."""
        return len(self._running)

    def add(self, request: Request) -> None:
        """Queue a request, of whose sampling parameters only `max_tokens` is used.

        Raises `TooLarge` for a request that does not fit in the cache, `InvalidInput` for one that
        it does not compute.
        """
        self._cache.check(request)
        self._waiting.append(Prompt(request, self._vocabulary))

    def remove(self, request_id: str) -> Request | None:
        """End a request without output. None if there is no such request."""
        for prompts in (self._running, self._waiting):
            for prompt in prompts:
                if prompt.request.request_id == request_id:
                    prompts.remove(prompt)
                    if prompts is self._running:
                        self._release(prompt)
                    return prompt.request
        return None

    def clear(self) -> None:
        """End all requests without output."""
        for prompt in self._running:
            self._release(prompt)
        self._running.clear()
        self._waiting.clear()

    def step(self) -> list[BeamOutput]:
        """Extend the hypotheses of the requests in progress by a token; outputs of those that end.

        Raises `Corrupt` when the network computes no numbers.
        """
        self._admit()
        if not self._running:
            return []
        self._compute(self._running)
        ended = [prompt for prompt in self._running if prompt.is_done]
        for prompt in ended:
            self._running.remove(prompt)
            self._release(prompt)
        return [self._sort_candidates(prompt) for prompt in ended]

    def _admit(self) -> None:
        """Take the first requests that wait, as many as there is room for."""
        while self._waiting and len(self._running) < self._max_num_prompts and self._try_admit(self._waiting[0], self._running):
            self._running.append(self._waiting.popleft())

    def _try_admit(self, prompt: Prompt, prompts: list[Prompt]) -> bool:
        """Take a prompt, unless its hypotheses might lack room later."""
        (sequence,) = [hypothesis.sequence for hypothesis in prompt.hypotheses]
        return sequence is not None and self._cache.try_start(sequence, [other.request for other in prompts])

    def _compute(self, prompts: list[Prompt]) -> None:
        """Compute all hypotheses that have not ended, and extend them by a token."""
        logits_BV = self._cache.compute([h.sequence for prompt in prompts for h in prompt.hypotheses if h.sequence is not None])
        row = 0
        for prompt in prompts:
            num_rows = sum(hypothesis.sequence is not None for hypothesis in prompt.hypotheses)
            self._extend(prompt, logits_BV[row : row + num_rows])
            row += num_rows

    def _extend(self, prompt: Prompt, logits_BV: Float32) -> None:
        """Replace the hypotheses by their best continuations."""
        parents, eos_token_ids = prompt.hypotheses, self._vocabulary.eos_token_ids
        selected = _select(parents, logits_BV, self._width)
        last_use = {index: place for place, (_, index, token) in enumerate(selected) if token not in (None, *eos_token_ids)}
        for index, parent in enumerate(parents):
            if parent.sequence is not None and index not in last_use:
                self._cache.drop(parent.sequence)
        hypotheses: list[Hypothesis] = []
        for place, (total, index, token) in enumerate(selected):
            parent = parents[index]
            if token is None or parent.sequence is None:
                hypotheses.append(parent)
            elif token in eos_token_ids:
                hypotheses.append(Hypothesis(parent.token_ids, total, parent.length + 1, None))
            else:
                token_ids = (*parent.token_ids, token)
                if place == last_use[index]:  # after the branches, which share what is computed
                    sequence = parent.sequence
                    sequence.token_ids.append(token)
                    self._cache.extend(sequence)
                else:
                    sequence = prompt.start_sequence(token_ids)
                    self._cache.branch(parent.sequence, sequence)
                hypotheses.append(Hypothesis(token_ids, total, parent.length + 1, sequence))
        prompt.hypotheses = hypotheses

    def _release(self, prompt: Prompt) -> None:
        """End a prompt in progress."""
        for hypothesis in prompt.hypotheses:
            if hypothesis.sequence is not None:
                self._cache.drop(hypothesis.sequence)
        self._cache.end(prompt.request)

    def _sort_candidates(self, prompt: Prompt) -> BeamOutput:
        """The hypotheses of a prompt; of equal scores, the earlier first."""
        hypotheses = sorted(
            prompt.hypotheses, key=lambda hypothesis: hypothesis.logprob / hypothesis.length**self._length_penalty, reverse=True
        )
        candidates = tuple(BeamCandidate(h.token_ids, h.logprob, h.length, h.sequence is None) for h in hypotheses)
        return BeamOutput(prompt.request.request_id, candidates)


def _select(parents: list[Hypothesis], logits_BV: Float32, width: int) -> list[tuple[float, int, int | None]]:
    """The best continuations: total, index of the hypothesis, token; None for one that has ended.

    Of equal totals, the one of the earlier hypothesis and of the smaller token comes first.
    """
    candidates: list[tuple[float, int, int | None]] = []
    rows = zip(logits_BV, _log_normalizers(logits_BV).tolist(), strict=True)
    for index, parent in enumerate(parents):
        if parent.sequence is None:
            candidates.append((parent.logprob, index, None))
        else:
            logits_V, normalizer = next(rows)
            tokens = select_top(logits_V, width)
            candidates += [(parent.logprob + float(logits_V[token]) - normalizer, index, token) for token in tokens]
    candidates.sort(key=lambda candidate: (-candidate[0], candidate[1], candidate[2] or 0))
    return candidates[:width]


def _log_normalizers(logits_BV: Float32) -> Float64:
    """The logarithm (B,) of the sum of the exponentials of each row, to about 1e-7.

    Raises `Corrupt` for a row whose maximum is not a number.
    """
    highest_B = logits_BV.max(axis=1, initial=-np.inf)
    if not np.isfinite(highest_B).all():
        raise Corrupt("The logits of the language model are not finite.")
    exponentials_BV = np.subtract(logits_BV, highest_B[:, None])
    np.exp(exponentials_BV, out=exponentials_BV)
    normalizers_B: Float64 = highest_B + np.log(exponentials_BV.sum(axis=1, dtype=np.float64))
    return normalizers_B
