"""The request id in the response, in the job, and in the logs of the API and the worker."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from indexes.catalog.queue.work_metrics import BOUNDS
from tests.api import media
from tests.api.conftest import run_server
from tests.waiting import wait_for
from tests.workers.conftest import Home
from tests.workers.process import WorkerProcess

if TYPE_CHECKING:
    import pytest

REQUEST_ID = "from-the-phone.7"
AUDIO = media.audio(2.0)


def test_request_id_of_an_upload_is_in_the_worker_log_and_its_times_are_in_the_metrics(
    home: Home, capsys: pytest.CaptureFixture[str]
) -> None:
    log = home.settings.root.parent / "worker.log"
    with run_server(home.settings) as api, WorkerProcess(home.settings, log):
        response = api.client.post("/v1/media", content=AUDIO, headers={"X-Request-ID": REQUEST_ID})
        job = response.json()["job"]
        assert (response.headers["x-request-id"], job["request_id"]) == (REQUEST_ID, REQUEST_ID)
        wait_for(lambda: home.job(job["id"]).state == "done", "the job is done")
        assert api.client.get(f"/v1/jobs/{job['id']}").json()["request_id"] == REQUEST_ID
        second_job = api.client.post("/v1/media", content=AUDIO).json()["job"]
        assert second_job["request_id"] == REQUEST_ID, "the job keeps the id of the first request"
        metrics = api.client.get("/metrics").text
    lines = [line for line in log.read_text().splitlines() if f"request_id={REQUEST_ID}" in line]
    assert {event for line in lines for event in re.findall(r'event="?([a-z ]+)', line)} >= {
        "job planned",
        "chunk encoded",
        "job done",
    }
    assert all(f"job={job['id']}" in line for line in lines)
    for name in ("queue", "decode", "encode"):
        assert f"mm_{name}_seconds_count 1.0" in metrics
        assert home.store.catalog.read_work_metrics()[name].buckets[-1] == (BOUNDS[-1], 1)
