"""A small local chat model with random weights, whose tokens are bytes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cache, partial

import numpy as np

from mm.generation import BeamSearch, Engine, EngineConfig
from mm.generation.beam.engine import BeamEngine
from mm.generation.beam.paged import PagedHypotheses
from mm.generation.chat.local_model import LocalModel
from mm.generation.chat.types import ImageMedia, Scene
from mm.generation.runners.reference_runner import ReferenceRunner
from mm.generation.vocabulary import make_vocabulary
from mm.models.language.chat_template import encode_chat
from mm.models.language.tokenizer import LanguageTokenizer, Vocabulary, make_byte_alphabet
from mm.numerics import Float32
from tests.models.language.models import DENSE, MOE, random_weights

NUM_TOKENS = 258
CONFIG = replace(DENSE, vocab_size=NUM_TOKENS, max_position_embeddings=4096)
MOE_CONFIG = replace(MOE, vocab_size=NUM_TOKENS, max_position_embeddings=4096)
WIDTH = CONFIG.hidden_size
NUM_BEAMS, NUM_BEAM_BLOCKS = 3, 1000
SIZES = EngineConfig(num_blocks=300, block_size=8, max_model_len=1024, max_num_seqs=8, max_num_batched_tokens=512)


@cache
def make_tokenizer() -> LanguageTokenizer:
    """One token for each byte."""
    alphabet = [character for character, _ in sorted(make_byte_alphabet().items(), key=lambda pair: pair[1])]
    special = frozenset({256, 257})
    return LanguageTokenizer(Vocabulary([*alphabet, "<|im_start|>", "<|im_end|>"], [], special, 256, 257))


def make_engine() -> Engine:
    runner = ReferenceRunner(CONFIG, random_weights(CONFIG), SIZES.num_blocks, SIZES.block_size)
    return Engine(runner, make_vocabulary(make_tokenizer()), SIZES)


def make_search() -> BeamSearch:
    runner = ReferenceRunner(CONFIG, random_weights(CONFIG), NUM_BEAM_BLOCKS, 1)
    return BeamSearch(PagedHypotheses(runner, NUM_BEAM_BLOCKS, 1, NUM_BEAMS), make_vocabulary(make_tokenizer()), width=NUM_BEAMS)


def make_beam_engine() -> Engine:
    runner = ReferenceRunner(CONFIG, random_weights(CONFIG), SIZES.num_blocks, SIZES.block_size)
    return BeamEngine(runner, make_vocabulary(make_tokenizer()), SIZES, NUM_BEAMS, make_search)


def make_moe_engine() -> Engine:
    runner = ReferenceRunner(MOE_CONFIG, random_weights(MOE_CONFIG), SIZES.num_blocks, SIZES.block_size)
    sizes = replace(SIZES, expert_bias_shape=(MOE_CONFIG.num_moe_layers, MOE_CONFIG.num_routed))
    return Engine(runner, make_vocabulary(make_tokenizer()), sizes)


def make_no_engine() -> Engine:
    raise FileNotFoundError("no weights")


class TinyEmbedder:
    """One token for each vector, which is the begin of the vector itself."""

    def embed_image(self, map_HWC: Float32, vector_D: Float32) -> Float32:
        return np.stack([vector_D[:WIDTH], map_HWC.mean((0, 1))[:WIDTH]])

    def embed_video(self, scenes: Sequence[Scene], frames: Sequence[ImageMedia]) -> Float32:
        vectors = [[scene.vector_D[:WIDTH] for scene in scenes]]
        return np.concatenate([*vectors, *(self.embed_image(frame.map_HWC, frame.vector_D) for frame in frames)])

    def embed_sound(self, vector_D: Float32) -> Float32:
        return np.stack([vector_D[:WIDTH], -vector_D[:WIDTH]])


def make_image(seed: int) -> ImageMedia:
    random = np.random.default_rng(seed)
    return ImageMedia(
        random.standard_normal((2, 2, WIDTH)).astype(np.float32), random.standard_normal(WIDTH).astype(np.float32), label="a.jpg"
    )


def load_tiny() -> LocalModel:
    """A model that reads media."""
    return LocalModel(
        "tiny",
        partial(encode_chat, make_tokenizer()),
        make_vocabulary(make_tokenizer()),
        make_beam_engine,
        1024,
        TinyEmbedder(),
        num_beams=NUM_BEAMS,
    )


def load_tiny_moe() -> LocalModel:
    """A model of text with routed experts."""
    tokenizer = make_tokenizer()
    return LocalModel("moe", partial(encode_chat, tokenizer), make_vocabulary(tokenizer), make_moe_engine, 1024)
