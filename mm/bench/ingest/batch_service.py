"""`mm bench photos --service`: run the bench on a service with an empty home folder."""

from __future__ import annotations

from pathlib import Path

from mm.bench.ingest.batch import Batch, BatchReport, run, write_photos
from mm.bench.ingest.video import write_video
from mm.bench.temporary_home import temporary_home
from mm.client import Client
from mm.embedded.connect import print_status
from mm.embedded.supervisor import Supervisor
from mm.errors import Unavailable
from mm.generation.caption_model import find_caption_model

CLIP_SECONDS = 2.0
CLIP_SIZE = (320, 240)
VIDEO_SIZE = (1280, 720)


def measure(photos: int, seed: int, *, video_seconds: float, clips: int, captions: bool = False) -> BatchReport:
    """Upload a video of `video_seconds` (none if 0), clips of 2 s and photos to a new service.

    With `captions`, it also waits until they are written; otherwise none are. Raises the errors of
    the service, `Unavailable` for captions without trained weights.
    """
    # No caption is hidden, so that all that are written can be waited for.
    with temporary_home(captions="on" if captions else "off", caption_confidence=0.0) as settings:
        if captions and find_caption_model(settings) is None:
            raise Unavailable("The trained weights of the language model are not installed, so there are no captions to measure.")
        folder = settings.home.parent
        print_status("generating the files")
        files = []
        if video_seconds:
            files.append(("videos", write_video(folder / "video.mp4", video_seconds, VIDEO_SIZE, speech=False)))
        files += [("clips", path) for path in write_clips(folder, clips)]
        files += [("photos", path) for path in write_photos(folder, photos, seed)]
        (folder / "warm").mkdir()
        warm_up = write_photos(folder / "warm", 1, seed + 1)
        with Supervisor(settings, on_warning=print_status) as supervisor, Client(supervisor.url) as client:
            supervisor.wait_ready()
            run(client, Batch([("photos", path) for path in warm_up]), wait_for_captions=captions)  # loads the models
            return run(client, Batch(files), wait_for_captions=captions)


def write_clips(folder: Path, count: int) -> list[Path]:
    """Write short videos with the same frames and different bytes."""
    if not count:
        return []
    clip = write_video(folder / "clip.mp4", CLIP_SECONDS, CLIP_SIZE, speech=False).read_bytes()
    paths = [folder / f"clip {number}.mp4" for number in range(count)]
    for number, path in enumerate(paths):
        path.write_bytes(clip + _free_box(number))
    return paths


def _free_box(number: int) -> bytes:
    """An MP4 box that players skip, which makes the bytes of a copy unique."""
    body = b"clip %d" % number
    return (len(body) + 8).to_bytes(4) + b"free" + body
