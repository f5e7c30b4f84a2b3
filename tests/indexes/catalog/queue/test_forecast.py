"""Positions and times: what the order of turns and measured speeds say of jobs that wait and
run."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from indexes import Store
from indexes.catalog.queue.forecast import MAX_SIMULATED_UNITS, Forecast, OpenJob, OpenWork, forecast
from indexes.catalog.queue.scheduling import FlowKey
from mm.schemas import Kind
from tests.indexes.catalog.queue.test_scheduling import CHUNK, LEASE, SPACE, film, photo, serve, spans, take
from tests.indexes.conftest import Clock

SHORT: FlowKey = (None, 0)
LONG: FlowKey = (None, 1)
SPEEDS: dict[Kind, float] = {"image": 0.5, "video": 0.25, "audio": 1.0}


def test_photos_before_a_film_and_behind_it_are_told_when_they_end() -> None:
    photos = [OpenJob(f"p{n}", SHORT, "image", False, [0.0]) for n in range(3)]
    running = OpenJob("film", LONG, "video", True, [120.0, 60.0], 60.0)
    told = forecast(OpenWork([running, *photos], speeds=SPEEDS))
    assert told["film"] == Forecast(None, 60.0 * 0.25 + 3 * 0.5 + 120.0 * 0.25 + 60.0 * 0.25 + 0.5)
    assert [told[photo.id].position for photo in photos] == [1, 2, 3]
    assert [told[photo.id].seconds_left for photo in photos] == [16.0, 46.0, 46.0]


def test_two_workers_end_sooner_than_one_and_none_end_at_no_known_time() -> None:
    jobs = [OpenJob(f"f{n}", LONG, "video", False, [100.0] * 4) for n in range(2)]
    of_one, of_two = (forecast(OpenWork(jobs, speeds=SPEEDS, workers=count)) for count in (1, 2))
    assert of_one["f1"].seconds_left == 200.0
    assert of_two["f1"].seconds_left == 100.0
    of_none = forecast(OpenWork(jobs, speeds=SPEEDS, workers=0))
    assert [of_none[job.id] for job in jobs] == [Forecast(0, None), Forecast(1, None)]


def test_what_was_never_measured_is_unknown_and_so_is_what_waits_for_it() -> None:
    jobs = [OpenJob("p", SHORT, "image", False, [0.0]), OpenJob("f", LONG, "video", False, [100.0])]
    told = forecast(OpenWork(jobs, speeds={"image": 0.5}))
    assert told == {"p": Forecast(0, 0.0), "f": Forecast(1, None)}
    assert forecast(OpenWork(jobs, speeds={"video": 0.25}))["f"] == Forecast(1, None)
    assert forecast(OpenWork([])) == {}


def test_a_very_long_queue_is_told_by_positions_alone() -> None:
    count = MAX_SIMULATED_UNITS + 10
    jobs = [OpenJob(f"p{n}", SHORT, "image", False, [0.0]) for n in range(count)]
    told = forecast(OpenWork(jobs, speeds=SPEEDS))
    assert [told[job.id].position for job in jobs] == list(range(count))
    assert told[f"p{count - 1}"].seconds_left is None
    assert told[f"p{MAX_SIMULATED_UNITS - 1}"].seconds_left is not None


flows = st.tuples(st.sampled_from([None, "a"]), st.integers(0, 1))
open_jobs = st.builds(
    OpenJob,
    id=st.uuids().map(str),
    flow=flows,
    kind=st.sampled_from(["image", "video", "audio"]),
    has_begun=st.booleans(),
    waiting_chunks=st.lists(st.floats(0.0, 120.0), max_size=4),
    leased_seconds=st.none() | st.floats(0.0, 120.0),
)


@given(st.lists(open_jobs, max_size=12), st.integers(1, 3))
def test_positions_are_those_of_a_queue(jobs: list[OpenJob], workers: int) -> None:
    told = forecast(OpenWork(jobs, speeds=SPEEDS, workers=workers))
    assert set(told) == {job.id for job in jobs}
    begun = sum(job.has_begun for job in jobs)
    positions = sorted(told[job.id].position or 0 for job in jobs if not job.has_begun)
    assert positions == list(range(begun, len(jobs)))
    assert all(told[job.id].position is None for job in jobs if job.has_begun)
    assert all((told[job.id].seconds_left or 0.0) >= 0.0 for job in jobs)


def test_jobs_begin_in_the_order_that_was_told(sqlite_store: Store, clock: Clock) -> None:
    store, lengths = sqlite_store, {}
    for number, seconds in enumerate([300.0, 0.0, 2.0, 500.0, 0.0, 25.0, 130.0]):
        clock.now += 1.0
        key_id = ["a", "b"][number % 2]
        job = photo(store, number, key_id) if seconds == 0 else film(store, number, seconds, key_id)
        lengths[job.id] = seconds
    told = forecast(store.catalog.read_open_work(CHUNK))
    expected = sorted(lengths, key=lambda job_id: told[job_id].position or 0)
    begun: list[str] = []
    while (served := serve(store, lengths)) is not None:
        clock.now += 1.0
        begun += [job_id for job_id in served.job_ids if job_id not in begun]
    assert begun == expected


def test_the_catalog_tells_what_is_left_of_a_film_that_runs(store: Store, clock: Clock) -> None:
    job, other = film(store, 1, 300.0), film(store, 2, 300.0)
    assert take(store) is not None
    chunks = store.catalog.plan_job(job.id, SPACE, spans(300.0))
    assert store.catalog.lease_chunk(chunks[0].pk, "w", LEASE)
    store.catalog.update_job(job.id, state="running", progress=0.2)
    store.catalog.record_speed("video", 0.5)
    store.catalog.record_speed("video", 0.5)
    store.catalog.record_heartbeat("w", clock.now)
    work = store.catalog.read_open_work(CHUNK)
    assert work.speeds == {"video": 0.5}
    assert work.workers == 1
    assert {one.id: (one.has_begun, list(one.waiting_chunks), one.leased_seconds) for one in work.jobs} == {
        job.id: (True, [120.0, 60.0], 60.0),
        other.id: (False, [120.0, 120.0, 60.0], None),
    }
    told = forecast(work)
    assert told[other.id].position == 1
    assert told[job.id].position is None
    clock.now += 61.0
    assert store.catalog.read_open_work(CHUNK).workers == 0
