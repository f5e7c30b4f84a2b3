"""Inspectors, examples, versions, inspections and results in the catalog."""

from __future__ import annotations

import pytest

from indexes import Store
from indexes.catalog.records import InspectorRow, NewResult, ResultFilters, RunRow, TaskRow
from mm.errors import Conflict, InvalidInput, NotFound
from mm.schemas import InspectionRecord, InspectionVerdict, MeasuredValue, RegionRecord, RegionSizes, ThresholdRecord
from tests.indexes.library import add

THRESHOLD = ThresholdRecord(
    score=1.0, rate_requested=0.05, num_good=8, num_groups=8, smallest_rate=1 / 9, interval=(0.0, 0.4), statement="It holds."
)
SETTINGS = {"scale": None, "scale_name": None, "region": None, "rate": 0.05, "fps": 1.0}


def add_image(store: Store, seed: int) -> str:
    item, job = add(store, seed, kind="image", duration=0.0)
    store.catalog.update_job(job.id, state="done")
    return item.id


def region(kind: str | None, length_mm: float) -> RegionRecord:
    length, area = (MeasuredValue(value=length_mm, expanded=0.01, unit=unit, k=2.0) for unit in ("mm", "mm2"))
    sizes = RegionSizes(length=length, width=length, area=area, feret_max=length)
    return RegionRecord(polygon=[(0, 0), (1, 0), (1, 1)], rle="1", area_px=1.0, score=2.0, kind=kind, measures=sizes)


def result(item: str, p_value: float, verdict: InspectionVerdict, *regions: RegionRecord, heat: str = "a") -> NewResult:
    record = InspectionRecord(
        image=item, width=2, height=2, score=1.0, p_value=p_value, verdict=verdict, regions=list(regions), inspector="disc",
        version=1, threshold=THRESHOLD,
    )  # fmt: skip
    return NewResult(start=0.0, end=0.0, frame_time=0.0, record=record, heat=heat * 64)


def claim(store: Store) -> list[TaskRow]:
    unit = store.catalog.claim_work("me", 60.0, 120.0)
    return [] if unit is None else list(unit.tasks)


def add_run(store: Store, *items: str) -> RunRow:
    return store.catalog.add_run("disc", 1, SETTINGS, items, span_seconds=120.0)


def test_add_inspector_twice_is_a_conflict(store: Store) -> None:
    row = store.catalog.add_inspector("disc", "patches", {"rate": 0.01})
    assert row == store.catalog.get_inspector("disc")
    assert (row.settings, row.num_examples) == ({"rate": 0.01}, 0)
    with pytest.raises(Conflict):
        store.catalog.add_inspector("disc", "patches", {})
    assert [listed.name for listed in store.catalog.list_inspectors()] == ["disc"]
    assert store.catalog.get_inspector("other") is None


def test_deleted_item_is_no_example_any_more(store: Store) -> None:
    store.catalog.add_inspector("disc", "patches", {})
    items = [add_image(store, seed) for seed in range(3)]
    assert store.catalog.add_examples("disc", [(item, "batch") for item in items], 3) == (3, 1)
    store.catalog.delete_item(items[1])
    assert [example.item_id for example in store.catalog.list_examples("disc")] == [items[0], items[2]]
    inspector = store.catalog.get_inspector("disc")
    assert isinstance(inspector, InspectorRow)
    assert (inspector.num_examples, inspector.num_groups) == (2, 1)


def test_pending_version_is_replaced_by_a_later_attempt_of_its_job(store: Store) -> None:
    store.catalog.add_inspector("disc", "patches", {})
    store.catalog.add_examples("disc", [(add_image(store, 1), None)], 3)
    first, second = (store.catalog.add_fit_job("disc", "fit", {}) for _ in range(2))
    assert first is not None
    assert second is not None
    store.catalog.add_pending_version("disc", first.id, 1, "a" * 64, [])
    store.catalog.add_pending_version("disc", first.id, 1, "b" * 64, [], {"is_better": True})
    with pytest.raises(Conflict):
        store.catalog.add_pending_version("disc", second.id, 1, "c" * 64, [])
    (task,) = claim(store)
    assert store.catalog.finish_version(task, "me")
    (row,) = store.catalog.list_inspector_versions("disc")
    assert (row.sha256, row.is_ready, row.comparison) == ("b" * 64, True, {"is_better": True})
    store.catalog.add_pending_version("disc", second.id, 1, "c" * 64, [])  # the file of version 1 was removed
    assert [row.sha256 for row in store.catalog.list_inspector_versions("disc")] == ["c" * 64]
    store.catalog.cancel_job(second.id)
    with pytest.raises(NotFound):
        store.catalog.add_pending_version("disc", second.id, 2, "d" * 64, [])


def test_run_has_a_task_for_each_image_and_each_range_of_a_video(store: Store) -> None:
    image = add_image(store, 1)
    video, job = add(store, 2, duration=250.0)
    store.catalog.update_job(job.id, state="done")
    run = add_run(store, image, video.id, image)
    tasks = store.catalog.list_tasks(run.job_id)
    assert [(task.item_id, task.start, task.end) for task in tasks] == [
        (image, 0.0, 0.0),
        (video.id, 0.0, 120.0),
        (video.id, 120.0, 240.0),
        (video.id, 240.0, 250.0),
    ]
    assert (run.num_items, run.state, store.catalog.get_run(run.id)) == (2, "queued", run)


def test_run_of_an_unknown_item_or_of_audio_adds_nothing(store: Store) -> None:
    audio, _ = add(store, 1, kind="audio")
    with pytest.raises(NotFound):
        add_run(store, "f" * 32)
    with pytest.raises(InvalidInput):
        add_run(store, audio.id)
    assert store.catalog.list_runs(None, 10) == ([], None)


def test_results_are_stored_once_with_the_end_of_their_task(store: Store) -> None:
    image = add_image(store, 1)
    run = add_run(store, image)
    (task,) = claim(store)
    assert not store.catalog.add_results(task, "other", [result(image, 0.1, "fail")])
    assert store.catalog.add_results(task, "me", [result(image, 0.1, "fail")])
    assert not store.catalog.add_results(task, "me", [result(image, 0.1, "fail")])
    rows, total, _ = store.catalog.list_results(ResultFilters(run_id=run.id), 10)
    assert (total, rows[0].item_id, rows[0].record.verdict) == (1, image, "fail")
    ended = store.catalog.get_run(run.id)
    assert ended is not None
    assert (ended.state, ended.verdicts, ended.num_failed) == ("done", {"fail": 1}, 0)


def test_results_are_filtered_by_verdict_kind_and_size_of_one_region(store: Store) -> None:
    items = [add_image(store, seed) for seed in range(3)]
    run = add_run(store, *items)
    regions = {
        items[0]: ("fail", [region("scratch", 0.5), region("pit", 0.1)]),
        items[1]: ("fail", [region("scratch", 0.2), region("pit", 0.9)]),
        items[2]: ("pass", []),
    }
    for task in claim(store):
        verdict, found = regions[task.item_id]
        new = result(task.item_id, 0.01 + 0.1 * items.index(task.item_id), verdict, *found)  # type: ignore[arg-type]
        assert store.catalog.add_results(task, "me", [new])

    def matching(**conditions: object) -> list[int]:
        rows, total, _ = store.catalog.list_results(ResultFilters(**conditions), 10)  # type: ignore[arg-type]
        assert total == len(rows)
        return [items.index(row.item_id) for row in rows]

    assert matching() == [0, 1, 2]
    assert matching(run_id=run.id, verdict="pass") == [2]
    assert matching(kind="Scratch", min_length_mm=0.3) == [0]
    assert matching(min_length_mm=0.3) == [0, 1]
    assert matching(max_length_mm=0.15) == [0]
    assert matching(min_area_mm2=0.8) == matching(min_width_mm=0.8) == [1]
    assert matching(max_p_value=0.05) == [0]
    assert matching(inspector="other") == []
    assert store.catalog.list_defect_kinds() == ["pit", "scratch"]


def test_pages_of_results_continue_after_equal_p_values(store: Store) -> None:
    items = [add_image(store, seed) for seed in range(5)]
    run = add_run(store, *items)
    for task in claim(store):
        assert store.catalog.add_results(task, "me", [result(task.item_id, 1 / 9, "undecided")])
    filters, cursor, found = ResultFilters(run_id=run.id), None, []
    while True:
        rows, _, cursor = store.catalog.list_results(filters, 2, cursor)
        found += [row.item_id for row in rows]
        if cursor is None:
            break
    assert found == items
    with pytest.raises(InvalidInput):
        store.catalog.list_results(filters, 2, "before-1")


def test_deleted_run_releases_its_heat_maps(store: Store) -> None:
    image = add_image(store, 1)
    run = add_run(store, image)
    (task,) = claim(store)
    assert store.catalog.add_results(task, "me", [result(image, 0.1, "fail", heat="d")])
    assert store.catalog.find_unreferenced_heat_maps(["d" * 64, "e" * 64]) == {"e" * 64}
    assert store.catalog.delete_run(run.id)
    assert not store.catalog.delete_run(run.id)
    assert store.catalog.find_released(["d" * 64]) == {"d" * 64}
    assert store.catalog.get_run(run.id) is None
