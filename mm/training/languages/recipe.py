"""The recipe of the tower for other languages, as a value."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from mm.errors import InvalidInput


@dataclass(frozen=True, slots=True)
class LanguagesConfig:
    """The recipe. Defaults are those of the shipped checkpoint."""

    data: Path  # folder of Multi30k: task1_train.jsonl and task1_val.jsonl (en, de, fr, cs), task2_train.jsonl (en, de)
    out: Path  # folder that weights, card and what a run resumes from go to
    tuxpaint: Path | None = None  # folder of Tux Paint: manifest.jsonl, each picture described in many languages
    left_out: tuple[Path, ...] = ()  # lists of pictures, one file name a line, whose sentences are not learned from
    languages: int = 28  # the largest of Tux Paint's
    vocabulary: int = 12_000
    seed: int = 0
    epochs: int = 5
    batch: int = 512
    rate: float = 4e-4  # highest learning rate
    temperature: float = 0.05
    contrast: float = 0.1  # weight of telling the sentences of a batch apart, beside one less cosine

    def __post_init__(self) -> None:
        """Raises `InvalidInput` for a recipe that means nothing."""
        if min(self.languages, self.vocabulary, self.epochs, self.batch) < 1:
            raise InvalidInput("Languages, vocabulary, epochs and batch must be at least 1.")


def fingerprint(config: LanguagesConfig) -> str:
    """What must be the same for a state to be taken up: all of the recipe but where things lie."""
    return repr(replace(config, out=Path(), data=Path(), tuxpaint=None, left_out=()))
