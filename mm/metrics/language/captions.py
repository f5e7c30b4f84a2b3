"""Report of generated captions: BLEU, ROUGE-L, CIDEr-D and object words that no reference has."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from mm.metrics.bootstrap import bootstrap, bootstrap_sums
from mm.metrics.language.bleu import count_bleu, score_bleu_sums
from mm.metrics.language.cider import CiderD, DocumentFrequencies
from mm.metrics.language.ngrams import References, Tokens, check_captions
from mm.metrics.language.objects import ObjectWords, count_objects, score_object_sums
from mm.metrics.language.ptb_tokenizer import tokenize
from mm.metrics.language.rouge import rouge_l
from mm.metrics.report import Measure, Report

ABSENT = "METEOR and SPICE are absent: they need Java."
"""Stands beside the measures of captions, because tables of others have them."""


def tokenize_references(references: Sequence[Sequence[str]]) -> list[list[Tokens]]:
    """Tokenize the references of each image."""
    return [[tokenize(text) for text in several] for several in references]


def caption_report(
    of: str,
    captions: Sequence[str],
    references: Sequence[Sequence[str]],
    groups: npt.NDArray[np.integer] | None = None,
    frequencies: DocumentFrequencies | None = None,
    words: ObjectWords | None = None,
) -> Report:
    """Report the metrics of one caption for each image, given its references as text.

    The bootstrap samples images, or whole `groups` of them, such as the moments of one video. It
    keeps the document frequencies of CIDEr-D, which are those of all references unless given. As in
    the literature BLEU, ROUGE-L and CIDEr-D are printed multiplied by 100, so that CIDEr-D can
    exceed 100. Raises `InvalidInput` for no captions and for an image without references.
    """
    candidates, tokenized = [tokenize(text) for text in captions], tokenize_references(references)
    check_captions(candidates, tokenized)
    return Report(of, tuple(measure_captions(candidates, tokenized, groups, frequencies, words)), (ABSENT,))


def measure_captions(
    candidates: Sequence[Tokens],
    references: Sequence[References],
    groups: npt.NDArray[np.integer] | None = None,
    frequencies: DocumentFrequencies | None = None,
    words: ObjectWords | None = None,
) -> list[Measure]:
    """Measures of tokenized captions, as in `caption_report`."""
    bleu_counts, objects = count_bleu(candidates, references), count_objects(candidates, references, words)
    bleus = bootstrap_sums(bleu_counts.stack(), score_bleu_sums, groups)
    unsupported = bootstrap_sums(objects.stack(), score_object_sums, groups)
    return [
        *(Measure(f"BLEU-{number}", interval) for number, interval in enumerate(bleus, start=1)),
        Measure("ROUGE-L", bootstrap(rouge_l(candidates, references), groups)),
        Measure("CIDEr-D", bootstrap(CiderD(references, frequencies).score(candidates), groups)),
        Measure("object words that no reference has", unsupported[0]),
        Measure("captions with such a word", bootstrap(objects.unsupported_C > 0, groups)),
        Measure("object words per caption", bootstrap(objects.mentioned_C, groups), is_share=False),
        Measure("tokens per caption", bootstrap(np.array([len(tokens) for tokens in candidates]), groups), is_share=False),
    ]
