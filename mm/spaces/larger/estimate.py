"""How long a reindexing takes, from the measured speed of the library and that of the model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

MEASURED_RANGE = (0.8, 1.5)
"""Of the time by a measured speed: media differ, and searches and uploads continue meanwhile."""
EFFICIENCY = (1.0, 0.4)
"""Speed of a model in relation to that of a product of two matrices on the same machine.

Measured on 2 cores: 0.73 (ViT-B-32) and 0.81 (ViT-B-16-SigLIP).
"""


@dataclass(frozen=True, slots=True)
class Content:
    """What a reindexing encodes, and how fast this library is encoded in its present space."""

    num_images: int
    video_seconds: float
    audio_seconds: float
    num_evidence: int
    """Vectors of all items."""
    seconds_of_kind: Mapping[str, float]
    """Measured seconds of work for one image, or one second of video or audio; a kind of which none
    was measured is missing."""
    num_workers: int

    def count_frames(self, sample_fps: float) -> int:
        """Images and frames of videos that the image tower encodes, at most."""
        return self.num_images + round(self.video_seconds * sample_fps)


def estimate_seconds(content: Content, num_frames: int, image_seconds: tuple[float, float]) -> tuple[float, float] | None:
    """Shortest and longest time of a reindexing in seconds.

    `image_seconds` are the shortest and longest time of the model for one image. Decoding, speech
    and text take as long as in the present space. None while the library has a kind of items of
    which no speed was measured.
    """
    amounts = {"image": float(content.num_images), "video": content.video_seconds, "audio": content.audio_seconds}
    if any(amount and kind not in content.seconds_of_kind for kind, amount in amounts.items()):
        return None
    others = sum(amount * content.seconds_of_kind.get(kind, 0.0) for kind, amount in amounts.items())
    num_workers = max(content.num_workers, 1)
    low, high = (num_frames * seconds for seconds in image_seconds)
    return (MEASURED_RANGE[0] * others + low) / num_workers, (MEASURED_RANGE[1] * others + high) / num_workers


def image_seconds_by_operations(gflops: float, machine_gflops: float) -> tuple[float, float]:
    """Time of an image from its operations and the speed of a product of matrices, both in 10^9."""
    fast, slow = EFFICIENCY
    return gflops / (fast * machine_gflops), gflops / (slow * machine_gflops)


def image_seconds_by_measurement(seconds: float) -> tuple[float, float]:
    """Range around a measured time of an image."""
    low, high = MEASURED_RANGE
    return low * seconds, high * seconds
