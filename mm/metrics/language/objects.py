"""Object words of captions that no reference has, in the manner of CHAIR (Rohrbach et al. 2018,
arXiv:1809.02156).

CHAIR compares with the segmented objects of COCO; here only the references say what is there, so
that a number is called 'CHAIR-like': an object that is visible and that nobody mentions counts as
wrong. `objects.tsv` lists the words. It was made by hand from the nouns of the training captions of
Flickr8k that occur often after an article or a number. All words for people are one object, as in
CHAIR. A general word is supported by a special one: 'animal' by 'dog', not 'dog' by 'animal'. Words
that are more often verbs or colours ('watch', 'slide', 'orange') are left out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources

import numpy as np
import numpy.typing as npt

from mm.errors import InvalidInput
from mm.metrics.language.ngrams import References, Tokens, check_captions

Int = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class ObjectWords:
    """Phrases of one or more words, the object that each names, and what else the object is."""

    object_of: Mapping[Tokens, str]
    general: Mapping[str, frozenset[str]]

    @property
    def max_length(self) -> int:
        """Tokens of the longest phrase."""
        return max(map(len, self.object_of), default=1)

    def find(self, tokens: Tokens) -> list[str]:
        """Return the objects that a caption mentions, in order; a longer phrase goes first."""
        objects, start = [], 0
        while start < len(tokens):
            length, name = self._longest_phrase(tokens[start : start + self.max_length])
            if name is not None:
                objects.append(name)
            start += length
        return objects

    def supported_by(self, references: References) -> frozenset[str]:
        """Objects that references mention, and the more general ones."""
        mentioned = {name for tokens in references for name in self.find(tokens)}
        return frozenset(mentioned).union(*(self.general.get(name, frozenset()) for name in mentioned))

    def _longest_phrase(self, tokens: Tokens) -> tuple[int, str | None]:
        for length in range(len(tokens), 0, -1):
            name = self._name(tokens[:length])
            if name is not None:
                return length, name
        return 1, None

    def _name(self, phrase: Tokens) -> str | None:
        *head, last = phrase
        return next((self.object_of[(*head, form)] for form in singulars(last) if (*head, form) in self.object_of), None)


def singulars(word: str) -> list[str]:
    """Return the word, and what it can be a regular plural of."""
    forms = [word]
    if word.endswith("ies"):
        forms.append(word[:-3] + "y")
    if word.endswith(("ses", "xes", "zes", "ches", "shes")):
        forms.append(word[:-2])
    if word.endswith("s") and not word.endswith("ss"):
        forms.append(word[:-1])
    return forms


def parse_object_words(text: str) -> ObjectWords:
    """Parse lines of an object, its other words and its general objects, separated by tabs.

    Words are separated by commas; lines that begin with '#' are comments. Raises `InvalidInput` for
    a line of another shape, and for a word of two objects.
    """
    object_of: dict[Tokens, str] = {}
    general: dict[str, frozenset[str]] = {}
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip() or line.startswith("#"):
            continue
        if line.count("\t") != 2:
            raise InvalidInput(f"Line {number} of the object words must have three fields, separated by tabs.")
        name, words, kinds = line.split("\t")
        for word in (name, *filter(None, words.split(","))):
            if object_of.setdefault(tuple(word.split()), name) != name:
                raise InvalidInput(f"Line {number} of the object words: {word!r} is a word of two objects.")
        general[name] = frozenset(filter(None, kinds.split(",")))
    return ObjectWords(object_of, general)


@cache
def default_object_words() -> ObjectWords:
    """Return the object words of `objects.tsv`."""
    return parse_object_words(resources.files(__package__).joinpath("objects.tsv").read_text(encoding="utf-8"))


@dataclass(frozen=True, slots=True, eq=False)
class ObjectCounts:
    """Mentions of objects in each candidate (C,), repeated ones included."""

    mentioned_C: Int
    unsupported_C: Int

    def unsupported_share(self, rows: npt.NDArray[np.integer] | None = None) -> float:
        """Share of mentions that no reference supports (CHAIR_i); 0 where nothing is mentioned."""
        rows = np.arange(len(self.mentioned_C)) if rows is None else rows
        return float(self.unsupported_C[rows].sum() / max(1, self.mentioned_C[rows].sum()))

    def stack(self) -> npt.NDArray[np.float64]:
        """A row (2,) of each candidate: unsupported mentions and all."""
        return np.stack([self.unsupported_C, self.mentioned_C], axis=1).astype(np.float64)


def score_object_sums(sums_B2: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """`ObjectCounts.unsupported_share` (B, 1) of sums of rows of `ObjectCounts.stack`."""
    return sums_B2[:, :1] / np.maximum(1.0, sums_B2[:, 1:])


def count_objects(
    candidates: Sequence[Tokens], references: Sequence[References], words: ObjectWords | None = None
) -> ObjectCounts:
    """Count mentions of objects and those that no reference supports.

    A candidate has a wrong object (CHAIR_s) where `unsupported_C` is not 0. Raises `InvalidInput`
    for no candidates and for a candidate without references.
    """
    check_captions(candidates, references)
    words = words or default_object_words()
    mentioned, unsupported = [], []
    for candidate, several in zip(candidates, references, strict=True):
        supported, objects = words.supported_by(several), words.find(candidate)
        mentioned.append(len(objects))
        unsupported.append(sum(name not in supported for name in objects))
    return ObjectCounts(np.array(mentioned), np.array(unsupported))
