"""Prepares the distillation: text pairs, vocabulary, router, initial layers, target vectors."""

from __future__ import annotations

import json
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from safetensors.numpy import load_file, save
from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers, processors, trainers

from mm.data.translations import TRANSLATED, build_training_pairs, find_largest_languages, read_flickr_ids, read_multi30k
from mm.data.tuxpaint import read_descriptions
from mm.files import write_atomic
from mm.models.text.language_router import LanguageRouter, hash_words
from mm.models.text.multilingual import ENGLISH, MAX_TOKENS, OTHER, ROUTER, ROUTER_BIAS, SCALE, TOKENIZER, quantize
from mm.training.languages.recipe import LanguagesConfig
from mm.training.languages.router import fit_router
from mm.training.languages.words import build_word_lists

PAIRS, READER, START, VECTORS = "pairs.json", "reader.safetensors", "start.safetensors", "english.npz"
"""Files of the output folder: text pairs; tokenizer and router; initial layers; target vectors."""
_COLUMNS = 64  # of the router's weights as they are stored: a row shares a quantization step

Tensors = dict[str, npt.NDArray[np.generic]]


def prepare(config: LanguagesConfig) -> None:
    """Write the four files, unless all exist. Raises `InvalidInput` for unreadable data."""
    if all((config.out / name).exists() for name in (PAIRS, READER, START, VECTORS)):
        return
    from mm.data.sentences import embed_sentences

    left_out = read_flickr_ids(config.left_out)
    sentences, more = read_multi30k(config.data, "train", left_out), read_multi30k(config.data, "train", left_out, task=2)
    descriptions = read_descriptions(config.tuxpaint, "train")
    languages = find_largest_languages(descriptions, config.languages)
    pairs = build_training_pairs(sentences, descriptions, languages)
    tokenizer = train_tokenizer([text for _, text, _ in pairs.pairs], config.vocabulary)
    english = [*pairs.english, *(text for row in more for text in row["en"])]
    translated = [text for row in more for text in row["de"]]
    other = [*translated, *(text for language, text, _ in pairs.pairs if language != "en")]
    other += [text for row in descriptions for language, text in row.items() if not language.startswith("en")]
    translated += [row[language] for row in sentences for language in TRANSLATED]
    named = [text for row in descriptions for language, text in row.items() if language in languages]
    router = _fit_router(english, other, build_word_lists(english, translated, named), config.seed)
    write_atomic(config.out / READER, save(to_tensors(tokenizer, router)))
    write_atomic(config.out / START, save(_initial_layers()))
    embed_sentences(pairs.english, config.out / VECTORS)
    write_atomic(config.out / PAIRS, json.dumps({"english": pairs.english, "pairs": pairs.pairs}, ensure_ascii=False).encode())


def train_tokenizer(texts: Sequence[str], size: int) -> Tokenizer:
    """Train byte pair encoding on texts in lower case without accents, which users often omit."""
    tokenizer = Tokenizer(models.BPE(unk_token="[UNK]"))
    accents = normalizers.Replace(Regex("[\u0300-\u036f]"), "")
    plain = [normalizers.NFKD(), accents, normalizers.NFC(), normalizers.Lowercase(), normalizers.Replace("ß", "ss")]
    tokenizer.normalizer = normalizers.Sequence(plain)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]"]
    tokenizer.train_from_iterator(
        texts, trainers.BpeTrainer(vocab_size=size, special_tokens=special, show_progress=False, continuing_subword_prefix="##")
    )
    tokenizer.post_processor = processors.TemplateProcessing(single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)])
    return tokenizer


def to_tensors(tokenizer: Tokenizer, router: LanguageRouter) -> Tensors:
    """Tokenizer and router as tensors, under the names that `mm.models.text.multilingual` reads."""
    stored = quantize({ROUTER: router.weight.reshape(-1, _COLUMNS)})
    return {
        TOKENIZER: np.frombuffer(tokenizer.to_str().encode(), np.uint8),
        ROUTER: stored[ROUTER],
        ROUTER + SCALE: stored[ROUTER + SCALE],
        ROUTER_BIAS: np.array([router.bias], np.float32),
        ENGLISH: router.english,
        OTHER: router.other,
    }


def _fit_router(english: Sequence[str], other: Sequence[str], lists: tuple[set[str], set[str]], seed: int) -> LanguageRouter:
    """Fit the router without foreign texts that also occur in English, such as names."""
    english_texts = {_simplify(text) for text in english}
    weight, bias = fit_router(english, [text for text in other if _simplify(text) not in english_texts], seed)
    return LanguageRouter(weight, bias, hash_words(lists[0]), hash_words(lists[1]))


def _simplify(text: str) -> str:
    return text.lower().strip(" .")


def _initial_layers() -> Tensors:
    """MiniLM without word embeddings and pooler, in half precision.

    The embedding of the first segment is added to the positions.
    """
    from mm.models.text.minilm import find_model_folder

    weights = load_file(find_model_folder() / "model.safetensors")
    positions = "embeddings.position_embeddings.weight"
    tensors = {
        name: tensor.astype(np.float16) for name, tensor in weights.items() if name.startswith(("encoder.", "embeddings.L"))
    }
    tensors[positions] = (weights[positions][:MAX_TOKENS] + weights["embeddings.token_type_embeddings.weight"][0]).astype(
        np.float16
    )
    return tensors
