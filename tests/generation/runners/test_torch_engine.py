"""The built-in model in torch, here on the CPU."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from mm.errors import InvalidInput, Unavailable
from mm.generation import Request, SamplingParams
from mm.generation.runners.torch_engine import make_gpu_engine, plan_gpu_engine
from mm.models.language.chat_template import Message, encode_chat
from mm.models.language.config import LanguageConfig
from mm.models.language.gguf.reader import read_gguf
from mm.models.language.graph.builtin import BuiltinModel
from mm.models.language.smollm2 import find_smollm2
from mm.models.language.tokenizer import LanguageTokenizer, read_vocabulary
from tests.generation.requests import generate


def test_plan_gpu_engine_keys_and_values_fit_in_the_cache() -> None:
    sizes = plan_gpu_engine(LanguageConfig(), 256 << 20, torch.float16)
    num_bytes = sizes.num_blocks * sizes.block_size * 30 * 2 * 3 * 64 * 2
    assert num_bytes <= 256 << 20 < num_bytes + 16 * 23_040
    with pytest.raises(InvalidInput, match="MM_LANGUAGE_CACHE_MB"):
        plan_gpu_engine(LanguageConfig(), 100_000, torch.float16)


def test_gpu_engine_answers(tmp_path: Path) -> None:
    engine = make_gpu_engine(BuiltinModel(tmp_path, "fp16"), 32 << 20, "cpu")
    tokenizer = LanguageTokenizer(read_vocabulary(read_gguf(find_smollm2())))
    (prompt,) = encode_chat(tokenizer, [Message("user", "Hello! What is 2 + 2?")])
    outputs = generate(engine, [Request("hello", tuple(prompt), SamplingParams(max_tokens=12, temperature=0))])
    assert "4" in "".join(output.text for output in outputs["hello"])


@pytest.mark.skipif(torch.cuda.is_available(), reason="needs a machine without a GPU")
def test_gpu_engine_without_a_gpu_is_unavailable(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="GPU"):
        make_gpu_engine(BuiltinModel(tmp_path), 32 << 20)
