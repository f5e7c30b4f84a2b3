"""CIDEr-D (Vedantam et al. 2015, arXiv:1411.5726), as in the COCO caption evaluation.

N-grams of lengths 1 to 4 are weighted by frequency in the caption times inverse document frequency,
where a document is the set of references of one image. Candidate weights are clipped to those of
the reference, a Gaussian of the difference in length (sigma 6) multiplies each cosine, and the mean
over lengths and references is multiplied by 10. The length is the number of bigrams, as in the COCO
code: it differs from the number of words only for an empty caption.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mm.errors import InvalidInput
from mm.metrics.language.ngrams import MAX_N, References, Tokens, check_captions, check_tokens, count_ngrams

SIGMA = 6.0
END_TOKEN = "<eos>"
"""Appended to candidates and references for a reward; the tokenizer does not produce it."""


@dataclass(frozen=True, slots=True)
class DocumentFrequencies:
    """In how many documents each n-gram occurs."""

    num_documents: int
    counts: Mapping[Tokens, int]

    def inverse(self, ngram: Tokens) -> float:
        """Natural logarithm of the inverse document frequency; a new n-gram counts as in one."""
        return math.log(self.num_documents) - math.log(max(1, self.counts.get(ngram, 0)))


def count_document_frequencies(references: Sequence[References], with_end: bool = False) -> DocumentFrequencies:
    """Count the documents of each n-gram; the references of one image are one document.

    `with_end` appends the end token to each reference. Raises `InvalidInput` for no references.
    """
    if not references:
        raise InvalidInput("Document frequencies need references.")
    counts: Counter[Tokens] = Counter()
    for several in references:
        counts.update({ngram for tokens in several for ngram in count_ngrams(_end(tokens, with_end))})
    return DocumentFrequencies(len(references), counts)


@dataclass(frozen=True, slots=True)
class _Vector:
    weights: dict[Tokens, float]
    norms: tuple[float, ...]  # by length of n-gram
    num_bigrams: int


class CiderD:
    """CIDEr-D against fixed references, whose vectors are computed once.

    Without `frequencies` the document frequencies are those of the references, as in the COCO code;
    a set of one image then scores 0. For self-critical training (Rennie et al. 2017,
    arXiv:1612.00563) make one object of the training references `with_end` and score samples by
    `score_one`: without the end token a caption that is cut off loses little, and the model learns
    to stop at 'a man in a'. Frequencies that are passed must have been counted `with_end`, too.
    """

    def __init__(
        self, references: Sequence[References], frequencies: DocumentFrequencies | None = None, with_end: bool = False
    ) -> None:
        if not all(references):
            raise InvalidInput("An image has no reference.")
        self._with_end = with_end
        self._frequencies = frequencies or count_document_frequencies(references, with_end)
        self._references = [_Document([self._vector(tokens) for tokens in several]) for several in references]

    def __len__(self) -> int:
        return len(self._references)

    def score_one(self, index: int, candidate: Tokens) -> float:
        """CIDEr-D of a caption of image `index`, from 0 to 10."""
        return self._references[index].score(self._vector(candidate))

    def score(self, candidates: Sequence[Tokens]) -> npt.NDArray[np.float64]:
        """CIDEr-D of one caption for each image (C,); the score of the set is the mean.

        Raises `InvalidInput` for another number of captions than images.
        """
        if len(candidates) != len(self):
            raise InvalidInput(f"{len(candidates)} candidates cannot be compared with references of {len(self)}.")
        return np.array([self.score_one(index, candidate) for index, candidate in enumerate(candidates)])

    def _vector(self, tokens: Tokens) -> _Vector:
        weights, squares, num_bigrams = {}, [0.0] * MAX_N, 0
        for ngram, count in count_ngrams(_end(tokens, self._with_end)).items():
            weight = count * self._frequencies.inverse(ngram)
            weights[ngram] = weight
            squares[len(ngram) - 1] += weight * weight
            num_bigrams += count if len(ngram) == 2 else 0
        return _Vector(weights, tuple(map(math.sqrt, squares)), num_bigrams)


class _Document:
    """The references of one image, as an inverted index from n-gram to (reference, weight)."""

    def __init__(self, vectors: Sequence[_Vector]) -> None:
        self._vectors = vectors
        self._postings: dict[Tokens, list[tuple[int, float]]] = defaultdict(list)
        for number, vector in enumerate(vectors):
            for ngram, weight in vector.weights.items():
                self._postings[ngram].append((number, weight))

    def score(self, candidate: _Vector) -> float:
        products = [[0.0] * MAX_N for _ in self._vectors]
        for ngram, weight in candidate.weights.items():
            for number, other in self._postings.get(ngram, ()):
                products[number][len(ngram) - 1] += min(weight, other) * other
        total = 0.0
        for vector, product in zip(self._vectors, products, strict=True):
            difference = candidate.num_bigrams - vector.num_bigrams
            cosines = (
                value / (norm * other) if norm and other else 0.0
                for value, norm, other in zip(product, candidate.norms, vector.norms, strict=True)
            )
            total += sum(cosines) * math.exp(-(difference**2) / (2 * SIGMA**2))
        return 10 * total / MAX_N / len(self._vectors)


def cider_d(candidates: Sequence[Tokens], references: Sequence[References]) -> npt.NDArray[np.float64]:
    """CIDEr-D of each candidate (C,), with the document frequencies of these references.

    Raises `InvalidInput` for no candidates and for a candidate without references.
    """
    check_captions(candidates, references)
    return CiderD(references).score(candidates)


def _end(tokens: Tokens, with_end: bool) -> Tokens:
    check_tokens(tokens)
    return (*tokens, END_TOKEN) if with_end else tokens
