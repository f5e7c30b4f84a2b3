"""Fits the router by logistic regression on hashed features of words, with a bias to English."""

from __future__ import annotations

import random
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional

from mm.models.text.language_router import BUCKETS, LanguageRouter, hash_features, hash_words, split_words

_BATCH, _RATE, _DECAY = 512, 0.05, 1e-6
_HELD_OUT = 10  # one of so many English texts is held out for the bias
_KEPT_ENGLISH = 0.9999  # share of the held-out texts that are routed to English
_EXCERPT_LENGTHS = (1, 1, 2, 3)  # words of excerpts that are trained on beside whole texts


def fit_router(english: Sequence[str], other: Sequence[str], seed: int, passes: int = 3) -> tuple[npt.NDArray[np.float32], float]:
    """Fit weight and bias of `LanguageRouter`; both classes have the same total weight.

    The bias is set so that nearly all held-out English texts and excerpts are routed to English
    without the word lists.
    """
    draw = random.Random(seed)
    held_out = [split_words(text) for text in english[::_HELD_OUT]]
    examples = [(words, 0) for index, text in enumerate(english) if index % _HELD_OUT and (words := split_words(text))]
    examples += [(words, 1) for text in other if (words := split_words(text))]
    buckets = {word: hash_features(word) for words in [*held_out, *(words for words, _ in examples)] for word in words}
    table = torch.zeros(BUCKETS, 1, requires_grad=True)
    optimizer = torch.optim.Adagrad([table], lr=_RATE * 10, weight_decay=_DECAY)
    share = sum(label for _, label in examples) / len(examples)
    for _ in range(passes):
        draw.shuffle(examples)
        for start in range(0, len(examples), _BATCH):
            batch = [(_draw_excerpt(words, draw), label) for words, label in examples[start : start + _BATCH]]
            scores = _scores(table, [words for words, _ in batch], buckets)
            labels = torch.tensor([float(label) for _, label in batch])
            weights = torch.where(labels > 0, 0.5 / share, 0.5 / (1 - share))
            loss = functional.binary_cross_entropy_with_logits(scores, labels, weights)
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
    weight: npt.NDArray[np.float32] = table.detach().numpy().reshape(-1)
    without_lists = LanguageRouter(weight, 0.0, hash_words([]), hash_words([]))
    excerpts = [" ".join(_draw_excerpt(words, draw)) for words in held_out if words]
    highest = (
        float(np.quantile([without_lists.score(text) for text in excerpts], _KEPT_ENGLISH, method="higher")) if excerpts else 0.0
    )
    return weight, -max(highest, 1.0)


def _draw_excerpt(words: list[str], draw: random.Random) -> list[str]:
    """Return the whole text or, half the time, a few consecutive words."""
    if draw.random() < 0.5:
        return words
    size = draw.choice(_EXCERPT_LENGTHS)
    start = draw.randrange(max(1, len(words) - size + 1))
    return words[start : start + size]


def _scores(table: Tensor, texts: Sequence[Sequence[str]], buckets: dict[str, list[int]]) -> Tensor:
    """Compute `LanguageRouter.score` for a batch."""
    flat: list[int] = []
    offsets: list[int] = []
    text_of_word: list[int] = []
    for row, words in enumerate(texts):
        for word in words:
            offsets.append(len(flat))
            flat += buckets[word]
            text_of_word.append(row)
    means = functional.embedding_bag(torch.tensor(flat), table, torch.tensor(offsets), mode="mean")[:, 0]
    sums = torch.zeros(len(texts)).index_add(0, torch.tensor(text_of_word), means)
    return sums / torch.tensor([len(words) for words in texts], dtype=torch.float32).sqrt()
