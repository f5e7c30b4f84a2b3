"""Recall at k between pictures and captions, as the Flickr sets are reported.

Protocol: Karpathy & Fei-Fei 2015 (arXiv:1412.2306): every caption ranks all pictures, every picture
ranks all captions. Names of arrays end in their axes: N pictures, M captions, D dimensions.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from mm.errors import InvalidInput
from mm.metrics.bootstrap import bootstrap
from mm.metrics.ranking import Bool, Float, Int, average_precision_at, first_ranks, one_hot_relevance
from mm.metrics.report import Measure, Report


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

    `picture_of_M` gives the row of each caption's picture. Text to image: the share of captions
    whose picture is among the k best. Image to text: the share of pictures with at least one of
    their captions among the k best; a picture without captions does not count. A tie counts against
    us: what scores the same as the right answer ranks before it.

    Raises `InvalidInput` for shapes that do not fit, scores that are not finite, and k below 1.
    """
    if any(k < 1 for k in ks):
        raise InvalidInput("k must be at least 1.")
    text_to_image, image_to_text = _both_ways(scores_NM, picture_of_M)
    picture_rank_M, caption_rank_N = first_ranks(*text_to_image), first_ranks(*image_to_text)
    return Retrieval(
        {k: 100.0 * float((picture_rank_M <= k).mean()) for k in ks},
        {k: 100.0 * float((caption_rank_N <= k).mean()) for k in ks},
    )


def recall_of_vectors(pictures_ND: Float, captions_MD: Float, picture_of_M: Int, ks: Sequence[int] = (1, 5, 10)) -> Retrieval:
    """`recall` with the inner product as the score."""
    return recall(pictures_ND.astype(np.float32) @ captions_MD.astype(np.float32).T, picture_of_M, ks)


def retrieval_report(of: str, scores_NM: Float, picture_of_M: Int) -> Report:
    """All that is usually reported, both ways: R@1, R@5, R@10, median rank, mAP@5.

    Intervals draw pictures, each with all its captions, and leave what is searched as it is. Raises
    as `recall`.
    """
    text_to_image, image_to_text = _both_ways(scores_NM, picture_of_M)
    described_N = np.unique(picture_of_M)
    return Report(
        of,
        (
            *_measures("text to image", *text_to_image, picture_of_M),
            *_measures("image to text", *image_to_text, described_N),
        ),
    )


def _measures(name: str, scores_QE: Float, right_QE: Bool, picture_Q: Int) -> Iterator[Measure]:
    rank_Q = first_ranks(scores_QE, right_QE)
    for k in (1, 5, 10):
        yield Measure(f"{name}, R@{k}", bootstrap(rank_Q <= k, picture_Q))
    yield Measure(f"{name}, median rank", bootstrap(rank_Q, picture_Q, np.median), share=False)
    yield Measure(f"{name}, mAP@5", bootstrap(average_precision_at(scores_QE, right_QE, 5), picture_Q))


def _both_ways(scores_NM: Float, picture_of_M: Int) -> tuple[tuple[Float, Bool], tuple[Float, Bool]]:
    """Scores and right answers of each caption as a question, and of each picture that has a
    caption."""
    if scores_NM.ndim != 2 or 0 in scores_NM.shape or picture_of_M.shape != (scores_NM.shape[1],):
        raise InvalidInput(f"Scores {scores_NM.shape} need as many picture numbers as columns, not {picture_of_M.shape}.")
    own_MN = one_hot_relevance(picture_of_M, scores_NM.shape[0])
    described_N = own_MN.any(0)
    return (scores_NM.T, own_MN), (scores_NM[described_N], own_MN.T[described_N])
