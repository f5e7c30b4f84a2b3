"""The configuration of the multilingual tower's training."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from mm.errors import InvalidInput


@dataclass(frozen=True, slots=True)
class LanguagesConfig:
    """The defaults made the shipped weights."""

    data: Path  # folder of Multi30k: task1_train.jsonl and task1_val.jsonl (en, de, fr, cs), task2_train.jsonl (en, de)
    out: Path  # folder for weights, card and the state to resume from
    tuxpaint: Path | None = None  # folder of Tux Paint: manifest.jsonl, images named in many languages
    left_out: tuple[Path, ...] = ()  # lists of images, one file name a line, whose sentences are excluded
    wordnets: Path | None = None  # folder of the Open Multilingual Wordnet: wn-*.tab
    emoji: Path | None = None  # folder of the annotations of the Unicode CLDR: LOCALE/annotations.json
    translations: Path | None = None  # folder of more translations of Multi30k: train.LANG, a line for each row of task 1
    images: Path | None = None  # folder of captioned images: captions.jsonl, images/; those of its split train are ranked
    rank: int = 128  # of the update of each matrix of the encoder; 0 trains the map alone
    hidden: int = 1024  # units of the map's hidden layer
    captions: int = 140_000  # English captions of task 2
    words: int = 30_000  # words of MiniLM's vocabulary, the most frequent first
    description_repeats: int = 3  # how often an epoch has each description of Tux Paint
    lemmas: int = 15_000  # entries of wordnets a language, the most frequent first
    entries: int = 300_000  # of wordnets and emoji in an epoch
    seed: int = 0
    epochs: int = 13
    batch: int = 6144
    rate: float = 1.5e-3  # highest learning rate of the map
    encoder_rate: float = 1.5e-3  # highest learning rate of the updates
    dropout: float = 0.1  # of the hidden layer
    temperature: float = 0.05
    contrast: float = 0.1  # weight of the contrastive loss of sentences, beside the cosine loss
    short_contrast: float = 0.3  # the same of words and short descriptions
    ranking: float = 0.3  # weight of the divergence between the rankings of images, where there are images
    ranking_temperature: float = 0.05

    def __post_init__(self) -> None:
        """Raises `InvalidInput` for a value below its least one."""
        if (
            min(self.hidden, self.epochs, self.batch, self.description_repeats) < 1
            or min(self.rank, self.captions, self.words, self.lemmas, self.entries) < 0
        ):
            raise InvalidInput("Hidden units, repeats, epochs and batch must be at least 1, all other counts at least 0.")


def fingerprint(config: LanguagesConfig) -> str:
    """Identify the recipe of a saved state: all but the paths."""
    without_folders = replace(config, out=Path(), data=Path(), tuxpaint=None, left_out=(), wordnets=None, emoji=None)
    return repr(replace(without_folders, translations=None, images=None))
