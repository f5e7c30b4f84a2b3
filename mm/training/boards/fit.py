"""Fits the verifier of boards on DeepPCB, and measures it with each layout of boards left out.

A candidate is a defect if its padded box overlaps a marked one. Names of arrays end in their axes:
N candidates, F features.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mm.data.inspection.deep_pcb import BoardPair, read_deep_pcb
from mm.errors import InvalidInput
from mm.evaluation.inspection.board_method import SETTINGS, box_candidates
from mm.evaluation.inspection.boards import MIN_IOU
from mm.files import write_atomic
from mm.inspection.template.fit import fit_template
from mm.inspection.template.inspector import MIN_PROBABILITY
from mm.inspection.template.topology import count_contacts
from mm.inspection.template.verifier import FEATURES, Verifier, measure_features
from mm.inspection.types import GoodImage
from mm.metrics.boundaries import f1_score
from mm.metrics.inspection.boxes import UNMATCHED, Boxes, match_boxes
from mm.numerics import Float64
from mm.training.logistic_regression import fit_logistic

RIDGE = 1.0

OnProgress = Callable[[str], None]


@dataclass(frozen=True, slots=True, eq=False)
class Examples:
    """Candidates of all boards."""

    features_NF: Float64
    is_defect_N: Float64
    """1 for a candidate that overlaps a marked defect, else 0."""
    layouts: tuple[str, ...]
    """Layout of the board of each candidate."""
    num_marked: dict[str, int]
    """Marked defects by layout, those without a candidate included."""


def train_boards(root: Path, out: Path, on_progress: OnProgress = lambda line: None) -> dict[str, object]:
    """Fit on train of DeepPCB and write the coefficients with their card as JSON.

    Returns what was written. Raises `InvalidInput`.
    """
    examples = collect_examples(read_deep_pcb(root, "train"), on_progress)
    layouts = sorted(set(examples.layouts))
    if len(layouts) < 2:
        raise InvalidInput("The verifier is fitted on boards of at least two layouts, so that one can be left out.")
    verifier = fit_verifier(examples.features_NF, examples.is_defect_N)
    stored: dict[str, object] = {
        "features": list(FEATURES),
        "mean": verifier.mean_F.tolist(),
        "deviation": verifier.deviation_F.tolist(),
        "coefficients": verifier.coefficient_F.tolist(),
        "bias": verifier.bias,
        "card": {
            "data": "DeepPCB (Tang et al. 2019), train of the protocol 'board': research use only",
            "command": "mm train boards",
            "layouts": layouts,
            "candidates": len(examples.layouts),
            "defects": sum(examples.num_marked.values()),
            "f1_each_layout_left_out": measure_left_out(examples),
        },
    }
    write_atomic(out, (json.dumps(stored, indent=1) + "\n").encode())
    return stored


def collect_examples(pairs: Sequence[BoardPair], on_progress: OnProgress = lambda line: None) -> Examples:
    """The candidates of boards, as the template inspector finds them."""
    rows, labels, layouts = [], [], []
    num_marked: dict[str, int] = {}
    for index, pair in enumerate(pairs, 1):
        num_marked[pair.board] = num_marked.get(pair.board, 0) + len(pair.boxes.kinds)
        tested_HWC, template_HWC = pair.read()
        try:
            inspector = fit_template([GoodImage(template_HWC, "template")], "board", SETTINGS)
        except InvalidInput:
            continue  # a template of one colour cannot be aligned
        found = inspector.list_candidates(tested_HWC)
        if found is None:
            continue
        candidates, board = found
        boxes = box_candidates(candidates, tested_HWC.shape)
        areas_N = np.array([candidate.num_outside for candidate in candidates], np.float64)
        predicted = Boxes(boxes, ("defect",) * len(candidates), areas_N)
        rows.append(measure_features(candidates, [count_contacts(each, board) for each in candidates], board))
        labels.append(match_boxes(predicted, pair.boxes, MIN_IOU) != UNMATCHED)
        layouts += [pair.board] * len(candidates)
        if index % 50 == 0:
            on_progress(f"{index} of {len(pairs)} boards")
    if not layouts:
        raise InvalidInput("The boards have no candidates to fit a verifier on.")
    return Examples(np.concatenate(rows), np.concatenate(labels).astype(np.float64), tuple(layouts), num_marked)


def fit_verifier(features_NF: Float64, is_defect_N: Float64) -> Verifier:
    """Logistic regression on standardized features."""
    mean_F, deviation_F = features_NF.mean(0), np.maximum(features_NF.std(0), 1e-9)
    weights = fit_logistic((features_NF - mean_F) / deviation_F, is_defect_N, np.ones(len(features_NF)), RIDGE)
    return Verifier(mean_F, deviation_F, weights[:-1], float(weights[-1]))


def measure_left_out(examples: Examples) -> float:
    """F1 of the candidates that are accepted, each by a verifier fitted without its layout."""
    layouts = np.array(examples.layouts)
    is_accepted_N = np.zeros(len(layouts), np.bool_)
    for layout in set(examples.layouts):
        others = layouts != layout
        verifier = fit_verifier(examples.features_NF[others], examples.is_defect_N[others])
        is_accepted_N[~others] = verifier.verify(examples.features_NF[~others]) >= MIN_PROBABILITY
    num_matched = int(examples.is_defect_N[is_accepted_N].sum())
    return round(f1_score(num_matched, int(is_accepted_N.sum()), sum(examples.num_marked.values())), 4)
