"""The built-in model on a GPU: SmolLM2 with what training adds, as an engine."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from mm.generation.engine import Engine
from mm.generation.runners.engine_sizes import fit_engine
from mm.generation.runners.torch_model import DTYPES
from mm.generation.runners.torch_runner import TorchRunner
from mm.generation.vocabulary import make_vocabulary
from mm.models.language.base_weights import read_base_weights
from mm.models.language.checkpoint.file import load_additions
from mm.models.language.gguf.reader import read_gguf
from mm.models.language.smollm2 import find_smollm2, read_config
from mm.models.language.tokenizer import LanguageTokenizer, read_vocabulary
from mm.runtimes.gpu import require_gpu

if TYPE_CHECKING:
    from mm.generation.engine import EngineConfig
    from mm.models.language.config import LanguageConfig
    from mm.models.language.graph.builtin import BuiltinModel

_MAX_NUM_SEQS, _MAX_NUM_BATCHED_TOKENS = 256, 4096


def plan_gpu_engine(config: LanguageConfig, cache_bytes: int, dtype: torch.dtype) -> EngineConfig:
    """The sizes of an engine whose keys and values take at most `cache_bytes`.

    Raises `InvalidInput` when no block fits.
    """
    return fit_engine(config, cache_bytes, dtype.itemsize, _MAX_NUM_SEQS, _MAX_NUM_BATCHED_TOKENS)


def make_gpu_engine(model: BuiltinModel, cache_bytes: int, device_name: str = "cuda") -> Engine:
    """An engine for `EngineProcess`.

    Raises `Unavailable` without a GPU or without the package of SmolLM2, `Corrupt` for files that
    cannot be read or do not fit together, and what `plan_gpu_engine` raises.
    """
    if device_name == "cuda":
        require_gpu()
    path = find_smollm2()
    file = read_gguf(path)
    config = read_config(file)
    weights, precise = read_base_weights(file, config), list[str]()
    if model.additions is not None:
        additions = load_additions(model.additions)
        additions.require_base(path)
        config, weights, precise = additions.config, additions.merge(weights), list(additions.updates)
    sizes = plan_gpu_engine(config, cache_bytes, DTYPES[model.precision])
    runner = TorchRunner(
        config,
        weights,
        sizes.num_blocks,
        sizes.block_size,
        torch.device(device_name),
        model.precision,
        sizes.max_num_seqs,
        sizes.max_model_len,
        precise=precise,
    )
    runner.warm_up()
    return Engine(runner, make_vocabulary(LanguageTokenizer(read_vocabulary(file))), sizes)
