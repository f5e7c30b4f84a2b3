"""Texts in many languages to a vocabulary, a router, and a tower that gives them the vectors of their English."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from safetensors.numpy import load_file, save
from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers, processors, trainers

from mm.errors import InvalidInput
from mm.models.language_router import LanguageRouter
from mm.models.languages import MAX_TOKENS, ROUTER, ROUTER_BIAS, SCALE, TOKENIZER, WEIGHTS, narrowed, read_tokenizer
from mm.training.checkpoint import read_state, write_state
from mm.training.files import replacing
from mm.training.languages_config import LanguagesConfig, fingerprint
from mm.training.languages_data import Pairs, flickr_ids, largest_languages, multi30k, read_lines, training_pairs, tuxpaint
from mm.training.languages_router import fit_router
from mm.training.languages_run import Distillation

_PAIRS, _START, _VECTORS, _ROUTER, _STATE = "pairs.json", "start.safetensors", "english.npz", "router.safetensors", "run.pt"

OnProgress = Callable[[int, int, str], None]
"""Told after each epoch: epochs done, epochs in all, a line for a person."""


def train_languages(config: LanguagesConfig, on_progress: OnProgress) -> Path:
    """Train, and return the path of the weights; the tokenizer lies beside them. Goes on where it stopped.

    Raises `InvalidInput` for data that is not there, or an output folder that holds the state of another recipe.
    """
    prepare(config)
    pairs = Pairs(**json.loads((config.out / _PAIRS).read_text(encoding="utf-8")))
    with np.load(config.out / _VECTORS) as arrays:
        targets_ND = torch.from_numpy(np.asarray(arrays["vectors"]))
    start = {name: torch.from_numpy(tensor) for name, tensor in load_file(config.out / _START).items()}
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    texts, rows = [text for _, text, _ in pairs.pairs], torch.tensor([row for _, _, row in pairs.pairs])
    run = Distillation(config, read_tokenizer(config.out / TOKENIZER), texts, rows, targets_ND, start, device)
    kept = read_state(config.out / _STATE, device)
    if kept is not None:
        if kept["recipe"] != fingerprint(config):
            raise InvalidInput(f"{config.out / _STATE} belongs to another recipe; choose another output folder or remove it.")
        run.restore(kept)
    while run.epoch < config.epochs:
        loss = run.run_epoch()
        write_state(config.out / _STATE, {**run.state(), "recipe": fingerprint(config)})
        on_progress(run.epoch, config.epochs, f"loss {loss:.4f}")
    with replacing(config.out / WEIGHTS) as file:
        file.write(save({**narrowed(run.encoder.tensors()), **load_file(config.out / _ROUTER)}))
    return config.out / WEIGHTS


def prepare(config: LanguagesConfig) -> None:
    """All that a run needs beside torch, in the output folder: what is there already is kept."""
    names = (_PAIRS, TOKENIZER, _ROUTER, _START, _VECTORS)
    if all((config.out / name).exists() for name in names):
        return
    left_out = flickr_ids(config.left_out)
    described = tuxpaint(config.pictures, "train")
    languages = largest_languages(tuxpaint(config.pictures, "train"), config.languages)
    sentences = multi30k(config.sentences, "train", left_out)
    pairs = training_pairs(sentences, described, languages)
    _write(config.out / TOKENIZER, vocabulary([text for _, text, _ in pairs.pairs], config.vocabulary).to_str().encode())
    _write(config.out / _ROUTER, save(_router_tensors(_router(config, sentences, described, left_out, pairs))))
    _write(config.out / _START, save(_start()))
    from mm.training.sentences import sentence_vectors

    sentence_vectors(pairs.english, config.out / _VECTORS)
    _write(config.out / _PAIRS, json.dumps({"english": pairs.english, "pairs": pairs.pairs}, ensure_ascii=False).encode())


def vocabulary(texts: list[str], size: int) -> Tokenizer:
    """Byte pair encoding of texts in lower case, without the accents of European scripts: people leave them out."""
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


def _router(
    config: LanguagesConfig, sentences: list[dict[str, str]], described: list[dict[str, str]], left_out: set[str], pairs: Pairs
) -> LanguageRouter:
    """Learned from all that is described in any language, and from more English, which has more words than captions have."""
    more = [
        row for row in read_lines(config.sentences / "task2_train.jsonl") if row["image"].removesuffix(".jpg") not in left_out
    ]
    english = [*pairs.english, *(text for row in more for text in row["en"])]
    if config.english is not None:
        english += [text for row in read_lines(config.english) for text in row["captions"]]
    other = [text for row in more for text in row["de"]]
    other += [text for language, text, _ in pairs.pairs if language != "en"]
    known = {text.lower().strip(" .") for text in english}
    other += [text for row in described for language, text in row.items() if not language.startswith("en")]
    return fit_router(english, [text for text in other if text.lower().strip(" .") not in known], config.seed)


def _router_tensors(router: LanguageRouter) -> dict[str, np.ndarray]:
    kept = narrowed({ROUTER: router.weight.reshape(-1, 64)})
    return {ROUTER: kept[ROUTER], ROUTER + SCALE: kept[ROUTER + SCALE], ROUTER_BIAS: np.array([router.bias], np.float32)}


def _start() -> dict[str, np.ndarray]:
    """MiniLM without its words and pooler, in half precision."""
    from mm.models.minilm import model_folder

    found = {}
    for name, tensor in load_file(model_folder() / "model.safetensors").items():
        if name == "embeddings.position_embeddings.weight":
            kind = load_file(model_folder() / "model.safetensors")["embeddings.token_type_embeddings.weight"][0]
            found[name] = (tensor[:MAX_TOKENS] + kind).astype(np.float16)
        elif name.startswith(("encoder.", "embeddings.LayerNorm")):
            found[name] = tensor.astype(np.float16)
    return found


def _write(path: Path, data: bytes) -> None:
    with replacing(path) as file:
        file.write(data)
