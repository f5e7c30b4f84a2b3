"""What the floor, fitted to English queries, keeps and rejects for other languages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from mm.metrics.rejection import split_scores
from mm.numerics import sigmoid
from mm.spaces.calibration import read_bank, read_calibration
from mm.spaces.lite_space import BANK, CALIBRATION
from mm.spaces.scoring import compute_logits, depictable

Float = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class FloorRow:
    """A row of the table. Shares are from 0 to 1."""

    language: str
    num_queries: int
    kept: float
    """Share of the relevant images among the top 5 that reach the floor; 0 without any."""
    rejected: float
    """Share of queries without a hit at the floor once their relevant image is removed."""


def measure_floor(space: Path, queries: Mapping[str, tuple[Float, npt.NDArray[np.int64]]], images_MD: Float) -> list[FloorRow]:
    """Measure each language: its query vectors (Q, D), and the rows (Q,) of their images.

    `space` is the folder with calibration and bank. Raises `Corrupt`.
    """
    calibration, bank = read_calibration(space / CALIBRATION), read_bank(space / BANK)
    calibrator = calibration.find_calibrator("text", "picture")
    assert calibrator is not None
    rows = []
    for language, (vectors_QD, relevant_Q) in queries.items():
        log_depictabilities = np.array([depictable(query, bank) for query in vectors_QD])
        probabilities = sigmoid(compute_logits(calibrator, vectors_QD, images_MD, bank.images, log_depictabilities))
        relevant, others = split_scores(probabilities, relevant_Q)
        kept_share = float((relevant >= calibration.floor).mean()) if len(relevant) else 0.0
        rows.append(FloorRow(language, len(relevant_Q), kept_share, float((others < calibration.floor).mean())))
    return rows


def format_floor_table(rows: Sequence[FloorRow]) -> str:
    """Markdown table."""
    lines = [
        "| language | queries | relevant among the top 5: kept | image removed: rejected |",
        "| --- | ---: | ---: | ---: |",
    ]
    lines += [f"| {row.language} | {row.num_queries:,} | {row.kept:.1%} | {row.rejected:.1%} |" for row in rows]
    return "\n".join(lines)
