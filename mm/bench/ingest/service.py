"""`mm bench ingest`: a service on an empty folder, and what is measured with it."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from mm.bench.ingest import report as ingest
from mm.client import Client
from mm.embedded.connect import exit_on_sigterm, print_status
from mm.embedded.supervisor import Supervisor
from mm.settings import load_settings
from mm.spaces import load_space

if TYPE_CHECKING:
    from mm.bench.ingest.report import IngestReport, MemoryReport
    from mm.bench.ingest.video import Size

MEMORY_MINUTES = (5.0, 120.0)


def copy_model_cache(cache: Path, to: Path) -> None:
    """Graphs, because building them takes longer than a short film, and the runtime that was chosen
    for this machine."""
    if (cache / "graphs").is_dir():
        shutil.copytree(cache / "graphs", to / "graphs")
    if (choice := cache / "runtime.json").is_file():
        to.mkdir(parents=True, exist_ok=True)
        shutil.copy(choice, to)


def measure(
    minutes: float, size: Size, *, speech: bool, repeats: int, video: Path | None, memory: bool
) -> IngestReport | MemoryReport:
    """Run the bench with the settings of the environment, except for the folder. Raises what the
    service raises."""
    with exit_on_sigterm(), tempfile.TemporaryDirectory(prefix="mm-bench-") as name:
        folder = Path(name)
        home = folder / "home"
        copy_model_cache(load_settings().root / "cache", home / "cache")
        settings = load_settings(home=home, host="127.0.0.1", port=0, database_url="", broker_url="")
        print_status(f"pictures are encoded by {load_space(settings.space, settings).runtime}")
        with Supervisor(settings, on_warning=print_status) as stack, Client(stack.url) as client:
            stack.wait_ready()
            service = ingest.Service(client, stack.pids()["worker"])
            ingest.warm_up(service, folder, speech=speech)
            if memory:
                return ingest.run_memory(service, folder, MEMORY_MINUTES, size, speech=speech, on_progress=print_status)
            if video is None:
                print_status(f"making {minutes:g} minutes of film")
                films = ingest.make_videos(folder, minutes * 60, size, speech=speech)
            else:
                films = ingest.prepare_video(video, folder, speech=speech)
            shown = video.name if video is not None else f"{size[0]} x {size[1]} H.264"
            return ingest.run(service, films, shown, repeats, print_status)
