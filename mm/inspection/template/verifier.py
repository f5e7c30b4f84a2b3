"""Separates defects of boards from shifted edges: a logistic model of few features.

Its coefficients are in `verifier.json`, with a card that says on which boards they were fitted
(`mm train boards`). Names of arrays end in their axes: N candidates, F features, h and w of a
window.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np

from mm.inspection.template.band import make_disc
from mm.inspection.template.board import Board
from mm.inspection.template.candidates import Candidate
from mm.numerics import Float64, sigmoid

FEATURES = ("log_outside", "log_elongation", "differences_nearby", "contact", "at_border", "is_isolated", "is_bridge")
MARGIN_PX = 24
"""Surroundings in which other differences are counted."""
OWN_PX = 4
"""Differences closer than this belong to the candidate."""
BORDER_PX = 3
MIN_EDGE_PX = 20
COEFFICIENTS = Path(__file__).with_name("verifier.json")


@dataclass(frozen=True, slots=True, eq=False)
class Verifier:
    """The model: standardized features times coefficients."""

    mean_F: Float64
    deviation_F: Float64
    coefficient_F: Float64
    bias: float

    def verify(self, features_NF: Float64) -> Float64:
        """Probabilities (N,) that candidates are defects."""
        return np.asarray(sigmoid((features_NF - self.mean_F) / self.deviation_F @ self.coefficient_F + self.bias))


@lru_cache(maxsize=1)
def load_verifier() -> Verifier:
    """The shipped model."""
    stored = json.loads(COEFFICIENTS.read_text(encoding="utf-8"))
    assert tuple(stored["features"]) == FEATURES, "verifier.json is of other features"
    mean_F, deviation_F, coefficient_F = (np.array(stored[name], np.float64) for name in ("mean", "deviation", "coefficients"))
    return Verifier(mean_F, deviation_F, coefficient_F, float(stored["bias"]))


def measure_features(candidates: Sequence[Candidate], contacts: Sequence[int], board: Board) -> Float64:
    """Features (N, F) of candidates, with the parts of the template that each joins."""
    rows = [_measure(candidate, count, board) for candidate, count in zip(candidates, contacts, strict=True)]
    return np.array(rows, np.float64).reshape(-1, len(FEATURES))


def _measure(candidate: Candidate, num_contacts: int, board: Board) -> list[float]:
    height, width = candidate.mask_hw.shape
    window = board.cut(candidate, MARGIN_PX)
    padded_hw = np.pad(candidate.mask_hw, 1).astype(np.uint8)
    # The largest distance from the outside: a sliver along an edge is long and thin.
    thickness = float(cv2.distanceTransform(padded_hw, cv2.DIST_L2, 5).max())
    elongation = max(height, width) / thickness
    is_other_hw = cv2.dilate(window.mask_hw.astype(np.uint8), make_disc(OWN_PX)) == 0
    template_hw = window.template_hw.astype(np.uint8)
    is_edge_hw = (template_hw - cv2.erode(template_hw, np.ones((3, 3), np.uint8))) > 0
    num_edge = max(int((is_edge_hw & is_other_hw).sum()), MIN_EDGE_PX)
    num_differing = int(((window.image_hw ^ window.template_hw) & window.inside_hw & is_other_hw).sum())
    outline_hw = (cv2.dilate(window.mask_hw.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0) & ~window.mask_hw
    contact = float((outline_hw & window.template_hw).sum() / max(int(outline_hw.sum()), 1))
    rows, columns = board.image_HW.shape
    gap = min(candidate.left, candidate.top, columns - candidate.left - width, rows - candidate.top - height)
    return [
        float(np.log(candidate.num_outside)),
        float(np.log(elongation)),
        num_differing / num_edge,
        contact,
        float(gap < BORDER_PX),
        float(num_contacts == 0),
        float(num_contacts >= 2),
    ]
