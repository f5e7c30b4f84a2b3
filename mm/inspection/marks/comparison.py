"""Compares a candidate with the version before it, on images that neither learned from."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np

from mm.inspection.learning.examples import Role
from mm.inspection.thresholds.conformal import Calibration
from mm.metrics.auc import auc, partial_auc

MIN_ACCEPTED_GROUPS = 2
"""Accepted groups of which each can be judged by a bank that only the others joined."""


@dataclass(frozen=True, slots=True)
class JudgedImage:
    """The held-out score of one image."""

    role: Role
    group: str
    score: float


@dataclass(frozen=True, slots=True)
class HeldOutMeasures:
    """How well a version judges images that it did not learn from."""

    image_auroc: float | None
    """Rejected parts against good ones; None without rejected parts."""
    partial_auroc: float | None
    """Mean share of rejected parts found at rates of false alarms up to the requested one."""
    defects_found: float | None
    """Share of rejected parts that fail at the requested rate."""
    accepted_not_passed: int
    """Accepted parts that fail or are undecided."""
    false_alarms: float
    """Share of the good parts of the fit that would fail, each compared with the others."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """The held-out measures of the version before and of the candidate."""

    before: HeldOutMeasures
    candidate: HeldOutMeasures
    rate: float
    """Requested rate of false alarms, or the smallest reachable one if that is larger."""
    num_good: int
    num_accepted: int
    num_accepted_groups: int
    num_rejected: int
    num_rejected_groups: int
    has_head: bool
    notes: tuple[str, ...] = ()

    @property
    def is_better(self) -> bool:
        """Whether at least one measure improves and none gets worse."""
        pairs = _list_pairs(self.before, self.candidate)
        if self.candidate.false_alarms > max(self.before.false_alarms, self.rate) + 1e-9:
            return False
        return all(new >= old for old, new in pairs) and any(new > old for old, new in pairs)

    def statement(self) -> str:
        """The comparison in sentences."""
        before, candidate = self.before, self.candidate
        lines = [
            f"Held-out images: {self.num_good} good, {self.num_rejected} rejected ({self.num_rejected_groups} groups), "
            f"{self.num_accepted} accepted ({self.num_accepted_groups} groups)."
        ]
        if before.image_auroc is not None and candidate.image_auroc is not None:
            lines.append(f"Image AUROC {before.image_auroc:.3f} before, {candidate.image_auroc:.3f} with the marks.")
        if before.partial_auroc is not None and candidate.partial_auroc is not None:
            lines.append(
                f"Part of it up to a false-alarm rate of {self.rate:.1%}: {before.partial_auroc:.3f} before, "
                f"{candidate.partial_auroc:.3f} with the marks."
            )
        if before.defects_found is not None and candidate.defects_found is not None:
            lines.append(f"Rejected parts that fail: {before.defects_found:.0%} before, {candidate.defects_found:.0%}.")
        if self.num_accepted:
            lines.append(
                f"Accepted parts that do not pass: {before.accepted_not_passed} before, {candidate.accepted_not_passed}."
            )
        lines.append(f"False alarms among the good images: {before.false_alarms:.1%} before, {candidate.false_alarms:.1%}.")
        lines.append("The candidate is better." if self.is_better else "The candidate is not better.")
        return " ".join([*lines, *self.notes])

    def to_json(self) -> dict[str, object]:
        """The numbers as values of JSON."""
        return asdict(self) | {"is_better": self.is_better, "statement": self.statement()}

    def to_text(self) -> str:
        """The numbers as JSON text."""
        return json.dumps(self.to_json())


def measure_held_out(images: Sequence[JudgedImage], calibration: Calibration, rate: float) -> HeldOutMeasures:
    """The measures of held-out scores; `calibration` has those of the good images of the fit."""
    good = np.array([image.score for image in images if image.role == "good"])
    rejected = np.array([image.score for image in images if image.role == "rejected"])
    accepted = [image.score for image in images if image.role == "accepted"]
    scores = np.concatenate([good, rejected])
    labels = np.arange(len(scores)) >= len(good)
    groups = [image.group for image in images if image.role == "good"]
    has_both = len(good) > 0 and len(rejected) > 0
    return HeldOutMeasures(
        image_auroc=auc(scores, labels) if has_both else None,
        partial_auroc=partial_auc(scores, labels, rate) if has_both else None,
        defects_found=float(np.mean([_p_value(each, calibration) <= rate for each in rejected])) if has_both else None,
        accepted_not_passed=sum(_p_value(each, calibration) <= rate for each in accepted),
        false_alarms=_measure_false_alarms(good, groups, rate),
    )


def _p_value(score: float, calibration: Calibration) -> float:
    """The p-value of one held-out score, which stands for the columns of all folds."""
    if not len(calibration.fold_N):
        return 1.0
    return calibration.compute_p_value(np.full(int(calibration.fold_N.max()) + 1, score))


def _measure_false_alarms(score_N: np.ndarray[tuple[int], np.dtype[np.float64]], groups: Sequence[str], rate: float) -> float:
    """Share of the groups whose images fail, each compared with the other groups."""
    names, number_N = np.unique(np.array(groups, dtype=object).astype(str), return_inverse=True)
    if len(names) < 2:
        return 0.0
    failed = []
    for number in range(len(names)):
        others = number_N != number
        rest = Calibration(score_N[others], number_N[others], np.zeros(int(others.sum()), np.int64))
        failed.append(np.mean([rest.compute_p_value(np.array([each])) <= rate for each in score_N[~others]]))
    return float(np.mean(failed))


def _list_pairs(before: HeldOutMeasures, candidate: HeldOutMeasures) -> list[tuple[float, float]]:
    """Measures of which more is better, before and with the marks."""
    pairs = [(before.image_auroc, candidate.image_auroc), (before.partial_auroc, candidate.partial_auroc)]
    known = [(old, new) for old, new in pairs if old is not None and new is not None]
    return [*known, (-before.accepted_not_passed, -candidate.accepted_not_passed)]
