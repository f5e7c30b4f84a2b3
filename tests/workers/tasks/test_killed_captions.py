"""Queued captions whose processes are killed, with SIGKILL."""

from __future__ import annotations

import multiprocessing

import pytest

from mm.settings import Settings
from mm.spaces import Space
from tests.workers.conftest import Home, open_context, work
from tests.workers.tasks.captioning_process import run_worker
from tests.workers.tasks.test_write_captions import PHOTOS, captions, png

pytestmark = pytest.mark.xdist_group("killed captions")

NUM_PHOTOS = 6
LIMIT_SECONDS = 120.0
HOUR = 3600.0


def run_until_killed(settings: Settings, hours: int, num_images: int) -> bool:
    """Run a process, and kill it before an image. Returns whether it was killed before its end.

    The leases of earlier processes have expired.
    """
    context = multiprocessing.get_context("spawn")
    connection, of_process = context.Pipe()
    process = context.Process(target=run_worker, args=(settings, hours * HOUR, of_process))
    process.start()
    of_process.close()
    try:
        for _ in range(num_images):
            assert connection.poll(LIMIT_SECONDS)
            if not connection.recv():
                return False
            connection.send(True)
        assert connection.poll(LIMIT_SECONDS)
        return bool(connection.recv())
    finally:
        process.kill()
        process.join()


def test_queued_captions_are_all_written_although_processes_are_killed(home: Home, space: Space) -> None:
    with open_context(home, space) as context:
        jobs = [home.add(png(PHOTOS[number]), f"IMG_{number}.png") for number in range(NUM_PHOTOS)]
        for job_id in jobs:
            work(context, job_id)
    settings = home.settings.model_copy(update={"max_attempts": 4})
    home.store.catalog.set_caption_model("stub-1")
    assert run_until_killed(settings, 1, num_images=2)
    assert home.store.catalog.count_uncaptioned_items(space.id) == NUM_PHOTOS - 2, "those before the kill are committed"
    assert run_until_killed(settings, 2, num_images=1)
    assert not run_until_killed(settings, 3, num_images=NUM_PHOTOS)
    assert home.store.catalog.count_uncaptioned_items(space.id) == 0
    written = [captions(home, space, home.job(job_id).item_id) for job_id in jobs]
    assert written == [[(0, 0, f"Photo {number}.")] for number in range(NUM_PHOTOS)]
