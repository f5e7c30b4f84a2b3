"""Measures of answers from evidence."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mm.errors import InvalidInput
from mm.metrics.language import Case, Evidence, Moment, Statement, answer_report
from mm.metrics.language.answers import (
    cites_right_moment,
    has_foreign_citation,
    is_in_evidence,
    is_same_moment,
    recall_of_moments,
)
from mm.metrics.language.word_support import WordSupport, stem

DOG = Evidence(Moment("park.mp4", 10, 18), "A brown dog runs on the grass")
MEN = Evidence(Moment("park.mp4", 20, 31), "Two men cook a meal beside a red car")
SWIM = Evidence(Moment("sea.mp4", 10, 18), "A puppy is swimming in the sea")
RIGHT = Statement("A dog runs on the grass.", (DOG.moment,))
CASE = Case((DOG, MEN, SWIM), (DOG.moment,), (RIGHT,), is_refusal=False)
REFUSED = replace(CASE, statements=(), is_refusal=True)


def values(cases: list[Case], groups: np.ndarray | None = None) -> dict[str, float]:
    return {measure.name: measure.interval.value for measure in answer_report("set", cases, groups).measures}


@pytest.mark.parametrize(
    ("citation", "is_same"),
    [
        (Moment("park.mp4", 10.6, 17.1), True),
        (Moment("park.mp4", 12, 18.5), True),
        (Moment("park.mp4", 12, 14), False),
        (Moment("park.mp4", 12, 12), True),
        (Moment("park.mp4", 18, 18), False),
        (Moment("park.mp4", 18, 26), False),
        (Moment("sea.mp4", 10, 18), False),
    ],
    ids=["rounded", "overlap", "short part", "point", "point at the end", "next", "other item"],
)
def test_is_same_moment_accepts_rounding_and_overlap(citation: Moment, is_same: bool) -> None:
    assert is_same_moment(citation, DOG.moment) is is_same


def test_is_same_moment_of_a_photo_has_no_duration() -> None:
    photo = Moment("photo.jpg", 0, 0)
    assert is_same_moment(photo, photo)
    assert not is_same_moment(Moment("photo.jpg", 0, 9), photo)


@given(st.floats(0, 100), st.floats(0.1, 50), st.floats(-0.99, 0.99), st.floats(-0.99, 0.99))
def test_is_same_moment_accepts_ends_within_the_tolerance(start: float, length: float, first: float, second: float) -> None:
    moment = Moment("a", start, start + length)
    assert is_same_moment(moment, moment)
    if first + length > second:  # the citation has a duration
        assert is_same_moment(Moment("a", start + first, start + length + second), moment)


def test_citation_of_a_part_is_in_evidence() -> None:
    part = Moment("park.mp4", 12, 14)
    assert is_in_evidence(part, DOG)
    assert not is_in_evidence(part, MEN)
    assert not is_in_evidence(part, SWIM)
    assert not is_in_evidence(Moment("park.mp4", 10, 40), DOG)


@pytest.mark.parametrize(
    ("citations", "is_right"),
    [
        ((DOG.moment,), True),
        ((MEN.moment,), False),
        ((DOG.moment, MEN.moment), False),
        ((DOG.moment, DOG.moment), True),
        ((), False),
    ],
    ids=["right", "wrong", "one too many", "twice", "none"],
)
def test_cites_right_moment_needs_a_right_citation_and_no_other(citations: tuple[Moment, ...], is_right: bool) -> None:
    case = replace(CASE, statements=(Statement("A dog runs.", citations),))
    assert cites_right_moment(case) is is_right
    assert not cites_right_moment(replace(case, is_refusal=True))


def test_recall_of_moments_is_the_share_of_right_moments() -> None:
    case = replace(CASE, right=(DOG.moment, SWIM.moment))
    assert recall_of_moments(case) == 0.5
    assert cites_right_moment(case)
    assert recall_of_moments(replace(case, statements=(RIGHT, Statement("It swims.", (SWIM.moment,))))) == 1
    assert recall_of_moments(replace(case, is_refusal=True)) == 0


def test_has_foreign_citation_of_unknown_time_or_item() -> None:
    assert not has_foreign_citation(CASE)
    for moment in (Moment("park.mp4", 50, 60), Moment("forest.mp4", 10, 18)):
        assert has_foreign_citation(replace(CASE, statements=(RIGHT, Statement("A dog.", (moment,)))))


@pytest.mark.parametrize(
    ("statement", "texts", "num_citations", "is_supported"),
    [
        ("The dog is running on grass.", [DOG.text], 1, True),
        ("The animal runs.", [DOG.text], 1, True),
        ("A puppy swims in the ocean.", [SWIM.text], 1, True),
        ("A dog swims.", [DOG.text], 1, False),
        ("A dog runs beside a horse.", [DOG.text], 1, False),
        ("The puppy is seen at last.", [MEN.text], 1, False),
        ("2 men cook.", [MEN.text], 1, True),
        ("Three men cook.", [MEN.text], 1, False),
        ("A dog is shown twice.", [DOG.text, SWIM.text], 2, True),
        ("One dog runs.", [DOG.text], 2, True),
        ("A dog runs.", [], 0, False),
        ("A dog swims on the grass.", [DOG.text, SWIM.text], 2, True),
    ],
)
def test_word_support_needs_all_content_words(statement: str, texts: list[str], num_citations: int, is_supported: bool) -> None:
    assert WordSupport()(statement, texts, num_citations) is is_supported


@pytest.mark.parametrize(
    "forms",
    ["ride rides riding", "run runs running", "carry carries carried carrying", "play plays played", "dance dances danced",
     "fall falls falling", "watch watches watched watching", "kiss kisses kissed", "jump jumps jumped", "swing swings swinging",
     "box boxes", "see sees seeing", "tie ties"],
)  # fmt: skip
def test_stem_of_regular_inflections_is_equal(forms: str) -> None:
    assert len({stem(form) for form in forms.split()}) == 1


def test_stem_keeps_different_words_different() -> None:
    text = "run ride rise sit sing swim swing jump climb carry chase catch kick throw red ring bed bus"
    words = text.split()
    assert len({stem(word) for word in words}) == len(words)


def test_answer_report_counts_each_measure_over_its_questions() -> None:
    unanswerable = replace(REFUSED, right=())
    invented = Case((DOG, MEN), (), (Statement("An elephant drinks.", (MEN.moment,)), RIGHT), is_refusal=False)
    foreign = replace(CASE, statements=(Statement("A dog runs.", (Moment("park.mp4", 90, 99),)),))
    found = values([CASE, CASE, REFUSED, foreign, unanswerable, unanswerable, invented])
    assert found == pytest.approx(
        {
            "right moment cited": 2 / 4,
            "right moments, recall": 2 / 4,
            "answerable, refused": 1 / 4,
            "correct refusal": 2 / 3,
            "unsupported statement": 2 / 5,
            "citation of what was not given": 1 / 7,
        }
    )


def test_answer_report_without_unanswerable_questions_has_no_measure_of_them() -> None:
    assert "correct refusal" not in values([CASE, CASE])
    assert set(values([replace(REFUSED, right=())])) == {"correct refusal", "citation of what was not given"}


def test_answer_report_of_groups_has_wider_intervals() -> None:
    wrong = replace(CASE, statements=(Statement("A cat sleeps.", (MEN.moment,)),))
    cases = [case for number in range(20) for case in [CASE if number % 3 else wrong] * 6]
    alone, grouped = (
        {measure.name: measure.interval for measure in answer_report("set", cases, groups).measures}
        for groups in (None, np.repeat(np.arange(20), 6))
    )
    for name in ("right moment cited", "unsupported statement"):
        assert grouped[name].value == alone[name].value
        assert grouped[name].high - grouped[name].low > 1.8 * (alone[name].high - alone[name].low)


def test_answer_report_with_another_support_uses_it() -> None:
    report = answer_report("set", [CASE], support=lambda text, texts, count: text.startswith("The"))
    found = {measure.name: measure.interval.value for measure in report.measures}
    assert found["unsupported statement"] == 1


@pytest.mark.parametrize(("cases", "groups"), [([], None), ([CASE], np.zeros(2, int))], ids=["none", "groups"])
def test_answer_report_of_invalid_cases_raises_invalid_input(cases: list[Case], groups: np.ndarray | None) -> None:
    with pytest.raises(InvalidInput):
        answer_report("set", cases, groups)
