"""What a floor under the score keeps and what it rejects.

Names of arrays end in their axes: Q questions, E evidence, F floors.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mm.errors import InvalidInput
from mm.numerics import log_odds, sigmoid

Float = npt.NDArray[np.floating]
Int = npt.NDArray[np.integer]

TOP = 5
"""A right answer counts when it is among this many best."""


@dataclass(frozen=True, slots=True, eq=False)
class Scores:
    """Scores that a floor is judged by: of each right answer among the top 5, and the best one of
    every other question."""

    right: Float
    unanswerable: Float  # questions that nothing in any library answers
    taken_out: Float  # questions whose one right answer was taken out of the library


@dataclass(frozen=True, slots=True)
class TradeOff:
    """Shares, from 0 to 1, at one floor."""

    floor: float
    kept: float
    rejected: float
    rejected_taken_out: float


def right_and_taken_out(scores_QE: Float, right_Q: Int) -> tuple[Float, Float]:
    """Scores of the right answers that are among the top 5, and the best score of each question
    without its right answer.

    A tie counts against us: what scores the same ranks before the right answer. Raises
    `InvalidInput` for shapes that do not fit.
    """
    if scores_QE.ndim != 2 or scores_QE.shape[1] < 2 or right_Q.shape != scores_QE.shape[:1]:
        raise InvalidInput(f"Scores {scores_QE.shape} do not fit {right_Q.shape} right answers.")
    rows = np.arange(len(right_Q))
    own_Q = scores_QE[rows, right_Q]
    rank_Q = (scores_QE >= own_Q[:, None]).sum(1) - 1
    others_QE = scores_QE.copy()
    others_QE[rows, right_Q] = -np.inf
    return own_Q[rank_Q < TOP], others_QE.max(1)


def trade_off(scores: Scores, floor: float) -> TradeOff:
    """A score at the floor is kept."""
    return TradeOff(
        floor,
        float((scores.right >= floor).mean()),
        float((scores.unanswerable < floor).mean()),
        float((scores.taken_out < floor).mean()),
    )


def choose_floor(scores: Scores, kept: float, rejected: float) -> float:
    """A floor that keeps that share of the right answers and rejects that share of the unanswerable
    questions.

    Of all such floors the one in the middle, by log-odds, so that new questions have room on both
    sides. Where there is none, the highest floor that keeps the share: losing right answers is
    worse. Scores are probabilities.
    """
    highest = np.sort(scores.right)[int(np.floor((1 - kept) * len(scores.right)))]
    lowest = np.sort(scores.unanswerable)[min(int(np.ceil(rejected * len(scores.unanswerable))), len(scores.unanswerable) - 1)]
    if lowest >= highest:
        return float(highest)
    middle = (log_odds(_bounded(float(highest))) + log_odds(_bounded(float(lowest)))) / 2
    return float(np.clip(sigmoid(np.array(middle)), lowest, highest))  # rounding may lead out by a hair


def curve(scores: Scores, floors_F: Float) -> list[TradeOff]:
    """The trade-off at each floor."""
    return [trade_off(scores, float(floor)) for floor in floors_F]


def trade_off_table(points: list[TradeOff]) -> str:
    """Markdown."""
    head = "| floor | right answers kept | unanswerable rejected | picture taken out: rejected |\n| --- | --- | --- | --- |\n"
    return head + "\n".join(
        f"| {point.floor:.2g} | {point.kept:.1%} | {point.rejected:.1%} | {point.rejected_taken_out:.1%} |" for point in points
    )


def _bounded(probability: float) -> float:
    """The probability within the range in which its log-odds are finite."""
    return min(max(probability, 1e-12), 1 - 1e-12)
