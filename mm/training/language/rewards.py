"""The reward of a sampled caption: CIDEr-D with the end token and BLEU-4, less wrong object words.

CIDEr-D alone, and more so with a penalty of object words, rewards captions that leave things out;
BLEU has a brevity penalty.
"""

from __future__ import annotations

import math
import multiprocessing
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor

from mm.metrics.language.cider import CiderD
from mm.metrics.language.ngrams import MAX_N, References, Tokens, count_ngrams
from mm.metrics.language.objects import default_object_words
from mm.metrics.language.ptb_tokenizer import tokenize

_CHUNK = 40


class CaptionScorer:
    """Scores captions against the references of fixed images."""

    def __init__(self, references: Sequence[Sequence[str]], object_penalty: float, bleu_weight: float = 0.0) -> None:
        """`object_penalty` is taken off for each object word that no reference of the image has."""
        tokens = [[tokenize(text) for text in several] for several in references]
        self._words, self._penalty, self._bleu_weight = default_object_words(), object_penalty, bleu_weight
        self._cider = CiderD(tokens, with_end=True)
        self._supported = [self._words.supported_by(several) for several in tokens] if object_penalty else []
        self._bleu = [SentenceBleu(several) for several in tokens] if bleu_weight else []

    def score(self, image: int, caption: str) -> float:
        """The reward of a caption of image `image`."""
        tokens = tokenize(caption)
        reward = self._cider.score_one(image, tokens)
        if self._bleu_weight:
            reward += self._bleu_weight * self._bleu[image].score(tokens)
        if self._penalty:
            supported = self._supported[image]
            reward -= self._penalty * sum(name not in supported for name in self._words.find(tokens))
        return reward


class SentenceBleu:
    """BLEU-4 of one caption, from 0 to 1.

    One is added to the matches and totals of two and more words, without which most captions have 0
    (Lin and Och 2004, doi:10.3115/1220355.1220427).
    """

    def __init__(self, references: References) -> None:
        self._most: Counter[Tokens] = Counter()
        for reference in references:
            self._most |= count_ngrams(reference)
        self._lengths = sorted(map(len, references))

    def score(self, candidate: Tokens) -> float:
        """BLEU-4 of a caption; 0 without a word of a reference."""
        matches, totals = [0, 1, 1, 1], [0, 1, 1, 1]
        for ngram, count in count_ngrams(candidate).items():
            totals[len(ngram) - 1] += count
            matches[len(ngram) - 1] += min(count, self._most[ngram])
        if not matches[0]:
            return 0.0
        precision = math.exp(sum(map(math.log, matches)) / MAX_N - sum(map(math.log, totals)) / MAX_N)
        closest = min(self._lengths, key=lambda length: (abs(length - len(candidate)), length))
        return precision * math.exp(min(0.0, 1 - closest / len(candidate)))


class CaptionRewards:
    """Scores many captions, in several processes or in this one."""

    _scorer: CaptionScorer

    def __init__(self, scorer: CaptionScorer, num_processes: int) -> None:
        CaptionRewards._scorer = self._local = scorer
        context = multiprocessing.get_context("fork")  # the references are not copied
        self._pool = ProcessPoolExecutor(num_processes, context) if num_processes > 1 else None

    def score(self, images: Sequence[int], captions: Sequence[str]) -> list[float]:
        """The reward of each caption, given the number of its image."""
        pairs = list(zip(images, captions, strict=True))
        if self._pool is None:
            return [self._local.score(*pair) for pair in pairs]
        chunks = [pairs[start : start + _CHUNK] for start in range(0, len(pairs), _CHUNK)]
        return [reward for rewards in self._pool.map(_score_chunk, chunks) for reward in rewards]

    def close(self) -> None:
        """End the processes."""
        if self._pool is not None:
            self._pool.shutdown()


def _score_chunk(pairs: list[tuple[int, str]]) -> list[float]:
    return [CaptionRewards._scorer.score(image, caption) for image, caption in pairs]
