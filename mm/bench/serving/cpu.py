"""`mm bench serving --device cpu`: captions on a CPU, queued together beside one at a time."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from mm.generation import MediaSpan, Request, SamplingParams
from mm.generation.runners.builtin import make_engine
from mm.models.language.caption_prompt import caption_messages
from mm.models.language.chat_template import encode_chat
from mm.models.language.config import LanguageConfig
from mm.models.language.gguf.reader import read_gguf
from mm.models.language.smollm2 import find_smollm2
from mm.models.language.tokenizer import LanguageTokenizer, read_vocabulary

if TYPE_CHECKING:
    from collections.abc import Iterable

    from mm.generation import Engine
    from mm.models.language.graph.builtin import BuiltinModel

NUM_IMAGE_TOKENS, NUM_OUTPUT_TOKENS = 28, 14
"""Of an image in the prompt, and of a caption."""
MAX_ALONE = 50
"""Captions that are measured one at a time."""
CACHE_BYTES = 512 << 20


@dataclass(frozen=True, slots=True)
class CpuServingReport:
    """One run; the names of the fields are the keys of `--json`."""

    num_captions: int
    num_prompt_tokens: int
    """Of each; the tokens before the image are equal, the image is not."""
    threads: int
    """0 for all cores."""
    queued_per_second: float
    num_alone: int
    alone_per_second: float

    @property
    def ratio(self) -> float:
        return self.queued_per_second / self.alone_per_second

    def lines(self) -> list[str]:
        """The report as a Markdown table."""
        return [
            f"captions of {NUM_OUTPUT_TOKENS} tokens after prompts of {self.num_prompt_tokens}, threads {self.threads or 'all'}",
            "| captions | number | captions/s | tokens/s | times one at a time |",
            "| --- | --- | --- | --- | --- |",
            f"| queued | {self.num_captions} | {self.queued_per_second:.2f} "
            f"| {self.queued_per_second * NUM_OUTPUT_TOKENS:.0f} | {self.ratio:.2f} |",
            f"| one at a time | {self.num_alone} | {self.alone_per_second:.2f} "
            f"| {self.alone_per_second * NUM_OUTPUT_TOKENS:.0f} | 1 |",
        ]


def run(model: BuiltinModel, num_captions: int, threads: int, seed: int = 0) -> CpuServingReport:
    """Caption images of random embeddings with one engine; the shared part of the prompt is cached.

    Raises what `make_engine` raises.
    """
    engine = make_engine(model, threads, CACHE_BYTES)
    tokenizer = LanguageTokenizer(read_vocabulary(read_gguf(find_smollm2())))
    before, after = encode_chat(tokenizer, caption_messages())
    tokens = (*before, *[0] * NUM_IMAGE_TOKENS, *after)
    random = np.random.default_rng(seed)

    def draw_requests(name: str, count: int) -> list[Request]:
        shape = NUM_IMAGE_TOKENS, LanguageConfig().hidden_size
        params = SamplingParams(max_tokens=NUM_OUTPUT_TOKENS, temperature=0.0, ignore_eos=True)
        images = (0.1 * random.standard_normal(shape).astype(np.float32) for _ in range(count))
        return [Request(f"{name} {i}", tokens, params, (MediaSpan(len(before), image),)) for i, image in enumerate(images)]

    num_alone = min(num_captions, MAX_ALONE)
    _serve(engine, [[request] for request in draw_requests("warm-up", 3)])
    alone = _serve(engine, [[request] for request in draw_requests("alone", num_alone)])
    queued = _serve(engine, [draw_requests("queued", num_captions)])
    return CpuServingReport(num_captions, len(tokens), threads, num_captions / queued, num_alone, num_alone / alone)


def _serve(engine: Engine, groups: Iterable[list[Request]]) -> float:
    """Seconds to serve groups of requests, one group after another."""
    start = time.perf_counter()
    for group in groups:
        for request in group:
            engine.add(request)
        while engine.has_requests:
            engine.step()
    return time.perf_counter() - start
