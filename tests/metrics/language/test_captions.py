"""Reports of captions."""

from __future__ import annotations

import numpy as np
import pytest

from mm.errors import InvalidInput
from mm.metrics import Interval
from mm.metrics.language import bleu, caption_report, cider_d, count_document_frequencies, rouge_l, tokenize
from mm.metrics.language.captions import tokenize_references

SUBJECTS = ["a dog", "two men", "the girl", "a black horse", "an old woman"]
ACTIONS = ["runs on the grass", "sits by the sea", "jumps over a fence", "rides a red bicycle", "sleeps quietly"]
TEXTS = [f"{subject} {action}." for subject in SUBJECTS for action in ACTIONS]


def sample(seed: int, count: int) -> tuple[list[str], list[list[str]]]:
    random = np.random.default_rng(seed)
    chosen = random.integers(0, len(TEXTS), (count, 4))
    return [TEXTS[row[0]] for row in chosen], [[TEXTS[row[1]], TEXTS[row[2]], TEXTS[row[3]]] for row in chosen]


def intervals(*args: object, **options: object) -> dict[str, Interval]:
    return {measure.name: measure.interval for measure in caption_report("dev", *args, **options).measures}  # type: ignore[arg-type]


def test_caption_report_has_the_scores_of_the_set_inside_their_intervals() -> None:
    captions, references = sample(1, 60)
    candidates, tokenized = [tokenize(text) for text in captions], tokenize_references(references)
    found = intervals(captions, references)
    for number, score in enumerate(bleu(candidates, tokenized), start=1):
        assert found[f"BLEU-{number}"].value == pytest.approx(score)
    assert found["ROUGE-L"].value == pytest.approx(rouge_l(candidates, tokenized).mean())
    assert found["CIDEr-D"].value == pytest.approx(cider_d(candidates, tokenized).mean())
    assert found["object words per caption"].value > 1
    assert all(interval.low <= interval.value <= interval.high for interval in found.values())
    assert all(interval.low < interval.high for interval in found.values())


def test_caption_report_of_a_reference_as_caption_is_the_maximum() -> None:
    _, references = sample(2, 20)
    found = intervals([several[1] for several in references], references)
    assert found["BLEU-4"].low == pytest.approx(1)
    assert found["ROUGE-L"].low == pytest.approx(1)
    assert found["object words that no reference has"] == Interval(0, 0, 0)
    assert found["captions with such a word"] == Interval(0, 0, 0)


def test_caption_report_counts_a_wrong_object_once_per_mention() -> None:
    found = intervals(["A cat and a cat on the grass."] * 3, [["A dog on the grass."]] * 3)
    assert found["object words that no reference has"].value == pytest.approx(2 / 3)
    assert found["captions with such a word"].value == 1


def test_caption_report_of_groups_has_wider_intervals() -> None:
    """Each image four times: without groups the intervals are too narrow."""
    captions, references = sample(3, 25)
    repeated = [captions[row // 4] for row in range(100)], [references[row // 4] for row in range(100)]
    alone, grouped = intervals(*repeated), intervals(*repeated, groups=np.arange(100) // 4)
    for name in ("BLEU-4", "ROUGE-L", "CIDEr-D", "object words that no reference has"):
        assert grouped[name].value == alone[name].value
        assert grouped[name].high - grouped[name].low > 1.5 * (alone[name].high - alone[name].low)


def test_caption_report_with_frequencies_of_another_set_changes_only_cider_d() -> None:
    captions, references = sample(4, 20)
    frequencies = count_document_frequencies(tokenize_references(sample(5, 300)[1]))
    own, other = intervals(captions, references), intervals(captions, references, frequencies=frequencies)
    assert {name for name in own if own[name] != other[name]} == {"CIDEr-D"}


def test_caption_report_of_empty_captions_is_zero() -> None:
    found = intervals(["", "."], [["a dog"], ["a cat"]])
    assert max(interval.high for interval in found.values()) == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize(("captions", "references"), [([], []), (["a"], [[]]), (["a"], [["a"], ["b"]])])
def test_caption_report_of_invalid_captions_raises_invalid_input(captions: list[str], references: list[list[str]]) -> None:
    with pytest.raises(InvalidInput):
        caption_report("dev", captions, references)
