"""The reward of a sampled caption: CIDEr-D with the end token, less unsupported object words."""

from __future__ import annotations

import multiprocessing
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor

from mm.metrics.language.cider import CiderD
from mm.metrics.language.objects import default_object_words
from mm.metrics.language.ptb_tokenizer import tokenize

_CHUNK = 40


class CaptionScorer:
    """Scores captions against the references of fixed images."""

    def __init__(self, references: Sequence[Sequence[str]], object_penalty: float) -> None:
        """`object_penalty` is taken off for each object word that no reference of the image has."""
        tokens = [[tokenize(text) for text in several] for several in references]
        self._words, self._penalty = default_object_words(), object_penalty
        self._cider = CiderD(tokens, with_end=True)
        self._supported = [self._words.supported_by(several) for several in tokens] if object_penalty else []

    def score(self, image: int, caption: str) -> float:
        """The reward of a caption of image `image`."""
        tokens = tokenize(caption)
        reward = self._cider.score_one(image, tokens)
        if self._penalty:
            supported = self._supported[image]
            reward -= self._penalty * sum(name not in supported for name in self._words.find(tokens))
        return reward


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
