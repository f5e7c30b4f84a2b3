"""`mm bench photos --service`: a service on an empty folder that takes in a batch of files."""

from __future__ import annotations

import tempfile
from pathlib import Path

from mm.bench.ingest.batch import Batch, BatchReport, run, write_photos
from mm.bench.ingest.service import copy_model_cache
from mm.bench.ingest.video import write_video
from mm.client import Client
from mm.embedded.connect import exit_on_sigterm, print_status
from mm.embedded.supervisor import Supervisor
from mm.settings import load_settings

CLIP_SECONDS = 2.0
CLIP_SIZE = (320, 240)
VIDEO_SIZE = (1280, 720)


def measure(photos: int, seed: int, *, video_seconds: float, clips: int) -> BatchReport:
    """Upload a video of `video_seconds` (none if 0), clips of 2 s and photos to a new service.

    Raises the errors of the service.
    """
    with exit_on_sigterm(), tempfile.TemporaryDirectory(prefix="mm-bench-") as name:
        folder = Path(name)
        home = folder / "home"
        copy_model_cache(load_settings().root / "cache", home / "cache")
        settings = load_settings(home=home, host="127.0.0.1", port=0, database_url="", broker_url="")
        print_status("making the files")
        files = [("films", write_video(folder / "film.mp4", video_seconds, VIDEO_SIZE, speech=False))] if video_seconds else []
        files += [("clips", path) for path in write_clips(folder, clips)]
        files += [("photos", path) for path in write_photos(folder, photos, seed)]
        (folder / "warm").mkdir()
        warm = write_photos(folder / "warm", 1, seed + 1)
        with Supervisor(settings, on_warning=print_status) as stack, Client(stack.url) as client:
            stack.wait_ready()
            run(client, Batch([("photos", path) for path in warm]))  # the worker loads its towers
            return run(client, Batch(files))


def write_clips(folder: Path, count: int) -> list[Path]:
    """Short films, each under bytes of its own."""
    if not count:
        return []
    clip = write_video(folder / "clip.mp4", CLIP_SECONDS, CLIP_SIZE, speech=False).read_bytes()
    paths = [folder / f"clip {number}.mp4" for number in range(count)]
    for number, path in enumerate(paths):
        path.write_bytes(clip + _free_box(number))
    return paths


def _free_box(number: int) -> bytes:
    """An MP4 box that players skip: gives a copy of a clip bytes of its own."""
    body = b"clip %d" % number
    return (len(body) + 8).to_bytes(4) + b"free" + body
