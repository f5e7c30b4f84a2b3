"""A service with images of parts, and a worker that performs its tasks in the test."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import av
import pytest
from PIL import Image

import mm
from mm.media import MediaReader
from mm.media.types import RGB
from mm.settings import Settings
from tests.api.conftest import ApiServer, run_server
from tests.graphs import with_graphs
from tests.inspection.parts import add_scratch, render_part
from workers.context import WorkerContext, create_owner_name
from workers.jobs.run import run_tasks
from workers.loaded_spaces import LoadedSpaces
from workers.messaging.dispatch import Dispatcher
from workers.stop import StopFlag

NUM_GOOD = 6
SETTINGS = {"framing": {"longest": 96}, "bank_size": 200, "brightness": [], "rate": 0.2}
"""Of a fit that takes less than a second; six groups reach a rate of 1 / 7."""


def encode_png(image: RGB) -> bytes:
    file = io.BytesIO()
    Image.fromarray(image).save(file, "PNG")
    return file.getvalue()


def encode_video(images: Sequence[RGB], fps: int = 4) -> bytes:
    """H.264 in MP4, without loss."""
    buffer = io.BytesIO()
    with av.open(buffer, "w", format="mp4") as container:
        stream = container.add_stream("libx264rgb", rate=fps, options={"qp": "0"})
        stream.height, stream.width = images[0].shape[:2]
        stream.pix_fmt = "rgb24"
        for image in images:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        container.mux(stream.encode(None))
    return buffer.getvalue()


@dataclass(frozen=True)
class InspectionServer:
    """A running service, a client, and the worker of its library."""

    api: ApiServer
    client: mm.Client
    context: WorkerContext

    def add(self, data: bytes, name: str) -> str:
        """Upload a file and end its job without encoding it. Returns the id of the item."""
        upload = self.client.add(data, name=name)
        self.api.service.store.catalog.update_job(upload.job.id, state="done")
        return upload.item.id

    def work(self) -> int:
        """Perform due tasks until none is left. Returns the number of work units."""
        catalog, settings, units = self.context.store.catalog, self.context.settings, 0
        while (unit := catalog.claim_work(self.context.owner, settings.lease_seconds, settings.chunk_seconds)) is not None:
            run_tasks(self.context, unit.job_ids[0], unit.tasks)
            units += 1
        return units

    def actions(self, subject: str) -> list[str]:
        """Actions of the audit log on a subject, the first first."""
        return [entry.action for entry in reversed(self.client.audit(limit=200).entries) if entry.subject == subject]


@contextmanager
def run_inspection_server(settings: Settings) -> Iterator[InspectionServer]:
    """Run a service without a worker process: the test performs its tasks."""
    with run_server(settings) as api, mm.Client(api.url) as client, MediaReader.from_settings(settings) as reader:
        store = api.service.store
        spaces = LoadedSpaces(settings, store.catalog)
        context = WorkerContext(settings, store, spaces, reader, Dispatcher(settings), StopFlag(), create_owner_name())
        yield InspectionServer(api, client, context)


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory, graphs: Path) -> Iterator[InspectionServer]:
    with run_inspection_server(
        Settings(home=with_graphs(tmp_path_factory.mktemp("inspection"), graphs), max_attempts=2)
    ) as server:
        yield server


@pytest.fixture(scope="session")
def good(server: InspectionServer) -> list[str]:
    """Ids of images of good parts."""
    return [server.add(encode_png(render_part(seed)), f"good {seed}.png") for seed in range(NUM_GOOD)]


@pytest.fixture(scope="session")
def disc(server: InspectionServer, good: list[str]) -> str:
    """Name of an inspector that is fitted on the good parts."""
    server.client.inspectors.create("disc", settings=SETTINGS)
    server.client.inspectors.add_examples("disc", good)
    server.client.inspectors.fit("disc")
    assert server.work() == 1
    return "disc"


@pytest.fixture(scope="session")
def scratched(server: InspectionServer) -> str:
    """Id of the image of a part with a scratch."""
    return server.add(encode_png(add_scratch(render_part(50), 40, 30)), "scratched.png")
