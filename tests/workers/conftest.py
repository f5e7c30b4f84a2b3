"""Fixtures: a store in a temporary folder, a media reader, the lite space, a broker per test."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from indexes import Store, open_store
from indexes.catalog.records import ChunkRow, JobRow, NewItem
from mm.media import MediaReader
from mm.media.types import MediaInfo
from mm.settings import Settings
from mm.spaces import Space, load_space
from tests.graphs import with_graphs
from tests.workers.broker import Broker
from workers.context import WorkerContext, create_owner_name
from workers.loaded_spaces import LoadedSpaces
from workers.messaging.dispatch import Dispatcher
from workers.stop import StopFlag
from workers.tasks.encode import encode_chunk
from workers.tasks.finish import finish_job
from workers.tasks.plan import plan_job

if TYPE_CHECKING:
    from indexes.storage.shards import ShardStore

LEASE_SECONDS = 1.0
SWEEP_SECONDS = 0.2
UNPROBED = MediaInfo("video", "mp4", "video/mp4", 10.0, 160, 120, 0, 4.0, "h264", "")


@dataclass(frozen=True)
class Home:
    """One library: its settings, an open store, a media reader and a broker."""

    settings: Settings
    store: Store
    reader: MediaReader
    broker: Broker

    def add(self, data: bytes, name: str, *, unprobed: bool = False) -> str:
        """Add an item as an upload does, without a message; returns the id of its job.

        `unprobed` skips the probe of the file.
        """
        with self.store.blobs.open_writer() as writer:
            writer.write(data)
            sha256, size = writer.commit()
        info = UNPROBED if unprobed else self.reader.probe(self.store.blobs.path(sha256), name)
        _, job, _ = self.store.catalog.add_item(NewItem.from_media(sha256, size, name, [], info))
        return job.id

    def job(self, job_id: str) -> JobRow:
        job = self.store.catalog.get_job(job_id)
        assert job is not None
        return job

    def chunk(self, job_id: str) -> ChunkRow:
        """The only chunk of a job."""
        (chunk,) = self.store.catalog.list_chunks(job_id)
        return chunk

    def segments(self, job_id: str) -> list[tuple[float, float]]:
        """Start and end of the segments in the shards of a job."""
        chunks = self.store.catalog.list_chunks(job_id)
        return [(segment["start"], segment["end"]) for chunk in chunks for segment in stored(self.store.shards, chunk)]

    def encoding(self, job_id: str) -> bool:
        """Whether a worker has begun to encode."""
        return self.job(job_id).stage.startswith("encoding")

    def state(self, job_id: str) -> str:
        return self.job(job_id).state


def stored(shards: ShardStore, chunk: ChunkRow) -> list[dict[str, float]]:
    """The segments in the shard of a chunk that is done."""
    assert chunk.shard_id is not None
    segments: list[dict[str, float]] = shards.read(chunk.shard_id, chunk.space).segments
    return segments


@pytest.fixture(scope="session")
def space(graphs: Path, tmp_path_factory: pytest.TempPathFactory) -> Space:
    return load_space("lite", Settings(home=with_graphs(tmp_path_factory.mktemp("space"), graphs)))


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Broker]:
    folder = tmp_path / "valkey"
    folder.mkdir()
    broker = Broker(folder)
    broker.start()
    try:
        yield broker
    finally:
        broker.stop()


@pytest.fixture
def clock() -> Callable[[], float]:
    """Clock of the catalog; a test module may override it."""
    return time.time


@pytest.fixture
def home(tmp_path: Path, broker: Broker, graphs: Path, clock: Callable[[], float]) -> Iterator[Home]:
    settings = Settings(
        home=with_graphs(tmp_path / "home", graphs),
        broker_url=broker.url,
        lease_seconds=LEASE_SECONDS,
        sweep_seconds=SWEEP_SECONDS,
        max_attempts=2,
    )
    with open_store(settings, clock) as store, MediaReader.from_settings(settings) as reader:
        yield Home(settings, store, reader, broker)


@contextmanager
def open_context(home: Home, space: Space, **changed: object) -> Iterator[WorkerContext]:
    """Context of a worker process without a sweeper, on the store of `home` and a loaded space."""
    settings = home.settings.model_copy(update=changed)
    with ExitStack() as stack:
        reader = stack.enter_context(MediaReader.from_settings(settings))
        dispatcher = Dispatcher(settings)
        stack.callback(dispatcher.close)
        spaces = LoadedSpaces(settings, home.store.catalog, {settings.space: space})
        yield WorkerContext(settings, home.store, spaces, reader, dispatcher, StopFlag(), create_owner_name())


@pytest.fixture
def context(home: Home, space: Space) -> Iterator[WorkerContext]:
    with open_context(home, space) as context:
        yield context


def work(context: WorkerContext, job_id: str) -> None:
    """Run all steps of a job in sequence."""
    plan_job(context, job_id)
    for chunk in context.store.catalog.list_chunks(job_id):
        encode_chunk(context, chunk.pk)
    finish_job(context, job_id)


def expire_lease() -> None:
    """Wait until every lease that is not extended has expired."""
    time.sleep(1.2 * LEASE_SECONDS)
