"""Measures a model in training on dev: captions, questions about images, answers, expert use."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
import torch

from mm.answers.answer_text import ParsedAnswer, parse_answer
from mm.answers.exact import EXACT_KINDS
from mm.data.language.evidence.examples import EvidenceExample
from mm.metrics.language.answers import Case, Evidence, Moment, Statement, answer_report
from mm.metrics.language.captions import caption_report
from mm.models.language.tokenizer import LanguageTokenizer
from mm.training.language.data_sets.examples import build_evidence_prompt, encode_caption_request, encode_evidence
from mm.training.language.data_sets.image_features import ImageFeatures
from mm.training.language.data_sets.sets import DevSet, QuestionSet, TrainingData
from mm.training.language.experts.loads import count_loads, describe_loads
from mm.training.language.model import TrainedModel
from mm.training.language.objectives import NUM_CAPTIONS
from mm.training.language.scst import MAX_SAMPLE_TOKENS
from mm.training.language.sequences.batches import (
    MAX_CAPTION_TOKENS,
    CaptionLayout,
    Media,
    Request,
    TextExample,
    TokenBatch,
    compute_losses,
    make_text_batch,
)
from mm.training.language.sequences.decoding import Generator, Method
from mm.training.language.sequences.prompts import make_prompts

Numbers = dict[str, float]
BEAM = 3
MAX_ANSWER_TOKENS = 96
_BATCH, _LENGTH_STEP = 100, 64


class Evaluator:
    """Measures one model."""

    def __init__(self, model: TrainedModel, tokenizer: LanguageTokenizer, dev: DevSet) -> None:
        self._model, self._tokenizer, self._dev = model, tokenizer, dev
        self._generator = Generator(model)

    def measure_briefly(self) -> dict[str, Numbers]:
        """Losses, expert use and greedy captions."""
        captions = self.measure_captions()
        self._generator.discard_decoders()
        losses, use = self.measure_losses()
        return {"captions, greedy": captions, "loss": losses, "expert use": use}

    def measure(self) -> dict[str, Numbers]:
        """All measures by group."""
        numbers = {f"captions, beam {BEAM}": self.measure_captions("beam"), "captions, greedy": self.measure_captions()}
        if self._dev.data.questions.by_kind:
            numbers["image questions"] = self.measure_questions()
        if self._dev.evidence:
            numbers["answers"] = self.measure_answers()
        losses, use = self.measure_losses()
        self._generator.discard_decoders()
        return {**numbers, "loss": losses, "expert use": use}

    def measure_captioning(self, features: ImageFeatures) -> dict[str, Numbers]:
        """Captions by beam search and their loss, with features of dev by another image tower."""
        captions = replace(self._dev.data.captions, features=features)
        dev = DevSet(TrainingData(captions, QuestionSet({}, {}), []), [])
        other = Evaluator(self._model, self._tokenizer, dev)
        beam = other.measure_captions("beam")
        other._generator.discard_decoders()
        return {f"captions, beam {BEAM}": beam, "loss": {"captions": other.measure_losses()[0]["captions"]}}

    def caption(self, method: Method = "greedy") -> list[str]:
        """One caption of each image."""
        request, texts = encode_caption_request(self._tokenizer), list[str]()
        for rows in _batches(len(self._dev.data.captions)):
            texts += self._generate([request] * len(rows), MAX_SAMPLE_TOKENS, method, self._get_media(rows))
        return texts

    def measure_captions(self, method: Method = "greedy") -> Numbers:
        """BLEU, ROUGE-L, CIDEr-D and unsupported object words."""
        report = caption_report("captions", self.caption(method), self._dev.data.captions.references)
        return {measure.name: measure.interval.value for measure in report.measures}

    def measure_questions(self) -> Numbers:
        """Share of right answers to questions about images, by kind; words for 'what'."""
        data, numbers = self._dev.data, Numbers()
        for kind, entries in data.questions.by_kind.items():
            answers: list[str] = []
            for rows in _batches(len(entries)):
                chosen = [entries[row] for row in rows]
                media = self._get_media([row for row, _ in chosen])
                answers += self._generate([example.request for _, example in chosen], MAX_SAMPLE_TOKENS, "greedy", media)
            right = [
                answer.strip().lower().rstrip(".") == question.answer.lower()
                for answer, question in zip(answers, data.questions.questions[kind], strict=True)
            ]
            numbers[f"{kind}, right"] = float(np.mean(right))
            if kind == "yes_no":
                numbers["yes_no, share of yes"] = float(np.mean([answer.lower().startswith("yes") for answer in answers]))
        return numbers

    def measure_answers(self) -> Numbers:
        """The measures of `answer_report`, and the share of right answers of each kind."""
        examples = sorted(self._dev.evidence, key=lambda example: len(encode_evidence(self._tokenizer, example).request.before))
        cases: list[Case] = []
        for rows in _batches(len(examples)):
            chosen = [examples[row] for row in rows]
            requests = [encode_evidence(self._tokenizer, example).request for example in chosen]
            answers = self._generate(requests, MAX_ANSWER_TOKENS)
            parsed = map(parse_answer, answers)
            cases += [_make_case(example, answer, self._tokenizer) for example, answer in zip(chosen, parsed, strict=True)]
        numbers = {measure.name: measure.interval.value for measure in answer_report("answers", cases).measures}
        by_kind: dict[str, list[bool]] = defaultdict(list)
        left_to_model: list[Case] = []
        for example, case in zip(examples, cases, strict=True):
            cited = {citation for statement in case.statements for citation in statement.citations}
            is_right = case.is_refusal if example.truth.is_refusal else bool(cited) and cited <= set(case.right)
            by_kind[example.kind.partition("/")[0]].append(is_right)
            if example.kind not in EXACT_KINDS:
                left_to_model.append(case)
        if left_to_model:
            measures = answer_report("answers", left_to_model).measures
            numbers |= {f"left to the model: {measure.name}": measure.interval.value for measure in measures}
        return numbers | {f"{kind}, right": float(np.mean(values)) for kind, values in sorted(by_kind.items())}

    def measure_losses(self) -> tuple[Numbers, Numbers]:
        """Mean loss in nats by kind of data, and how evenly experts are used over all of it."""
        model, losses, loads_CLE = self._model, Numbers(), None
        model.eval()
        for name, batches in self._list_batches().items():
            total, count = 0.0, 0
            for batch in batches:
                with torch.no_grad():
                    losses_S, routings = compute_losses(model, batch)
                total, count = total + float(losses_S.sum()), count + len(losses_S)
                if routings:
                    loads = count_loads(routings, batch.kinds_BL.flatten())
                    loads_CLE = loads if loads_CLE is None else loads_CLE + loads
            losses[name] = total / max(count, 1)
        if loads_CLE is None:
            return losses, {}
        return losses, describe_loads(loads_CLE, model.config.num_experts, model.config.num_experts_per_tok)

    def _list_batches(self) -> dict[str, Iterator[TokenBatch]]:
        model, captions = self._model, self._dev.data.captions
        num_media_tokens = model.prefix.config.num_image_tokens
        request = encode_caption_request(self._tokenizer)
        layout = CaptionLayout(request, num_media_tokens, NUM_CAPTIONS, MAX_CAPTION_TOKENS, model.device)

        def list_captions() -> Iterator[TokenBatch]:
            for rows in _batches(len(captions)):
                media = self._get_media(rows)
                yield layout.make_batch(media, captions.ids_NJU[rows], captions.lengths_NJ[rows])

        def list_questions() -> Iterator[TokenBatch]:
            entries = [entry for of_kind in self._dev.data.questions.by_kind.values() for entry in of_kind]
            for rows in _batches(len(entries)):
                media = self._get_media([entries[row][0] for row in rows])
                yield make_text_batch([entries[row][1] for row in rows], media, num_media_tokens, model.device)

        def list_evidence() -> Iterator[TokenBatch]:
            examples = sorted((encode_evidence(self._tokenizer, example) for example in self._dev.evidence), key=_count_prompt)
            for rows in _batches(len(examples)):
                yield make_text_batch([examples[row] for row in rows], None, 0, model.device)

        return {"captions": list_captions(), "image questions": list_questions(), "answers": list_evidence()}

    def _get_media(self, rows: Sequence[int]) -> Media:
        features = self._dev.data.captions.features
        if features is None:
            raise ValueError("Captions and questions are measured with the features of images.")
        return features.get_media(torch.tensor(rows, device=self._model.device))

    def _generate(
        self, requests: Sequence[Request], max_tokens: int, method: Method = "greedy", media: Media | None = None
    ) -> list[str]:
        prompts = make_prompts(self._model, requests, media, _LENGTH_STEP if media is None else 1)
        num_rows = BEAM if method == "beam" else 1
        ids = self._generator.generate(prompts, self._tokenizer.eos_id, max_tokens, method, num_rows)
        return [self._tokenizer.decode(_cut(tokens, self._tokenizer.eos_id)) for tokens in ids.tolist()]


def _make_case(example: EvidenceExample, answer: ParsedAnswer, tokenizer: LanguageTokenizer) -> Case:
    prompt = build_evidence_prompt(tokenizer, example)
    moments = {moment.id: Moment(moment.item, moment.start, moment.end) for moment in example.moments}
    of_number = {number: moments[moment_id] for moment_id, number in prompt.numbers.items()}
    evidence = tuple(
        Evidence(moments[moment.id], " ".join([moment.item, *(entry.text for entry in moment.evidence)]))
        for moment in example.moments
    )
    unknown = Moment("unknown", 0.0, 0.0)  # a number that the prompt lacks is a citation of what was not given
    statements = tuple(
        Statement(sentence.text, tuple(of_number.get(number, unknown) for number in sentence.citations))
        for sentence in answer.sentences
    )
    right = () if example.truth.is_refusal else tuple(moments[moment_id] for moment_id in example.truth.right)
    return Case(evidence, right, statements, answer.is_refusal)


def _count_prompt(example: TextExample) -> int:
    return len(example.request.before)


def _cut(tokens: list[int], end_id: int) -> list[int]:
    return tokens[: tokens.index(end_id)] if end_id in tokens else tokens


def _batches(count: int) -> Iterator[list[int]]:
    return (list(range(start, min(start + _BATCH, count))) for start in range(0, count, _BATCH))
