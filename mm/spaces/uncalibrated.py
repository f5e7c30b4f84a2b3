"""What the cosines of a model mean as long as nobody has fitted it: what the model itself assumed
when it learnt.

A model that learnt by sigmoids (SigLIP) has a scale and a bias of its own: sigmoid(scale * cosine +
bias). One that learnt by a softmax over a batch has a scale alone; its zero is put where a picture
that has nothing to do with the words would lie, which a few photographs tell. Neither was measured
on a library: there is no floor, and every answer says so.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from mm.spaces.calibration import Bank, Calibration, Calibrator, ComponentCalibrator

if TYPE_CHECKING:
    from mm.models.openclip.model import OpenClipModel

UNCALIBRATED = (
    "Scores of the space {} are not calibrated: they rank, but they are no probabilities, and nothing is left out for being "
    "unlike the question. `mm train calibrate --space` fits them."
)
CAPTIONS = (
    "a dog runs over a meadow", "two people talk in an office", "a bowl of soup on a table", "a street at night", "a red car",
    "children play on a beach", "a woman rides a horse", "snow on a mountain", "a man plays the guitar", "a bird on a branch",
    "a crowd in a stadium", "a chart with numbers", "a bedroom with a window", "a boat on a lake", "hands hold a phone",
    "a train in a station",
)  # fmt: skip
"""Things that the photographs do not show."""


def assumed(model: OpenClipModel, bank: Bank, lite: Calibration, space: str, weights_hash: str) -> Calibration:
    """A calibration without a fit. Forms for speech and names are those of `lite`, whose sentence
    encoder they are about."""
    scale = model.scale
    words = model.embed_texts(CAPTIONS).cpu().numpy()
    unlike = float((words @ bank.images.T).mean())
    others = bank.images @ bank.images.T
    unlike_pictures = float(others[~np.eye(len(others), dtype=np.bool_)].mean())
    before = float(np.log(lite.prior / (1 - lite.prior)))
    bias = before - scale * unlike if model.bias is None else model.bias
    seen = Calibrator(bias=bias, cosine=scale, z_score=0.0, depictable=1.0)
    alike = Calibrator(bias=before - scale * unlike_pictures, cosine=scale, z_score=0.0)
    kept = tuple(entry for entry in lite.calibrators if entry.kind != "picture")
    return Calibration(
        space=space,
        image_weights=weights_hash,
        prior=lite.prior,
        floor=0.0,
        evidence_weight=lite.evidence_weight,
        calibrators=(
            ComponentCalibrator(component="text", kind="picture", calibrator=seen),
            ComponentCalibrator(component="picture", kind="picture", calibrator=alike),
            ComponentCalibrator(component="clip", kind="picture", calibrator=alike),
            *kept,
        ),
    )
