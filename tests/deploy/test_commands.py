"""The commands of the containers, two APIs and two workers on one library."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import httpx2
import psycopg
import pytest
import redis
from sqlalchemy import make_url

from tests.api import media
from tests.deploy.files import load_compose
from tests.deploy.processes import Container, valkey
from tests.graphs import with_graphs
from tests.indexes.postgres import Postgres
from tests.waiting import wait_for
from tests.workers.broker import free_port

SERVICES = load_compose({"POSTGRES_PASSWORD": "for this run alone"})["services"]


@dataclass(frozen=True)
class Deployment:
    apis: list[Container]
    workers: list[Container]
    clients: list[httpx2.Client]
    home: Path
    database: str
    broker: redis.Redis


@pytest.fixture
def deployment(tmp_path: Path, graphs: Path) -> Iterator[Deployment]:
    """All processes, started concurrently on an empty database."""
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="pg"))  # the server runs as another user
        database = stack.enter_context(Postgres(Path(folder))).new_database()
        port = free_port()
        stack.enter_context(valkey(SERVICES["valkey"], tmp_path / "valkey", port))
        addresses = {
            "MM_HOME": str(with_graphs(tmp_path / "home", graphs)),
            "MM_DATABASE_URL": database,
            "MM_BROKER_URL": f"redis://127.0.0.1:{port}/0",
        }
        key = make_key(addresses)
        apis = [Container(SERVICES["api"], tmp_path / f"api-{i}", **addresses, MM_PORT=str(free_port())) for i in range(2)]
        workers = [Container(SERVICES["worker"], tmp_path / f"worker-{i}", **addresses) for i in range(2)]
        for container in apis + workers:
            stack.enter_context(container)
        urls = [f"http://127.0.0.1:{api.port}" for api in apis]
        clients = [stack.enter_context(httpx2.Client(base_url=url, timeout=300, headers=key)) for url in urls]
        broker = stack.enter_context(redis.Redis(port=port, decode_responses=True))
        yield Deployment(apis, workers, clients, tmp_path / "home", database, broker)


def make_key(addresses: dict[str, str]) -> dict[str, str]:
    """Create an API key, as `docker compose run --rm --no-deps api mm keys add` does.

    Returns the authorization header.
    """
    environment = {**addresses, "PATH": os.defpath}
    program = Path(sys.executable).with_name("mm")
    made = subprocess.run([program, "keys", "add", "tests"], env=environment, capture_output=True, text=True, check=True)
    return {"Authorization": f"Bearer {made.stdout.strip()}"}


def is_ready(client: httpx2.Client) -> bool:
    try:
        return client.get("/readyz").status_code == 200
    except httpx2.TransportError:
        return False


def wait_until_done(client: httpx2.Client, job: str) -> None:
    wait_for(lambda: client.get(job).json()["state"] in {"done", "failed", "quarantined"}, "the job ends")
    assert client.get(job).json()["state"] == "done"


def search_ids(client: httpx2.Client, picture: bytes) -> list[str]:
    """Ids of the items that a search by image finds."""
    response = client.post("/v1/search", files={"picture": ("q.png", picture)})
    assert response.status_code == 200, response.text
    return [hit["item"]["id"] for hit in response.json()["hits"]]


def test_two_apis_and_two_workers_share_a_library(deployment: Deployment) -> None:
    (first, second), containers = deployment.clients, deployment.apis + deployment.workers
    for client in deployment.clients:
        wait_for(lambda client=client: is_ready(client), "the API is ready")  # type: ignore[misc]
    assert httpx2.get(f"{first.base_url}/v1/media").status_code == 401, "without a key"
    for container in containers:
        check = container.check_health()
        assert check.returncode == 0, check.stderr

    assert deployment.broker.config_get("appendonly") == {"appendonly": "yes"}
    assert deployment.broker.config_get("maxmemory-policy") == {"maxmemory-policy": "noeviction"}

    picture = media.image(7)
    upload = first.post("/v1/media", params={"name": "blocks.png"}, content=picture)
    assert upload.status_code == 202, upload.text
    item = upload.json()["item"]["id"]
    wait_until_done(second, upload.headers["location"])
    wait_for(lambda: item in search_ids(second, picture), "the other API finds it")
    assert second.get(f"/v1/media/{item}/content").content == picture

    assert second.delete(f"/v1/media/{item}").is_success
    wait_for(lambda: item not in search_ids(first, picture), "the first API no longer finds it")
    assert first.get(f"/v1/media/{item}").status_code == 404

    with psycopg.connect(make_url(deployment.database).render_as_string(hide_password=False), autocommit=True) as connection:
        for worker in deployment.workers:
            assert worker.stop() == 0, worker.log()
        connection.execute("UPDATE workers SET beat_at = beat_at - 3600")
    silent = deployment.workers[0].check_health()
    assert silent.returncode != 0
    assert "old" in silent.stderr
    assert "Traceback" not in silent.stderr

    assert deployment.apis[0].check_health().returncode == 0, "an API without workers takes uploads and answers"
    # The server removes its address file and then raises the signal again.
    assert deployment.apis[0].stop() in {0, -signal.SIGTERM}, deployment.apis[0].log()
    assert not (deployment.home / "run" / "api.json").exists()
    gone = deployment.apis[0].check_health()
    assert gone.returncode != 0
    assert "does not report its readiness" in gone.stderr
    assert is_ready(second) is False
    assert second.get("/healthz").status_code == 200


def test_api_on_a_public_address_does_not_start_without_a_key(tmp_path: Path) -> None:
    addresses = {"MM_HOME": str(tmp_path / "home"), "MM_DATABASE_URL": "", "MM_PORT": str(free_port())}
    with Container(SERVICES["api"], tmp_path / "api", **addresses) as api:
        wait_for(lambda: not api.is_running(), "it ends")
        assert "mm keys add" in api.log().splitlines()[-1]
