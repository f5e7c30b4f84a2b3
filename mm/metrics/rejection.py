"""What a floor, a score threshold of hits, keeps and rejects.

Names of arrays end in their axes: Q queries, E evidence, F floors.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mm.errors import InvalidInput

Float = npt.NDArray[np.floating]
Int = npt.NDArray[np.integer]

TOP_K = 5
"""A relevant item counts when it is among the `TOP_K` best."""


@dataclass(frozen=True, slots=True, eq=False)
class Scores:
    """Scores of the relevant items among the top 5, and best scores of queries without one."""

    relevant: Float
    unanswerable: Float  # of queries that no library answers
    removed: Float  # of queries whose one relevant item was removed from the library


@dataclass(frozen=True, slots=True)
class TradeOff:
    """Shares, from 0 to 1, at one floor."""

    floor: float
    kept: float
    rejected: float
    rejected_removed: float


def split_scores(scores_QE: Float, relevant_Q: Int) -> tuple[Float, Float]:
    """Scores of the relevant items among the top 5, and the best other score of each query (Q,).

    A tie counts against the relevant item: equal scores rank before it. Raises `InvalidInput` for
    shapes that do not match.
    """
    if scores_QE.ndim != 2 or scores_QE.shape[1] < 2 or relevant_Q.shape != scores_QE.shape[:1]:
        raise InvalidInput(f"Scores {scores_QE.shape} do not match {relevant_Q.shape} relevant items.")
    rows = np.arange(len(relevant_Q))
    own_Q = scores_QE[rows, relevant_Q]
    rank_Q = (scores_QE >= own_Q[:, None]).sum(1) - 1
    others_QE = scores_QE.copy()
    others_QE[rows, relevant_Q] = -np.inf
    return own_Q[rank_Q < TOP_K], others_QE.max(1)


def measure_trade_off(scores: Scores, floor: float) -> TradeOff:
    """The shares at a floor; a score equal to the floor is kept."""
    return TradeOff(
        floor,
        float((scores.relevant >= floor).mean()),
        float((scores.unanswerable < floor).mean()),
        float((scores.removed < floor).mean()),
    )


def choose_floor(scores: Scores, kept_share: float, rejected_share: float) -> float:
    """Choose a floor that keeps and rejects at least these shares. Scores are probabilities.

    Of all such floors it is the middle one in log-odds, for a margin on both sides. Where there is
    none, it is the highest floor that keeps the share, because losing relevant items is worse.
    """
    highest = np.sort(scores.relevant)[int(np.floor((1 - kept_share) * len(scores.relevant)))]
    lowest = np.sort(scores.unanswerable)[
        min(int(np.ceil(rejected_share * len(scores.unanswerable))), len(scores.unanswerable) - 1)
    ]
    if lowest >= highest:
        return float(highest)
    middle = (_log_odds(float(highest)) + _log_odds(float(lowest))) / 2
    return float(np.clip(1 / (1 + np.exp(-middle)), lowest, highest))  # rounding can leave the interval


def measure_trade_offs(scores: Scores, floors_F: Float) -> list[TradeOff]:
    """The shares at each floor."""
    return [measure_trade_off(scores, float(floor)) for floor in floors_F]


def format_trade_offs(points: list[TradeOff]) -> str:
    """Markdown table."""
    head = (
        "| score threshold | relevant items kept | unanswerable rejected | image removed: rejected |\n| --- | --- | --- | --- |\n"
    )
    return head + "\n".join(
        f"| {point.floor:.2g} | {point.kept:.1%} | {point.rejected:.1%} | {point.rejected_removed:.1%} |" for point in points
    )


def _log_odds(probability: float) -> float:
    bounded = min(max(probability, 1e-12), 1 - 1e-12)
    return float(np.log(bounded / (1 - bounded)))
