"""The honest client of `mm bench flood`, which searches, browses and uploads."""

from __future__ import annotations

import io
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx2
import numpy as np
from PIL import Image

from mm.bench.flood.video import write_video

STEPS = ("search", "browse", "upload")
WORDS = ("a dog jumps over a fence", "the budget for next year", "snow on a mountain", "people at a table", "a red car")
ROUND_SECONDS = 0.4
"""Shortest round of all steps, which keeps below the default of MM_RATE_PER_MINUTE."""
RESPONSE_SECONDS = 60.0
VIDEO_SECONDS = 20.0


@dataclass
class Times:
    """Seconds of each step, and errors."""

    seconds: dict[str, list[float]] = field(default_factory=lambda: {step: [] for step in STEPS})
    errors: list[str] = field(default_factory=list)

    def combine(self, other: Times) -> Times:
        """Merge both."""
        return Times({step: self.seconds[step] + other.seconds[step] for step in STEPS}, self.errors + other.errors)

    def quantile(self, step: str, share: float) -> float:
        """Quantile of the seconds of a step; NaN without any."""
        return float(np.quantile(self.seconds[step], share)) if self.seconds[step] else float("nan")


class HonestClient:
    """A client for use in a `with` block."""

    def __init__(self, url: str, key: str, folder: Path) -> None:
        self._client = httpx2.Client(base_url=url, headers={"Authorization": f"Bearer {key}"}, timeout=RESPONSE_SECONDS)
        self._random = np.random.default_rng(1)
        self._video = ""
        self._folder = folder

    def __enter__(self) -> HonestClient:
        video = self._folder / "honest.mp4"
        write_video(video, seconds=VIDEO_SECONDS, fps=10, key_frame_every=10)
        self._video = self.add(video.read_bytes(), video.name)[0]
        self.run(2.0)  # warm-up
        return self

    def __exit__(self, *error: object) -> None:
        self._client.close()

    def add(self, data: bytes, name: str) -> tuple[str, str]:
        """Upload a file. Returns the ids of its item and its job."""
        response = self._client.post("/v1/media", params={"name": name}, content=data)
        response.raise_for_status()
        upload = response.json()
        return upload["item"]["id"], upload["job"]["id"]

    def run(self, seconds: float) -> Times:
        """Repeat all steps for `seconds`."""
        times, end = Times(), time.monotonic() + seconds
        while (started_at := time.monotonic()) < end:
            for name, step in (("search", self._search), ("browse", self._browse), ("upload", self._upload)):
                with _timed(times, name):
                    step()
            time.sleep(max(0.0, started_at + ROUND_SECONDS - time.monotonic()))
        return times

    def _search(self) -> None:
        words = f"{WORDS[self._random.integers(len(WORDS))]} {self._random.integers(1000)}"
        self._client.post("/v1/search", json={"text": words}).raise_for_status()

    def _browse(self) -> None:
        """Request a page of the list, a new thumbnail, and a range of the video."""
        self._client.get("/v1/media").raise_for_status()
        time_of_thumbnail = f"{self._random.uniform(0, VIDEO_SECONDS):.4f}"
        self._client.get(f"/v1/media/{self._video}/thumbnail", params={"t": time_of_thumbnail}).raise_for_status()
        self._client.get(f"/v1/media/{self._video}/content", headers={"Range": "bytes=0-65535"}).raise_for_status()

    def _upload(self) -> None:
        image = io.BytesIO()
        Image.fromarray(self._random.integers(0, 256, (48, 64, 3), np.uint8)).save(image, "PNG")
        self.add(image.getvalue(), "honest.png")


@contextmanager
def _timed(times: Times, step: str) -> Iterator[None]:
    started = time.perf_counter()
    try:
        yield
    except httpx2.HTTPError as error:
        times.errors.append(f"{step}: {type(error).__name__}: {error}")
    else:
        times.seconds[step].append(time.perf_counter() - started)
