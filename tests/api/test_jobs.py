"""Jobs: state, cancel, and the event stream with resumption."""

from __future__ import annotations

import asyncio
import json
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from api import forecasts
from api.http import sse
from mm.schemas import FINAL_STATES, JobEvent, JobState
from tests.api import media
from tests.api.conftest import ApiServer, assert_problem

if TYPE_CHECKING:
    from collections.abc import Iterator


def new_job(api: ApiServer, seed: int) -> str:
    job_id: str = api.upload(media.image(seed), f"{seed}.png").json()["job"]["id"]
    return job_id


def read_events(api: ApiServer, job_id: str, after: int | None = None) -> Iterator[tuple[int, dict[str, object]]]:
    """Yield (id, event) of a job until its stream ends."""
    headers = {} if after is None else {"Last-Event-ID": str(after)}
    with api.client.stream("GET", f"/v1/jobs/{job_id}/events", headers=headers) as response:
        assert response.status_code == 200
        assert response.headers["content-type"].startswith("text/event-stream")
        fields: dict[str, str] = {}
        for line in response.iter_lines():
            name, _, value = line.partition(": ")
            if line and name:
                fields[name] = value
            elif "data" in fields:
                assert fields["event"] == "job"
                yield int(fields["id"]), json.loads(fields["data"])
                fields = {}


def process_job(api: ApiServer, job_id: str, end: JobState = "done") -> None:
    """Write to the catalog what a worker writes while it processes an item."""
    catalog = api.service.store.catalog
    catalog.update_job(job_id, state="running", progress=0.0, stage="cutting")
    catalog.update_job(job_id, progress=0.5, stage="encoding")
    catalog.update_job(job_id, state=end, progress=1.0, stage=end, error=None if end == "done" else "a.png: broken (unreadable)")


@pytest.mark.parametrize("end", ["done", "failed", "quarantined"])
def test_job_events_follow_job_to_final_state(api: ApiServer, end: JobState) -> None:
    job_id = new_job(api, 100 + len(end))
    with ThreadPoolExecutor(1) as pool:
        later_events = read_events(api, job_id)
        first = next(later_events)
        pool.submit(process_job, api, job_id, end).result()
        events = [first, *later_events]
    ids = [event_id for event_id, _ in events]
    assert ids == sorted(set(ids))
    assert [event["id"] for _, event in events] == ids
    assert [event["progress"] for _, event in events][-2:] == [0.5, 1.0]
    assert events[-1][1]["state"] == end
    assert (events[-1][1]["error"] is None) == (end == "done")
    assert not {event["state"] for _, event in events[:-1]} & FINAL_STATES


def test_job_events_resume_after_last_event_id_and_replay_finished_job(api: ApiServer) -> None:
    job_id = new_job(api, 110)
    process_job(api, job_id)
    everything = list(read_events(api, job_id))
    assert len(everything) >= 3
    for index, (event_id, _) in enumerate(everything[:-1]):
        assert list(read_events(api, job_id, event_id)) == everything[index + 1 :]
    over = api.client.get(f"/v1/jobs/{job_id}/events", headers={"Last-Event-ID": str(everything[-1][0])})
    assert (over.status_code, over.content) == (204, b"")


def disable_caching(api: ApiServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Compute each forecast again, and read the latest event at each poll."""
    monkeypatch.setattr(forecasts, "MIN_VALID_SECONDS", 0.0)
    monkeypatch.setattr(forecasts, "VALIDITY_FACTOR", 0)
    monkeypatch.setattr(sse, "REREAD_SECONDS", 0.0)
    monkeypatch.setattr(api.service.forecasts, "_valid_until", float("-inf"))  # one of an earlier test may still be valid


def test_queued_job_has_position_and_running_job_time_left(api: ApiServer, monkeypatch: pytest.MonkeyPatch) -> None:
    disable_caching(api, monkeypatch)
    catalog = api.service.store.catalog
    for job in catalog.list_jobs(500):
        catalog.cancel_job(job.id)
    first, second = new_job(api, 120), new_job(api, 121)
    events = read_events(api, second)
    assert next(events)[1]["position"] == 1
    listed = {job["id"]: job for job in api.client.get("/v1/jobs").json()["data"]}
    assert [(listed[job_id]["state"], listed[job_id]["position"]) for job_id in (first, second)] == [("queued", 0), ("queued", 1)]
    assert listed[first]["seconds_left"] is None, "no image has been encoded yet"
    catalog.record_speed("image", 20.0)
    catalog.record_heartbeat("w", time.time())
    event_id, expected = next(events)
    assert (expected["position"], expected["seconds_left"]) == (1, 40.0)
    process_job(api, first)
    assert next(events) == (event_id, {**expected, "position": 0, "seconds_left": 20.0}), "the same event, with another position"
    catalog.lease_images([second], api.service.space.id, "w", 60.0)
    running = next(events)[1]
    assert (running["state"], running["position"], running["seconds_left"]) == ("running", None, 20.0)
    catalog.update_job(second, state="done")
    ended = list(events)[-1][1]
    assert (ended["state"], ended["position"], ended["seconds_left"]) == ("done", None, None)
    over = api.client.get(f"/v1/jobs/{second}").json()
    assert (over["position"], over["seconds_left"]) == (None, None)


def test_job_events_resume_without_loss(api: ApiServer) -> None:
    job_id = new_job(api, 111)
    events = read_events(api, job_id)
    last, _ = next(events)
    events.close()  # type: ignore[attr-defined]
    process_job(api, job_id)
    rest = list(read_events(api, job_id, last))
    assert [event["state"] for _, event in rest] == ["running", "running", "done"]


def test_job_events_end_when_item_is_deleted(api: ApiServer) -> None:
    upload = api.upload(media.image(119), "119.png").json()
    events = read_events(api, upload["job"]["id"])
    next(events)
    with ThreadPoolExecutor(1) as pool:
        pool.submit(api.client.delete, f"/v1/media/{upload['item']['id']}").result()
    assert [event["state"] for _, event in events][-1] == "cancelled"


def test_cancel_job_succeeds_once(api: ApiServer) -> None:
    job_id = new_job(api, 112)
    response = api.client.post(f"/v1/jobs/{job_id}/cancel")
    assert (response.status_code, response.json()["state"]) == (200, "cancelled")
    assert api.client.post(f"/v1/jobs/{job_id}/cancel").status_code == 200
    assert list(read_events(api, job_id))[-1][1]["state"] == "cancelled"
    done = new_job(api, 113)
    process_job(api, done)
    assert_problem(api.client.post(f"/v1/jobs/{done}/cancel"), 409, "conflict")


def test_upload_of_cancelled_item_starts_new_job(api: ApiServer) -> None:
    job_id = new_job(api, 114)
    api.client.post(f"/v1/jobs/{job_id}/cancel")
    again = api.upload(media.image(114), "again.png")
    assert (again.status_code, again.json()["job"]["state"]) == (200, "queued")
    assert again.json()["job"]["id"] != job_id


@pytest.mark.parametrize("end", ["failed", "quarantined", "cancelled"])
def test_retry_of_cancelled_item_queues_new_job(api: ApiServer, end: JobState) -> None:
    upload = api.upload(media.image(160 + len(end)), f"{end}.png").json()
    item, first = upload["item"]["id"], upload["job"]["id"]
    process_job(api, first, end)
    assert api.client.get(f"/v1/media/{item}").json()["status"] == end
    response = api.client.post(f"/v1/media/{item}/retry")
    assert response.status_code == 202
    assert response.headers["location"] == f"/v1/jobs/{response.json()['job']['id']}"
    assert (response.json()["item"]["status"], response.json()["item"]["error"]) == ("processing", None)
    assert (response.json()["job"]["state"], response.json()["created"]) == ("queued", False)
    assert response.json()["job"]["id"] != first
    assert response.json()["job"]["request_id"] == response.headers["x-request-id"]
    assert api.client.get(f"/v1/jobs/{first}").json()["state"] == end
    repeated = api.client.post(f"/v1/media/{item}/retry").json()
    assert repeated["job"]["id"] == response.json()["job"]["id"]


def test_retry_of_ready_or_unknown_item_is_refused(api: ApiServer, library: dict[str, str]) -> None:
    problem = assert_problem(api.client.post(f"/v1/media/{library['talk']}/retry"), 409, "conflict")
    assert "talk.mp4 is ready" in problem["detail"]
    for unknown in ("0" * 32, "nonsense"):
        assert_problem(api.client.post(f"/v1/media/{unknown}/retry"), 404, "not-found")


def test_list_jobs_returns_newest_first(api: ApiServer) -> None:
    ids = [new_job(api, seed) for seed in (115, 116, 117)]
    listed = api.client.get("/v1/jobs", params={"limit": 3}).json()["data"]
    assert [job["id"] for job in listed] == ids[::-1]


def test_invalid_job_requests_are_refused(api: ApiServer) -> None:
    for path in ("/v1/jobs/job_nosuch", "/v1/jobs/job_nosuch/events"):
        assert_problem(api.client.get(path), 404, "not-found")
    assert_problem(api.client.post("/v1/jobs/job_nosuch/cancel"), 404, "not-found")
    assert_problem(api.client.get("/v1/jobs?limit=0"), 400, "invalid-input")
    job_id = new_job(api, 118)
    for bad in ("x", "-1", "٣", "9" * 30):
        headers = {"Last-Event-ID": bad.encode()}
        assert_problem(api.client.get(f"/v1/jobs/{job_id}/events", headers=headers), 400, "invalid-input")  # type: ignore[arg-type]


def test_job_events_send_heartbeat_comments(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sse, "HEARTBEAT_SECONDS", 0.0)
    monkeypatch.setattr(sse, "POLL_SECONDS", 0.0)

    async def nothing(after: int) -> list[JobEvent]:
        return []

    async def first_two() -> list[bytes]:
        stream = sse.stream(nothing, 0)
        return [await anext(stream), await anext(stream)]

    retry, comment = asyncio.run(first_two())
    assert retry.startswith(b"retry: ")
    assert comment.startswith(b":")


def test_streams_of_one_client_read_catalog_at_bounded_rate() -> None:
    assert sse.get_poll_interval(1) == sse.get_poll_interval(10) == sse.POLL_SECONDS
    for streams in (11, 64, 1000):
        assert streams / sse.get_poll_interval(streams) <= sse.READS_PER_SECOND + 1e-6


def test_sse_stream_calls_pause_before_each_read() -> None:
    calls: list[float] = []

    def pause() -> float:
        calls.append(0.0)
        return 0.0

    async def reads(after: int) -> list[JobEvent]:
        state: JobState = "done" if len(calls) == 3 else "queued"
        return [JobEvent(id=after + 1, job_id="j", state=state, progress=0.0, stage="")]

    async def run() -> int:
        return len([piece async for piece in sse.stream(reads, 0, pause)])

    assert asyncio.run(run()) == 5
    assert len(calls) == 3
