"""The captioner of this installation: SmolLM2 with the trained weights that ship with it."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from mm.generation.beam_search import BeamSearch
from mm.generation.captioner import BEAM_WIDTH, Captioner, CaptionModel
from mm.generation.chat.local_model import BUILTIN, make_vocabulary
from mm.generation.runners.reference_runner import ReferenceRunner
from mm.models.language.base_weights import read_base_weights
from mm.models.language.checkpoint.file import SHIPPED, load_additions, read_metadata
from mm.models.language.gguf.reader import read_gguf
from mm.models.language.smollm2 import find_smollm2, read_config
from mm.models.language.tokenizer import LanguageTokenizer, read_vocabulary

if TYPE_CHECKING:
    from pathlib import Path

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
    weights = trained.merge(read_base_weights(file, read_config(file)))
    tokenizer = LanguageTokenizer(read_vocabulary(file))
    runner = ReferenceRunner(trained.config, weights, NUM_BLOCKS, BLOCK_SIZE)
    search = BeamSearch(runner, make_vocabulary(tokenizer), NUM_BLOCKS, BLOCK_SIZE, width=width, max_num_prompts=MAX_NUM_PROMPTS)
    return Captioner(search, tokenizer, trained.prefix)
