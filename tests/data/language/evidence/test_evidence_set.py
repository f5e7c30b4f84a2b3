"""The hard evidence set: structure, disjointness, and answers that a plain reading confirms."""

from __future__ import annotations

import json
import random
import re
from collections import Counter
from functools import cache
from itertools import combinations
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mm.answers.evidence import REFUSAL, EvidenceMoment, Kind, Statement, format_clock
from mm.data.captioned_images import CaptionedImage
from mm.data.language.concepts import find_named, find_terms
from mm.data.language.evidence.drafts import Draft, Maker
from mm.data.language.evidence.evidence_set import MAKERS, draw_evidence_set
from mm.data.language.evidence.examples import EvidenceExample
from mm.data.language.evidence.follow_ups import MAX_ROUNDS
from mm.data.language.sources import SourcePool
from mm.data.language.wording import SPLITS, get_vocabulary, read_questions
from mm.errors import InvalidInput
from tests.data.language.made_captions import make_images, make_pool

SEEDS = st.integers(0, 2**32)
COUNT = 120


@cache
def draw(split: str, seed: int = 0) -> list[EvidenceExample]:
    return draw_evidence_set(make_pool(split), split, COUNT, seed)


def make_draft(kind: str, seed: int, split: str = "dev") -> Draft:
    """The first draft of a kind that can be made from a seed."""
    maker = Maker(random.Random(seed), make_pool(split), get_vocabulary(split))
    return next(draft for _ in range(500) if (draft := MAKERS[kind](maker, kind)) is not None)


def right_of(draft: Draft) -> list[EvidenceMoment]:
    by_id = {moment.id: moment for moment in draft.moments}
    return [by_id[handle] for handle in draft.right]


def to_seconds(clock: str) -> int:
    seconds = 0
    for part in clock.split(":"):
        seconds = 60 * seconds + int(part)
    return seconds


@given(split=st.sampled_from(SPLITS), seed=SEEDS, index=st.integers(0, 40))
def test_draw_evidence_set_is_deterministic_and_independent_of_its_size(split: str, seed: int, index: int) -> None:
    examples = draw_evidence_set(make_pool(split), split, index + 1, seed)
    assert draw_evidence_set(make_pool(split), split, index + 1, seed) == examples
    assert draw_evidence_set(make_pool(split), split, index, seed) == examples[:-1]


@given(split=st.sampled_from(SPLITS), seed=st.integers(0, 20))
def test_draw_evidence_set_cites_given_moments_and_refuses_exactly_without_right_ones(split: str, seed: int) -> None:
    for example in draw_evidence_set(make_pool(split), split, 32, seed):
        ids = {moment.id for moment in example.moments}
        truth = example.truth
        statements = [*example.answer, *truth.supported, *(entry for turn in example.conversation for entry in turn.answer)]
        assert {cited for entry in statements for cited in entry.cites} <= ids
        assert set(truth.right) <= set(truth.permitted) <= ids
        assert truth.is_refusal == (not truth.right) == (example.answer == (Statement(REFUSAL),))
        assert {cited for entry in example.answer for cited in entry.cites} == set(truth.right)
        assert truth.is_refusal or set(example.answer) <= set(truth.supported)
        assert len(ids) == len(example.moments) >= 2
        assert example.template in get_vocabulary(split).questions[example.kind.rpartition("/")[2]]
        assert len(example.conversation) < MAX_ROUNDS


@given(split=st.sampled_from(SPLITS), seed=st.integers(0, 20))
def test_draw_evidence_set_quotes_only_the_evidence_it_cites(split: str, seed: int) -> None:
    for example in draw_evidence_set(make_pool(split), split, 32, seed):
        texts = {moment.id: [entry.text for entry in moment.evidence] for moment in example.moments}
        items = {moment.id: moment.item for moment in example.moments}
        for entry in example.answer:
            is_quote = any(text in entry.text for cited in entry.cites for text in texts[cited])
            is_number = example.truth.count is not None or all(items[cited] in entry.text for cited in entry.cites)
            assert is_quote or is_number


def test_draw_evidence_set_moments_of_an_item_are_apart_and_in_the_order_of_scenes() -> None:
    for example in (example for split in SPLITS for example in draw(split)):
        for left, right in combinations(sorted(example.moments, key=lambda moment: moment.start), 2):
            if left.item == right.item:
                assert left.start < left.end < right.start
                assert left.scene is not None
                assert right.scene is not None
                assert left.scene <= right.scene
        assert all((moment.start, moment.end) == (0, 0) for moment in example.moments if moment.scene is None)


def test_draw_evidence_set_covers_all_kinds_with_refusals_and_several_right_moments() -> None:
    examples = [example for split in SPLITS for example in draw(split)]
    assert {example.kind for example in examples} >= MAKERS.keys()
    assert {kind.rpartition("/")[2] for kind in Counter(example.kind for example in examples) if "/" in kind} >= {
        "again", "ordinal_item", "ordinal_after", "focus_said", "focus_read", "focus_next", "focus_previous",
    }  # fmt: skip
    assert 0.2 < sum(example.truth.is_refusal for example in examples) / len(examples) < 0.5
    assert sum(len(example.truth.right) > 1 for example in examples) > 0.08 * len(examples)
    assert max(len(example.conversation) for example in examples) >= 10


@pytest.mark.parametrize(("left", "right"), list(combinations(SPLITS, 2)))
def test_draw_evidence_set_of_two_splits_shares_no_source_item_or_wording(left: str, right: str) -> None:
    a, b = draw(left), draw(right)
    assert not {moment.source for example in a for moment in example.moments} & {
        moment.source for example in b for moment in example.moments
    }
    assert not {moment.item.lower() for example in a for moment in example.moments} & {
        moment.item.lower() for example in b for moment in example.moments
    }
    assert not {example.template for example in a} & {example.template for example in b}


@given(kind=st.sampled_from(["when", "every", "which_item", "count", "count_items"]), seed=SEEDS)
def test_make_search_right_moments_are_those_whose_text_has_all_words(kind: str, seed: int) -> None:
    draft = make_draft(kind, seed)
    wanted = find_named(draft.slots["phrase"])
    supporting = [moment for moment in draft.moments if wanted <= find_terms(moment.get_text("picture"))]
    assert {moment.id for moment in supporting} == set(draft.right)
    assert draft.count == {"count": len(supporting), "count_items": len({moment.item for moment in supporting})}.get(kind)
    wrong = [moment for moment in draft.moments if moment.id not in draft.right]
    assert len(wanted) == 1 or any(wanted & find_terms(moment.get_text("picture")) for moment in wrong), (
        "no distractor shares a word"
    )
    if draft.count:
        assert re.findall(r"\d+|One", draft.answer[0].text)[0] == ("One" if draft.count == 1 else str(draft.count))


@given(seed=SEEDS)
def test_make_when_in_keeps_to_the_named_item(seed: int) -> None:
    draft = make_draft("when_in", seed)
    wanted = find_named(draft.slots["phrase"])
    supporting = {moment.id: moment.item for moment in draft.moments if wanted <= find_terms(moment.get_text("picture"))}
    assert supporting, "a refusal is about the item, not about the library"
    assert set(draft.right) == {handle for handle, item in supporting.items() if item == draft.slots["item"]}


@given(kind=st.sampled_from(["at_time", "in_range", "in_scene"]), seed=SEEDS)
def test_make_at_time_in_range_and_in_scene_find_the_moments_by_their_position(kind: str, seed: int) -> None:
    draft = make_draft(kind, seed)
    of_item = [moment for moment in draft.moments if moment.item == draft.slots["item"]]
    if kind == "in_scene":
        expected = [moment.id for moment in of_item if str(moment.scene) == draft.slots["scene"]]
    else:
        start = to_seconds(draft.slots["clock"])
        end = to_seconds(draft.slots.get("end", draft.slots["clock"]))
        expected = [moment.id for moment in of_item if moment.start <= end and start <= moment.end]
    assert set(draft.right) == set(expected)
    assert [moment.start for moment in right_of(draft)] == sorted(moment.start for moment in right_of(draft))


@given(kind=st.sampled_from(["after", "before"]), seed=SEEDS)
def test_make_neighbour_is_the_nearest_moment_of_the_item(kind: str, seed: int) -> None:
    draft = make_draft(kind, seed)
    (anchor,) = [moment for moment in draft.moments if moment.id == draft.referred[0]]
    assert find_named(draft.slots["phrase"]) <= find_terms(anchor.get_text("picture"))
    same = [moment for moment in draft.moments if moment.item == anchor.item]
    later = sorted((moment.start, moment.id) for moment in same if moment.start > anchor.start)
    earlier = sorted((-moment.start, moment.id) for moment in same if moment.start < anchor.start)
    assert draft.right == tuple(handle for _, handle in (later if kind == "after" else earlier)[:1])


@given(seed=SEEDS)
def test_make_first_names_the_earlier_of_two(seed: int) -> None:
    draft = make_draft("first", seed)
    found = []
    for slot in ("phrase", "other"):
        (moment,) = [
            moment for moment in draft.moments if find_named(draft.slots[slot]) <= find_terms(moment.get_text("picture"))
        ]
        found.append(moment)
    assert {moment.item for moment in found} == {draft.slots["item"]}
    assert draft.right == (min(found, key=lambda moment: moment.start).id,)


@given(kind=st.sampled_from(["said", "said_when", "read", "read_when"]), seed=SEEDS)
def test_make_words_right_moment_has_the_topic_in_the_right_kind_of_words(kind: str, seed: int) -> None:
    draft = make_draft(kind, seed)
    wanted: Kind = "speech" if kind.startswith("said") else "written"
    topic = draft.slots["topic"]
    having = [moment.id for moment in draft.moments if re.search(rf"\b{topic}\b", moment.get_text(wanted))]
    assert tuple(having) == draft.right
    assert any(moment.get_text(wanted) for moment in draft.moments), "there are other words of the kind"


def test_draw_evidence_set_with_wordings_of_another_split_keeps_its_sources() -> None:
    examples = draw_evidence_set(make_pool("dev"), "dev", 24, 0, wordings="test")
    known = {source.id for source in make_pool("dev").sources}
    for example in examples:
        assert example.split == "dev"
        assert example.template in get_vocabulary("test").questions[example.kind.rpartition("/")[2]]
        assert {moment.source for moment in example.moments} <= known


def test_draw_evidence_set_with_wordings_of_a_file_uses_them(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    wordings = {kind: f"now, please: {texts[0]}" for kind, texts in get_vocabulary("dev").questions.items()}
    file.write_text("".join(f"{kind} = [{json.dumps(text)}]\n" for kind, text in wordings.items()), encoding="utf-8")
    for example in draw_evidence_set(make_pool("dev"), "dev", 24, 0, wordings=str(file)):
        assert example.template == wordings[example.kind.rpartition("/")[2]]


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("when = 1", "these differ"),
        ("when = [", "no TOML"),
        ("NAMES\nwhen = []", "at least one text"),
        ("NAMES\nwhen = ['a {', 'b']", "slots of 'a {'"),
        ("NAMES\nwhen = ['where is {item}']", "slots of 'where is {item}'"),
    ],
)
def test_read_questions_of_an_unusable_file_names_the_cause(tmp_path: Path, text: str, match: str) -> None:
    questions = get_vocabulary("dev").questions
    names = "\n".join(f"{kind} = {json.dumps(list(texts))}" for kind, texts in questions.items() if kind != "when")
    file = tmp_path / "mine.toml"
    file.write_text(text.replace("NAMES", names), encoding="utf-8")
    with pytest.raises(InvalidInput, match=match):
        read_questions(file)


def test_draw_evidence_set_of_an_unknown_split_or_unusable_captions_raises_invalid_input() -> None:
    with pytest.raises(InvalidInput, match="'val'"):
        draw_evidence_set(make_pool("dev"), "val", 1, 0)
    with pytest.raises(InvalidInput, match="too few"):
        SourcePool(make_images("dev")[:5])
    useless = SourcePool([CaptionedImage(image.path, ("Snow everywhere",)) for image in make_images("dev")])
    with pytest.raises(InvalidInput, match="names a thing"):
        draw_evidence_set(useless, "dev", 1, 0)


def test_format_clock_has_hours_only_when_needed() -> None:
    assert [format_clock(seconds) for seconds in (5, 125, 3725)] == ["00:05", "02:05", "1:02:05"]
