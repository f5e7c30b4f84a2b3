"""The paged NumPy network: equal to the network over one sequence."""

from __future__ import annotations

import numpy as np
import pytest

from mm.generation import Engine, EngineConfig, MediaSpan, Request, SamplingParams, Vocabulary
from mm.generation.runners.reference_runner import ReferenceRunner
from mm.models.language.config import LanguageConfig
from mm.models.language.reference.attention import KVCache
from mm.models.language.reference.network import compute_logits, embed_tokens, forward
from tests.generation.requests import generate, joined
from tests.models.language.models import DENSE, MOE, random_weights

SIZES = EngineConfig(num_blocks=24, block_size=4, max_model_len=64, max_num_seqs=4, max_num_batched_tokens=9)


def generate_alone(config: LanguageConfig, weights: dict[str, np.ndarray], request: Request) -> list[int]:
    """Greedy tokens, computed over the whole sequence for each."""
    tokens, num_prompt = list(request.prompt_token_ids), len(request.prompt_token_ids)
    while len(tokens) < num_prompt + request.params.max_tokens:
        embeddings = embed_tokens(config, weights, tokens)
        for span in request.media:
            embeddings[span.start : span.end] = span.embeddings
        hidden = forward(config, weights, embeddings, KVCache.allocate(config, len(tokens))).hidden_LW
        tokens.append(int(compute_logits(weights, hidden[-1:])[0].argmax()))
    return tokens[num_prompt:]


@pytest.mark.parametrize("config", [DENSE, MOE], ids=["dense", "moe"])
def test_reference_runner_generates_what_the_network_alone_does(config: LanguageConfig) -> None:
    random = np.random.default_rng()
    weights = random_weights(config, int(random.integers(1000)))
    vocabulary = Vocabulary(tuple(bytes([i]) for i in range(config.vocab_size)), (config.vocab_size - 1,))
    engine = Engine(ReferenceRunner(config, weights, SIZES.num_blocks, SIZES.block_size), vocabulary, SIZES)
    params = SamplingParams(max_tokens=6, temperature=0.0, ignore_eos=True)
    media = random.standard_normal((5, config.hidden_size)).astype(np.float32)
    prefix = random.integers(0, config.vocab_size, 9).tolist()
    requests = [
        Request(str(i), (*prefix[: int(random.integers(6, 10))], *random.integers(0, config.vocab_size, 1 + i).tolist()), params,
                (MediaSpan(1, media),) if i % 2 else ())
        for i in range(6)
    ]  # fmt: skip
    outputs = generate(engine, requests)
    for request in requests:
        assert joined(outputs[request.request_id])[0] == generate_alone(config, weights, request)
