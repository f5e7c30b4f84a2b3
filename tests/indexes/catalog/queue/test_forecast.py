"""Forecasts of jobs: positions and end times from the scheduling order and measured speeds."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from indexes import Store
from indexes.catalog.queue.forecast import MAX_SIMULATED_UNITS, Forecast, OpenJob, OpenWork, forecast
from indexes.catalog.queue.scheduling import FlowKey
from mm.schemas import Kind
from tests.indexes.catalog.queue.test_scheduling import CHUNK, LEASE, SPACE, add_image, add_video, claim, serve_unit, spans
from tests.indexes.conftest import Clock

SHORT: FlowKey = (None, 0)
LONG: FlowKey = (None, 1)
SPEEDS: dict[Kind, float] = {"image": 0.5, "video": 0.25, "audio": 1.0}


def test_forecast_of_images_and_running_video_follows_scheduling_order() -> None:
    images = [OpenJob(f"p{n}", SHORT, "image", False, [0.0]) for n in range(3)]
    running = OpenJob("video", LONG, "video", True, [120.0, 60.0], 60.0)
    forecasts = forecast(OpenWork([running, *images], speeds=SPEEDS))
    assert forecasts["video"] == Forecast(None, 60.0 * 0.25 + 3 * 0.5 + 120.0 * 0.25 + 60.0 * 0.25 + 0.5)
    assert [forecasts[image.id].position for image in images] == [1, 2, 3]
    assert [forecasts[image.id].seconds_left for image in images] == [16.0, 46.0, 46.0]


def test_forecast_end_depends_on_number_of_workers() -> None:
    jobs = [OpenJob(f"f{n}", LONG, "video", False, [100.0] * 4) for n in range(2)]
    with_one, with_two = (forecast(OpenWork(jobs, speeds=SPEEDS, workers=count)) for count in (1, 2))
    assert with_one["f1"].seconds_left == 200.0
    assert with_two["f1"].seconds_left == 100.0
    with_none = forecast(OpenWork(jobs, speeds=SPEEDS, workers=0))
    assert [with_none[job.id] for job in jobs] == [Forecast(0, None), Forecast(1, None)]


def test_forecast_without_measured_speed_is_unknown() -> None:
    jobs = [OpenJob("p", SHORT, "image", False, [0.0]), OpenJob("f", LONG, "video", False, [100.0])]
    forecasts = forecast(OpenWork(jobs, speeds={"image": 0.5}))
    assert forecasts == {"p": Forecast(0, 0.0), "f": Forecast(1, None)}
    assert forecast(OpenWork(jobs, speeds={"video": 0.25}))["f"] == Forecast(1, None)
    assert forecast(OpenWork([])) == {}


def test_forecast_of_long_queue_has_positions_only() -> None:
    count = MAX_SIMULATED_UNITS + 10
    jobs = [OpenJob(f"p{n}", SHORT, "image", False, [0.0]) for n in range(count)]
    forecasts = forecast(OpenWork(jobs, speeds=SPEEDS))
    assert [forecasts[job.id].position for job in jobs] == list(range(count))
    assert forecasts[f"p{count - 1}"].seconds_left is None
    assert forecasts[f"p{MAX_SIMULATED_UNITS - 1}"].seconds_left is not None


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
def test_forecast_positions_are_consecutive(jobs: list[OpenJob], workers: int) -> None:
    forecasts = forecast(OpenWork(jobs, speeds=SPEEDS, workers=workers))
    assert set(forecasts) == {job.id for job in jobs}
    num_begun = sum(job.has_begun for job in jobs)
    positions = sorted(forecasts[job.id].position or 0 for job in jobs if not job.has_begun)
    assert positions == list(range(num_begun, len(jobs)))
    assert all(forecasts[job.id].position is None for job in jobs if job.has_begun)
    assert all((forecasts[job.id].seconds_left or 0.0) >= 0.0 for job in jobs)


def test_forecast_positions_match_order_of_service(sqlite_store: Store, clock: Clock) -> None:
    store, lengths = sqlite_store, {}
    for number, seconds in enumerate([300.0, 0.0, 2.0, 500.0, 0.0, 25.0, 130.0]):
        clock.now += 1.0
        key_id = ["a", "b"][number % 2]
        job = add_image(store, number, key_id) if seconds == 0 else add_video(store, number, seconds, key_id)
        lengths[job.id] = seconds
    forecasts = forecast(store.catalog.read_open_work(CHUNK))
    expected = sorted(lengths, key=lambda job_id: forecasts[job_id].position or 0)
    order: list[str] = []
    while (served := serve_unit(store, lengths)) is not None:
        clock.now += 1.0
        order += [job_id for job_id in served.job_ids if job_id not in order]
    assert order == expected


def test_read_open_work_of_running_video_returns_remaining_chunks(store: Store, clock: Clock) -> None:
    job, other = add_video(store, 1, 300.0), add_video(store, 2, 300.0)
    assert claim(store) is not None
    chunks = store.catalog.plan_job(job.id, SPACE, spans(300.0))
    assert store.catalog.lease_chunk(chunks[0].pk, "w", LEASE)
    store.catalog.update_job(job.id, state="running", progress=0.2)
    store.catalog.record_speed("video", 0.5)
    store.catalog.record_speed("video", 0.5)
    store.catalog.record_heartbeat("w", clock.now)
    work = store.catalog.read_open_work(CHUNK)
    assert work.speeds == {"video": 0.5}
    assert work.workers == 1
    assert {job.id: (job.has_begun, list(job.waiting_chunks), job.leased_seconds) for job in work.jobs} == {
        job.id: (True, [120.0, 60.0], 60.0),
        other.id: (False, [120.0, 120.0, 60.0], None),
    }
    forecasts = forecast(work)
    assert forecasts[other.id].position == 1
    assert forecasts[job.id].position is None
    clock.now += 61.0
    assert store.catalog.read_open_work(CHUNK).workers == 0
