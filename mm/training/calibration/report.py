"""Writes a calibration: its files, and the trade-off of its floor as a chart and a table."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import numpy.typing as npt
from safetensors.numpy import save

from mm.files import write_atomic
from mm.metrics.chart import Chart, Line
from mm.metrics.rejection import Scores, TradeOff, format_trade_offs, measure_trade_off, measure_trade_offs
from mm.spaces.calibration import Calibration

_CHART_FLOORS = 1 / (1 + np.exp(-np.linspace(-7.0, 3.0, 101)))
_TABLE_FLOORS = (0.001, 0.01, 0.03, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.7, 0.9)


def write_calibration(
    folder: Path, calibration: Calibration, bank: Mapping[str, npt.NDArray[np.generic]], scores: Scores
) -> Path:
    """Write chart, table, bank and calibration; return the path of the calibration.

    The calibration is written last, because its presence means that the space is calibrated.
    """
    write_trade_offs(folder, scores, calibration.floor)
    write_atomic(folder / "bank.safetensors", save(dict(bank)))
    path = folder / "calibration.json"
    write_atomic(path, (calibration.model_dump_json(indent=2) + "\n").encode())
    return path


def write_trade_offs(folder: Path, scores: Scores, floor: float) -> None:
    """Write `floor.svg` and `floor.md` into the folder."""
    points = measure_trade_offs(scores, _CHART_FLOORS)
    chart = Chart(
        "Kept and rejected by score threshold, 1000 images of dev",
        "score threshold: lowest probability of a hit",
        tuple(point.floor for point in points),
        (
            Line("relevant items kept", tuple(point.kept for point in points)),
            Line("unanswerable rejected", tuple(point.rejected for point in points)),
            Line("image removed: rejected", tuple(point.rejected_removed for point in points)),
        ),
        floor,
    )
    write_atomic(folder / "floor.svg", chart.to_svg().encode())
    table = measure_trade_offs(scores, np.array(sorted({*_TABLE_FLOORS, floor})))
    write_atomic(folder / "floor.md", (format_trade_offs(table) + "\n").encode())


def describe_floor(scores: Scores, floor: float) -> str:
    """One line about a floor."""
    point: TradeOff = measure_trade_off(scores, floor)
    return (
        f"score threshold {point.floor:.3g}: keeps {point.kept:.1%} of the relevant items among the top 5, rejects "
        f"{point.rejected:.1%} of the unanswerable queries, and {point.rejected_removed:.1%} of the captions whose "
        "image was removed"
    )
