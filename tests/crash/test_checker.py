"""The checker of `mm bench crash` accepts a correct history and finds each violation."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from mm.bench.crash import checker
from mm.bench.crash.checker import Expected, OrphanTracker
from mm.bench.crash.history import ABSENT, History
from mm.bench.crash.inventory import ChunkRecord, Inventory, JobRecord, ScoredMoment
from mm.bench.crash.nemesis import PHASES, draw_point
from mm.errors import MediaError, Unavailable

A, B = "a" * 32, "b" * 32
SEGMENTS = {A: ["0-2", "2-4"], B: ["0-1"]}


def make_correct_run() -> tuple[History, Inventory]:
    """Two uploads; one item is deleted and uploaded again, once without a response."""
    history = History()
    for kind, item, job in (("add", A, "job_1"), ("add", B, "job_2"), ("delete", B, ""), ("add", B, "job_3")):
        if job == "job_3":
            with history.record("add", B):
                raise Unavailable("The connection failed.")
        with history.record(kind, item) as operation:  # type: ignore[arg-type]
            operation.job = job
    inventory = Inventory(
        jobs=[
            JobRecord(id="job_1", item=A, state="done", error=None),
            JobRecord(id="job_2", item=B, state="cancelled", error=None),
            JobRecord(id="job_3", item=B, state="done", error=None),
        ],
        items={A: "ready", B: "ready"},
        chunks=[ChunkRecord(item=A, index=0, attempts=2, done=True), ChunkRecord(item=B, index=0, attempts=1, done=True)],
        segments={item: list(segments) for item, segments in SEGMENTS.items()},
        damaged=[],
        orphans=[],
        results={},
    )
    return history, inventory


def violations(change: Callable[[History, Inventory], object]) -> list[str]:
    history, inventory = make_correct_run()
    expected = Expected(SEGMENTS, {A: 1, B: 1})
    assert checker.check_at_rest(history, inventory, expected) == []
    change(history, inventory)
    return checker.check_at_rest(history, inventory, expected)


def delete_missing_item(history: History) -> None:
    with history.record("delete", A) as operation:
        operation.detail = ABSENT
    with history.record("add", A) as operation:
        operation.job = "job_1"


def acknowledge(history: History, kind: str, item: str, job: str = "") -> None:
    with history.record(kind, item) as operation:  # type: ignore[arg-type]
        operation.job = job


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        pytest.param(lambda h, c: c.segments[A].pop(), "is lost (1): 2-4", id="a lost segment"),
        pytest.param(lambda h, c: c.segments[A].append("2-4"), "is duplicated or unexpected (1): 2-4",
                     id="a duplicated segment"),
        pytest.param(lambda h, c: c.segments.update(c=["0-1"]), "is duplicated or unexpected",
                     id="a segment without an item"),
        pytest.param(lambda h, c: setattr(c.jobs[0], "state", "running"), "did not end; it is running",
                     id="an unfinished job"),
        pytest.param(lambda h, c: setattr(c.jobs[0], "state", "quarantined"), "of a good file is quarantined",
                     id="a quarantined job"),
        pytest.param(lambda h, c: setattr(c.jobs[0], "state", "cancelled"), "was not deleted",
                     id="a job cancelled without a delete"),
        pytest.param(lambda h, c: c.jobs.pop(0), "was acknowledged and is missing", id="a lost job"),
        pytest.param(lambda h, c: c.items.pop(A), "was acknowledged and is missing", id="a lost item"),
        pytest.param(lambda h, c: c.items.update({A: "failed"}), "was acknowledged and is failed", id="a failed item"),
        pytest.param(lambda h, c: acknowledge(h, "delete", A), "though it was deleted", id="a deleted item that remains"),
        pytest.param(lambda h, c: delete_missing_item(h), "could not be deleted", id="an item that was missing for a while"),
        pytest.param(lambda h, c: acknowledge(h, "cut", "c" * 32) or c.items.update({"c" * 32: "ready"}), "never acknowledged",
                     id="half an upload"),
        pytest.param(lambda h, c: setattr(c.chunks[0], "attempts", 3), "was encoded 3 times", id="a third encode"),
        pytest.param(lambda h, c: setattr(c.chunks[0], "done", False), "is not done", id="an unfinished chunk"),
        pytest.param(lambda h, c: c.chunks.pop(0), "has 0 chunks; it had 1", id="a lost chunk"),
        pytest.param(lambda h, c: c.damaged.append("A file is corrupt."), "A file is corrupt.", id="a corrupt file"),
    ],
)  # fmt: skip
def test_check_at_rest_finds_each_violation(change: Callable[[History, Inventory], object], sentence: str) -> None:
    assert any(sentence in line for line in violations(change))


def test_check_at_rest_accepts_both_states_after_an_operation_without_a_response() -> None:
    def change(history: History, inventory: Inventory) -> None:
        with history.record("delete", A):
            raise Unavailable("The connection failed.")

    assert violations(change) == []

    def change_and_remove(history: History, inventory: Inventory) -> None:
        change(history, inventory)
        del inventory.items[A], inventory.segments[A]

    assert not any("acknowledged" in line or "lost" in line for line in violations(change_and_remove))


def test_check_at_rest_expects_no_effect_of_a_refused_operation() -> None:
    def change(history: History, inventory: Inventory) -> None:
        with history.record("add", "c" * 32):
            raise MediaError("a.mp4", "crashed", "the decoder ended")

    assert violations(change) == []

    def change_and_add(history: History, inventory: Inventory) -> None:
        change(history, inventory)
        inventory.items["c" * 32] = "ready"

    assert any("never acknowledged" in line for line in violations(change_and_add))


def test_check_results_compares_hits_with_an_exhaustive_search() -> None:
    expected = [ScoredMoment(item=A, start=0.0, end=2.0, score=0.5), ScoredMoment(item=B, start=0.0, end=1.0, score=0.25)]
    hits = [(A, 0.0, 2.0, 0.5), (B, 0.0, 1.0, 0.2501)]
    assert checker.check_results("q", hits, expected) == []
    assert "does not find" in checker.check_results("q", hits[:1], expected)[0]
    assert "is not there" in checker.check_results("q", [*hits, (B, 1.0, 2.0, 0.1)], expected)[0]
    assert "not 0.25" in checker.check_results("q", [hits[0], (B, 0.0, 1.0, 0.3)], expected)[0]
    assert "twice" in checker.check_results("q", [*hits, hits[0]], expected)[0]


def check_search(found_items: set[str], *, during: Callable[[History], object] = lambda history: None) -> list[str]:
    """Violations of a search after A is ready and B is deleted, with `during` in between."""
    history = History()
    acknowledge(history, "add", A)
    acknowledge(history, "ready", A)
    acknowledge(history, "add", B)
    acknowledge(history, "ready", B)
    acknowledge(history, "delete", B)
    with history.record("search") as search:
        during(history)
        search.found_items = frozenset(found_items)
    return checker.check_searches(history)


def test_check_searches_requires_searchable_items_and_no_deleted_ones() -> None:
    assert check_search({A}) == []
    assert "does not find" in check_search(set())[0]
    assert "was deleted" in check_search({A, B})[0]
    assert check_search({A, B}, during=lambda history: acknowledge(history, "add", B)) == []
    assert check_search(set(), during=lambda history: acknowledge(history, "delete", A)) == []


def test_orphan_tracker_reports_orphans_older_than_its_limit() -> None:
    tracker = OrphanTracker(10.0)
    assert tracker.check(["x"], 0.0) == []
    assert tracker.check(["x", "y"], 9.0) == []
    assert tracker.check(["y"], 12.0) == []
    assert tracker.check(["x", "y"], 15.0) == []
    (line,) = tracker.check(["x", "y"], 20.0)
    assert "y for 11.0 s" in line


def test_draw_point_is_reproducible_and_covers_every_victim_and_phase() -> None:
    victims = ["decoder", "child", "worker", "broker", "API"]
    points = [draw_point(7, number, victims) for number in range(20)]  # type: ignore[arg-type]
    assert points == [draw_point(7, number, victims) for number in range(20)]  # type: ignore[arg-type]
    assert {(point.victim, point.phase) for point in points} == {(victim, phase) for victim in victims for phase in PHASES}
    assert points != [draw_point(8, number, victims) for number in range(20)]  # type: ignore[arg-type]
