"""Learns which texts ask for something that a picture can show: a logistic regression on text
vectors."""

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

_RIDGE, _FOLDS, _NOISE, _PHRASES = 0.3, 5, 300, 2000
_MASS = 1000.0  # sum of the weights of either side, whatever the number of its texts


@dataclass(frozen=True, slots=True)
class Group:
    """Texts of one origin and their share of the weight of their side."""

    texts: Sequence[str]
    shown: bool
    share: float


def text_groups(config: CalibrationConfig, train_captions: Sequence[str], class_names: Sequence[str]) -> list[Group]:
    """What it is learnt from. Raises `InvalidInput` when a list cannot be read."""
    lists, seed = config.texts / "depictable", config.seed
    shown, unshown = read_lines(lists / "shown.txt"), read_lines(lists / "unshown.txt")
    described = train_captions[: config.caption_sample]
    phrases = draw_noun_phrases(train_captions[config.caption_sample :], _PHRASES, seed)
    return [
        Group(described, True, 0.3),
        Group(phrase_as_queries(class_names, seed + 1), True, 0.2),
        Group(phrase_as_queries(shown, seed + 2), True, 0.3),
        Group(phrase_as_queries(phrases, seed + 3), True, 0.2),
        Group(unshown, False, 0.5),
        Group(phrase_as_queries(unshown, seed + 4), False, 0.25),
        Group(draw_keyboard_noise(_NOISE, seed), False, 0.25),
    ]


def fit_depictable(groups: Sequence[Group], embed: Callable[[Sequence[str]], Vectors]) -> npt.NDArray[np.float32]:
    """Weights (D + 1,) of log-odds. Their scale is corrected by texts that the fit has not seen,
    fold by fold."""
    vectors = np.concatenate([embed(group.texts) for group in groups]).astype(np.float64)
    shown = np.concatenate([np.full(len(group.texts), float(group.shown)) for group in groups])
    weight = np.concatenate([np.full(len(group.texts), _MASS * group.share / len(group.texts)) for group in groups])
    # The same text, asked for in two ways, must not be on both sides of a fold.
    fold = np.concatenate([np.arange(len(group.texts)) % _FOLDS for group in groups])
    unseen = np.zeros(len(vectors))
    for held in range(_FOLDS):
        kept = fold != held
        fitted = fit_logistic(vectors[kept], shown[kept], weight[kept], _RIDGE)
        unseen[~kept] = vectors[~kept] @ fitted[:-1] + fitted[-1]
    scale, shift = fit_logistic(unseen[:, None], shown, weight, 0.0)
    return _rescaled(fit_logistic(vectors, shown, weight, _RIDGE), float(scale), float(shift))


def _rescaled(fitted: Float64, scale: float, shift: float) -> npt.NDArray[np.float32]:
    rescaled = fitted * scale
    rescaled[-1] += shift
    return rescaled.astype(np.float32)
