"""The configuration of the multilingual tower's distillation."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from mm.errors import InvalidInput


@dataclass(frozen=True, slots=True)
class LanguagesConfig:
    """The defaults made the shipped checkpoint."""

    data: Path  # folder of Multi30k: task1_train.jsonl and task1_val.jsonl (en, de, fr, cs), task2_train.jsonl (en, de)
    out: Path  # folder for weights, card and the state to resume from
    tuxpaint: Path | None = None  # folder of Tux Paint: manifest.jsonl, images named in many languages
    left_out: tuple[Path, ...] = ()  # lists of images, one file name a line, whose sentences are excluded
    languages: int = 28  # of Tux Paint, those with most descriptions
    vocabulary: int = 12_000
    seed: int = 0
    epochs: int = 5
    batch: int = 512
    rate: float = 4e-4  # highest learning rate
    temperature: float = 0.05
    contrast: float = 0.1  # weight of the contrastive loss, beside the cosine loss

    def __post_init__(self) -> None:
        """Raises `InvalidInput` for a value below 1."""
        if min(self.languages, self.vocabulary, self.epochs, self.batch) < 1:
            raise InvalidInput("Languages, vocabulary, epochs and batch must be at least 1.")


def fingerprint(config: LanguagesConfig) -> str:
    """Identify the recipe of a saved state: all but the paths."""
    return repr(replace(config, out=Path(), data=Path(), tuxpaint=None, left_out=()))
