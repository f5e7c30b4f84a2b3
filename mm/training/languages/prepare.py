"""Prepares the training: text pairs, router, target vectors."""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from safetensors.numpy import save

from mm.data.captioned_images import load_captioned_images, read_captioned_images
from mm.data.lexicons import read_emoji_names, read_wordnets
from mm.data.sentences import embed_sentences
from mm.data.translations import (
    TRANSLATED,
    Pairs,
    add_translations,
    build_training_pairs,
    leave_out,
    read_flickr_ids,
    read_multi30k,
)
from mm.data.tuxpaint import read_descriptions
from mm.files import open_atomic, write_atomic
from mm.models.image.tower import ImageTower
from mm.models.text.e5.encoder import MAX_TOKENS
from mm.models.text.e5.file import E5File, find_e5_file
from mm.models.text.e5.words import WordEmbeddings
from mm.models.text.language_router import LanguageRouter, hash_words
from mm.models.text.minilm import find_model_folder
from mm.models.text.multilingual import DETECTED, DETECTOR, DETECTOR_BIAS, ENGLISH, OTHER, ROUTER, ROUTER_BIAS
from mm.models.text.weights_file import SCALE, quantize
from mm.spaces.lite_space import IMAGE_WEIGHTS
from mm.spaces.registry import WEIGHTS
from mm.training.languages.detector import fit_detector
from mm.training.languages.recipe import LanguagesConfig
from mm.training.languages.router import fit_router
from mm.training.languages.tokenizer import BatchTokenizer
from mm.training.languages.words import build_word_lists, read_vocabulary_ranks

PAIRS, READER, VECTORS, RANKED = "pairs.json", "reader.safetensors", "english.npz", "images.npy"
"""Files of the output folder: text pairs; router; target vectors; vectors of images to rank."""
_COLUMNS = 64  # of the router's weights as they are stored: a row shares a quantization step
_LOADED = 256  # images that are in memory at once
_MIN_WORD = 3  # letters of a word of MiniLM's vocabulary that is trained on

Tensors = dict[str, npt.NDArray[np.generic]]
Float = npt.NDArray[np.float32]


def prepare(config: LanguagesConfig) -> None:
    """Write the files that do not exist. Raises `InvalidInput` for unreadable data."""
    if config.images is not None and not (config.out / RANKED).exists():
        _embed_images(config.images, config.out)
    if all((config.out / name).exists() for name in (PAIRS, READER, VECTORS)):
        return
    left_out = read_flickr_ids(config.left_out)
    sentences, translated_to = _read_sentences(config, left_out)
    more = read_multi30k(config.data, "train", left_out, task=2)
    descriptions = read_descriptions(config.tuxpaint, "train")
    languages = sorted({language for row in descriptions for language in row if not language.startswith("en")})
    captions = [text for row in more for text in row["en"]]
    captions = random.Random(config.seed).sample(captions, min(config.captions, len(captions)))
    ranks = read_vocabulary_ranks(find_model_folder() / "tokenizer.json")
    words = sorted((word for word in ranks if len(word) >= _MIN_WORD and word.isascii()), key=ranks.__getitem__)[: config.words]
    lexicon = [] if config.wordnets is None else read_wordnets(config.wordnets, ranks, config.lemmas)
    lexicon += [] if config.emoji is None else read_emoji_names(config.emoji)
    repeated = descriptions * config.description_repeats
    pairs = build_training_pairs(sentences, repeated, languages, [*captions, *words], lexicon, translated_to)
    english = [*(row["en"] for row in [*sentences, *descriptions]), *(text for row in more for text in row["en"])]
    translated = [text for row in more for text in row["de"]]
    translated += [row[language] for row in sentences for language in (*TRANSLATED, *translated_to)]
    named = [text for row in descriptions for language, text in row.items() if not language.startswith("en")]
    english += [*{translation for _, _, translation in lexicon}]
    lists = build_word_lists(english, translated, named, [text for _, text, _ in lexicon])
    named += [text for _, text, _ in random.Random(config.seed).sample(lexicon, min(config.entries, len(lexicon)))]
    router = _fit_router(english, [*translated, *named], lists, config.seed)
    texts = [
        *((language, text) for language, text, _ in lexicon),
        *((of, text) for row in descriptions for of, text in row.items()),
    ]
    texts += [(language, row[language]) for row in sentences for language in ("en", *TRANSLATED, *translated_to)]
    detector = fit_detector(texts, load_words(), config.seed)
    write_atomic(config.out / READER, save({**to_tensors(router), **detector_tensors(*detector)}))
    embed_sentences(pairs.english, config.out / VECTORS)
    write_atomic(config.out / PAIRS, json.dumps(asdict(pairs), ensure_ascii=False).encode())


def read_pairs(config: LanguagesConfig) -> tuple[Pairs, npt.NDArray[np.float16]]:
    """The text pairs that `prepare` wrote, and the vectors (M, D) of their English."""
    pairs = Pairs(**json.loads((config.out / PAIRS).read_text(encoding="utf-8")))
    with np.load(config.out / VECTORS) as arrays:
        return pairs, np.asarray(arrays["vectors"], np.float16)


def read_images(config: LanguagesConfig) -> Float | None:
    """The unit rows (K, D) of the images that `prepare` wrote. None without images."""
    return None if config.images is None else np.asarray(np.load(config.out / RANKED), np.float32)


def to_tensors(router: LanguageRouter) -> Tensors:
    """The router as tensors, under the names that `mm.models.text.multilingual` reads."""
    stored = quantize({ROUTER: router.weight.reshape(-1, _COLUMNS)})
    return {
        ROUTER: stored[ROUTER],
        ROUTER + SCALE: stored[ROUTER + SCALE],
        ROUTER_BIAS: np.array([router.bias], np.float32),
        ENGLISH: router.english,
        OTHER: router.other,
    }


def detector_tensors(weight_KD: Float, bias_K: Float, codes: Sequence[str]) -> Tensors:
    """The detector as tensors, under the names that `mm.models.text.multilingual` reads."""
    stored = quantize({DETECTOR: weight_KD, DETECTOR_BIAS: bias_K})
    return {**stored, DETECTED: np.frombuffer(" ".join(codes).encode(), np.uint8)}


def load_words() -> WordEmbeddings:
    """The embeddings by which the language is detected. Raises `Unavailable` without it."""
    file = E5File(find_e5_file())
    return WordEmbeddings(file, BatchTokenizer(file.vocabulary, MAX_TOKENS))


def _read_sentences(config: LanguagesConfig, left_out: set[str]) -> tuple[list[dict[str, Any]], list[str]]:
    """The rows of task 1 with all translations, and the languages of those beside Multi30k's."""
    rows = read_multi30k(config.data, "train", set())
    languages = [] if config.translations is None else add_translations(rows, config.translations, "train")
    return leave_out(rows, left_out), languages


def _embed_images(folder: Path, out: Path) -> None:
    """Write the vectors of the images of train by the shipped image tower."""
    tower, rows = ImageTower(WEIGHTS / "lite" / IMAGE_WEIGHTS, out / "graphs"), read_captioned_images(folder, "train")
    parts = [rows[start : start + _LOADED] for start in range(0, len(rows), _LOADED)]
    vectors = np.concatenate([tower.embed(list(load_captioned_images(part, tower.size))) for part in parts])
    with open_atomic(out / RANKED) as file:
        np.save(file, vectors)


def _fit_router(english: Sequence[str], other: Sequence[str], lists: tuple[set[str], set[str]], seed: int) -> LanguageRouter:
    """Fit the router without foreign texts that also occur in English, such as names."""
    english_texts = {_simplify(text) for text in english}
    weight, bias = fit_router(english, [text for text in other if _simplify(text) not in english_texts], seed)
    return LanguageRouter(weight, bias, hash_words(lists[0]), hash_words(lists[1]))


def _simplify(text: str) -> str:
    return text.lower().strip(" .")
