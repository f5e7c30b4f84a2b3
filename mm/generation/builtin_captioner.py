"""The captioner of this installation: SmolLM2 with the trained weights that ship with it."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from mm.generation.beam_search import BeamSearch
from mm.generation.captioner import BEAM_WIDTH, MAX_TOKENS, Captioner, CaptionModel, clean_caption
from mm.generation.chat.local_model import BUILTIN
from mm.generation.request import Request, SamplingParams
from mm.generation.runners.reference_runner import ReferenceRunner
from mm.generation.vocabulary import make_vocabulary
from mm.models.language.base_weights import read_base_weights
from mm.models.language.caption_prompt import CAPTION_REQUEST
from mm.models.language.chat_template import Message, encode_chat
from mm.models.language.checkpoint.file import SHIPPED, load_additions, read_metadata
from mm.models.language.gguf.reader import read_gguf
from mm.models.language.smollm2 import find_smollm2, read_config
from mm.models.language.tokenizer import LanguageTokenizer, read_vocabulary

if TYPE_CHECKING:
    from pathlib import Path

    from mm.models.language.config import LanguageConfig
    from mm.models.language.weights import Weights
    from mm.settings import Settings

MAX_NUM_PROMPTS = 8
BLOCK_SIZE = 8
NUM_BLOCKS = 256
"""Of the key-value cache: 8 prompts of 70 tokens with 3 hypotheses of 32 tokens each."""
DIGITS = 16
"""Of the digest of the trained weights in the version."""


def find_caption_model(settings: Settings, additions: Path = SHIPPED) -> CaptionModel | None:
    """The model that writes captions; None with MM_CAPTIONS=off, and without trained weights.

    Raises `Corrupt` when their file cannot be read.
    """
    if settings.captions == "off" or not additions.is_file():
        return None
    version = f"{BUILTIN}@{read_metadata(additions).sha256[:DIGITS]}"
    return CaptionModel(version, partial(load_captioner, additions))


def load_captioner(additions: Path, width: int = BEAM_WIDTH) -> Captioner:
    """Load the model with the trained weights of a file.

    Raises `Unavailable` when the package of SmolLM2 is not installed, `Corrupt` when a file cannot
    be read or the weights belong to another version of the package.
    """
    trained, path = load_additions(additions), find_smollm2()
    trained.require_base(path)
    file = read_gguf(path)
    tokenizer = LanguageTokenizer(read_vocabulary(file))
    weights = trained.merge(read_base_weights(file, read_config(file)))
    return Captioner(_make_search(trained.config, weights, tokenizer, width), tokenizer, trained.prefix)


def describe_without_image() -> str:
    """What the base model, without trained weights, says to the caption request without an image.

    A baseline. Raises as `load_captioner`.
    """
    file = read_gguf(find_smollm2())
    config = read_config(file)
    tokenizer = LanguageTokenizer(read_vocabulary(file))
    search = _make_search(config, read_base_weights(file, config), tokenizer, width=1)
    (prompt,) = encode_chat(tokenizer, [Message("user", CAPTION_REQUEST)])
    (output,) = search.generate([Request("one", tuple(prompt), SamplingParams(max_tokens=MAX_TOKENS))])
    return clean_caption(tokenizer.decode(output.token_ids))


def _make_search(config: LanguageConfig, weights: Weights, tokenizer: LanguageTokenizer, width: int) -> BeamSearch:
    runner = ReferenceRunner(config, weights, NUM_BLOCKS, BLOCK_SIZE)
    vocabulary = make_vocabulary(tokenizer)
    return BeamSearch(runner, vocabulary, NUM_BLOCKS, BLOCK_SIZE, width=width, max_num_prompts=MAX_NUM_PROMPTS)
