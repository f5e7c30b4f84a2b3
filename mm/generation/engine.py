"""The engine: requests in, one step of all of them at a time, outputs out.

    engine.add(request)
    while engine.has_requests:
        for output in engine.step():
            ...

`step` schedules tokens, runs the network once, samples a token for each sequence that is complete,
and ends the requests that are done. The engine belongs to one thread.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from functools import cached_property
from itertools import count
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from mm.errors import InvalidInput, NotFound, TooLarge, TooMany
from mm.generation.blocks import BlockManager
from mm.generation.grammar import GrammarCompiler, GrammarError
from mm.generation.metrics import EngineMetrics
from mm.generation.request import MAX_SEED, RequestOutput
from mm.generation.runner import SamplingRunner, build_batch
from mm.generation.sampler import make_row_sampling, sample_tokens, token_logprobs
from mm.generation.scheduler import Scheduler
from mm.generation.sequence import Sequence
from mm.generation.text_stream import TextStream
from mm.models.language.expert_bias import MAX_EXPERT_BIAS

if TYPE_CHECKING:
    from mm.generation.request import FinishReason, Request, TokenLogprobs
    from mm.generation.runner import RowSampling, Runner, StepBatch
    from mm.generation.vocabulary import Vocabulary
    from mm.numerics import Float32


NOT_FINITE = "The logits of the model are not finite, or the grammar allows no token."


@dataclass(frozen=True, slots=True)
class EngineConfig:
    """Sizes of an engine. Raises `InvalidInput` when they do not fit together."""

    num_blocks: int
    block_size: int = 16
    """Token positions in a block. At most `block_size - 1` positions of a sequence are unused."""
    max_model_len: int = 8192
    """Tokens of prompt and output together."""
    max_num_seqs: int = 256
    max_num_batched_tokens: int = 2048
    max_num_waiting: int = 10_000
    expert_bias_shape: tuple[int, int] = (0, 0)
    """MoE layers, and real and null experts of each, of the network."""

    def __post_init__(self) -> None:
        sizes = (self.num_blocks, self.block_size, self.max_model_len, self.max_num_seqs, self.max_num_waiting)
        if min(sizes) < 1:
            raise InvalidInput(f"Every size of the engine must be at least 1: {self}.")
        if self.max_num_batched_tokens < self.max_num_seqs:
            raise InvalidInput(
                f"max_num_batched_tokens is {self.max_num_batched_tokens}; it must be at least max_num_seqs, {self.max_num_seqs}."
            )

    @property
    def max_request_len(self) -> int:
        return min(self.max_model_len, self.num_blocks * self.block_size)


class Engine:
    def __init__(
        self, runner: Runner, vocabulary: Vocabulary, config: EngineConfig, metrics: EngineMetrics | None = None
    ) -> None:
        self.config = config
        self.metrics = metrics or EngineMetrics()
        self._runner = runner
        self._vocabulary = vocabulary
        self._blocks = BlockManager(config.num_blocks, config.block_size)
        self._scheduler = Scheduler(self._blocks, config.max_num_seqs, config.max_num_batched_tokens)
        self._sequences: dict[str, Sequence] = {}
        self._arrivals = count()

    @property
    def has_requests(self) -> bool:
        return bool(self._sequences)

    @property
    def num_unused_slots(self) -> int:
        """Positions of allocated blocks that no token of a running sequence will fill."""
        block_size = self.config.block_size
        return sum(max(0, len(seq.block_table) * block_size - seq.num_tokens) for seq in self._scheduler.running)

    @property
    def num_free_blocks(self) -> int:
        """Blocks that no running sequence uses."""
        return self._blocks.num_free_blocks

    def add(self, request: Request) -> None:
        """Queue a request.

        Raises `InvalidInput` for a token outside of the vocabulary, a used id, and an invalid
        grammar or expert bias, `TooLarge` for a request longer than the model or the cache,
        `TooMany` for a full queue.
        """
        self._check(request)
        params = request.params
        if params.num_beams != 1:
            raise InvalidInput("This engine has no beam search.")
        matcher = self._grammars.compile(params.grammar) if params.grammar is not None else None
        seed = params.seed if params.seed is not None else secrets.randbelow(MAX_SEED)
        stream = TextStream(self._vocabulary, params.stop)
        sequence = Sequence(request, next(self._arrivals), seed, stream, matcher)
        self._sequences[request.request_id] = sequence
        self._scheduler.add(sequence)
        self.metrics.record_arrival(request.request_id)
        self._record_state()

    def cancel(self, request_id: str) -> RequestOutput:
        """End a request now. Its last output has the held text. Raises `NotFound`."""
        if (sequence := self._sequences.get(request_id)) is None:
            raise NotFound(f"No request with the id {request_id} is open: it has ended or was never added.")
        output = self._output(sequence, "abort")
        self._record_state()
        return output

    def step(self) -> list[RequestOutput]:
        """Compute the next tokens. Returns the outputs of the requests that received one.

        An error of the runner is raised and changes nothing: a later call tries the same again.
        """
        chunks = self._scheduler.schedule()
        if not chunks:
            return []
        for sequence in (chunk.sequence for chunk in chunks if not chunk.sequence.num_output_tokens):
            num_cached = sequence.num_cached_tokens or 0
            self.metrics.record_admission(sequence.request.request_id, sequence.num_prompt_tokens, num_cached)
        samples = self._run(build_batch(chunks, self.config.block_size), [chunk.sequence for chunk in chunks if chunk.is_last])
        self._scheduler.register_computed(chunks)
        self.metrics.record_tokens([sample.sequence.request.request_id for sample in samples if sample.token_id >= 0])
        outputs = [self._advance(sample) for sample in samples]
        self._record_state()
        return outputs

    def check_integrity(self) -> None:
        """Assert that the blocks are exactly those of the running sequences. For tests."""
        self._blocks.check(self._scheduler.running)

    def _check(self, request: Request) -> None:
        if request.request_id in self._sequences:
            raise InvalidInput(f"The request id {request.request_id} is in use.")
        if not all(0 <= token_id < len(self._vocabulary) for token_id in request.prompt_token_ids):
            raise InvalidInput(f"The prompt has a token outside of the vocabulary of {len(self._vocabulary)} tokens.")
        bias, shape = request.expert_bias, self.config.expert_bias_shape
        if bias is not None and (bias.shape != shape or not (np.abs(bias) <= MAX_EXPERT_BIAS).all()):
            raise InvalidInput(f"The expert bias must be {shape} numbers from -{MAX_EXPERT_BIAS:g} to {MAX_EXPERT_BIAS:g}.")
        num_prompt, max_tokens, limit = len(request.prompt_token_ids), request.params.max_tokens, self.config.max_request_len
        if num_prompt + max_tokens > limit:
            raise TooLarge(
                f"The prompt has {num_prompt} tokens and max_tokens is {max_tokens}; together they may be at most {limit}."
                " Shorten the prompt or lower max_tokens."
            )
        if self._scheduler.num_waiting >= self.config.max_num_waiting:
            raise TooMany(f"{self.config.max_num_waiting} requests are waiting, the limit of max_num_waiting. Try again later.")

    def _record_state(self) -> None:
        scheduler, usage = self._scheduler, 1 - self._blocks.num_free_blocks / self._blocks.num_blocks
        self.metrics.record_state(len(scheduler.running), scheduler.num_waiting, usage, scheduler.num_preemptions)

    @cached_property
    def _grammars(self) -> GrammarCompiler:
        return GrammarCompiler(self._vocabulary)

    def _run(self, batch: StepBatch, sequences: list[Sequence]) -> list[_Sample]:
        """Compute a step, and sample a token for each of the sequences that are complete."""
        if not isinstance(self._runner, SamplingRunner):
            return _sample(sequences, self._runner.run(batch))
        params = [sequence.request.params for sequence in sequences]
        on_host = [i for i, seq in enumerate(sequences) if seq.matcher is not None or params[i].logprobs is not None]
        tokens, logits = self._runner.run_and_sample(batch, _row_sampling(sequences), np.array(on_host, np.int32))
        samples = list(map(_Sample, sequences, tokens.tolist()))
        for i, sample in zip(on_host, _sample([sequences[i] for i in on_host], logits), strict=True):
            samples[i] = sample
        return samples

    def _advance(self, sample: _Sample) -> RequestOutput:
        """Append the sampled token to its sequence."""
        sequence, token_id, logits_V = sample.sequence, sample.token_id, sample.logits_V
        if token_id < 0:
            return self._output(sequence, "error", error=sample.error)
        params = sequence.request.params
        sequence.token_ids.append(token_id)
        logprobs: tuple[TokenLogprobs, ...] = ()
        if params.logprobs is not None and logits_V is not None:
            logprobs = (token_logprobs(logits_V, token_id, params.logprobs),)
        text = sequence.text_stream.push(token_id)
        try:
            reason = self._finish_reason(sequence, token_id)
        except GrammarError as error:
            return self._output(sequence, "error", text, (token_id,), logprobs, str(error))
        return self._output(sequence, reason, text, (token_id,), logprobs)

    def _finish_reason(self, sequence: Sequence, token_id: int) -> FinishReason | None:
        params, matcher = sequence.request.params, sequence.matcher
        if matcher is not None:
            matcher.accept(token_id)
        is_end = token_id in self._vocabulary.eos_token_ids and not params.ignore_eos
        if is_end or sequence.text_stream.is_stopped or (matcher is not None and matcher.is_complete):
            return "stop"
        return "length" if sequence.num_output_tokens >= params.max_tokens else None

    def _output(
        self,
        sequence: Sequence,
        reason: FinishReason | None,
        text: str = "",
        token_ids: tuple[int, ...] = (),
        logprobs: tuple[TokenLogprobs, ...] = (),
        error: str = "",
    ) -> RequestOutput:
        """What a step adds to a request. With a reason the request ends."""
        request_id = sequence.request.request_id
        if reason is not None:
            del self._sequences[request_id]
            self._scheduler.remove(sequence)
            self.metrics.record_finish(request_id, reason)
            text += sequence.text_stream.finish()
        counts = (sequence.num_prompt_tokens, sequence.num_cached_tokens or 0, sequence.num_output_tokens)
        return RequestOutput(request_id, text, token_ids, logprobs, reason, *counts, error)


class _Sample(NamedTuple):
    """The next token of a sequence, -1 where there is none."""

    sequence: Sequence
    token_id: int
    logits_V: Float32 | None = None
    """None where the runner sampled and no log probabilities are needed."""
    error: str = NOT_FINITE
    """Why there is no token."""


def _row_sampling(sequences: list[Sequence]) -> RowSampling:
    params = [sequence.request.params for sequence in sequences]
    return make_row_sampling(params, [seq.seed for seq in sequences], [seq.num_output_tokens for seq in sequences])


def _sample(sequences: list[Sequence], logits_LV: Float32) -> list[_Sample]:
    """Select a token of each row, within the grammar of its sequence."""
    masked_LV = np.array(logits_LV) if any(sequence.matcher is not None for sequence in sequences) else logits_LV
    grammar_errors: dict[int, str] = {}
    for i, sequence in enumerate(sequences):
        if sequence.matcher is not None:
            try:
                masked_LV[i, ~sequence.matcher.allowed_tokens()] = -np.inf
            except GrammarError as error:
                grammar_errors[i] = str(error)
    tokens = sample_tokens(masked_LV, _row_sampling(sequences)).tolist()
    samples = list(map(_Sample, sequences, tokens, logits_LV))
    for i, text in grammar_errors.items():
        samples[i] = _Sample(sequences[i], -1, None, text)
    return samples
