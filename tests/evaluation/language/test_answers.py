"""The evaluation of answers and of search states, over small made sets of the training wordings."""

from __future__ import annotations

from mm.data.language.evidence.evidence_set import draw_evidence_set
from mm.data.language.search_scripts import draw_search_scripts
from mm.evaluation.language.answers import answer_example, answer_without_model, evaluate
from mm.evaluation.language.search_scripts import evaluate_scripts
from tests.data.language.made_captions import make_pool


def test_evaluate_reports_answers_of_code_with_intervals() -> None:
    examples = draw_evidence_set(make_pool("train"), "train", 60, 4)

    report = evaluate(examples, answer_without_model, "extractive")

    values = {measure.name: measure.interval for measure in report.measures}
    assert values["right moment cited"].value > 0.8
    assert values["citation of what was not given"].value == 0.0


def test_answer_example_of_an_answerer_that_refuses_is_a_refusal() -> None:
    (example,) = draw_evidence_set(make_pool("train"), "train", 1, 4)

    case = answer_example(example, lambda prepared: ())

    assert case.is_refusal
    assert len(case.evidence) == len(example.moments)
    assert len(case.right) == len(example.truth.right)


def test_evaluate_scripts_of_training_wordings_finds_most_states() -> None:
    report = evaluate_scripts(draw_search_scripts(make_pool("train"), "train", 6, 1), "scripts")

    assert all(measure.interval.value > 0.9 for measure in report.measures)
