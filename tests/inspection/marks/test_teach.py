"""Candidates from marks: what joins the bank, what the head learns, and what is promoted."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from safetensors import safe_open
from safetensors.numpy import load_file, save_file

from mm.errors import InvalidInput, UnsupportedVersion
from mm.inspection.fit import fit_inspector
from mm.inspection.head.inputs import count_inputs
from mm.inspection.head.network import NetworkSettings
from mm.inspection.inspector import FittedInspector
from mm.inspection.inspector_file import METADATA, read_inspector, write_inspector
from mm.inspection.marks.folds import count_good_folds
from mm.inspection.marks.promote import promote
from mm.inspection.marks.teach import Candidate, TeachSettings, teach
from mm.inspection.marks.types import Mark
from mm.inspection.scoring.score import ScoreRule
from mm.inspection.store import InspectorStore
from mm.inspection.types import GoodImage
from mm.media.types import RGB
from tests.inspection.parts import CellBackbone, render_good_images, render_part
from tests.inspection.test_fit import SETTINGS
from tests.inspection.test_inspector_file import load_cells, rewrite

GOOD = render_good_images(8)


def render_dull_part(seed: int) -> tuple[RGB, Mark]:
    """A part with a patch of checks, which have the grey values of the part, and its mark."""
    image = render_part(seed)
    left = 30 + seed % 20
    image[40:56, left : left + 16] = np.where(np.indices((16, 16)).sum(0)[..., None] % 2, 140, 190)
    square = ((left, 40), (left + 15, 40), (left + 15, 55), (left, 55))
    return image, Mark(f"dull {seed}", "reject", (square,), size=(96, 96), kind="checks")


def render_false_alarm(seed: int) -> tuple[RGB, Mark]:
    """A good part with a label that the images of the fit do not show."""
    image = render_part(seed)
    cv2.rectangle(image, (4, 4), (20, 18), (220, 220, 60), -1)
    return image, Mark(f"label {seed}", "accept", inspected="fail")


def make_lesson(*examples: tuple[RGB, Mark]) -> tuple[list[Mark], Callable[[str], RGB]]:
    images = {mark.image: image for image, mark in examples}
    return [mark for _, mark in examples], images.__getitem__


def teach_disc(
    inspector: FittedInspector, *examples: tuple[RGB, Mark], good: Sequence[GoodImage] = GOOD, seed: int = 0
) -> Candidate:
    marks, open_image = make_lesson(*examples)
    return teach(inspector, good, marks, open_image, settings=TeachSettings(NetworkSettings(hidden=16, min_steps=150), seed=seed))


@pytest.fixture(scope="module")
def inspector() -> FittedInspector:
    return fit_inspector(GOOD, "disc", CellBackbone(), SETTINGS)


@pytest.fixture(scope="module")
def taught(inspector: FittedInspector) -> Candidate:
    examples = [render_dull_part(100 + number) for number in range(6)] + [render_false_alarm(200 + number) for number in range(3)]
    return teach_disc(inspector, *examples)


def test_teach_accepted_parts_join_the_bank_as_folds_of_their_own(inspector: FittedInspector, taught: Candidate) -> None:
    bank = taught.inspector.bank
    assert bank.num_folds == inspector.bank.num_folds + 3
    of_fit = bank.fold_B < inspector.bank.num_folds
    np.testing.assert_array_equal(bank.vectors_BC[of_fit], inspector.bank.vectors_BC)
    image, _ = render_false_alarm(300)
    assert inspector.inspect(image).verdict != "pass"
    assert taught.inspector.inspect(image).verdict == "pass"


def test_teach_calibration_has_the_good_images_of_the_fit_only(inspector: FittedInspector, taught: Candidate) -> None:
    assert taught.inspector.calibration.num_groups == 8
    assert set(taught.inspector.judging_folds.tolist()) == set(inspector.judging_folds.tolist())
    np.testing.assert_array_equal(taught.inspector.calibration.fold_N, inspector.calibration.fold_N)


def test_teach_head_finds_the_marked_defect_and_names_its_kind(taught: Candidate) -> None:
    image, mark = render_dull_part(400)
    result = taught.inspector.inspect(image)
    assert result.verdict != "pass"
    row, column = np.unravel_index(result.heat_HW.argmax(), result.heat_HW.shape)
    assert mark.draw_mask(96, 96)[row, column]
    assert result.regions[0].kind == "checks"
    assert taught.inspector.inspect(render_part(401)).verdict == "pass"


def test_teach_member_that_judges_an_image_does_not_depend_on_it(inspector: FittedInspector) -> None:
    """The member that judges a good image is the same whatever the image shows."""
    marks = [render_dull_part(100 + number) for number in range(4)]
    first = teach_disc(inspector, *marks).inspector
    fold = inspector.group_folds["part 0"]
    strange = np.flip(render_part(99), 1).copy()
    changed = [GoodImage(strange, "part 0"), *GOOD[1:]]
    second = teach_disc(inspector, *marks, good=changed).inspector
    assert first.head is not None
    assert second.head is not None
    members = list(zip(first.head.members, second.head.members, strict=True))
    own = members.pop(fold % len(members))
    np.testing.assert_array_equal(own[0].hidden_DK, own[1].hidden_DK)
    assert not any(np.array_equal(old.hidden_DK, new.hidden_DK) for old, new in members)


def test_teach_statement_names_the_numbers_and_the_file_keeps_them(taught: Candidate) -> None:
    assert taught.comparison.is_better
    assert "6 rejected (6 groups), 3 accepted (3 groups)" in taught.comparison.statement()
    assert taught.inspector.comparison is not None
    stored = json.loads(taught.inspector.comparison)
    assert stored["is_better"] is True
    assert stored["candidate"]["accepted_not_passed"] == 0


def test_read_inspector_of_a_taught_version_gives_the_same_results(taught: Candidate, tmp_path: Path) -> None:
    path = tmp_path / "disc.inspector"
    write_inspector(taught.inspector, path)
    again = read_inspector(path, load_cells)
    image, _ = render_dull_part(500)
    first, second = taught.inspector.inspect(image), again.inspect(image)
    np.testing.assert_array_equal(first.heat_HW, second.heat_HW)
    assert (first.p_value, first.score) == (second.p_value, second.score)
    assert [region.kind for region in first.regions] == [region.kind for region in second.regions]
    assert (again.marked_folds, again.comparison) == (taught.inspector.marked_folds, taught.inspector.comparison)


def test_write_inspector_without_marks_keeps_format_1(inspector: FittedInspector, taught: Candidate, tmp_path: Path) -> None:
    path = tmp_path / "disc.inspector"
    write_inspector(inspector, path)
    rewrite(path, {"format": 1})
    assert read_inspector(path, load_cells).head is None
    write_inspector(taught.inspector, path)
    rewrite(path, {"format": 9})
    with pytest.raises(UnsupportedVersion, match="reads formats 1 to 3"):
        read_inspector(path, load_cells)


def test_read_inspector_head_of_format_2_takes_the_first_inputs(taught: Candidate, tmp_path: Path) -> None:
    """Heads of earlier versions have no inputs of the enlarged image and one share."""
    head = taught.inspector.head
    assert head is not None
    count = count_inputs(6)
    members = tuple(replace(each, hidden_DK=each.hidden_DK[:count]) for each in head.members)
    rules = tuple(ScoreRule(0.03) for _ in head.rules_F)
    earlier = replace(taught.inspector, head=replace(head, members=members, rules_F=rules, kinds=None))
    path = tmp_path / "disc.inspector"
    write_inspector(earlier, path)
    wide = load_file(path)
    del wide["head.wide"]
    with safe_open(path, "np") as opened:
        stored = json.loads(opened.metadata()[METADATA])
    save_file(wide, path, {METADATA: json.dumps({**stored, "format": 2})})
    again = read_inspector(path, load_cells)
    image, _ = render_dull_part(500)
    assert isinstance(again, FittedInspector)
    assert again.inspect(image).score == earlier.inspect(image).score
    taught_again = teach_disc(again, *(render_dull_part(100 + number) for number in range(4)))
    assert taught_again.inspector.head is not None
    assert taught_again.inspector.head.num_inputs == count_inputs(6, 6)


def test_promote_of_a_better_candidate_makes_it_current_and_undo_brings_the_earlier_one_back(
    inspector: FittedInspector, taught: Candidate, tmp_path: Path
) -> None:
    store = InspectorStore(tmp_path)
    store.add(inspector)
    promotion = promote(store, taught)
    assert promotion.is_current
    assert promotion.inspector.version == 2
    assert store.load("disc", load_cells).inspect(render_part(1)).version == 2
    store.make_current("disc", 1)
    assert store.load("disc", load_cells).head is None
    assert store.get("disc").versions == (1, 2)


def test_promote_of_a_candidate_that_is_not_better_stores_it_and_keeps_the_current_one(
    inspector: FittedInspector, tmp_path: Path
) -> None:
    candidate = teach_disc(inspector, render_false_alarm(200))
    assert not candidate.comparison.is_better
    assert "accept a part of a second group" in candidate.comparison.statement()
    store = InspectorStore(tmp_path)
    store.add(inspector)
    promotion = promote(store, candidate)
    assert not promotion.is_current
    assert "was stored, and is not used" in promotion.statement
    assert (store.get("disc").current, store.get("disc").versions) == (1, (1, 2))


def test_teach_again_replaces_the_accepted_parts_of_the_version_before(inspector: FittedInspector, taught: Candidate) -> None:
    again = teach_disc(taught.inspector, render_false_alarm(200), render_false_alarm(201))
    assert again.inspector.bank.num_folds == inspector.bank.num_folds + 2
    assert again.inspector.head is None
    assert again.inspector.version == taught.inspector.version + 1


def test_teach_one_drawn_group_says_that_it_was_not_learned_from(inspector: FittedInspector) -> None:
    candidate = teach_disc(inspector, render_dull_part(100), (render_part(600), Mark("missed", "reject")))
    assert candidate.inspector.head is None
    assert "needs two groups" in candidate.comparison.statement()
    assert candidate.comparison.num_rejected == 2


def test_teach_with_one_seed_is_repeatable(inspector: FittedInspector, taught: Candidate) -> None:
    examples = [render_dull_part(100 + number) for number in range(6)] + [render_false_alarm(200 + number) for number in range(3)]
    again = teach_disc(inspector, *examples)
    np.testing.assert_array_equal(again.inspector.calibration.score_N, taught.inspector.calibration.score_N)


@pytest.mark.parametrize(
    ("examples", "good", "message"),
    [
        ([], GOOD, "no marks to learn from"),
        ([(render_part(7), Mark("a", "accept", inspected="pass"))], GOOD, "accept parts that did not pass"),
        ([render_false_alarm(200)], GOOD[1:], "'part 0' are missing"),
        ([render_false_alarm(200)], [*GOOD, GoodImage(render_part(9), "part 9")], "'part 9' is not one of"),
        ([render_false_alarm(200)], [*GOOD, GOOD[0]], "fitted on 8 good images, not on 9"),
        ([(render_part(7, 64), render_dull_part(1)[1])], GOOD, "was marked with 96 x 96"),
    ],
)
def test_teach_with_wrong_marks_or_images_is_refused(
    inspector: FittedInspector, examples: list[tuple[RGB, Mark]], good: Sequence[GoodImage], message: str
) -> None:
    with pytest.raises(InvalidInput, match=message):
        teach_disc(inspector, *examples, good=good)


def test_teach_of_one_good_group_is_refused() -> None:
    single = fit_inspector(GOOD[:1], "disc", CellBackbone(), SETTINGS)
    assert count_good_folds(single) == 1
    with pytest.raises(InvalidInput, match="one group of good images"):
        teach_disc(single, render_false_alarm(200), good=GOOD[:1])


def test_teach_p_values_of_new_good_parts_keep_the_promised_rate(taught: Candidate) -> None:
    p_values = [taught.inspector.inspect(render_part(700 + number)).p_value for number in range(60)]
    assert np.mean(np.array(p_values) <= 0.25) <= 0.4
