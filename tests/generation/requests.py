"""Strategies for requests, and a loop that serves them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from hypothesis import strategies as st

from mm.generation import Engine, EngineConfig, MediaSpan, Request, RequestOutput, SamplingParams
from tests.generation.hash_model import SMALL, HashRunner

NUM_TOKENS = len(SMALL)
MEDIA = [np.random.default_rng(i).standard_normal((length, 2)).astype(np.float32) for i, length in enumerate([1, 3, 5, 5])]


@st.composite
def sampling_params(draw: st.DrawFn, max_tokens: int = 12) -> SamplingParams:
    return SamplingParams(
        max_tokens=draw(st.integers(1, max_tokens)),
        temperature=draw(st.sampled_from([0.0, 0.7, 1.5])),
        top_p=draw(st.sampled_from([1.0, 0.8, 0.3])),
        top_k=draw(st.sampled_from([0, 1, 4])),
        seed=draw(st.integers(0, 2**63 - 1)),
        stop=tuple(draw(st.lists(st.sampled_from(["ab", "abc", "c a", "é", "€b", "😀"]), max_size=2))),
        ignore_eos=draw(st.booleans()),
    )


@st.composite
def prompts(draw: st.DrawFn, max_len: int = 20) -> tuple[tuple[int, ...], tuple[MediaSpan, ...]]:
    """Prompts of a few common prefixes, so that blocks are shared, some with media in front."""
    media: tuple[MediaSpan, ...] = ()
    tokens: list[int] = []
    if draw(st.booleans()):
        embeddings, start = draw(st.sampled_from(MEDIA)), draw(st.integers(0, 2))
        media = (MediaSpan(start, embeddings),)
        tokens = [0] * (start + len(embeddings))
    tokens += [draw(st.integers(1, 2))] * draw(st.integers(1, max_len - len(tokens)))
    tokens += draw(st.lists(st.integers(0, NUM_TOKENS - 2), max_size=max_len - len(tokens)))
    return tuple(tokens), media


@st.composite
def requests(draw: st.DrawFn, request_id: str = "request") -> Request:
    tokens, media = draw(prompts())
    return Request(request_id, tokens, draw(sampling_params()), media, draw(st.sampled_from(["a", "b"])))


@st.composite
def request_lists(draw: st.DrawFn, max_size: int = 6) -> list[Request]:
    return [
        replace(request, request_id=str(i)) for i, request in enumerate(draw(st.lists(requests(), min_size=1, max_size=max_size)))
    ]


@st.composite
def engines(draw: st.DrawFn) -> Engine:
    """Engines with little room: from one request of 32 tokens, so that preemption is frequent."""
    block_size = draw(st.integers(1, 5))
    max_num_seqs = draw(st.integers(1, 4))
    config = EngineConfig(
        num_blocks=-(-32 // block_size) + draw(st.integers(0, 12)),
        block_size=block_size,
        max_num_seqs=max_num_seqs,
        max_num_batched_tokens=draw(st.integers(max_num_seqs, 24)),
    )
    return make_engine(config)


def make_engine(config: EngineConfig) -> Engine:
    runner = HashRunner(NUM_TOKENS, config.num_blocks, config.block_size)
    runner.limits = (config.max_num_batched_tokens, config.max_num_seqs)
    return Engine(runner, SMALL, config)


def generate(engine: Engine, requests: list[Request]) -> dict[str, list[RequestOutput]]:
    """Add all requests, and step until they end. Checks the blocks after each step."""
    for request in requests:
        engine.add(request)
    outputs: dict[str, list[RequestOutput]] = {request.request_id: [] for request in requests}
    while engine.has_requests:
        for output in engine.step():
            outputs[output.request_id].append(output)
        engine.check_integrity()
    return outputs


def joined(outputs: list[RequestOutput]) -> tuple[list[int], str, str | None]:
    """Tokens, text and finish reason of the outputs of a request."""
    tokens = [token for output in outputs for token in output.token_ids]
    return tokens, "".join(output.text for output in outputs), outputs[-1].finish_reason
