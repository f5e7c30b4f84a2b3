"""The probability that a hit of a query of words is right, given its library, and its band.

The score of an image is calibrated for a library with one relevant image. Whether the best images
for 'dog' show dogs depends on the library too: whether they stand out from its other images. This
calibrator takes the log-odds of the best images, their distance from those of the whole library,
and what kind of query the text is. It is a logistic regression whose slopes in the score of an
image are not negative, so that for one query the probability has the order of the scores. Names of
arrays end in their axes: H hits, F features.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from mm.metrics.language.word_support import NUMBERS
from mm.models.text.english_words import load_english_words
from mm.numerics import Float64, log_odds, sigmoid
from mm.spaces.text_queries.word_heads import WEIGHTS, HeadScale, split_query_words
from mm.wording.words import split_at_spaces, split_words

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mm.schemas import Band
    from mm.spaces.text_queries.calibration import BandFit
    from mm.spaces.text_queries.word_heads import WordHeads

HIT_FEATURES = (
    "score", "score short", "score long", "deviations", "deviations short", "deviations long", "heads", "heads short",
)  # fmt: skip
"""Of each hit: its log-odds; the same in deviations above the largest that is expected in a library
without a relevant image; and about the log-odds of the heads of its words. Also times `short`, and
times `long`. Their coefficients are not negative."""
QUERY_FEATURES = (
    "best score", "best score short", "best score long", "best deviations", "best deviations short", "best deviations long",
    "best heads", "best heads short", "lead", "lead long",
    "depictable", "words", "short", "long", "very long", "colour", "number", "place", "unknown word", "word heads", "negated",
    "corrected", "excluded",
)  # fmt: skip
"""Of the query and its library, the same for all hits. `excluded` is the mean probability that the
first `NUM_FIRST` hits have something that the query excludes."""
NUM_FIRST = 10
FEATURES = (*HIT_FEATURES, *QUERY_FEATURES)
NUM_LONG, NUM_VERY_LONG = 7, 14
"""Words from which a text is long, and very long."""
LETTERS_OF_WORD = 2
"""Of Chinese, Japanese and Thai, on average and rounded."""
_UNSPACED = re.compile("[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]")
MIN_DEVIATION, MIN_PROBABILITY = 1e-3, 1e-9
MIN_LOG_PROBABILITY = -6.0
"""Of being depictable: what a text vector says no more precisely."""
_COLOUR_WORDS = "red blue green yellow black white brown pink purple orange grey gray tan blond blonde golden silver beige"
_COLOURS = frozenset(_COLOUR_WORDS.split())
_NUMBERS = frozenset((*NUMBERS, "several", "many", "couple", "pair", "group", "crowd", "dozen"))
_PLACES = frozenset(("in", "on", "at", "by", "inside", "near", "outside"))


@dataclass(frozen=True, slots=True)
class LibraryStatistics:
    """The log-odds of the images of a library and of the bank, for one query.

    The images of the bank stand for a library of everyday photos, so that one with few images has
    statistics too.
    """

    count: int
    """Images of both."""
    mean: float
    deviation: float


def compute_statistics(count: int, sample_N: Float64, bank_B: Float64) -> LibraryStatistics:
    """Statistics of a library of `count` images from the log-odds of a sample (N,), or of all."""
    pooled = np.concatenate([sample_N, bank_B])
    return LibraryStatistics(count + len(bank_B), float(pooled.mean()), float(pooled.std()))


@dataclass(frozen=True, slots=True)
class TextFeatures:
    """What the text of a query says about how well images answer it."""

    values: tuple[float, ...]
    """Of `QUERY_FEATURES`, from `depictable` to `corrected`."""
    is_short: bool
    is_long: bool
    head_scale: HeadScale | None = None
    is_english: bool = True


def describe_text(
    text: str,
    log_depictable: float,
    heads: WordHeads | None,
    head_scale: HeadScale | None,
    *,
    is_negated: bool,
    is_corrected: bool = False,
) -> TextFeatures:
    """Features of a text without what it excludes; `log_depictable` as of `scoring.depictable`.

    `is_corrected` says that its typing errors were corrected, `text` is without them.
    """
    words = split_words(text)
    known = load_english_words()
    num_words, is_long = len(words), len(words) >= NUM_LONG
    content = split_query_words(text)
    has_heads = heads is not None and 0 < len(content) <= len(WEIGHTS)
    covered = len(heads.find(content)) / len(content) if heads is not None and has_heads else 0.0
    is_unknown = any(len(word) > 3 and word.isalpha() and word not in known for word in words)
    is_short = num_words == 1
    values = (
        max(log_depictable, MIN_LOG_PROBABILITY),
        math.log(max(1, num_words)),
        float(is_short),
        float(is_long),
        float(num_words >= NUM_VERY_LONG),
        float(not is_long and not _COLOURS.isdisjoint(words)),
        float(not is_long and not _NUMBERS.isdisjoint(words)),
        float(not is_long and bool(words) and re.match(r"\w+", text.lower()) is not None and words[0] in _PLACES),
        float(not is_long and is_unknown),
        covered,
        float(is_negated),
        float(is_corrected),
    )
    return TextFeatures(values, is_short, is_long, head_scale)


def describe_other_text(
    text: str, glosses: Sequence[str], log_depictable: float, head_scale: HeadScale | None, *, is_negated: bool
) -> TextFeatures:
    """As `describe_text`, of a text that is not English, with the `glosses` of its words.

    Colours, numbers and places are not distinguished, and no word is unknown.
    """
    num_words = count_words(text)
    is_short, is_long = num_words == 1, num_words >= NUM_LONG
    values = (
        max(log_depictable, MIN_LOG_PROBABILITY), math.log(max(1, num_words)), float(is_short), float(is_long),
        float(num_words >= NUM_VERY_LONG), 0.0, 0.0, 0.0, 0.0, float(bool(glosses)), float(is_negated), 0.0,
    )  # fmt: skip
    return TextFeatures(values, is_short, is_long, head_scale, is_english=False)


def count_words(text: str) -> int:
    """The number of words of a text; in scripts without spaces two letters count as one."""
    letters = len(_UNSPACED.findall(text))
    return len(split_at_spaces(_UNSPACED.sub(" ", text))) + math.ceil(letters / LETTERS_OF_WORD)


def compute_features(logits_H: Float64, kept_H: Float64, statistics: LibraryStatistics, text: TextFeatures) -> Float64:
    """Features (H, F) of the hits of a query by their log-odds, which are in descending order.

    `kept_H` are the probabilities that they have nothing that the query excludes.
    """
    deviation = max(statistics.deviation, MIN_DEVIATION)
    scale = text.head_scale or HeadScale(0.0, 0.0)
    short, long = float(text.is_short), float(text.is_long)
    # The largest of N normal deviations is near sqrt(2 ln N) (Leadbetter et al. 1983, section 1.5).
    expected = math.sqrt(2 * math.log(max(2, statistics.count)))

    def of_hits(logits_H: Float64) -> list[Float64]:
        deviations_H = (logits_H - statistics.mean) / deviation - expected
        heads_H = scale.slope * logits_H + scale.offset
        both = [factor * values for values in (logits_H, deviations_H) for factor in (1.0, short, long)]
        return [*both, heads_H, short * heads_H]

    best = [float(values[0]) for values in of_hits(logits_H[:1])]
    lead = float(logits_H[0] - logits_H[1]) if len(logits_H) > 1 else 0.0
    excluded = 1 - float(kept_H[:NUM_FIRST].mean())
    query = np.array([*best, lead, long * lead, *text.values, excluded])
    of_query_HF = np.broadcast_to(query, (len(logits_H), len(query)))
    return np.concatenate([np.stack(of_hits(logits_H), axis=1), of_query_HF], axis=1)


def log_odds_without(probability: float, kept: float) -> float:
    """Log-odds of a match that is not excluded; `kept` is the probability of no exclusion."""
    return float(log_odds(min(max(probability * kept, MIN_PROBABILITY), 1 - MIN_PROBABILITY)))


def compute_confidences(fit: BandFit, features_HF: Float64) -> Float64:
    """Probabilities (H,) that hits are right."""
    coefficients = np.array([fit.coefficients[name] for name in FEATURES])
    return sigmoid(features_HF @ coefficients + fit.bias)


def choose_band(confidence: float, likely: float, possible: float) -> Band:
    """The band of a probability between two thresholds."""
    return "likely" if confidence >= likely else "possible" if confidence >= possible else "weak"


def best_band(bands: Sequence[Band]) -> Band:
    """The surest of several bands; `weak` for none."""
    order: tuple[Band, ...] = ("likely", "possible", "weak")
    return next((band for band in order if band in bands), "weak")
