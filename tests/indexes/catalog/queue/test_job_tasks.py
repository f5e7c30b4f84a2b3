"""Tasks of jobs of other kinds than `ingest`: claimed in the scheduling order, ended, given up."""

from __future__ import annotations

from alembic import command
from alembic.config import Config
from sqlalchemy import text

from indexes import Store
from indexes.catalog import migrate
from indexes.catalog.catalog import Catalog
from indexes.catalog.database import Database
from indexes.catalog.records import JobRow, NewTask, TaskRow, WorkUnit
from mm.settings import Settings
from tests.indexes.conftest import Clock
from tests.indexes.library import add

SECONDS = 60.0
CHUNK_SECONDS = 120.0
JOB = (
    "INSERT INTO jobs (id, item_id, state, progress, stage, created_at, updated_at, turn_at) "
    "VALUES ('job_1', 'a', 'done', 1, 'done', '2026-01-01 00:00:00', '2026-01-01 00:00:00', 0)"
)


def add_job(store: Store, *tasks: NewTask, key_id: str | None = None) -> JobRow:
    return store.catalog.add_task_job("inspect", {"text": "a"}, tasks, key_id=key_id)


def claim(store: Store, owner: str = "me") -> WorkUnit | None:
    return store.catalog.claim_work(owner, SECONDS, CHUNK_SECONDS)


def claim_tasks(store: Store, owner: str = "me") -> list[TaskRow]:
    unit = claim(store, owner)
    assert unit is not None
    assert unit.kind == "tasks"
    return list(unit.tasks)


def state(store: Store, job: JobRow) -> tuple[str, float]:
    row = store.catalog.get_job(job.id)
    assert row is not None
    return row.state, row.progress


def images(store: Store, count: int) -> list[NewTask]:
    return [NewTask(item_id=add(store, f"image {number}", kind="image", duration=0.0)[0].id) for number in range(count)]


def end_uploads(store: Store) -> None:
    for job in store.catalog.list_jobs(100):
        store.catalog.update_job(job.id, state="done")


def test_job_with_tasks_is_listed_by_its_kind_alone(store: Store) -> None:
    _, upload = add(store, 1)
    job = add_job(store, NewTask())
    assert (job.kind, job.item_id, job.payload, upload.kind) == ("inspect", "", {"text": "a"}, "ingest")
    assert [row.id for row in store.catalog.list_jobs(10)] == [upload.id]
    assert [row.id for row in store.catalog.list_jobs(10, "inspect")] == [job.id]
    assert len(store.catalog.list_jobs(10, None)) == 2


def test_claim_leases_several_images_and_one_range(store: Store) -> None:
    tasks = images(store, 10)
    end_uploads(store)
    job = add_job(store, *tasks, NewTask(item_id=tasks[0].item_id, start=1.0, end=3.0))
    assert store.catalog.count_due_work(SECONDS) == 11
    assert [task.index for task in claim_tasks(store)] == list(range(8))
    assert [task.index for task in claim_tasks(store)] == [8, 9]
    (task,) = claim_tasks(store)
    assert (task.job_id, task.start, task.end, task.is_image, task.item_id) == (job.id, 1.0, 3.0, False, tasks[0].item_id)
    assert claim(store) is None
    assert store.catalog.count_due_work(SECONDS) == 0


def test_job_ends_with_its_last_task(store: Store) -> None:
    job = add_job(store, NewTask(), NewTask())
    (first,) = claim_tasks(store)
    (second,) = claim_tasks(store, "other")
    assert store.catalog.finish_task(first, "me")
    assert state(store, job) == ("running", 1 / 3)
    assert not store.catalog.finish_task(first, "me"), "it is done"
    assert not store.catalog.finish_task(second, "me"), "it is leased by another owner"
    assert store.catalog.finish_task(second, "other")
    assert state(store, job) == ("done", 1.0)
    assert [event.state for event in store.catalog.list_events_after(job.id, 0, 10)] == ["queued", "running", "done"]


def test_expired_lease_passes_to_the_next_owner(store: Store, clock: Clock) -> None:
    add_job(store, NewTask())
    (task,) = claim_tasks(store)
    clock.now += SECONDS - 1
    assert store.catalog.extend_task_lease(task.pk, "me", SECONDS)
    clock.now += SECONDS - 1
    assert claim(store, "other") is None
    clock.now += 1
    (again,) = claim_tasks(store, "other")
    assert (again.pk, again.attempts) == (task.pk, 2)
    assert not store.catalog.extend_task_lease(task.pk, "me", SECONDS)
    assert not store.catalog.finish_task(task, "me")


def test_released_task_is_due_after_its_delay(store: Store, clock: Clock) -> None:
    add_job(store, NewTask())
    (task,) = claim_tasks(store)
    store.catalog.release_task(task.pk, "me", "busy", retry_in=5)
    assert claim(store) is None
    clock.now += 5
    (again,) = claim_tasks(store)
    assert (again.attempts, again.error) == (2, "busy")
    store.catalog.release_task(task.pk, "me", None)
    (again,) = claim_tasks(store)
    assert again.attempts == 2, "an attempt that was interrupted is not counted"


def test_failed_task_is_leased_alone(store: Store) -> None:
    tasks = images(store, 3)
    end_uploads(store)
    add_job(store, *tasks)
    for task in claim_tasks(store):
        store.catalog.release_task(task.pk, "me", "crashed")
    assert [[task.index for task in claim_tasks(store)] for _ in range(3)] == [[0], [1], [2]]


def test_job_is_done_although_a_task_is_given_up(store: Store) -> None:
    job = add_job(store, NewTask(), NewTask())
    first, second = claim_tasks(store)[0], claim_tasks(store)[0]
    assert store.catalog.give_up_task(first, "me", "unreadable")
    assert store.catalog.finish_task(second, "me")
    assert state(store, job) == ("done", 1.0)
    assert [(task.index, task.error) for task in store.catalog.list_failed_tasks(job.id, -1, 10)] == [(0, "unreadable")]
    assert [task.done for task in store.catalog.list_tasks(job.id)] == [True, True]


def test_job_fails_if_no_task_has_a_result(store: Store) -> None:
    failed, quarantined = add_job(store, NewTask()), add_job(store, NewTask())
    for job in (failed, quarantined):
        (task,) = claim_tasks(store)
        assert store.catalog.give_up_task(task, "me", "unreadable", is_quarantined=job is quarantined)
    assert [state(store, job)[0] for job in (failed, quarantined)] == ["failed", "quarantined"]
    row = store.catalog.get_job(quarantined.id)
    assert row is not None
    assert row.error == "unreadable"


def test_cancelled_job_loses_its_leases(store: Store) -> None:
    job = add_job(store, NewTask(), NewTask())
    (task,) = claim_tasks(store)
    store.catalog.cancel_job(job.id)
    assert not store.catalog.extend_task_lease(task.pk, "me", SECONDS)
    assert not store.catalog.finish_task(task, "me")
    assert claim(store) is None
    assert store.catalog.count_due_work(SECONDS) == 0


def test_task_of_a_deleted_item_stays_due(store: Store) -> None:
    (new,) = images(store, 1)
    end_uploads(store)
    add_job(store, new)
    assert store.catalog.delete_item(new.item_id)
    (task,) = claim_tasks(store)
    assert task.item_id == new.item_id


def test_tasks_share_the_workers_with_uploads_of_another_key(store: Store) -> None:
    add_job(store, *(NewTask(cost=10.0) for _ in range(4)), key_id="a")
    for number in range(4):
        add(store, f"key {number}", kind="image", duration=0.0, key_id="b")
    kinds = [unit.kind for _ in range(3) if (unit := claim(store)) is not None]
    assert sorted(kinds) == ["images", "tasks", "tasks"]


def test_migration_0011_makes_existing_jobs_those_of_uploads(settings: Settings) -> None:
    database = Database(settings.catalog_url)
    settings.root.mkdir(parents=True, exist_ok=True)
    with database.begin_write() as connection:
        config = Config(attributes={"connection": connection})
        config.set_main_option("script_location", str(migrate.FOLDER))
        command.upgrade(config, "0010")
        connection.execute(text(JOB))
    migrate.migrate(database, settings.root / "catalog.lock")
    catalog = Catalog(database)
    jobs = catalog.list_jobs(10)
    added = catalog.add_task_job("fit", {}, [NewTask()])
    database.close()
    assert [(job.id, job.kind, job.payload) for job in jobs] == [("job_1", "ingest", {})]
    assert added.kind == "fit"
