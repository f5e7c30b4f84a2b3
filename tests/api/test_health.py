"""Health, readiness and metrics: the checks, and their details when they fail."""

from __future__ import annotations

import re
import time
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from api import readiness
from api.readiness import WORK_SECONDS
from indexes.catalog.base import next_seq
from indexes.storage.files import hold_lock
from mm.media.sandbox.layers import LAYERS
from mm.media.sandbox.report import LayerReport
from mm.media.types import Span
from mm.settings import Settings
from tests.api import media
from tests.api.conftest import ApiServer, run_server
from tests.graphs import with_graphs
from tests.waiting import wait_for
from tests.workers.broker import Broker
from workers.messaging.dispatch import Dispatcher


def test_healthz_of_running_service_is_200(api: ApiServer) -> None:
    response = api.client.get("/healthz")
    assert (response.status_code, response.json()["status"]) == (200, "alive")


def test_readyz_without_broker_and_worker_is_503_with_consequences(api: ApiServer) -> None:
    api.service.towers.wait()
    response = api.client.get("/readyz")
    assert response.status_code == 503
    checks = {check["name"]: check for check in response.json()["checks"]}
    failing = {name for name, check in checks.items() if not check["ok"]}
    assert failing == {"broker", "worker"}
    for name in failing:
        assert "ngest" in checks[name]["detail"], "the detail names the consequence for ingest"
    assert {"catalog", "blobs", "space", "index"} <= set(checks)


def test_readyz_with_all_components_is_ready(tmp_path: Path, graphs: Path) -> None:
    (tmp_path / "broker").mkdir()
    broker = Broker(tmp_path / "broker")
    broker.start()
    try:
        with run_server(Settings(home=with_graphs(tmp_path / "home", graphs), broker_url=broker.url)) as api:
            api.service.towers.wait()
            wait_for(lambda: Dispatcher(api.service.settings).count_waiting() == 1, "the service pings the workers at startup")
            api.service.store.catalog.record_heartbeat("w1", time.time())
            response = api.client.get("/readyz")
            assert (response.status_code, response.json()["ready"]) == (200, True), response.text
            assert all(check["detail"].endswith(".") for check in response.json()["checks"])
            broker.stop()
            assert api.client.get("/readyz").status_code == 503
            assert api.upload(media.image(201)).status_code == 202, "an upload is accepted without a broker"
    finally:
        broker.stop()


def test_readiness_accepts_worker_with_recent_heartbeat(tmp_path: Path, graphs: Path) -> None:
    with run_server(Settings(home=with_graphs(tmp_path, graphs))) as api:
        catalog = api.service.store.catalog

        def worker_ok() -> bool:
            checks = api.client.get("/readyz").json()["checks"]
            return any(check["name"] == "worker" and check["ok"] for check in checks)

        assert not worker_ok()
        catalog.record_heartbeat("w1", time.time() - 2 * WORK_SECONDS)
        assert not worker_ok()
        catalog.record_heartbeat("w1", time.time())
        assert worker_ok()


def test_readiness_reports_sandbox_of_each_worker(tmp_path: Path, graphs: Path) -> None:
    with run_server(Settings(home=with_graphs(tmp_path, graphs))) as api:
        catalog = api.service.store.catalog

        def check() -> dict[str, object] | None:
            checks = api.client.get("/readyz").json()["checks"]
            return next((check for check in checks if check["name"] == "worker sandbox"), None)

        weak = LayerReport(("limits", "seccomp"), {"no network": "Operation not permitted"})
        catalog.record_sandbox_report("host:1:ab", time.time(), LayerReport(LAYERS).to_json())
        catalog.record_sandbox_report("host:2:cd", time.time(), weak.to_json())
        catalog.record_sandbox_report("dead:3:ef", time.time(), LayerReport(error="it is gone").to_json())
        catalog.record_heartbeat("dead:3:ef", time.time() - 2 * WORK_SECONDS)
        assert check() is None, "no worker is working"
        catalog.record_heartbeat("host:1:ab", time.time())
        catalog.record_heartbeat("host:2:cd", time.time())
        sandbox_check = check()
        assert sandbox_check is not None
        assert sandbox_check["ok"]
        assert 'The layer "no network" is missing in 1 of 2 (host:2: Operation not permitted).' in str(sandbox_check["detail"])
        catalog.record_sandbox_report("host:2:cd", time.time(), LayerReport(error="No child starts").to_json())
        sandbox_check = check()
        assert sandbox_check is not None
        assert (sandbox_check["ok"], sandbox_check["required"]) == (False, False), "the other worker continues"
        catalog.record_sandbox_report("host:1:ab", time.time(), "not JSON")
        sandbox_check = check()
        assert sandbox_check is not None
        assert (sandbox_check["ok"], sandbox_check["required"]) == (False, True)


def test_readiness_fails_for_full_disk_and_locked_catalog(tmp_path: Path, graphs: Path) -> None:
    with run_server(Settings(home=with_graphs(tmp_path, graphs))) as api:
        api.upload_item(media.image(202))
        blobs = tmp_path / "blobs"
        blobs.rename(tmp_path / "away")
        blobs.write_text("not a folder")
        checks = {check["name"]: check for check in api.client.get("/readyz").json()["checks"]}
        assert not checks["blobs"]["ok"]
        blobs.unlink()
        (tmp_path / "away").rename(blobs)


def test_readiness_fails_while_index_is_stale(tmp_path: Path, graphs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with run_server(Settings(home=with_graphs(tmp_path, graphs))) as api:

        def index() -> dict[str, object]:
            checks = api.client.get("/readyz").json()["checks"]
            return next(check for check in checks if check["name"] == "index")

        wait_for(lambda: index()["ok"] is True, "the index was read")
        monkeypatch.setattr(readiness, "STALE_SECONDS", 0.0)
        with hold_lock(tmp_path / "locks" / f"index-{api.service.space.id}.lock", 1.0):
            with api.service.store.database.write() as session:
                next_seq(session)
            wait_for(lambda: index()["ok"] is False, "the index cannot be written")
            assert "miss new items" in str(index()["detail"])
        wait_for(lambda: index()["ok"] is True, "the index is up to date again")


def test_metrics_count_requests_uploads_and_items(api: ApiServer) -> None:
    api.upload_item(media.image(200))
    api.upload(b"not media at all " * 20)
    text = api.client.get("/metrics").text
    assert 'mm_http_requests_total{method="POST",route="/v1/media",status="202"}' in text
    assert 'mm_uploads_total{result="created"}' in text
    assert 'mm_uploads_total{result="refused"}' in text
    assert 'mm_jobs{state="queued"}' in text
    assert 'mm_library{what="items"}' in text
    assert "/v1/media/" + "0" * 8 not in text


def test_metrics_show_queue_and_work_metrics(api: ApiServer) -> None:
    catalog = api.service.store.catalog
    job_id = api.upload(media.image(203)).json()["job"]["id"]
    before = scrape_metrics(api)
    assert before["mm_oldest_job_seconds"] > 0
    (chunk,) = catalog.plan_job(job_id, api.service.space.id, [Span(0.0, 0.0)])
    assert scrape_metrics(api)["mm_chunks", "waiting"] == before["mm_chunks", "waiting"] + 1
    catalog.lease_chunk(chunk.pk, "w", 60.0)
    assert scrape_metrics(api)["mm_chunks", "running"] == before["mm_chunks", "running"] + 1
    catalog.cancel_job(job_id)
    for seconds in (0.2, 0.25, 3.0, 1e6):
        catalog.record_work_metrics({"decode": seconds, "encode": 2 * seconds, "media": 10.0})
    after = scrape_metrics(api)
    assert after["mm_decode_seconds_count"] - before.get("mm_decode_seconds_count", 0) == 4
    assert after["mm_decode_seconds_sum"] - before["mm_decode_seconds_sum"] == pytest.approx(1e6 + 3.45)
    assert after["mm_decode_seconds_bucket", "0.25"] - before.get(("mm_decode_seconds_bucket", "0.25"), 0) == 2
    assert after["mm_decode_seconds_bucket", "5.0"] - before.get(("mm_decode_seconds_bucket", "5.0"), 0) == 3
    assert after["mm_encoded_media_seconds_total"] - before["mm_encoded_media_seconds_total"] == 40
    assert "mm_queue_seconds_count" in after


def scrape_metrics(api: ApiServer) -> dict[str | tuple[str, ...], float]:
    """Return samples by name, or by name and label values."""
    families = text_string_to_metric_families(api.client.get("/metrics").text)
    samples = [sample for family in families for sample in family.samples]
    return {(sample.name, *sample.labels.values()) if sample.labels else sample.name: sample.value for sample in samples}


def test_unknown_methods_are_one_metric_series(api: ApiServer) -> None:
    for method in ("FROB", "NICATE"):
        api.client.request(method, "/healthz")
    text = api.client.get("/metrics").text
    assert 'method="other"' in text
    assert "FROB" not in text


def test_metrics_docs_list_exactly_the_exported_metrics(api: ApiServer) -> None:
    page = (Path(__file__).parents[2] / "docs" / "metrics.md").read_text()
    shown = set(re.findall(r"^# TYPE (mm_\w+)", api.client.get("/metrics").text, re.M))
    assert set(re.findall(r"^\| `(mm_\w+)`", page, re.M)) == {name for name in shown if not name.endswith("_created")}
