"""Whether the floor, which was fitted to questions in English, keeps and rejects those in other
languages alike."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from mm.metrics.rejection import right_and_taken_out
from mm.numerics import sigmoid
from mm.spaces.calibration import read_bank, read_calibration
from mm.spaces.lite_space import BANK, CALIBRATION
from mm.spaces.scoring import compute_logits, depictable

Float = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class FloorRow:
    """One line of the table. Shares are from 0 to 1."""

    language: str
    questions: int
    kept: float
    """Share of the right pictures among the top 5 that are at or above the floor; 0 when there are
    none."""
    rejected: float
    """Share of questions that have nothing left at or above the floor once their right picture is
    taken out."""


def floor_rows(space: Path, asked: Mapping[str, tuple[Float, npt.NDArray[np.int64]]], pictures: Float) -> list[FloorRow]:
    """A line for each language: `asked` has its questions (Q, D) and the rows (Q,) of their right
    `pictures` (M, D).

    `space` is the folder with calibration and bank. Raises `Corrupt`.
    """
    calibration, bank = read_calibration(space / CALIBRATION), read_bank(space / BANK)
    form = calibration.find_calibrator("text", "picture")
    assert form is not None
    rows = []
    for language, (questions, right) in asked.items():
        shown = np.array([depictable(question, bank) for question in questions])
        chances = sigmoid(compute_logits(form, questions, pictures, bank.images, shown))
        found, others = right_and_taken_out(chances, right)
        kept = float((found >= calibration.floor).mean()) if len(found) else 0.0
        rows.append(FloorRow(language, len(right), kept, float((others < calibration.floor).mean())))
    return rows


def floor_table(rows: Sequence[FloorRow]) -> str:
    """Markdown."""
    lines = [
        "| language | questions | right among the top 5: kept | picture taken out: rejected |",
        "| --- | ---: | ---: | ---: |",
    ]
    lines += [f"| {row.language} | {row.questions:,} | {row.kept:.1%} | {row.rejected:.1%} |" for row in rows]
    return "\n".join(lines)
