"""Captions of images by the language model, beside the captions of people.

BLEU-1 to 4, ROUGE-L, CIDEr-D and object words without support, as `mm eval captions` measures them
(`mm.metrics.language.captions`), from captions as the library has them. The baseline is the caption
of the next image.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from mm.data.captioned_images import read_image
from mm.data.language.captions import make_sentences
from mm.data.sets.types import EvaluationSet, SetItem
from mm.errors import InvalidInput, Unavailable
from mm.evaluation.features.captions import CaptionWriter, WrittenCaptions
from mm.evaluation.runs.signature import combine_hashes
from mm.evaluation.runs.statistics import group_indexes, measure
from mm.evaluation.runs.sums import BLEU, BLEU_STATISTICS, OBJECTS
from mm.evaluation.runs.types import ItemRecord, Outcome, RunMeasure, Statistic
from mm.evaluation.tasks.notes import list_notes
from mm.evaluation.tasks.paths import relative_path
from mm.evaluation.tasks.types import Method, TaskInput, parse_count, refuse_options
from mm.generation.caption_model import CaptionModel, find_caption_model
from mm.generation.caption_ranking import CaptionRanking
from mm.generation.captioner import BEAM_WIDTH, MAX_TOKENS
from mm.metrics.language.bleu import count_bleu
from mm.metrics.language.captions import ABSENT, measure_captions, tokenize_references
from mm.metrics.language.cider import CiderD
from mm.metrics.language.objects import count_objects
from mm.metrics.language.ptb_tokenizer import tokenize
from mm.metrics.language.rouge import rouge_l

if TYPE_CHECKING:
    from mm.settings import Settings

LANGUAGE = "en"
"""Of the captions that the model writes."""
CIDER, ROUGE = "CIDEr-D", "ROUGE-L"
BASELINE = f"caption of the next image: {CIDER}"
UNSUPPORTED, WRONG = "object words that no reference has", "captions with such a word"
MENTIONED, TOKENS = "object words per caption", "tokens per caption"
OF_OBJECTS = (UNSUPPORTED, WRONG)
"""Of the measures, those of which less is better."""
STATISTICS: dict[str, Statistic] = {
    **{f"BLEU-{order}": name for order, name in enumerate(BLEU_STATISTICS, 1)},
    UNSUPPORTED: "object-share",
}
"""Of the measures, those of sums over the images; others are means."""


@dataclass(frozen=True, slots=True)
class Captions:
    """BLEU, ROUGE-L, CIDEr-D and unsupported object words of the captioner of the settings."""

    find: Callable[[Settings], CaptionModel | None] = find_caption_model
    name = "captions"
    needs_train = False
    needs_features = False
    tokenizer = "ptb"

    def references(self, data: EvaluationSet) -> str:
        return f"{sum(len(make_sentences(item.texts)) for item in data.present)} captions"

    def find_method(self, given: TaskInput) -> Method:
        """The language model, how it searches, and how many images are a sample."""
        model = self._require_model(given)
        sample = parse_count(given.options, "items", 0) or "all"
        weights = {**given.weights, "language": model.version.rpartition("@")[2]}
        return Method(f"{model.version},{_describe(given)},items={sample}", weights)

    def prepare(self, given: TaskInput) -> None:
        """Write captions beside other processes. Raises as `measure`."""
        self._write(given)

    def measure(self, given: TaskInput) -> Outcome:
        """Measure with the option `items`: a fixed random sample of so many images; 0 is all.

        Raises `InvalidInput` for another option and for a set without English captions of images,
        `Unavailable` without a language model, and as `CaptionWriter.write`.
        """
        described, written = self._write(given)
        chosen = [item for item in described if item.id in written.texts]
        if not chosen:
            raise InvalidInput(f"No image of the set could be captioned: {written.failed[0].reason}")
        of = "" if len(chosen) + len(written.failed) == len(described) else f", a fixed random sample of {len(described):,}"
        measures, items = measure_items(given, chosen, [written.texts[item.id] for item in chosen])
        notes = [ABSENT, "Document frequencies of CIDEr-D are those of the references of the measured images."]
        return Outcome(
            title=f"Captions of {len(chosen):,} images{of}", measures=measures, items=items, failed=written.failed,
            notes=[*notes, *list_notes(given.data)],
        )  # fmt: skip

    def _write(self, given: TaskInput) -> tuple[list[SetItem], WrittenCaptions]:
        """Images that people have captioned, and captions of the chosen ones."""
        refuse_options(self.name, given.options, ("items",))
        model = self._require_model(given)
        described = [item for item in given.data.present if item.language == LANGUAGE and make_sentences(item.texts)]
        if not described:
            raise InvalidInput(f"{given.data.name} has no English captions in '{given.data.split}': captions need them.")
        chosen = choose_sample(described, parse_count(given.options, "items", 0))
        writer = CaptionWriter(
            f"captions|{model.version}|{given.space.id}|{combine_hashes(dict(given.weights))}|{_describe(given)}",
            lambda: model.load(CaptionRanking(given.space.text, given.space.caption_heads)),
            lambda: given.space.image_maps,
            lambda path: given.reader.image(path, path.name) if given.reader else read_image(path),
        )
        if given.cache is None:
            raise InvalidInput("Captions need a cache.")
        written = writer.write(chosen, given.cache, strict=given.strict, on_progress=given.on_progress, on_tick=given.on_tick)
        return described, written

    def _require_model(self, given: TaskInput) -> CaptionModel:
        model = self.find(given.settings)
        if model is None or not given.space.has_image_maps:
            raise Unavailable(f"No language model writes captions of the space {given.space.id} (MM_CAPTIONS).")
        return model


def choose_sample(items: Sequence[SetItem], count: int) -> list[SetItem]:
    """`count` items with the smallest hashes of their ids, in their order; all for 0.

    A sample is a part of each larger one. Raises `InvalidInput` for more items than there are.
    """
    if count > len(items):
        raise InvalidInput(f"There are {len(items)} images with captions, not {count}.")
    ranked = sorted(items, key=lambda item: hashlib.sha256(item.id.encode()).digest())
    chosen = {item.id for item in (ranked[:count] if count else ranked)}
    return [item for item in items if item.id in chosen]


def measure_items(given: TaskInput, items: Sequence[SetItem], texts: Sequence[str]) -> tuple[list[RunMeasure], list[ItemRecord]]:
    """Measures and records; a measure is a mean of values of the images, or of sums over them."""
    sentences = [make_sentences(item.texts) for item in items]
    candidates, references = [tokenize(text) for text in texts], tokenize_references(sentences)
    cider, objects = CiderD(references), count_objects(candidates, references)
    bleu_NK, objects_N2 = count_bleu(candidates, references).stack(), objects.stack()
    values_by_name = {
        CIDER: cider.score(candidates),
        ROUGE: rouge_l(candidates, references),
        BASELINE: cider.score([*candidates[1:], candidates[0]]),
        WRONG: objects.unsupported_C > 0,
        MENTIONED: objects.mentioned_C,
        TOKENS: np.array([len(tokens) for tokens in candidates]),
    }
    records = [
        ItemRecord(
            id=item.id, group=item.group, path=relative_path(item.path, given.root),
            values={name: float(values_N[number]) for name, values_N in values_by_name.items()},
            evidence={BLEU: [bleu_NK[number].tolist()], OBJECTS: [objects_N2[number].tolist()]},
            expected=" / ".join(expected), answer=text,
        )
        for number, (item, expected, text) in enumerate(zip(items, sentences, texts, strict=True))
    ]  # fmt: skip
    means = [measure(name, "mean", name, records) for name in (CIDER, ROUGE)]
    others = [
        RunMeasure(
            name=found.name, value=found.interval.value, low=found.interval.low, high=found.interval.high,
            is_share=found.is_share, is_higher_better=found.name not in OF_OBJECTS, statistic=STATISTICS.get(found.name, "mean"),
            of="" if found.name in STATISTICS else found.name,
        )
        for found in measure_captions(candidates, references, group_indexes(records))
        if found.name not in (CIDER, ROUGE)
    ]  # fmt: skip
    return [*means, *others, measure(BASELINE, "mean", BASELINE, records)], records


def _describe(given: TaskInput) -> str:
    return f"{given.settings.language_precision},width={BEAM_WIDTH},tokens={MAX_TOKENS},ranked"
