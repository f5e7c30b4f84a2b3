"""Recall at k between pictures and captions, as the Flickr sets are reported.

Protocol: Karpathy & Fei-Fei 2015 (arXiv:1412.2306): every caption ranks all pictures, every picture ranks all captions. Names of
arrays end in their axes: N pictures, M captions, D dimensions.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mm.errors import InvalidInput

Float = npt.NDArray[np.floating]
Int = npt.NDArray[np.integer]


@dataclass(frozen=True, slots=True)
class Retrieval:
    """Recalls in percent, by k."""

    text_to_image: dict[int, float]
    image_to_text: dict[int, float]

    def table(self) -> str:
        """The recalls as a Markdown table."""
        ks = sorted(self.text_to_image)
        head = "| | " + " | ".join(f"R@{k}" for k in ks) + " |"
        rule = "| --- |" + " --- |" * len(ks)
        rows = [("text to image", self.text_to_image), ("image to text", self.image_to_text)]
        body = [f"| {name} | " + " | ".join(f"{recalls[k]:.1f}" for k in ks) + " |" for name, recalls in rows]
        return "\n".join([head, rule, *body])


def recall(scores_NM: Float, picture_of_M: Int, ks: Sequence[int] = (1, 5, 10)) -> Retrieval:
    """Recall at each k, both ways, from scores of N pictures against M captions.

    `picture_of_M` gives the row of each caption's picture. Text to image: the share of captions whose picture is among the k
    best. Image to text: the share of pictures with at least one of their captions among the k best; a picture without captions
    does not count. A tie counts against us: what scores the same as the right answer ranks before it.

    Raises `InvalidInput` for shapes that do not fit, scores that are not finite, and k below 1.
    """
    _check(scores_NM, picture_of_M, ks)
    count_N, count_M = scores_NM.shape
    right_M = scores_NM[picture_of_M, np.arange(count_M)]
    rank_of_caption_M = (scores_NM >= right_M).sum(0) - 1  # pictures before the right one

    own_NM = np.arange(count_N)[:, None] == picture_of_M
    described_N = own_NM.any(1)
    best_own_N = np.where(own_NM, scores_NM, -np.inf).max(1)
    rank_of_picture_N = ((scores_NM >= best_own_N[:, None]) & ~own_NM).sum(1)  # foreign captions before the best own one
    return Retrieval(
        {k: 100.0 * float((rank_of_caption_M < k).mean()) for k in ks},
        {k: 100.0 * float((rank_of_picture_N[described_N] < k).mean()) for k in ks},
    )


def recall_of_vectors(pictures_ND: Float, captions_MD: Float, picture_of_M: Int, ks: Sequence[int] = (1, 5, 10)) -> Retrieval:
    """`recall` with the inner product as the score."""
    return recall(pictures_ND.astype(np.float32) @ captions_MD.astype(np.float32).T, picture_of_M, ks)


def _check(scores_NM: Float, picture_of_M: Int, ks: Sequence[int]) -> None:
    if scores_NM.ndim != 2 or 0 in scores_NM.shape or picture_of_M.shape != (scores_NM.shape[1],):
        raise InvalidInput(f"Scores {scores_NM.shape} need as many picture numbers as columns, not {picture_of_M.shape}.")
    if picture_of_M.min() < 0 or picture_of_M.max() >= scores_NM.shape[0]:
        raise InvalidInput("A caption belongs to a picture that has no row of scores.")
    if not np.isfinite(scores_NM).all():
        raise InvalidInput("Scores must be finite.")
    if any(k < 1 for k in ks):
        raise InvalidInput("k must be at least 1.")
