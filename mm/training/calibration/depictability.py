"""Depictability: a classifier of texts that ask for something that an image can show."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mm.data.query_texts import draw_keyboard_noise, draw_noun_phrases, phrase_as_queries, read_lines
from mm.numerics import Float64
from mm.spaces.types import Vectors
from mm.training.calibration.recipe import CalibrationConfig
from mm.training.logistic_regression import fit_logistic

_RIDGE, _FOLDS = 0.3, 5
_NUM_NOISE, _NUM_PHRASES = 300, 2000
_CLASS_WEIGHT = 1000.0  # sum of the weights of each class, whatever the number of its texts


@dataclass(frozen=True, slots=True)
class TextGroup:
    """Texts of one origin, their class, and their share of the weight of the class."""

    texts: Sequence[str]
    is_positive: bool
    share: float


def collect_text_groups(config: CalibrationConfig, train_captions: Sequence[str], class_names: Sequence[str]) -> list[TextGroup]:
    """Collect the training texts. Raises `InvalidInput` when a list cannot be read."""
    lists, seed = config.texts / "depictable", config.seed
    shown, unshown = read_lines(lists / "shown.txt"), read_lines(lists / "unshown.txt")
    captions = train_captions[: config.caption_sample]
    phrases = draw_noun_phrases(train_captions[config.caption_sample :], _NUM_PHRASES, seed)
    return [
        TextGroup(captions, True, 0.3),
        TextGroup(phrase_as_queries(class_names, seed + 1), True, 0.2),
        TextGroup(phrase_as_queries(shown, seed + 2), True, 0.3),
        TextGroup(phrase_as_queries(phrases, seed + 3), True, 0.2),
        TextGroup(unshown, False, 0.5),
        TextGroup(phrase_as_queries(unshown, seed + 4), False, 0.25),
        TextGroup(draw_keyboard_noise(_NUM_NOISE, seed), False, 0.25),
    ]


def fit_text_classifier(groups: Sequence[TextGroup], embed: Callable[[Sequence[str]], Vectors]) -> npt.NDArray[np.float32]:
    """Fit weights (D + 1,), the bias last, of the log-odds of the positive class.

    The scale of the log-odds is corrected on held-out texts, by cross-validation.
    """
    vectors = np.concatenate([embed(group.texts) for group in groups]).astype(np.float64)
    labels = np.concatenate([np.full(len(group.texts), float(group.is_positive)) for group in groups])
    weight = np.concatenate([np.full(len(group.texts), _CLASS_WEIGHT * group.share / len(group.texts)) for group in groups])
    # Both phrasings of a text must be in the same fold.
    fold = np.concatenate([np.arange(len(group.texts)) % _FOLDS for group in groups])
    held_out_logits = np.zeros(len(vectors))
    for number in range(_FOLDS):
        train = fold != number
        fitted = fit_logistic(vectors[train], labels[train], weight[train], _RIDGE)
        held_out_logits[~train] = vectors[~train] @ fitted[:-1] + fitted[-1]
    scale, shift = fit_logistic(held_out_logits[:, None], labels, weight, 0.0)
    return _rescale(fit_logistic(vectors, labels, weight, _RIDGE), float(scale), float(shift))


def _rescale(fitted: Float64, scale: float, shift: float) -> npt.NDArray[np.float32]:
    rescaled = fitted * scale
    rescaled[-1] += shift
    return rescaled.astype(np.float32)
