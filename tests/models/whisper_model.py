"""A tiny model of Whisper that says the same words of any audio, in the format of CTranslate2.

All layers are zero, so that each step sees the embedding of the token before alone, and the output
layer prefers one next token for each: start, language, time, words, time, end.
"""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers

if TYPE_CHECKING:
    from ctranslate2.specs import whisper_spec

DIM, MELS, CONTEXT, MAX_TOKENS = 16, 80, 1500, 448
TASKS = ("<|translate|>", "<|transcribe|>", "<|startoflm|>", "<|startofprev|>", "<|nospeech|>", "<|notimestamps|>")
TIMES = [f"<|{index * 0.02:.2f}|>" for index in range(1501)]
NUM_TEXTS = 50_257
"""Tokens before the special ones, the last one empty, as in the models of OpenAI: CTranslate2 takes
one with other tokens for a model of English only."""


def write_whisper(folder: Path, language: str = "de", words: tuple[str, ...] = ("Guten", "Morgen")) -> Path:
    """Write the model: it identifies `language`, and hears `words` in the first two seconds."""
    from faster_whisper.tokenizer import _LANGUAGE_CODES

    languages = ["en", *sorted({*_LANGUAGE_CODES} - {"en", "yue"})]
    folder.mkdir(parents=True)
    spoken = [f"Ġ{word}" for word in words]
    special = ["<|endoftext|>", "<|startoftranscript|>", *(f"<|{code}|>" for code in languages), *TASKS]
    characters = sorted(pre_tokenizers.ByteLevel.alphabet())
    fill = [f"unused{index}" for index in range(NUM_TEXTS - 1 - len(spoken) - len(characters))] + [""]
    tokens = [*spoken, *characters, *fill, *special, *TIMES]
    _write_tokenizer(folder / "tokenizer.json", [*spoken, *characters, *fill], special)
    steps = ["<|transcribe|>", "<|0.00|>", *spoken, "<|2.00|>", "<|endoftext|>"]
    follows = [("<|startoftranscript|>", f"<|{language}|>"), *pairwise(steps)]
    spec = _make_spec(tokens, follows)
    spec.config.lang_ids = [tokens.index(f"<|{code}|>") for code in languages]
    spec.config.alignment_heads = [(0, 0)]
    spec.validate()
    spec.save(str(folder))
    return folder


def _write_tokenizer(path: Path, texts: list[str], special: list[str]) -> None:
    tokenizer = Tokenizer(models.BPE(vocab={token: index for index, token in enumerate(texts)}, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens(list(special))
    tokenizer.add_tokens([AddedToken(time, special=False, normalized=False) for time in TIMES])
    tokenizer.save(str(path))


def _make_spec(tokens: list[str], follows: list[tuple[str, str]]) -> whisper_spec.WhisperSpec:
    from ctranslate2.specs import whisper_spec

    embeddings, output = np.zeros((2, len(tokens), DIM), np.float32)
    for index, (token, following) in enumerate(follows):
        embeddings[tokens.index(token), index] = 1
        output[tokens.index(following), index] = 10
    spec = whisper_spec.WhisperSpec(1, 2, 1, 2)
    spec.register_vocabulary(tokens)
    encoder, decoder = spec.encoder, spec.decoder
    for conv, channels in ((encoder.conv1, MELS), (encoder.conv2, DIM)):
        conv.weight, conv.bias = np.zeros((DIM, channels, 3), np.float32), np.zeros(DIM, np.float32)
    encoder.position_encodings.encodings = np.zeros((CONTEXT, DIM), np.float32)
    decoder.position_encodings.encodings = np.zeros((MAX_TOKENS, DIM), np.float32)
    decoder.embeddings.weight, decoder.projection.weight = embeddings, output
    for stack in (encoder, decoder):
        _set_norm(stack.layer_norm)
        for layer in stack.layer:
            attentions = [layer.self_attention] + ([layer.attention] if stack is decoder else [])
            for attention in attentions:
                _set_norm(attention.layer_norm)
                sizes = {2: (3 * DIM, DIM), 3: (DIM, 2 * DIM, DIM)}[len(attention.linear)]
                for linear, size in zip(attention.linear, sizes, strict=True):
                    _set_linear(linear, size, DIM)
            _set_norm(layer.ffn.layer_norm)
            _set_linear(layer.ffn.linear_0, 2 * DIM, DIM)
            _set_linear(layer.ffn.linear_1, DIM, 2 * DIM)
    return spec


def _set_norm(norm) -> None:  # type: ignore[no-untyped-def]
    norm.gamma, norm.beta = np.ones(DIM, np.float32), np.zeros(DIM, np.float32)


def _set_linear(linear, rows: int, columns: int) -> None:  # type: ignore[no-untyped-def]
    linear.weight, linear.bias = np.zeros((rows, columns), np.float32), np.zeros(rows, np.float32)
