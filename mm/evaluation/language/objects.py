"""How well the head of objects predicts which objects the references of images mention.

Names of arrays end in their axes: N images, C objects, D dimensions.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from mm.data.language.captions import make_sentences
from mm.metrics.auc import auc
from mm.metrics.bootstrap import bootstrap
from mm.metrics.language.captions import tokenize_references
from mm.metrics.language.objects import default_object_words
from mm.metrics.report import Measure, Report

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mm.data.captioned_images import CaptionedImage
    from mm.models.image.object_head import ObjectHead
    from mm.numerics import Float32


def evaluate_objects(head: ObjectHead, rows: Sequence[CaptionedImage], images_ND: Float32) -> Report:
    """Report the area under the ROC curve, a mean over objects, and the log loss of an image.

    Objects that all references mention, or none, have no area. The log loss is the sum over
    objects, in nats, beside that of the shares of objects among these images.
    """
    words = default_object_words()
    mentioned = [
        words.supported_by(references) for references in tokenize_references([make_sentences(row.captions) for row in rows])
    ]
    is_mentioned_NC = np.array([[name in objects for name in head.objects] for objects in mentioned])
    log_probabilities_NC = head.predict_log_probabilities(images_ND)
    areas = [
        auc(log_probabilities_NC[:, column], is_mentioned_NC[:, column])
        for column in range(len(head.objects))
        if is_mentioned_NC[:, column].any() and not is_mentioned_NC[:, column].all()
    ]
    log_complements_NC = np.log(-np.expm1(np.minimum(log_probabilities_NC, -1e-12)))
    loss_N = -np.where(is_mentioned_NC, log_probabilities_NC, log_complements_NC).sum(1)
    share_C = is_mentioned_NC.mean(0).clip(1e-6, 1 - 1e-6)
    shares_loss_N = -np.where(is_mentioned_NC, np.log(share_C), np.log1p(-share_C)).sum(1)
    measures = [Measure("log loss of an image, nats", bootstrap(loss_N), is_share=False)]
    measures.append(Measure("the same by the shares of objects", bootstrap(shares_loss_N), is_share=False))
    if areas:
        measures.append(Measure("area under the ROC curve, mean over objects", bootstrap(np.array(areas)), is_share=False))
    return Report(f"{len(rows):,} images, {len(head.objects)} objects", tuple(measures))
