"""What a calibration is fitted with, as a value."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class CalibrationConfig:
    """Defaults are those of the shipped calibration."""

    data: Path  # captioned pictures with the splits train and dev
    spoken: Path  # some of their captions, spoken: manifest.jsonl beside audio/
    out: Path  # folder that calibration, reference vectors and curve go to; vectors are kept in it between runs
    weights: Path  # the image tower's weights
    texts: Path = Path("datasets")  # folder with the sets `depictable` and `unanswerable`
    space: str = "lite@1"
    prior: float = 0.02  # share of right answers among what is searched that a score assumes
    bank_pictures: int = 1000
    bank_sentences: int = 800
    caption_sample: int = 6000  # train captions that depictability is learnt from
    kept: float = 0.95  # of the right answers among the top 5: what the floor must keep at least
    rejected: float = 0.95  # of the unanswerable questions: what it must reject at least
    seed: int = 0
