"""How well the heads of captions predict which objects and phrases the references of images have.

Names of arrays end in their axes: N images, C names, D dimensions.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from mm.data.language.captions import make_sentences
from mm.metrics.auc import auc
from mm.metrics.bootstrap import bootstrap
from mm.metrics.language.captions import tokenize_references
from mm.metrics.language.objects import default_object_words
from mm.metrics.report import Measure, Report
from mm.models.image.caption_heads import PHRASE_LENGTHS, list_phrases

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mm.data.captioned_images import CaptionedImage
    from mm.models.image.caption_heads import CaptionHeads
    from mm.numerics import Float32, Float64


def evaluate_caption_heads(heads: CaptionHeads, rows: Sequence[CaptionedImage], images_ND: Float32) -> Report:
    """Report the areas under the ROC curve, and the log loss of objects.

    An area is a mean over the names that some references have and others not. The log loss is the
    sum over objects, in nats, beside that of the shares of the training images.
    """
    references = tokenize_references([make_sentences(row.captions) for row in rows])
    words = default_object_words()
    objects = [words.supported_by(several) for several in references]
    phrases = [
        {phrase for tokens in several for length in PHRASE_LENGTHS for phrase in list_phrases(tokens, length)}
        for several in references
    ]
    is_object_NC, is_phrase_NC = (
        np.array([[name in names for name in head.names] for names in mentioned])
        for head, mentioned in ((heads.objects, objects), (heads.phrases, phrases))
    )
    log_probabilities_NC = heads.objects.predict_log_probabilities(images_ND)
    log_complements_NC = np.log(-np.expm1(np.minimum(log_probabilities_NC, -1e-12)))
    loss_N = -np.where(is_object_NC, log_probabilities_NC, log_complements_NC).sum(1)
    share_C = heads.objects.share_C.astype(np.float64)
    shares_loss_N = -np.where(is_object_NC, np.log(share_C), np.log1p(-share_C)).sum(1)
    measures = (
        Measure("objects: log loss of an image, nats", bootstrap(loss_N), is_share=False),
        Measure("objects: the same by the shares of training images", bootstrap(shares_loss_N), is_share=False),
        *_measure_area("objects", log_probabilities_NC, is_object_NC),
        *_measure_area("phrases", heads.phrases.predict_log_probabilities(images_ND), is_phrase_NC),
    )
    counts = f"{len(heads.objects.names):,} objects, {len(heads.phrases.names):,} phrases"
    return Report(f"{len(rows):,} images, {counts}", measures)


def _measure_area(kind: str, scores_NC: Float64, is_mentioned_NC: npt.NDArray[np.bool_]) -> list[Measure]:
    """The area of the names that some images have and others not; none without such names."""
    columns = np.flatnonzero(is_mentioned_NC.any(0) & ~is_mentioned_NC.all(0))
    areas = np.array([auc(scores_NC[:, column], is_mentioned_NC[:, column]) for column in columns])
    return [Measure(f"{kind}: area under the ROC curve, mean", bootstrap(areas), is_share=False)] if len(areas) else []
