"""The operation of a message that the rules of words do not decide, from the vectors of examples.

The vectors of a sentence encoder are classified by regularized least squares, in which each class
is weighted by the inverse square root of its number of examples (`intents.toml`).
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import cast, get_args

import numpy as np
import numpy.typing as npt
from safetensors.numpy import load_file
from safetensors.numpy import save as dump

from mm.answers.conversation.command import Operation
from mm.files import write_atomic

Embed = Callable[[Sequence[str]], npt.NDArray[np.float32]]
"""Texts to unit rows (N, D)."""
REGULARIZATION = 1.0
WEIGHTS = Path(__file__).with_name("intents.safetensors")
"""The shipped weights, of MiniLM's vectors of the examples."""
MARGIN = 0.1
"""How much the score of a command exceeds all others, where 1 is the score of its examples."""


@cache
def read_examples() -> tuple[tuple[str, Operation], ...]:
    """Messages with their operations."""
    file = tomllib.loads(Path(__file__).with_name("intents.toml").read_text(encoding="utf-8"))
    assert set(file) <= set(get_args(Operation))
    return tuple(
        (" ".join(message.split()), cast(Operation, operation)) for operation, text in file.items() for message in text.split("|")
    )


class IntentClassifier:
    """Classifies messages by the vectors of a sentence encoder."""

    def __init__(self, embed: Embed, weights: npt.NDArray[np.float32] | None = None) -> None:
        """`weights` (D + 1, K) are those of `fit`; default: the shipped ones."""
        self._embed = embed
        self._weights = load_file(WEIGHTS)["weights"].astype(np.float32) if weights is None else weights

    def classify(self, message: str) -> Operation:
        """The operation of a message; a question when none is clear."""
        vector_D = self._embed([normalize(message)])[0]
        scores_K = np.append(vector_D, np.float32(1)) @ self._weights
        second, best = np.argsort(scores_K)[-2:]
        return list_operations()[best] if scores_K[best] - scores_K[second] >= MARGIN else "question"


@cache
def list_operations() -> tuple[Operation, ...]:
    """The classes, in the order of the columns of the weights."""
    return tuple(dict.fromkeys(operation for _, operation in read_examples()))


def fit(embed: Embed) -> npt.NDArray[np.float32]:
    """Weights (D + 1, K) from the examples; the last row is the bias."""
    examples, operations = read_examples(), list_operations()
    vectors_ND = embed([message for message, _ in examples]).astype(np.float64)
    labels_N = np.array([operations.index(operation) for _, operation in examples])
    weights_N = np.sqrt(len(labels_N) / np.bincount(labels_N)[labels_N])[:, None]
    targets_NK = np.eye(len(operations))[labels_N]
    mean_K = (weights_N * targets_NK).sum(0) / weights_N.sum()
    gram_DD = vectors_ND.T @ (weights_N * vectors_ND) + REGULARIZATION * np.eye(vectors_ND.shape[1])
    weights_DK = np.linalg.solve(gram_DD, vectors_ND.T @ (weights_N * (targets_NK - mean_K)))
    return np.vstack([weights_DK, mean_K]).astype(np.float32)


def save(embed: Embed, path: Path = WEIGHTS) -> None:
    """Write the weights of the examples in half precision: after a change of `intents.toml`."""
    write_atomic(path, dump({"weights": fit(embed).astype(np.float16)}))


def normalize(message: str) -> str:
    """A message in the form of the examples: lower case, without marks."""
    return " ".join(re.sub(r"[.!?,;:]+", " ", message.lower()).split())
