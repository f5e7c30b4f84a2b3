"""The trade-off of the floor, drawn and tabulated."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from mm.files import open_atomic
from mm.metrics.chart import Chart, Line
from mm.metrics.rejection import Scores, curve, trade_off_table
from mm.numerics import sigmoid

_CHART_FLOORS = sigmoid(np.linspace(-7.0, 3.0, 101))
_TABLE_FLOORS = (0.001, 0.01, 0.03, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.7, 0.9)


def write_report(folder: Path, scores: Scores, floor: float) -> None:
    """Write `floor.svg` and `floor.md` into the folder."""
    points = curve(scores, _CHART_FLOORS)
    chart = Chart(
        "What a floor keeps and rejects, 1000 pictures of dev",
        "floor: least probability of a hit",
        tuple(point.floor for point in points),
        (
            Line("right answers kept", tuple(point.kept for point in points)),
            Line("unanswerable rejected", tuple(point.rejected for point in points)),
            Line("picture taken out: rejected", tuple(point.rejected_taken_out for point in points)),
        ),
        floor,
    )
    with open_atomic(folder / "floor.svg") as file:
        file.write(chart.svg().encode())
    table = curve(scores, np.array(sorted({*_TABLE_FLOORS, floor})))
    with open_atomic(folder / "floor.md") as file:
        file.write((trade_off_table(table) + "\n").encode())
