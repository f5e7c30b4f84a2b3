"""Dense captioning: the sentences that ingest writes about the scenes of a video.

SODA_c (Fujita et al. 2020) with CIDEr-D in place of METEOR, which needs Java; and CIDEr-D of the
pairs of a sentence and a reference that overlap by at least 0.3, 0.5, 0.7 and 0.9 (Krishna et al.
2017), where a sentence without such a reference counts as 0. The baseline is the annotation of
the next video, scaled to the duration.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Protocol

import numpy as np

from mm.data.sets.types import EvaluationSet, Moment, SetItem
from mm.errors import InvalidInput, MMError, Unavailable
from mm.evaluation.features.failures import leave_out
from mm.evaluation.runs.statistics import measure
from mm.evaluation.runs.types import ItemRecord, Outcome
from mm.evaluation.tasks.moments import list_sentences
from mm.evaluation.tasks.notes import list_notes
from mm.evaluation.tasks.paths import relative_path
from mm.evaluation.tasks.scenes import list_scenes
from mm.evaluation.tasks.types import SpaceTask, TaskInput, refuse_options
from mm.metrics.language.cider import CiderD, DocumentFrequencies, count_document_frequencies
from mm.metrics.language.ptb_tokenizer import tokenize
from mm.metrics.language.soda import CiderSimilarity, Event, soda_c
from mm.metrics.spans import iou
from mm.spaces.encode.captions import find_captioned_segment

if TYPE_CHECKING:
    from mm.evaluation.features.types import Features
    from mm.models.image.map_tower import ImageFeatures
    from mm.numerics import Float64

MIN_IOUS = (0.3, 0.5, 0.7, 0.9)
SODA = "SODA_c with CIDEr-D"
BASELINE = "next video: "


class SceneWriter(Protocol):
    """Writes a sentence about frames of a video."""

    def write(self, item: SetItem, times: Sequence[float]) -> list[str]:
        """One sentence, or '', for each time in seconds. Raises what the reader raises."""
        ...


class DenseCaptions(SpaceTask):
    """SODA_c with CIDEr-D, and CIDEr-D at four overlaps."""

    name = "dense-captions"
    needs_train = False
    tokenizer = "ptb"

    def references(self, data: EvaluationSet) -> str:
        sets = 1 + max((len(item.more_references) for item in data.present), default=0)
        return f"{sum(len(list_sentences(item)) for item in data.present)} sentences, up to {sets} annotators"

    def measure(self, given: TaskInput) -> Outcome:
        """Raises `InvalidInput` without sentences, `Unavailable` without a language model."""
        refuse_options(self.name, given.options, ())
        videos = [
            item
            for item in given.data.present
            if list_sentences(item) and item.id in given.features and "picture" in given.features[item.id].vectors
        ]
        if not videos:
            raise InvalidInput(f"{given.data.name} has no described video in '{given.data.split}': dense captions need them.")
        events: dict[str, list[Moment]] = {}
        failed = list(given.failed)
        with open_scene_writer(given) as writer:
            for item in videos:
                try:
                    events[item.id] = _write_events(given, writer, item, given.features[item.id])
                except MMError as error:
                    failed.append(leave_out(item, error, strict=given.strict))
        videos = [item for item in videos if item.id in events]
        if not videos:
            raise InvalidInput("No video of the set could be captioned.")
        frequencies = count_document_frequencies([_tokens(list_sentences(item)) for item in videos])
        following = [*videos[1:], videos[0]]
        items = [
            ItemRecord(
                id=item.id, group=item.group, path=relative_path(item.path, given.root),
                values={
                    **_values("", item, events[item.id], frequencies),
                    **_values(BASELINE, item, _scale(other, _duration(given, item) / _duration(given, other)), frequencies),
                },
                expected=_describe(list_sentences(item)), answer=_describe(events[item.id]),
            )
            for item, other in zip(videos, following, strict=True)
        ]  # fmt: skip
        return Outcome(
            title=f"{sum(map(len, events.values())):,} captions of scenes of {len(videos):,} videos",
            measures=[measure(name, "mean", name, items) for name in items[0].values],
            items=items,
            failed=failed,
            notes=[
                "SODA_c takes CIDEr-D / 10 as the similarity of sentences: it is not comparable with SODA_c by METEOR. "
                "METEOR is absent: it needs Java. Document frequencies are those of the references of this split.",
                f"'{BASELINE.strip(': ')}' is the baseline: the annotation of another video at the same shares of the duration.",
                *list_notes(given.data),
            ],
        )


@contextmanager
def open_scene_writer(given: TaskInput) -> Iterator[SceneWriter]:
    """The language model of the settings, with a reader. Raises `Unavailable` without one."""
    from mm.generation.caption_model import find_caption_model
    from mm.generation.caption_ranking import CaptionRanking
    from mm.media import MediaReader

    model = find_caption_model(given.settings)
    if model is None or not given.space.has_image_maps:
        raise Unavailable(f"No language model writes captions of the space {given.space.id} (MM_CAPTIONS).")
    captioner = model.load(CaptionRanking(given.space.text, given.space.caption_heads))
    with MediaReader.from_settings(given.settings) as reader:

        class Writer:
            def write(self, item: SetItem, times: Sequence[float]) -> list[str]:
                assert item.path is not None
                path, tower = item.path, given.space.image_maps

                def encode() -> Iterator[ImageFeatures]:
                    for time in times:
                        yield tower.encode([reader.frame_at(path, path.name, time, longest=4 * tower.size)])[0]

                texts = [""] * len(times)
                for number, caption in captioner.caption(encode()):
                    texts[number] = caption.text
                return texts

        yield Writer()


def _write_events(given: TaskInput, writer: SceneWriter, item: SetItem, features: Features) -> list[Moment]:
    """Captioned scenes: of the middle frame of the segment in the middle, as ingest chooses it."""
    scenes = list_scenes(given.space.temporal, features)
    segments = features.spans["picture"]
    times = []
    for start, end in scenes.tolist():
        own = [(float(a), float(b)) for a, b in segments if start <= (a + b) / 2 < end] or [(start, end)]
        times.append(sum(own[find_captioned_segment(own)]) / 2)
    texts = writer.write(item, times)
    return [Moment(start, end, text=text) for (start, end), text in zip(scenes.tolist(), texts, strict=True) if text]


def _values(prefix: str, item: SetItem, events: Sequence[Moment], frequencies: DocumentFrequencies) -> dict[str, float]:
    references = [list_sentences(item), *item.more_references]
    score = soda_c([_events(events)], [[_events(each) for each in references]], CiderSimilarity(frequencies))
    values = {f"{prefix}{SODA}": float(score[0])}
    scorers = [CiderD([[tokens] for tokens in _tokens(each)], frequencies) for each in references]
    for min_iou in MIN_IOUS:
        by_set = [_score_pairs(events, each, scorer, min_iou) for each, scorer in zip(references, scorers, strict=True)]
        values[f"{prefix}CIDEr-D at tIoU {min_iou}"] = float(np.mean(by_set))
    return values


def _score_pairs(events: Sequence[Moment], references: Sequence[Moment], scorer: CiderD, min_iou: float) -> float:
    """Mean CIDEr-D over pairs that overlap; a sentence without a pair counts as one pair of 0."""
    if not events:
        return 0.0
    overlaps = iou(_spans(events), _spans(references)) >= min_iou
    scores: list[float] = []
    for event, matching in zip(events, overlaps, strict=True):
        tokens = tokenize(event.text)
        scores += [scorer.score_one(int(column), tokens) for column in np.flatnonzero(matching)] or [0.0]
    return float(np.mean(scores))


def _scale(item: SetItem, factor: float) -> list[Moment]:
    return [replace(moment, start=moment.start * factor, end=moment.end * factor) for moment in list_sentences(item)]


def _duration(given: TaskInput, item: SetItem) -> float:
    return given.features[item.id].duration


def _events(moments: Sequence[Moment]) -> list[Event]:
    return [Event(moment.start, moment.end, tokenize(moment.text)) for moment in moments]


def _tokens(moments: Sequence[Moment]) -> list[tuple[str, ...]]:
    return [tokenize(moment.text) for moment in moments]


def _spans(moments: Sequence[Moment]) -> Float64:
    return np.array([(moment.start, moment.end) for moment in moments])


def _describe(moments: Sequence[Moment]) -> str:
    return " ".join(f"[{moment.start:.0f} to {moment.end:.0f} s] {moment.text}" for moment in moments)
