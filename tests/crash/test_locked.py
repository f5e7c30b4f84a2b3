"""Another process locks the catalog beyond every timeout: requests are refused, nothing is lost."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from indexes import open_store
from indexes.catalog import database
from mm.bench.crash.catalog_lock import lock_catalog
from mm.errors import Unavailable
from mm.media import MediaReader
from mm.settings import Settings
from mm.spaces import Space, load_space
from mm.spaces.encode.chunk import ChunkEncoder
from tests.api import media
from tests.api.conftest import run_server
from tests.graphs import with_graphs
from tests.workers.videos import create_video
from workers.context import WorkerContext, create_owner_name
from workers.loaded_spaces import LoadedSpaces
from workers.messaging.dispatch import Dispatcher
from workers.stop import StopFlag
from workers.tasks.encode import encode_chunk
from workers.tasks.finish import finish_job
from workers.tasks.plan import plan_job

BUSY_SECONDS = 0.3
LEASE_SECONDS = 1.0


@pytest.fixture(autouse=True)
def _short_timeout(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "BUSY_SECONDS", BUSY_SECONDS)


@pytest.fixture
def settings(tmp_path: Path, database_url: str, graphs: Path) -> Settings:
    return Settings(home=with_graphs(tmp_path / "home", graphs), database_url=database_url, lease_seconds=LEASE_SECONDS)


@pytest.fixture(scope="module")
def space(graphs: Path, tmp_path_factory: pytest.TempPathFactory) -> Space:
    return load_space("lite", Settings(home=with_graphs(tmp_path_factory.mktemp("space"), graphs)))


@pytest.fixture
def context(settings: Settings, space: Space) -> Iterator[WorkerContext]:
    """Context of a worker process without a broker."""
    with ExitStack() as stack:
        store = stack.enter_context(open_store(settings))
        reader = stack.enter_context(MediaReader.from_settings(settings))
        yield WorkerContext(
            settings,
            store,
            LoadedSpaces(settings, store.catalog, {settings.space: space}),
            reader,
            Dispatcher(settings),
            StopFlag(),
            create_owner_name(),
        )


def test_upload_to_a_locked_catalog_is_refused_with_retry_after_and_accepted_later(settings: Settings) -> None:
    with run_server(settings) as api:
        first = api.upload_item(media.image(1))
        with lock_catalog(settings.catalog_url):
            response = api.upload(media.image(2))
            assert response.status_code == 503
            assert response.headers["Retry-After"] == "1"
            assert "catalog" in response.json()["detail"]
            assert api.client.get("/healthz").status_code == 200
        assert api.upload(media.image(2)).status_code == 202
        assert api.client.get(f"/v1/media/{first['id']}").status_code == 200
        assert len(api.client.get("/v1/jobs").json()["data"]) == 2


def test_chunk_that_cannot_be_marked_as_done_is_encoded_once_more(
    settings: Settings, context: WorkerContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    with run_server(settings) as api:
        job_id = api.upload(create_video(6.0), "a.mp4").json()["job"]["id"]
    plan_job(context, job_id)
    (chunk,) = context.store.catalog.list_chunks(job_id)
    with lock_catalog(settings.catalog_url), pytest.raises(Unavailable, match="catalog"):
        encode_chunk(context, chunk.pk)
    assert context.store.catalog.list_chunks(job_id)[0].attempts == 0, "an attempt without a lease does not count"

    real = ChunkEncoder.encode
    with ExitStack() as lock:

        def encode_with_locked_catalog(*args: object) -> object:
            lock.enter_context(lock_catalog(settings.catalog_url))
            return real(*args)  # type: ignore[arg-type]

        monkeypatch.setattr(ChunkEncoder, "encode", encode_with_locked_catalog)
        with pytest.raises(Unavailable, match="catalog"):
            encode_chunk(context, chunk.pk)
    monkeypatch.setattr(ChunkEncoder, "encode", real)
    encode_chunk(context, chunk.pk)
    finish_job(context, job_id)
    (done,) = context.store.catalog.list_chunks(job_id)
    job = context.store.catalog.get_job(job_id)
    assert job is not None
    assert (job.state, done.done, done.attempts) == ("done", True, 2)
    assert context.store.catalog.count_rows().segments == len({row.segment_index for row in evidence(context)})


def evidence(context: WorkerContext) -> list:  # type: ignore[type-arg]
    published = context.store.catalog.get_changes_after(0, context.spaces.load_current().id, 10).publications
    return context.store.catalog.list_evidence([row.item_pk for row in published], context.spaces.load_current().id)
