"""The calibration of a model without a fit: what its own training assumed.

A model trained with a sigmoid loss (SigLIP) has a scale and a bias: sigmoid(scale * cosine + bias).
One trained with a softmax over a batch has a scale only; its zero is placed at the mean cosine of
sample photos and captions that do not describe them. Neither was measured on a library, so that
there is no floor, and every search result carries a note.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from mm.numerics import log_odds
from mm.spaces.calibration import Bank, Calibration, Calibrator, ComponentCalibrator

if TYPE_CHECKING:
    from mm.models.openclip.model import OpenClipModel

UNCALIBRATED = (
    "Scores of the space {} are not calibrated: they rank results, but they are not probabilities, and no result is left out "
    "for a low score. `mm train calibrate --space` fits them."
)
UNRELATED_CAPTIONS = (
    "a dog runs over a meadow", "two people talk in an office", "a bowl of soup on a table", "a street at night", "a red car",
    "children play on a beach", "a woman rides a horse", "snow on a mountain", "a man plays the guitar", "a bird on a branch",
    "a crowd in a stadium", "a chart with numbers", "a bedroom with a window", "a boat on a lake", "hands hold a phone",
    "a train in a station",
)  # fmt: skip
"""Of things that the sample photos do not show."""


def assume_calibration(model: OpenClipModel, bank: Bank, lite: Calibration, space: str, weights_hash: str) -> Calibration:
    """Derive a calibration from a model; `bank` has the sample photos as images.

    Calibrators of speech, text and names are those of `lite`, whose sentence encoder they are for.
    That of captions is not, because it was fitted beside the images of `lite`.
    """
    scale = model.scale
    captions = model.embed_texts(UNRELATED_CAPTIONS).cpu().numpy()
    caption_cosine = float((captions @ bank.images.T).mean())
    image_cosines = bank.images @ bank.images.T
    image_cosine = float(image_cosines[~np.eye(len(image_cosines), dtype=np.bool_)].mean())
    prior_logit = log_odds(lite.prior)
    bias = prior_logit - scale * caption_cosine if model.bias is None else model.bias
    text = Calibrator(bias=bias, cosine=scale, z_score=0.0, depictable=1.0)
    image = Calibrator(bias=prior_logit - scale * image_cosine, cosine=scale, z_score=0.0)
    return Calibration(
        space=space,
        image_weights=weights_hash,
        prior=lite.prior,
        floor=0.0,
        evidence_weight=lite.evidence_weight,
        calibrators=(
            ComponentCalibrator(component="text", kind="picture", calibrator=text),
            ComponentCalibrator(component="picture", kind="picture", calibrator=image),
            ComponentCalibrator(component="clip", kind="picture", calibrator=image),
            *(entry for entry in lite.calibrators if entry.kind not in {"picture", "caption"}),
        ),
    )
