"""Recall at k between images and captions, as reported on the Flickr sets.

Protocol: Karpathy & Fei-Fei 2015 (arXiv:1412.2306): every caption ranks all images, every image
ranks all captions. Names of arrays end in their axes: N images, M captions, D dimensions.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from mm.errors import InvalidInput
from mm.metrics.bootstrap import bootstrap
from mm.metrics.ranking import Bool, Float, Int, average_precision_at, first_ranks, one_hot_relevance
from mm.metrics.report import Measure, Report
from mm.metrics.vectors import RetrievalRanks, rank_retrieval


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


def recall(scores_NM: Float, image_of_M: Int, ks: Sequence[int] = (1, 5, 10)) -> Retrieval:
    """Recall at each k in both directions, from scores of N images against M captions.

    `image_of_M` is the row of each caption's image. Text to image: the share of captions whose
    image is among the k best. Image to text: the share of images with one of their captions among
    the k best; images without captions are left out. Ties count against the relevant item.

    Raises `InvalidInput` for shapes that do not match, scores that are not finite, and k below 1.
    """
    _check_ks(ks)
    text_to_image, image_to_text = _both_directions(scores_NM, image_of_M)
    image_rank_M, caption_rank_N = first_ranks(*text_to_image), first_ranks(*image_to_text)
    return Retrieval(
        {k: 100.0 * float((image_rank_M <= k).mean()) for k in ks},
        {k: 100.0 * float((caption_rank_N <= k).mean()) for k in ks},
    )


def recall_of_vectors(images_ND: Float, captions_MD: Float, image_of_M: Int, ks: Sequence[int] = (1, 5, 10)) -> Retrieval:
    """`recall` with the inner product as the score, without the matrix of all scores.

    Raises `InvalidInput` as `recall`.
    """
    _check_ks(ks)
    to_image, to_text = rank_both_ways(images_ND, captions_MD, image_of_M)
    return Retrieval(
        {k: 100.0 * float((to_image.first_Q <= k).mean()) for k in ks},
        {k: 100.0 * float((to_text.first_Q <= k).mean()) for k in ks},
    )


def rank_both_ways(
    images_ND: Float, captions_MD: Float, image_of_M: Int, depth: int = 5
) -> tuple[RetrievalRanks, RetrievalRanks]:
    """Ranks of captions as queries (M,), and of images that have captions, in ascending order.

    `image_of_M` as in `recall`; the errors are those of `rank_retrieval`.
    """
    described_N = np.unique(image_of_M)
    rows_N = np.arange(len(images_ND))
    if len(described_N) and (described_N[0] < 0 or described_N[-1] >= len(rows_N)):
        raise InvalidInput(f"The index of a relevant item is outside the {len(rows_N)} ranked items.")
    of_images_ND = images_ND if len(described_N) == len(rows_N) else images_ND[described_N]
    return (
        rank_retrieval(captions_MD, images_ND, image_of_M, rows_N, depth),
        rank_retrieval(of_images_ND, captions_MD, described_N, image_of_M, depth),
    )


def retrieval_report(of: str, scores_NM: Float, image_of_M: Int) -> Report:
    """Report R@1, R@5, R@10, median rank and mAP@5 in both directions.

    The bootstrap samples images, each with all its captions, as queries. Raises as `recall`.
    """
    text_to_image, image_to_text = _both_directions(scores_NM, image_of_M)
    described_N = np.unique(image_of_M)
    return Report(
        of,
        (
            *_measures("text to image", *text_to_image, image_of_M),
            *_measures("image to text", *image_to_text, described_N),
        ),
    )


def _measures(name: str, scores_QE: Float, relevant_QE: Bool, image_Q: Int) -> Iterator[Measure]:
    rank_Q = first_ranks(scores_QE, relevant_QE)
    for k in (1, 5, 10):
        yield Measure(f"{name}, R@{k}", bootstrap(rank_Q <= k, image_Q))
    yield Measure(f"{name}, median rank", bootstrap(rank_Q, image_Q, np.median), is_share=False)
    yield Measure(f"{name}, mAP@5", bootstrap(average_precision_at(scores_QE, relevant_QE, 5), image_Q))


def _both_directions(scores_NM: Float, image_of_M: Int) -> tuple[tuple[Float, Bool], tuple[Float, Bool]]:
    """Scores and relevance of captions as queries, and of images that have captions."""
    if scores_NM.ndim != 2 or 0 in scores_NM.shape or image_of_M.shape != (scores_NM.shape[1],):
        raise InvalidInput(f"Scores {scores_NM.shape} need an image index for each column, not {image_of_M.shape}.")
    own_MN = one_hot_relevance(image_of_M, scores_NM.shape[0])
    described_N = own_MN.any(0)
    return (scores_NM.T, own_MN), (scores_NM[described_N], own_MN.T[described_N])


def _check_ks(ks: Sequence[int]) -> None:
    if any(k < 1 for k in ks):
        raise InvalidInput("k must be at least 1.")
