"""A generation request, its parameters and its outputs. The names are those of vLLM."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Literal, NamedTuple

import numpy as np

from mm.errors import InvalidInput
from mm.generation.grammar import Grammar
from mm.numerics import Float32

FinishReason = Literal["stop", "length", "abort", "error"]
"""`stop`: end token, stop string or completed grammar. `length`: `max_tokens`. `abort`: cancelled.
`error`: the logits of the request were not numbers, or its grammar exceeded a resource limit."""

MAX_LOGPROBS = 20
MAX_STOP_STRINGS = 16
MAX_STOP_CHARS = 1000
"""Length of a stop string: each token compares them with the end of the text."""
MAX_SEED = 2**63


@dataclass(frozen=True, slots=True)
class SamplingParams:
    """Parameters of the sampling of one request. Raises `InvalidInput` for values out of range."""

    max_tokens: int = 256
    temperature: float = 1.0
    """0 selects the token of the highest logit; of equal ones, the one with the smallest id."""
    top_p: float = 1.0
    top_k: int = 0
    """0 keeps all tokens."""
    seed: int | None = None
    """None draws a new seed, so that repeated requests differ."""
    stop: tuple[str, ...] = ()
    """The text ends before the first of these strings."""
    logprobs: int | None = None
    """Number of alternatives to report with each token; None reports no log probabilities."""
    grammar: Grammar | None = None
    ignore_eos: bool = False
    """Generate `max_tokens` tokens; an end token does not end the text. Not with a grammar."""
    num_beams: int = 1
    """Above 1, beam search in place of sampling, by an engine that has it."""

    def __post_init__(self) -> None:
        if self.max_tokens < 1:
            raise InvalidInput(f"max_tokens is {self.max_tokens}; it must be at least 1.")
        if not (math.isfinite(self.temperature) and self.temperature >= 0):
            raise InvalidInput(f"temperature is {self.temperature}; it must be a number of at least 0.")
        if not 0 < self.top_p <= 1:
            raise InvalidInput(f"top_p is {self.top_p}; it must be above 0 and at most 1.")
        if self.top_k < 0:
            raise InvalidInput(f"top_k is {self.top_k}; it must be at least 0, where 0 keeps all tokens.")
        if self.seed is not None and not 0 <= self.seed < MAX_SEED:
            raise InvalidInput(f"seed is {self.seed}; it must be from 0 to {MAX_SEED - 1}.")
        if len(self.stop) > MAX_STOP_STRINGS or not all(0 < len(string) <= MAX_STOP_CHARS for string in self.stop):
            raise InvalidInput(f"stop must be at most {MAX_STOP_STRINGS} strings of 1 to {MAX_STOP_CHARS} characters.")
        if self.logprobs is not None and not 0 <= self.logprobs <= MAX_LOGPROBS:
            raise InvalidInput(f"logprobs is {self.logprobs}; it must be from 0 to {MAX_LOGPROBS}.")
        if self.ignore_eos and self.grammar is not None:
            raise InvalidInput("ignore_eos cannot be combined with a grammar, which ends with the end token.")


@dataclass(frozen=True, slots=True, eq=False)
class MediaSpan:
    """Embeddings that replace the token embeddings at `start`, ..., `start + len(embeddings) - 1`.

    The token ids at these positions are placeholders. `digest` identifies the content: spans with
    equal digests share blocks of the key-value cache. The default is a digest of the embeddings.
    """

    start: int
    embeddings: Float32
    """(length, hidden_size)"""
    digest: bytes = b""

    def __post_init__(self) -> None:
        if self.start < 0 or self.embeddings.ndim != 2 or not len(self.embeddings):
            raise InvalidInput(f"Media of shape {self.embeddings.shape} cannot be placed at position {self.start}.")
        if not self.digest:
            content = np.ascontiguousarray(self.embeddings)
            object.__setattr__(self, "digest", blake2b(content.tobytes(), digest_size=16).digest())

    @property
    def end(self) -> int:
        return self.start + len(self.embeddings)


@dataclass(frozen=True, slots=True, eq=False)
class Request:
    """A prompt and how to continue it. Raises `InvalidInput` when the media do not fit in it."""

    request_id: str
    prompt_token_ids: tuple[int, ...]
    params: SamplingParams = field(default_factory=SamplingParams)
    media: tuple[MediaSpan, ...] = ()
    """In the order of their positions, without overlap."""
    key: str = ""
    """The API key that is served fairly beside the other keys."""
    cache_salt: bytes = b""
    """Requests share cached prefixes only with requests of the same salt and expert bias."""
    expert_bias: Float32 | None = None
    """(MoE layers, real and null experts): added to the bias of the routers."""

    def __post_init__(self) -> None:
        if not self.prompt_token_ids:
            raise InvalidInput("The prompt is empty.")
        ends = [0, *(span.end for span in self.media)]
        starts = [*(span.start for span in self.media), len(self.prompt_token_ids)]
        if any(start < end for end, start in zip(ends, starts, strict=True)):
            raise InvalidInput("The media of a prompt must be in order, without overlap, and end within the prompt.")


@dataclass(frozen=True, slots=True)
class TokenLogprobs:
    """Natural log probabilities under the model, before temperature, truncation and grammar."""

    token_id: int
    logprob: float
    top: tuple[tuple[int, float], ...]
    """(token id, logprob) of the most probable tokens, in descending order."""


class Candidate(NamedTuple):
    """One of the last texts of a beam search, and the mean log probability of its tokens."""

    text: str
    mean_logprob: float


class RequestOutput(NamedTuple):
    """What one step added to a request. Joined, the `text` of all outputs is the generated text.

    A tuple, because it is made for each token and sent to another process.
    """

    request_id: str
    text: str
    token_ids: tuple[int, ...]
    logprobs: tuple[TokenLogprobs, ...]
    finish_reason: FinishReason | None
    num_prompt_tokens: int
    num_cached_tokens: int
    """Prompt tokens whose keys and values were in the cache when the request was first admitted."""
    num_output_tokens: int
    """So far, this output included."""
    error: str = ""
    """The cause, when `finish_reason` is `error`."""
    candidates: tuple[Candidate, ...] = ()
    """Of beam search, best first, in its only output."""
