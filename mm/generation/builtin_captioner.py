"""The captioner of this installation: SmolLM2 with the trained weights that ship with it."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from mm.generation.caption_search import make_search, make_tree_search
from mm.generation.captioner import BEAM_WIDTH, MAX_TOKENS, Captioner, clean_caption
from mm.generation.request import Request, SamplingParams
from mm.generation.runners.onnx_runner import OnnxRunner
from mm.generation.vocabulary import make_vocabulary
from mm.models.language.caption_prompt import CAPTION_REQUEST
from mm.models.language.chat_template import Message, encode_chat
from mm.models.language.checkpoint.file import SHIPPED, load_additions
from mm.models.language.gguf.reader import read_gguf
from mm.models.language.graph.builtin import BuiltinModel, load_prefix
from mm.models.language.graph.weight_format import WeightFormat
from mm.models.language.smollm2 import find_smollm2
from mm.models.language.tokenizer import LanguageTokenizer, read_vocabulary
from mm.runtimes import count_usable_cores
from mm.runtimes.cpu_features import has_dot_products, read_cpu_flags

if TYPE_CHECKING:
    from pathlib import Path

    from mm.generation.beam.search import BeamSearch
    from mm.generation.caption_ranking import CaptionRanking
    from mm.settings import Settings

MAX_NUM_PROMPTS = 16


def load_captioner(
    settings: Settings,
    additions: Path = SHIPPED,
    width: int = BEAM_WIDTH,
    ranking: CaptionRanking | None = None,
    *,
    is_over_trees: bool = True,
) -> Captioner:
    """Load the model with the trained weights of a file; its graphs are built at first use.

    Without `ranking`, a caption is the most probable of the last candidates of the search.
    Hypotheses of a prompt are a tree, or else sequences in blocks, the reference of the tree.

    Raises `Unavailable` when the package of SmolLM2 is not installed, `Corrupt` when a file cannot
    be read or the weights belong to another version of the package.
    """
    tokenizer = _read_tokenizer()
    search = _make_search(settings, additions, tokenizer, width, is_over_trees=is_over_trees)
    prefix = load_prefix(settings.root / "cache" / "graphs", load_additions(additions))
    return Captioner(search, tokenizer, prefix, ranking=ranking)


def describe_without_image(settings: Settings) -> str:
    """What the base model, without trained weights, says to the caption request without an image.

    A baseline. Raises as `load_captioner`.
    """
    tokenizer = _read_tokenizer()
    (prompt,) = encode_chat(tokenizer, [Message("user", CAPTION_REQUEST)])
    request = Request("one", tuple(prompt), SamplingParams(max_tokens=MAX_TOKENS))
    (output,) = _make_search(settings, None, tokenizer, width=1).generate([request])
    return clean_caption(tokenizer.decode(output.best.token_ids))


def _read_tokenizer() -> LanguageTokenizer:
    return LanguageTokenizer(read_vocabulary(read_gguf(find_smollm2())))


def _make_search(
    settings: Settings, additions: Path | None, tokenizer: LanguageTokenizer, width: int, *, is_over_trees: bool = True
) -> BeamSearch:
    # A step has the tokens of several hypotheses, so that products by row are faster.
    precision = settings.language_precision
    is_by_row = WeightFormat(precision).is_quantized and has_dot_products(read_cpu_flags())
    model = BuiltinModel(settings.root / "cache" / "graphs", precision, additions, is_by_row)
    # Nothing else is to be done while captions are written, but searches go on: they keep half of
    # the cores.
    threads = settings.threads or max(1, count_usable_cores() // 2)
    decoder, vocabulary = model.load(threads, is_over_trees=is_over_trees), make_vocabulary(tokenizer)
    if is_over_trees:
        return make_tree_search(decoder, vocabulary, width, MAX_NUM_PROMPTS)
    return make_search(partial(OnnxRunner, decoder), vocabulary, width, MAX_NUM_PROMPTS)
