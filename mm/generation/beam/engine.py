"""An engine that also runs requests with beams, beside those that it samples."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mm.errors import Corrupt, InvalidInput, NotFound, TooMany
from mm.generation.engine import Engine
from mm.generation.request import Candidate, RequestOutput, SamplingParams

if TYPE_CHECKING:
    from collections.abc import Callable

    from mm.generation.beam.hypotheses import BeamCandidate, BeamOutput
    from mm.generation.beam.search import BeamSearch
    from mm.generation.engine import EngineConfig
    from mm.generation.metrics import EngineMetrics
    from mm.generation.request import FinishReason, Request
    from mm.generation.runner import Runner
    from mm.generation.vocabulary import Vocabulary


class BeamEngine(Engine):
    """A request with `num_beams` above 1 has one output, its last, with all candidates.

    Each step extends the sampled requests and then the hypotheses of the others by a token, so that
    neither waits for the other. The search has a cache of its own, made at the first such request.
    """

    def __init__(
        self,
        runner: Runner,
        vocabulary: Vocabulary,
        config: EngineConfig,
        num_beams: int,
        make_search: Callable[[], BeamSearch],
        metrics: EngineMetrics | None = None,
    ) -> None:
        """`make_search` makes a search of the width `num_beams`, on a runner of its own."""
        super().__init__(runner, vocabulary, config, metrics)
        self._num_beams = num_beams
        self._make_search = make_search
        self._search: BeamSearch | None = None
        self._searched: dict[str, Request] = {}

    @property
    def has_requests(self) -> bool:
        return bool(self._searched) or super().has_requests

    def add(self, request: Request) -> None:
        """Queue a request. Raises as `Engine.add`; `InvalidInput` for another number of beams."""
        if request.request_id in self._searched:
            raise InvalidInput(f"The request id {request.request_id} is in use.")
        if request.params.num_beams == 1:
            super().add(request)
            return
        self._check(request)
        if request.params != SamplingParams(request.params.max_tokens, temperature=0.0, num_beams=self._num_beams):
            raise InvalidInput(f"A beam search has {self._num_beams} beams, temperature 0, and only max_tokens besides.")
        if len(self._searched) >= self.config.max_num_waiting:
            raise TooMany(f"{self.config.max_num_waiting} requests are waiting, the limit of max_num_waiting. Try again later.")
        if self._search is None:
            self._search = self._make_search()
        self._search.add(request)
        self._searched[request.request_id] = request
        self.metrics.record_arrival(request.request_id)

    def cancel(self, request_id: str) -> RequestOutput:
        """As `Engine.cancel`."""
        if request_id not in self._searched:
            return super().cancel(request_id)
        if self._search is None or self._search.remove(request_id) is None:
            raise NotFound(f"No request with the id {request_id} is open: it has ended or was never added.")
        return self._finish(request_id, "abort")

    def step(self) -> list[RequestOutput]:
        """As `Engine.step`. Logits that are not numbers end all requests with beams."""
        outputs = super().step() if super().has_requests else []
        if self._search is None or not self._searched:
            return outputs
        try:
            ended = self._search.step()
        except Corrupt as error:
            self._search.clear()
            return outputs + [self._finish(request_id, "error", error=str(error)) for request_id in [*self._searched]]
        for request in self._search.requests[: self._search.num_running]:
            self.metrics.record_admission(request.request_id, len(request.prompt_token_ids), 0)
        return outputs + [self._complete(output) for output in ended]

    def _complete(self, output: BeamOutput) -> RequestOutput:
        reason: FinishReason = "stop" if output.best.is_complete else "length"
        candidates = tuple(Candidate(self._decode(candidate), candidate.mean_logprob) for candidate in output.candidates)
        return self._finish(output.request_id, reason, output.best, candidates)

    def _decode(self, candidate: BeamCandidate) -> str:
        return b"".join(map(self._vocabulary.text_bytes, candidate.token_ids)).decode("utf-8", "replace")

    def _finish(
        self,
        request_id: str,
        reason: FinishReason,
        best: BeamCandidate | None = None,
        candidates: tuple[Candidate, ...] = (),
        error: str = "",
    ) -> RequestOutput:
        """The last output of a request with beams."""
        num_prompt = len(self._searched.pop(request_id).prompt_token_ids)
        self.metrics.record_finish(request_id, reason)
        token_ids = () if best is None else best.token_ids
        text = candidates[0].text if candidates else ""
        return RequestOutput(request_id, text, token_ids, (), reason, num_prompt, 0, len(token_ids), error, candidates)
