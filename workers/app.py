"""The Celery application of a worker and its tasks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mm.runtimes import count_usable_cores
from mm.spaces import select_runtime_name
from workers.context_owner import ContextOwner
from workers.messaging.acknowledgements import patch_kombu_acknowledgements
from workers.messaging.broker import create_broker
from workers.messaging.messages import CAPTION, PING, READ, WORK
from workers.tasks import read_text, write_captions
from workers.work_unit import run_work_unit

if TYPE_CHECKING:
    from celery import Celery

    from mm.settings import Settings

CHILD_KIBIBYTES = 1_300_000
"""Resident size at which a worker process is replaced between two tasks, against memory leaks. Only
with `lite` on a CPU: a larger space, or torch with a GPU, exceeds it from the start."""
START_SECONDS = 300.0
"""Time for a process to start, after which it is killed: for a larger space it imports torch and
hashes a checkpoint of gigabytes. The default of Celery is 4 s."""
GPU_PROCESSES = 4
"""Maximum worker processes with a GPU unless MM_PROCESSES is set: each holds torch, 2 GB, and
decodes on its own cores."""


def create_app(settings: Settings, context_owner: ContextOwner | None = None, *, larger: bool = False) -> Celery:
    """Create the Celery application with its tasks.

    `larger` is whether a larger space is loaded beside that of the settings. Raises `Unavailable`
    if no broker is set.
    """
    patch_kombu_acknowledgements()
    app = create_broker(settings, consumer=True)
    on_gpu = settings.space == "lite" and select_runtime_name(settings) == "cuda"
    limit = None if larger or on_gpu or settings.space != "lite" else CHILD_KIBIBYTES
    processes = settings.processes or (max(1, min(count_usable_cores() // 2, GPU_PROCESSES)) if on_gpu else 1)
    app.conf.update(worker_pool="prefork", worker_concurrency=processes, worker_max_memory_per_child=limit)
    app.conf.worker_proc_alive_timeout = START_SECONDS
    owner = context_owner or ContextOwner(settings)

    def run_work() -> None:
        with owner.stall_detector.track_task():
            run_work_unit(owner.open())

    def run_read() -> None:
        with owner.stall_detector.track_task():
            read_text.read_unread_text(owner.open())

    def run_caption() -> None:
        with owner.stall_detector.track_task():
            write_captions.write_captions(owner.open())

    def run_ping() -> None:
        with owner.stall_detector.track_task():
            owner.open().record_heartbeat()

    for name, run in ((WORK, run_work), (READ, run_read), (CAPTION, run_caption), (PING, run_ping)):
        app.task(name=name)(run)
    return app
