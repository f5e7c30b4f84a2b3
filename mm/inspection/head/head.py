"""A segmentation head: networks on patches, and how their output joins the distance from the bank.

Each member is trained without some of the folds of the bank, and judges the images of those. So a
good part of the fit, a marked part and a new part are all judged by members that saw neither them
nor another image of their group, and the held-out scores keep their meaning. Column f of an array
is the result without fold f. Names of arrays end in their axes: N patches, D inputs, F folds, Q
kinds.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mm.errors import InvalidInput
from mm.inspection.head.kinds import KindClassifier
from mm.inspection.head.network import Inputs, PatchNetwork
from mm.inspection.scoring.score import ScoreRule
from mm.numerics import Float32, sigmoid


@dataclass(frozen=True, slots=True, eq=False)
class SegmentationHead:
    """Trained members, and the scales that bring log odds and distances to one unit.

    In that unit 0 is the median patch of good parts and 1 the patch that 2 in 1,000 exceed.
    """

    members: tuple[PatchNetwork, ...]
    distance_zero: float
    distance_unit: float
    logit_zero: float
    logit_unit: float
    weight_F: Float32
    """Share of the head in the anomaly of a patch, 0 to 1, for each fold that is left out."""
    rules_F: tuple[ScoreRule, ...]
    """How the score follows from the anomalies, for each fold that is left out."""
    kinds: KindClassifier | None = None

    def __post_init__(self) -> None:
        """Raises `InvalidInput` for parts that do not fit together or are not finite."""
        if len({member.hidden_DK.shape[0] for member in self.members}) != 1 or self.weight_F.shape != (len(self.rules_F),):
            raise InvalidInput("The members of a segmentation head need inputs of one number.")
        if self.kinds is not None and self.kinds.weights_DQ.shape != (self.num_inputs, len(self.kinds.names)):
            raise InvalidInput("The kinds of a segmentation head do not fit its inputs.")
        arrays = [self.weight_F, *(member.hidden_DK for member in self.members)]
        scales = [self.distance_zero, self.distance_unit, self.logit_zero, self.logit_unit]
        scales += [value for rule in self.rules_F for value in (rule.share, rule.wide_share, *rule.zeros, *rule.units)]
        if not all(np.isfinite(each).all() for each in [*arrays, np.array(scales)]):
            raise InvalidInput("A segmentation head holds numbers that are not finite.")
        if min(self.distance_unit, self.logit_unit, *(unit for rule in self.rules_F for unit in rule.units)) <= 0:
            raise InvalidInput("The units of a segmentation head are above 0.")

    @property
    def num_inputs(self) -> int:
        return int(self.members[0].hidden_DK.shape[0])

    def predict(self, inputs_ND: Inputs) -> Float32:
        """Log odds (N, F) of a marked defect, without each fold in turn."""
        self._check(inputs_ND)
        outputs_NM = np.stack([member.predict(inputs_ND) for member in self.members], -1)
        return outputs_NM[:, np.arange(len(self.weight_F)) % len(self.members)]

    def combine(self, distances_NF: Float32, logits_NF: Float32) -> Float32:
        """Anomaly (N, F) of patches from distances and log odds, each without a fold."""
        distances_NF = (distances_NF - np.float32(self.distance_zero)) / np.float32(self.distance_unit)
        logits_NF = (logits_NF - np.float32(self.logit_zero)) / np.float32(self.logit_unit)
        return combine(distances_NF, logits_NF, self.weight_F)

    def predict_kinds(self, inputs_ND: Inputs) -> Float32:
        """Probabilities (N, Q) that a patch is marked, and with each kind.

        Raises `InvalidInput` without kinds.
        """
        if self.kinds is None:
            raise InvalidInput("The marks of this inspector have no kinds.")
        self._check(inputs_ND)
        logits_N: Float32 = np.stack([member.predict(inputs_ND) for member in self.members]).mean(0, dtype=np.float32)
        return sigmoid(logits_N)[:, None] * self.kinds.predict(inputs_ND)

    def _check(self, inputs_ND: Inputs) -> None:
        if inputs_ND.shape[1:] != (self.num_inputs,):
            raise InvalidInput(f"The segmentation head takes {self.num_inputs} inputs, not {inputs_ND.shape[1:]}.")


def combine(distances: Float32, logits: Float32, weight: Float32 | float) -> Float32:
    """The anomaly from both in units of good parts: a weighted sum, 0 for the usual patch."""
    return np.asarray((1 - weight) * np.maximum(distances, 0) + weight * np.maximum(logits, 0), np.float32)
