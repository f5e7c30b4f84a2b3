"""Fits the language detector by multinomial logistic regression."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Iterable

import numpy as np
import numpy.typing as npt
import torch
from torch.nn import functional

from mm.models.text.e5.words import WordEmbeddings
from mm.models.text.language_detector import find_language, simplify

_MIN_TEXTS, _MAX_TEXTS = 300, 6_000  # of a language
_STEPS, _BATCH, _RATE, _DECAY = 3_000, 1024, 0.02, 1e-5

Fitted = tuple[npt.NDArray[np.float32], npt.NDArray[np.float32], list[str]]
"""Weight (K, D), bias (K,), codes (K)."""


def fit_detector(texts: Iterable[tuple[str, str]], words: WordEmbeddings, seed: int) -> Fitted:
    """Fit the detector on texts with the codes of their languages.

    Languages with few texts, and those that are not listed, are left out. All have the same weight.
    """
    by_language: dict[str, set[str]] = defaultdict(set)
    for code, text in texts:
        if (language := find_language(code)) is not None:
            by_language[language.code].add(simplify(text))
    draw = random.Random(seed)
    sampled = {
        code: draw.sample(ordered, min(_MAX_TEXTS, len(ordered)))
        for code, of_language in sorted(by_language.items())
        if len(ordered := sorted(of_language)) >= _MIN_TEXTS
    }
    codes = list(sampled)
    if not codes:
        return np.zeros((0, words.width), np.float32), np.zeros(0, np.float32), []
    vectors_ND = torch.from_numpy(words.embed([text for code in codes for text in sampled[code]]))
    starts = np.cumsum([0, *(len(sampled[code]) for code in codes)])
    generator = torch.Generator().manual_seed(seed)
    layer = torch.nn.Linear(vectors_ND.shape[1], len(codes))
    torch.nn.init.zeros_(layer.weight)
    torch.nn.init.zeros_(layer.bias)
    optimizer = torch.optim.AdamW(layer.parameters(), lr=_RATE, weight_decay=_DECAY)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, _STEPS)
    first, counts = torch.from_numpy(starts[:-1]), torch.from_numpy(np.diff(starts))
    for _ in range(_STEPS):
        labels = torch.randint(len(codes), (_BATCH,), generator=generator)
        rows = first[labels] + (torch.rand(_BATCH, generator=generator) * counts[labels]).long()
        loss = functional.cross_entropy(layer(functional.normalize(vectors_ND[rows], dim=1)), labels)
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        schedule.step()
    return layer.weight.detach().numpy(), layer.bias.detach().numpy(), codes
