"""In: generated captions, answers and expert indexes, with references or evidence.
Out: numbers, and reports of numbers with intervals.
Must not know: models, tokenizers of models, prompts, data sets, the service.
"""

from mm.metrics.language.answers import Case, Evidence, Moment, Statement, answer_report
from mm.metrics.language.bleu import bleu
from mm.metrics.language.captions import caption_report
from mm.metrics.language.cider import CiderD, DocumentFrequencies, cider_d, count_document_frequencies
from mm.metrics.language.expert_use import ExpertUse, expert_use_report
from mm.metrics.language.objects import ObjectWords, default_object_words
from mm.metrics.language.ptb_tokenizer import tokenize
from mm.metrics.language.rouge import rouge_l
from mm.metrics.language.soda import CiderSimilarity, Event, measure_soda_c, soda_c

__all__ = [
    "Case",
    "CiderD",
    "CiderSimilarity",
    "DocumentFrequencies",
    "Event",
    "Evidence",
    "ExpertUse",
    "Moment",
    "ObjectWords",
    "Statement",
    "answer_report",
    "bleu",
    "caption_report",
    "cider_d",
    "count_document_frequencies",
    "default_object_words",
    "expert_use_report",
    "measure_soda_c",
    "rouge_l",
    "soda_c",
    "tokenize",
]
