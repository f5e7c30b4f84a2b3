"""How well queries in each language were measured to work, and which languages are weak."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from mm.errors import Corrupt
from mm.models.text.language_detector import read_languages

_WEAK = 0.5  # share of the recall in English below which a language is weak
_CERTAIN = 0.5  # probability of weak languages together from which a text counts as being in one


@dataclass(frozen=True, slots=True)
class WeakLanguage:
    """The language of a text in which queries find little, or that was not measured."""

    name: str
    recall: float | None
    """R@1 of descriptions by their translation, from 0 to 1; None without a measurement."""
    english: float
    """The same of English."""


class LanguageQuality:
    """R@1 by language, from `mm eval languages`."""

    def __init__(self, english: float, recalls: Mapping[str, float]) -> None:
        self.english, self.recalls = english, dict(recalls)

    def to_json(self) -> str:
        """The content of the file that `read_language_quality` reads."""
        recalls = {code: round(recall, 4) for code, recall in sorted(self.recalls.items())}
        return json.dumps({"english": round(self.english, 4), "languages": recalls}, indent=1) + "\n"

    def find_weak(self, probabilities: Mapping[str, float]) -> WeakLanguage | None:
        """The most probable of the weak and unmeasured languages, if a text is probably in one.

        `probabilities` are those of `LanguageDetector.detect`.
        """
        weak = {code: probability for code, probability in probabilities.items() if self._is_weak(code)}
        if sum(weak.values()) < _CERTAIN:
            return None
        code = max(weak, key=weak.__getitem__)
        return WeakLanguage(read_languages()[code].name, self.recalls.get(code), self.english)

    def _is_weak(self, code: str) -> bool:
        return self.recalls.get(code, 0.0) < _WEAK * self.english


def read_language_quality(path: Path) -> LanguageQuality:
    """Read the file. Raises `Corrupt` when it cannot be read."""
    try:
        stored = json.loads(path.read_text(encoding="utf-8"))
        return LanguageQuality(float(stored["english"]), {str(code): float(at_1) for code, at_1 in stored["languages"].items()})
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise Corrupt(f"The measured recall of languages cannot be read from {path}: {error!r}.") from error
