"""A language model of this machine: its tokenizer and template here, its network in a process."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from mm.generation.captioner import BEAM_WIDTH
from mm.generation.runners.builtin import make_engine, plan_engine
from mm.generation.vocabulary import make_vocabulary
from mm.models.language.chat_template import encode_chat
from mm.models.language.checkpoint.file import SHIPPED, load_additions
from mm.models.language.expert_preference import SHIPPED_GROUPS, read_groups
from mm.models.language.gguf.reader import read_gguf
from mm.models.language.graph.builtin import BuiltinModel, load_prefix
from mm.models.language.smollm2 import BUILTIN, find_smollm2, read_config
from mm.models.language.tokenizer import LanguageTokenizer, read_vocabulary

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from mm.generation.chat.prompt import ChatTemplate, MediaEmbedder
    from mm.generation.engine import Engine
    from mm.generation.vocabulary import Vocabulary
    from mm.models.language.checkpoint.additions import Additions
    from mm.numerics import Float32
    from mm.settings import Settings


@dataclass(frozen=True, slots=True, eq=False)
class LocalModel:
    name: str
    template: ChatTemplate
    vocabulary: Vocabulary
    """Of the engine; for log probabilities."""
    make_engine: Callable[[], Engine]
    """As in `EngineProcess`: it can be pickled."""
    max_request_len: int
    """Tokens of prompt and output together."""
    embedder: MediaEmbedder | None = None
    """None for a model that reads text only."""
    make_expert_bias: Callable[[Sequence[str]], Float32] | None = None
    """The bias of the router for an `expert_preference`; None for a model without groups of
    experts. See `mm.models.language.expert_preference`."""
    num_beams: int = 1
    """Of the beam search of the engine; 1 without one."""


def load_builtin(settings: Settings) -> LocalModel:
    """SmolLM2-135M-Instruct, with the trained weights of this project where they are shipped.

    Raises `Unavailable` when its package is not installed, `Corrupt`.
    """
    path = find_smollm2()
    file = read_gguf(path)
    tokenizer = LanguageTokenizer(read_vocabulary(file))
    additions = load_additions(SHIPPED) if SHIPPED.is_file() else None
    model = BuiltinModel(settings.root / "cache" / "graphs", settings.language_precision, None if additions is None else SHIPPED)
    config = read_config(file) if additions is None else additions.config
    cache_bytes = settings.language_cache_mb << 20
    if settings.runtime == "cuda":
        make: Callable[[], Engine] = partial(_make_gpu_engine, model, cache_bytes)
    else:
        make = partial(make_engine, model, settings.threads, cache_bytes)
    return LocalModel(
        BUILTIN,
        partial(encode_chat, tokenizer),
        make_vocabulary(tokenizer),
        make,
        plan_engine(config, cache_bytes).max_request_len,
        None if additions is None else load_prefix(model.cache, additions),
        None if additions is None else _read_expert_bias(additions),
        1 if settings.runtime == "cuda" else BEAM_WIDTH,
    )


def _read_expert_bias(additions: Additions) -> Callable[[Sequence[str]], Float32] | None:
    """None when the groups of these trained weights were not measured."""
    if not SHIPPED_GROUPS.is_file():
        return None
    return partial(read_groups(SHIPPED_GROUPS, additions.metadata.sha256).make_bias, additions.config)


def _make_gpu_engine(model: BuiltinModel, cache_bytes: int) -> Engine:
    """See `torch_engine.make_gpu_engine`. Torch is imported in the process of the engine."""
    from mm.generation.runners.torch_engine import make_gpu_engine

    return make_gpu_engine(model, cache_bytes)
