"""What the distillation starts from: pairs of texts, vocabulary and router, MiniLM's layers, and
the vectors of English."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
from safetensors.numpy import load_file, save
from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers, processors, trainers

from mm.data.translations import TRANSLATED, build_training_pairs, find_largest_languages, read_flickr_ids, read_multi30k
from mm.data.tuxpaint import read_descriptions
from mm.files import open_atomic
from mm.models.text.language_router import LanguageRouter, hash_words
from mm.models.text.multilingual import ENGLISH, MAX_TOKENS, OTHER, ROUTER, ROUTER_BIAS, SCALE, TOKENIZER, quantize
from mm.training.languages.recipe import LanguagesConfig
from mm.training.languages.router import fit_router
from mm.training.languages.words import word_lists

PAIRS, READER, START, VECTORS = "pairs.json", "reader.safetensors", "start.safetensors", "english.npz"
"""Files of the output folder: the pairs, tokenizer and router as tensors, where the layers start,
the targets."""
_COLUMNS = 64  # of the router's table as it is kept: so many weights share a step

Tensors = dict[str, npt.NDArray[np.generic]]


def prepare(config: LanguagesConfig) -> None:
    """Write the four files, unless all of them are there. Raises `InvalidInput` for data that
    cannot be read."""
    if all((config.out / name).exists() for name in (PAIRS, READER, START, VECTORS)):
        return
    from mm.data.sentences import embed_sentences

    left_out = read_flickr_ids(config.left_out)
    sentences, more = read_multi30k(config.data, "train", left_out), read_multi30k(config.data, "train", left_out, task=2)
    described = read_descriptions(config.tuxpaint, "train")
    languages = find_largest_languages(described, config.languages)
    pairs = build_training_pairs(sentences, described, languages)
    tokenizer = vocabulary([text for _, text, _ in pairs.pairs], config.vocabulary)
    english = [*pairs.english, *(text for row in more for text in row["en"])]
    translated = [text for row in more for text in row["de"]]
    other = [*translated, *(text for language, text, _ in pairs.pairs if language != "en")]
    other += [text for row in described for language, text in row.items() if not language.startswith("en")]
    translated += [row[language] for row in sentences for language in TRANSLATED]
    named = [text for row in described for language, text in row.items() if language in languages]
    router = _router(english, other, word_lists(english, translated, named), config.seed)
    _write(config.out / READER, save(reader_tensors(tokenizer, router)))
    _write(config.out / START, save(_start()))
    embed_sentences(pairs.english, config.out / VECTORS)
    _write(config.out / PAIRS, json.dumps({"english": pairs.english, "pairs": pairs.pairs}, ensure_ascii=False).encode())


def vocabulary(texts: Sequence[str], size: int) -> Tokenizer:
    """Byte pair encoding of texts in lower case, without the accents of European scripts: people
    leave them out."""
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


def reader_tensors(tokenizer: Tokenizer, router: LanguageRouter) -> Tensors:
    """Tokenizer and router under the names that `mm.models.text.multilingual` reads."""
    kept = quantize({ROUTER: router.weight.reshape(-1, _COLUMNS)})
    return {
        TOKENIZER: np.frombuffer(tokenizer.to_str().encode(), np.uint8),
        ROUTER: kept[ROUTER],
        ROUTER + SCALE: kept[ROUTER + SCALE],
        ROUTER_BIAS: np.array([router.bias], np.float32),
        ENGLISH: router.english,
        OTHER: router.other,
    }


def _router(english: Sequence[str], other: Sequence[str], lists: tuple[set[str], set[str]], seed: int) -> LanguageRouter:
    """The look of words is learned from texts that are not English too, as names are."""
    known = {_bare(text) for text in english}
    weight, bias = fit_router(english, [text for text in other if _bare(text) not in known], seed)
    return LanguageRouter(weight, bias, hash_words(lists[0]), hash_words(lists[1]))


def _bare(text: str) -> str:
    return text.lower().strip(" .")


def _start() -> Tensors:
    """MiniLM without its words and pooler, in half precision; the places have the vector of the
    first segment in them."""
    from mm.models.text.minilm import find_model_folder

    weights = load_file(find_model_folder() / "model.safetensors")
    places = "embeddings.position_embeddings.weight"
    found = {name: tensor.astype(np.float16) for name, tensor in weights.items() if name.startswith(("encoder.", "embeddings.L"))}
    found[places] = (weights[places][:MAX_TOKENS] + weights["embeddings.token_type_embeddings.weight"][0]).astype(np.float16)
    return found


def _write(path: Path, data: bytes) -> None:
    with open_atomic(path) as file:
        file.write(data)
