"""Search of images by text with captions as further evidence, fused as in the index.

Names of arrays end in their axes: N images, M queries, D dimensions.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from mm.data.short_queries import draw_short_queries
from mm.metrics.bootstrap import bootstrap
from mm.metrics.ranking import first_ranks
from mm.metrics.report import Measure, Report
from mm.spaces.query import build_query

if TYPE_CHECKING:
    from mm.data.captioned_images import CaptionedImage
    from mm.numerics import Float32, Float64
    from mm.schemas import EvidenceKind
    from mm.spaces import Space
    from mm.spaces.types import Query

SHORT_LENGTHS, NUM_SHORT = (1, 2, 3), 200
"""Content words of short queries, and number of queries of each length."""
PAGE = 10
"""Default number of hits of a search."""
KINDS: tuple[EvidenceKind, ...] = ("picture", "caption")


def evaluate_search(
    space: Space,
    rows: Sequence[CaptionedImage],
    images_ND: Float32,
    captions: Sequence[str],
    unanswerable: Sequence[str] = (),
) -> Report:
    """Report recall of images by their reference captions and by short queries, and likely hits.

    `images_ND` are the vectors of the images, `captions` one written caption for each; '' is none.
    The ranks are those of the image evidence alone, of the captions alone, and of both, fused as in
    a search. `unanswerable` are queries that no image matches.
    """
    captions_ND = space.sentences.embed(list(captions))
    captions_ND[[not caption for caption in captions]] = 0.0
    measures: list[Measure] = []
    texts = [caption for row in rows for caption in row.captions]
    own_M = np.repeat(np.arange(len(rows)), [len(row.captions) for row in rows])
    relevant_MN = own_M[:, None] == np.arange(len(rows))
    for name, strengths_MN in _measure_strengths(space, texts, images_ND, captions_ND).items():
        ranks_M = first_ranks(strengths_MN, relevant_MN)
        measures += [Measure(f"captions as queries, {name}: R@{k}", bootstrap(ranks_M <= k, own_M)) for k in (1, 5, 10)]
        is_likely_MN = -np.expm1(-strengths_MN) >= space.calibration.floor
        found_M = is_likely_MN[relevant_MN] & (ranks_M <= PAGE)
        measures.append(Measure(f"captions as queries, {name}: likely among the first {PAGE}", bootstrap(found_M, own_M)))
        measures.append(
            Measure(f"captions as queries, {name}: likely hits", bootstrap(is_likely_MN.sum(1), own_M), is_share=False)
        )
    for length in SHORT_LENGTHS:
        queries = draw_short_queries([row.captions for row in rows], length, NUM_SHORT, 0)
        if not queries:
            continue
        relevant_QN, known_QN = (np.stack(rows) for rows in zip(*((q.relevant, q.is_known) for q in queries), strict=True))
        for name, strengths_QN in _measure_strengths(space, [query.text for query in queries], images_ND, captions_ND).items():
            ranks_Q = first_ranks(np.where(known_QN, strengths_QN, -1.0), relevant_QN)  # strengths are at least 0
            measures.append(Measure(f"{length} content words, {name}: a relevant image first", bootstrap(ranks_Q <= 1)))
    for name, strengths_QN in _measure_strengths(space, unanswerable, images_ND, captions_ND).items() if unanswerable else ():
        nothing_Q = -np.expm1(-strengths_QN).max(1) < space.calibration.floor
        measures.append(Measure(f"unanswerable queries, {name}: nothing likely", bootstrap(nothing_Q)))
    return Report(f"{len(rows):,} images, {len(texts):,} captions as queries", tuple(measures))


def _measure_strengths(space: Space, texts: Sequence[str], images_ND: Float32, captions_ND: Float32) -> dict[str, Float64]:
    """Strengths (M, N) of the queries, by the evidence that they are compared with."""
    queries = [build_query(space, text=text) for text in texts]
    of_images, of_captions = (
        np.stack([score_strengths(query, kind, vectors) for query in queries])
        for kind, vectors in zip(KINDS, (images_ND, captions_ND), strict=True)
    )
    return {"images": of_images, "captions": of_captions, "both": of_images + of_captions}


def score_strengths(query: Query, kind: EvidenceKind, vectors_ND: Float32) -> Float64:
    """Strengths (N,) of the evidence of one kind, as in `indexes.search.fusion`.

    0 for a vector of zeros, which stands for missing evidence, and where the query is not compared
    with the kind.
    """
    evidence_query = next((entry for entry in query.evidence_queries if entry.kind == kind), None)
    if evidence_query is None:
        return np.zeros(len(vectors_ND))
    strengths: Float64 = np.logaddexp(0.0, evidence_query.logits(vectors_ND).astype(np.float64))
    strengths[~vectors_ND.any(1)] = 0.0
    return strengths
