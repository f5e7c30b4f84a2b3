"""The Celery application of a worker: thin tasks over the tools of the process they run in."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mm.runtimes import count_usable_cores
from mm.spaces import select_runtime_name
from workers.context import ContextOwner
from workers.messaging.broker import create_broker
from workers.messaging.kombu_patch import free_places_whatever_happens
from workers.messaging.messages import PING, READ, WORK
from workers.tasks import read_text
from workers.tasks.turn import take_turn

if TYPE_CHECKING:
    from celery import Celery

    from mm.settings import Settings

CHILD_KIBIBYTES = 1_300_000
"""Resident size after which the working process is replaced, between two tasks: what it grew by
came from a leak. Only with `lite` on a CPU: a larger space, or torch with a GPU, is larger than
that from the start, by how much depends on its model."""
GPU_PROCESSES = 4
"""Most working processes of a GPU unless MM_PROCESSES says otherwise: each holds torch, 2 GB, and
decodes on cores of its own."""


def create_app(settings: Settings, toolbox: ContextOwner | None = None, *, larger: bool = False) -> Celery:
    """The application with its tasks. `larger` says that a larger space is held beside that of the
    settings.

    Raises `Unavailable` if no broker is set.
    """
    free_places_whatever_happens()
    app = create_broker(settings, consumer=True)
    on_gpu = settings.space == "lite" and select_runtime_name(settings) == "cuda"
    limit = None if larger or on_gpu or settings.space != "lite" else CHILD_KIBIBYTES
    processes = settings.processes or (max(1, min(count_usable_cores() // 2, GPU_PROCESSES)) if on_gpu else 1)
    app.conf.update(worker_pool="prefork", worker_concurrency=processes, worker_max_memory_per_child=limit)
    box = toolbox or ContextOwner(settings)

    def run_work() -> None:
        with box.stall_detector.heard():
            take_turn(box.open())

    def run_read() -> None:
        with box.stall_detector.heard():
            read_text.read_left_out(box.open())

    def run_ping() -> None:
        with box.stall_detector.heard():
            box.open().worked()

    for name, run in ((WORK, run_work), (READ, run_read), (PING, run_ping)):
        app.task(name=name)(run)
    return app
