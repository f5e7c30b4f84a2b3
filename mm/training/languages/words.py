"""Word lists of English and of other languages, by which the router decides queries of a few words.

A word is English when it is frequent enough in English texts compared to others, or when it is a
whole word of MiniLM's vocabulary, which is English and ordered by frequency.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from tokenizers import Tokenizer

from mm.models.text.language_router import is_latin, split_words, strip_accents
from mm.models.text.minilm import find_model_folder

_RATIO = 50  # occurrences in other languages for each one in English from which a word is not English
_NUM_COMMON = 8_000  # first words of the vocabulary, which are English in any case
_MIN_COUNT, _MIN_COUNT_LISTED = 2, 100  # occurrences in other languages of a foreign word; of one in the vocabulary
_MIN_LEMMA = 3  # letters of a word that only lemmas have
_DESCRIPTION_WEIGHT = 10  # of a word in a description, which has one or two words, relative to a word in a sentence


def build_word_lists(
    english: Sequence[str], sentences: Sequence[str], descriptions: Sequence[str], lemmas: Sequence[str] = ()
) -> tuple[set[str], set[str]]:
    """Build the unaccented words of English, and of other languages; a word can be in both.

    `sentences`, `descriptions` and `lemmas` are in other languages. A word that only lemmas have is
    in the second list when no English text and not the vocabulary has it. Words in other scripts
    are in no list.
    """
    english_counts, foreign_counts = (
        _count_words(english, 1),
        _count_words(sentences, 1) + _count_words(descriptions, _DESCRIPTION_WEIGHT),
    )
    ranks = read_vocabulary_ranks(find_model_folder() / "tokenizer.json")
    english_words, foreign_words = set(), set()
    for word in filter(is_latin, {*english_counts, *foreign_counts, *ranks}):
        rank, count = ranks.get(word), foreign_counts[word]
        is_common = rank is not None and rank < _NUM_COMMON
        if is_common or count < _RATIO * english_counts[word] or (rank is not None and count < _MIN_COUNT_LISTED):
            english_words.add(word)
        min_count = _MIN_COUNT if rank is None else _RATIO if is_common else _MIN_COUNT_LISTED
        if len(word) > 1 and count >= max(min_count, _RATIO * english_counts[word]):
            foreign_words.add(word)
    listed = {strip_accents(word) for lemma in lemmas for word in split_words(lemma)}
    known = {*english_words, *english_counts, *ranks}
    foreign_words |= {word for word in listed - known if len(word) >= _MIN_LEMMA and is_latin(word)}
    return english_words, foreign_words


def read_vocabulary_ranks(tokenizer: Path) -> dict[str, int]:
    """Whole words of a WordPiece vocabulary and their ranks, without letters, numbers and marks."""
    vocabulary = Tokenizer.from_file(str(tokenizer)).get_vocab()
    return {word: rank for word, rank in vocabulary.items() if len(word) > 1 and word.isalpha()}


def _count_words(texts: Sequence[str], weight: int) -> Counter[str]:
    accented = Counter(word for text in texts for word in split_words(text))
    counts: Counter[str] = Counter()
    for word, count in accented.items():
        counts[strip_accents(word)] += weight * count
    return counts
