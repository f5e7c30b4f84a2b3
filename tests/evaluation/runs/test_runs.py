"""Runs are kept, compared and required to reach values."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from mm.errors import Conflict, InvalidInput, NotFound
from mm.evaluation.runs.compare import compare_runs
from mm.evaluation.runs.comparison_record import describe_comparison
from mm.evaluation.runs.gate import check_requirements, list_worse
from mm.evaluation.runs.signature import hash_ids, require_same_weights
from mm.evaluation.runs.statistics import measure
from mm.evaluation.runs.store import RunStore
from mm.evaluation.runs.types import ItemRecord, Outcome, Run, Signature


def make_run(run_id: str, ranks: list[int], split: str = "dev", started: str = "2026-01-01T00:00:00") -> Run:
    """A retrieval run of one query a photo, two photos a group."""
    items = [
        ItemRecord(id=f"{number}", group=f"{number // 2}", values={"rank": float(rank)}, question=f"caption {number}")
        for number, rank in enumerate(ranks)
    ]
    measures = [
        measure("R@1", "recall@1", "rank", items),
        measure("median rank", "median", "rank", items, is_share=False, is_higher_better=False),
    ]
    signature = Signature(
        set_name="photos", set_version=1, split=split, task="retrieval", method="lite@1", code="0", weights={"a": "1"},
        num_items=len(items), items=hash_ids([item.id for item in items]),
    )  # fmt: skip
    outcome = Outcome(title="photos", measures=measures, items=items)
    return Run(
        id=run_id, started=started, seconds=1.0, command="mm eval photos", root="/photos", signature=signature, outcome=outcome
    )


def test_run_store_returns_what_was_added_with_and_without_items(tmp_path: Path) -> None:
    store, run = RunStore(tmp_path), make_run("first", [1, 2, 3])
    store.add(run)
    assert store.get("first") == run
    assert store.get("first", with_items=False).outcome.items == []
    assert store.get("first", with_items=False).outcome.measures == run.outcome.measures


def test_run_store_lists_latest_first_and_leaves_out_other_sets_and_damaged_folders(tmp_path: Path) -> None:
    store = RunStore(tmp_path)
    store.add(make_run("old", [1], started="2026-01-01T00:00:00"))
    store.add(make_run("new", [1], started="2026-02-01T00:00:00"))
    (tmp_path / "evaluations" / "damaged").mkdir()
    (tmp_path / "evaluations" / "damaged" / "run.json").write_text("{")
    assert [run.id for run in store.list_runs("photos")] == ["new", "old"]
    assert store.list_runs("films") == []


@pytest.mark.parametrize("run_id", ["", "../x", "a/b", "-a", "a" * 101])
def test_run_store_refuses_an_id_that_is_no_file_name(tmp_path: Path, run_id: str) -> None:
    with pytest.raises(InvalidInput, match="not the id of a run"):
        RunStore(tmp_path).require_free(run_id)


def test_run_store_refuses_a_taken_id_and_names_latest_runs_for_an_unknown_one(tmp_path: Path) -> None:
    store = RunStore(tmp_path)
    store.add(make_run("first", [1]))
    with pytest.raises(InvalidInput, match="exists"):
        store.add(make_run("first", [2]))
    with pytest.raises(NotFound, match="Latest runs: first"):
        store.get("second")


def test_run_store_remove_deletes_one_run(tmp_path: Path) -> None:
    store = RunStore(tmp_path)
    store.add(make_run("first", [1]))
    store.add(make_run("second", [1]))
    store.remove("first")
    assert [run.id for run in store.list_runs()] == ["second"]


def test_compare_runs_pairs_items_by_id_and_finds_the_difference() -> None:
    ranks = np.random.default_rng(0).integers(2, 9, 60).tolist()
    first, second = make_run("first", ranks), make_run("second", [1] * 30 + ranks[30:])
    comparison = compare_runs(first, second)
    recall, median = comparison.differences
    assert recall.difference is not None
    assert recall.difference.value == pytest.approx(0.5)
    assert recall.difference.low > 0.2
    assert recall.p_value is not None
    assert recall.p_value < 0.01
    assert not recall.is_worse
    assert {item.second.id for item in comparison.better} <= {str(number) for number in range(30)}
    assert comparison.worse == ()
    assert not median.is_worse  # a lower rank is better
    sentences = list_worse(describe_comparison(compare_runs(second, first)))
    assert [sentence.split(" is ")[0] for sentence in sentences] == ["R@1", "median rank"]
    assert f"is {100 * recall.measure.value:.2f}; significantly worse than {100 * recall.second.value:.2f} in" in sentences[0]


def test_compare_runs_of_equal_values_finds_no_difference() -> None:
    comparison = compare_runs(make_run("first", [1, 2, 3, 4]), make_run("second", [1, 2, 3, 4]))
    assert [row.p_value for row in comparison.differences] == [1.0, 1.0]
    assert list_worse(describe_comparison(comparison)) == []


def test_compare_runs_of_another_split_or_without_a_common_item_raises_invalid_input() -> None:
    first = make_run("first", [1, 2])
    with pytest.raises(InvalidInput, match="splits are 'dev' and 'test'"):
        compare_runs(first, make_run("second", [1, 2], split="test"))
    strange = make_run("second", [1])
    items = [item.model_copy(update={"id": "other"}) for item in strange.outcome.items]
    with pytest.raises(InvalidInput, match="no item in common"):
        compare_runs(first, strange.model_copy(update={"outcome": strange.outcome.model_copy(update={"items": items})}))


def test_compare_runs_states_items_that_only_one_run_has() -> None:
    comparison = compare_runs(make_run("first", [1, 2, 3]), make_run("second", [1, 2]))
    assert any("1 items are only in the first run" in note for note in comparison.notes)
    assert comparison.differences[0].num_items == 2


def test_check_requirements_respects_percent_and_direction() -> None:
    run = make_run("first", [1, 1, 3, 5])
    assert check_requirements(run, ["R@1=50", "median rank=2"]) == []
    assert len(check_requirements(run, ["R@1=51", "median rank=1.9"])) == 2


@pytest.mark.parametrize("text", ["R@1", "R@1=", "=5", "R@1=x", "R@1=nan"])
def test_check_requirements_of_an_unreadable_requirement_raises_invalid_input(text: str) -> None:
    with pytest.raises(InvalidInput, match="not a requirement"):
        check_requirements(make_run("first", [1]), [text])


def test_check_requirements_of_an_unknown_measure_lists_the_measures() -> None:
    with pytest.raises(InvalidInput, match="Measures are: R@1; median rank"):
        check_requirements(make_run("first", [1]), ["R@2=5"])


def test_signature_line_of_simulated_files_says_so() -> None:
    signature = make_run("first", [1]).signature
    assert "simulated" not in signature.line()
    assert signature.model_copy(update={"is_simulated": True}).line().endswith("|simulated")


def test_require_same_weights_names_the_file_that_changed() -> None:
    require_same_weights({"a": "1"}, {"a": "1"})
    with pytest.raises(Conflict, match="b"):
        require_same_weights({"a": "1", "b": "2"}, {"a": "1", "b": "3"})
