"""The configuration of a calibration."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class CalibrationConfig:
    """The defaults made the shipped calibration."""

    data: Path  # captioned images with the splits train and dev
    spoken: Path  # recordings of some of their captions: manifest.jsonl beside audio/
    out: Path  # folder for calibration, bank and trade-off; vectors are cached in it
    weights: Path  # of the image tower
    texts: Path = Path("datasets")  # folder with the sets `depictable` and `unanswerable`
    space: str = "lite@1"
    prior: float = 0.02  # share of relevant items in the library that scores assume
    bank_images: int = 1000
    bank_sentences: int = 800
    caption_sample: int = 6000  # captions of train for the depictability of texts
    kept: float = 0.95  # share of the relevant items among the top 5 that the floor must keep
    rejected: float = 0.95  # share of the unanswerable queries that the floor must reject
    seed: int = 0
