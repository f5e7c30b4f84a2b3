"""`mm bench ingest`: run the bench on a service with an empty home folder."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mm.bench.ingest import report as ingest
from mm.bench.temporary_home import temporary_home
from mm.client import Client
from mm.embedded.connect import print_status
from mm.embedded.supervisor import Supervisor
from mm.spaces import load_space

if TYPE_CHECKING:
    from pathlib import Path

    from mm.bench.ingest.report import IngestReport, MemoryReport
    from mm.bench.ingest.video import Size

MEMORY_MINUTES = (5.0, 120.0)


def measure(
    minutes: float, size: Size, *, speech: bool, repeats: int, video: Path | None, memory: bool
) -> IngestReport | MemoryReport:
    """Run the bench with the settings of the environment. Raises the errors of the service."""
    with temporary_home() as settings:
        folder = settings.home.parent
        print_status(f"the image tower runs in {load_space(settings.space, settings).runtime}")
        with Supervisor(settings, on_warning=print_status) as supervisor, Client(supervisor.url) as client:
            supervisor.wait_ready()
            service = ingest.Service(client, supervisor.pids()["worker"])
            ingest.warm_up(service, folder, speech=speech)
            if memory:
                return ingest.run_memory(service, folder, MEMORY_MINUTES, size, speech=speech, on_progress=print_status)
            if video is None:
                print_status(f"generating {minutes:g} minutes of video")
                videos = ingest.make_videos(folder, minutes * 60, size, speech=speech)
            else:
                videos = ingest.prepare_video(video, folder, speech=speech)
            name = video.name if video is not None else f"{size[0]} x {size[1]} H.264"
            return ingest.run(service, videos, name, repeats, print_status)
