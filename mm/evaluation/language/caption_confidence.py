"""How well the confidence of written captions separates right ones from wrong ones.

A caption is wrong when it names an object that no reference of its image supports. Names of arrays
end in their axes: N images, D dimensions.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from mm.data.language.captions import make_sentences
from mm.errors import InvalidInput
from mm.metrics.auc import auc
from mm.metrics.bootstrap import bootstrap, bootstrap_rows
from mm.metrics.language.captions import tokenize_references
from mm.metrics.language.objects import count_objects
from mm.metrics.language.ptb_tokenizer import tokenize
from mm.metrics.report import Measure, Report
from mm.spaces.caption_confidence import measure_confidence

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mm.data.captioned_images import CaptionedImage
    from mm.generation.caption_ranking import GeneratedCaption
    from mm.metrics.language.objects import ObjectWords
    from mm.numerics import Float32, Float64
    from mm.spaces import Space


def evaluate_confidence(
    space: Space,
    rows: Sequence[CaptionedImage],
    images_ND: Float32,
    captions: Sequence[GeneratedCaption],
    thresholds: Sequence[float],
    words: ObjectWords | None = None,
) -> Report:
    """Report, for each threshold, right captions that are lost and wrong ones that are kept.

    `images_ND` are the vectors of the images, `captions` one for each. Raises `InvalidInput` when
    all captions are right, or all are wrong.
    """
    is_wrong_N = find_wrong_captions(rows, [caption.text for caption in captions], words)
    if is_wrong_N.all() or not is_wrong_N.any():
        raise InvalidInput(f"Of {len(rows)} captions {is_wrong_N.sum()} are wrong: there is nothing to separate.")
    confidence_N = measure_confidences(space, captions, images_ND)
    separation = bootstrap_rows(len(rows), None, lambda sample: np.array([_separate(confidence_N[sample], ~is_wrong_N[sample])]))[
        0
    ]
    measures = [Measure("wrong captions", bootstrap(is_wrong_N)), Measure("area under the ROC curve", separation, is_share=False)]
    for threshold in thresholds:
        is_kept_N = confidence_N >= threshold
        measures += [
            Measure(f"from {threshold:g}: right captions that are lost", bootstrap(~is_kept_N[~is_wrong_N])),
            Measure(f"from {threshold:g}: wrong captions that are kept", bootstrap(is_kept_N[is_wrong_N])),
        ]
    return Report(f"{len(rows):,} captions, wrong ones with an object word that no reference supports", tuple(measures))


def measure_confidences(space: Space, captions: Sequence[GeneratedCaption], images_ND: Float32) -> Float64:
    """The confidence (N,) of each caption, as workers store it."""
    pairs = zip(captions, images_ND, strict=True)
    return np.array([measure_confidence(space, caption.text, image_D, caption.logprob) for caption, image_D in pairs])


def find_wrong_captions(
    rows: Sequence[CaptionedImage], captions: Sequence[str], words: ObjectWords | None = None
) -> npt.NDArray[np.bool_]:
    """Whether each caption (N,) names an object that no reference of its image supports."""
    references = tokenize_references([make_sentences(row.captions) for row in rows])
    is_wrong_N: npt.NDArray[np.bool_] = count_objects([tokenize(text) for text in captions], references, words).unsupported_C > 0
    return is_wrong_N


def _separate(confidence_N: Float64, is_right_N: npt.NDArray[np.bool_]) -> float:
    """Area under the ROC curve; 0.5 for a bootstrap sample of one class."""
    return 0.5 if is_right_N.all() or not is_right_N.any() else auc(confidence_N, is_right_N)
