"""The built-in model on the CPU: SmolLM2 with what training adds, as a runner and as an engine."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING

from mm.generation.beam.engine import BeamEngine
from mm.generation.caption_search import make_search
from mm.generation.captioner import BEAM_WIDTH
from mm.generation.runners.engine_sizes import fit_engine
from mm.generation.runners.onnx_runner import OnnxRunner
from mm.generation.vocabulary import make_vocabulary
from mm.models.language.gguf.reader import read_gguf
from mm.models.language.smollm2 import find_smollm2
from mm.models.language.tokenizer import LanguageTokenizer, read_vocabulary
from mm.runtimes import count_usable_cores

if TYPE_CHECKING:
    from mm.generation.engine import Engine, EngineConfig
    from mm.generation.vocabulary import Vocabulary
    from mm.models.language.config import LanguageConfig
    from mm.models.language.graph.builtin import BuiltinModel

COPIES = 2
"""Room for contiguous copies of keys and values, in caches: their rows have capacities that are
powers of two."""

NUM_CAPTION_PROMPTS = 4
"""Captions that are written at once. The cache of their hypotheses takes up to 150 MB."""

_MAX_NUM_SEQS, _MAX_NUM_BATCHED_TOKENS = 64, 256


def plan_engine(config: LanguageConfig, cache_bytes: int) -> EngineConfig:
    """The sizes of an engine whose keys and values take at most `cache_bytes`, copies included.

    Raises `InvalidInput` when no block fits.
    """
    return fit_engine(config, cache_bytes, (1 + COPIES) * 4, _MAX_NUM_SEQS, _MAX_NUM_BATCHED_TOKENS)


def make_engine(model: BuiltinModel, threads: int, cache_bytes: int) -> Engine:
    """An engine for `EngineProcess`; `threads` 0 uses all cores.

    It answers with mapped experts while a thread loads the session in which they are faster. The
    tokenizer is read by a thread beside the first session, which ONNX Runtime loads without the
    lock of the interpreter. Raises what `BuiltinModel.load` and `plan_engine` raise.
    """
    threads = threads or count_usable_cores()
    with ThreadPoolExecutor(1) as pool:
        reading = pool.submit(_read_builtin_vocabulary)
        mapped = model.load_mapped(threads)
        decoder = model.load(threads) if mapped is None else mapped
        vocabulary = reading.result()
    sizes = plan_engine(decoder.config, cache_bytes)
    runner = OnnxRunner(decoder, sizes.num_blocks, sizes.block_size, COPIES * sizes.num_blocks * sizes.block_size)
    if mapped is not None:
        runner.replace_decoder(ThreadPoolExecutor(1).submit(model.load, threads))
    search = partial(make_search, runner.make_sibling, vocabulary, BEAM_WIDTH, NUM_CAPTION_PROMPTS)
    return BeamEngine(runner, vocabulary, sizes, BEAM_WIDTH, search)


def _read_builtin_vocabulary() -> Vocabulary:
    return make_vocabulary(LanguageTokenizer(read_vocabulary(read_gguf(find_smollm2()))))
