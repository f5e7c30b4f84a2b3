"""Detects the language of a text from the embeddings of its words.

A linear model on the mean embedding of the text's tokens, as in fastText (Joulin et al. 2017,
arXiv:1607.01759). Names of arrays end in their axes: K languages, D dimensions.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import numpy.typing as npt

from mm.models.text.language_router import split_words

Float = npt.NDArray[np.float32]

_LANGUAGES = Path(__file__).with_name("languages.toml")


@dataclass(frozen=True, slots=True)
class Language:
    """A language that can be detected."""

    code: str
    """ISO 639-1, or 639-3 where there is none."""
    name: str
    iso_639_3: str


@cache
def read_languages() -> Mapping[str, Language]:
    """The languages by their codes."""
    table = tomllib.loads(_LANGUAGES.read_text(encoding="utf-8"))
    return {code: Language(code, entry["name"], entry["iso_639_3"]) for code, entry in table.items()}


def find_language(code: str) -> Language | None:
    """The language of a code such as `pt_BR`, `sr-Latn` or `por`, if it is listed."""
    short = code.replace("@", "-").replace("_", "-").partition("-")[0]
    languages = read_languages()
    aliases = {"no": "nb", "cmn": "zh", "qcn": "zh", "hbs": "hr", "yue": "zh", "ell": "el"}
    short = aliases.get(short, short)
    return languages.get(short) or next((language for language in languages.values() if language.iso_639_3 == short), None)


def simplify(text: str) -> str:
    """The words of a text in lower case, as the detector reads them, without its punctuation."""
    return " ".join(split_words(text))


class LanguageDetector:
    """Probabilities of languages for the mean embedding of a text's tokens."""

    def __init__(self, weight_KD: Float, bias_K: Float, codes: Sequence[str]) -> None:
        """`codes` (K) name the languages."""
        self._weight_KD, self._bias_K, self.codes = weight_KD, bias_K, tuple(codes)

    def detect(self, vector_D: Float) -> dict[str, float]:
        """The probability of each language, by its code. They sum to 1."""
        if not self.codes:
            return {}
        logits_K = self._weight_KD @ _normalize(vector_D) + self._bias_K
        odds_K = np.exp(logits_K - logits_K.max())
        return dict(zip(self.codes, (odds_K / odds_K.sum()).tolist(), strict=True))


def _normalize(vector_D: Float) -> Float:
    return np.asarray(vector_D / max(float(np.linalg.norm(vector_D)), 1e-6), np.float32)
