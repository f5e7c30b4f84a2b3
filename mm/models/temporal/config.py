"""The hyperparameters of the temporal network, and their names in a weights file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass

STORED_NAMES = {
    "min_period": "shortest",
    "max_period": "longest",
    "shot_threshold": "least_shot",
    "scene_threshold": "least_scene",
    "min_gap": "apart",
}
"""Fields of `TemporalConfig` that have another name in a weights file."""


@dataclass(frozen=True, slots=True)
class TemporalConfig:
    """Size of the network, its attention window, and how boundaries are picked from its output."""

    dim: int = 384  # of the frame vectors
    width: int = 192  # of the residual stream
    heads: int = 3
    layers: int = 4
    hidden: int = 576  # of the feed-forward layers
    num_global: int = 4  # tokens that attend to all frames and are attended to by all
    seconds: float = 20.0  # attention window, to each side
    min_period: float = 1.0  # s, of the fastest rotary frequency
    max_period: float = 120.0  # s, of the slowest
    shot_threshold: float = 0.5  # minimum probability of a shot boundary
    scene_threshold: float = 0.5  # minimum probability of a scene boundary
    min_gap: float = 1.0  # s, between two boundaries

    @property
    def head(self) -> int:
        """Width of a head."""
        return self.width // self.heads

    def to_metadata(self) -> dict[str, float]:
        """The fields under their stored names."""
        return {STORED_NAMES.get(name, name): value for name, value in asdict(self).items()}

    @classmethod
    def from_metadata(cls, stored: Mapping[str, float]) -> TemporalConfig:
        """The opposite of `to_metadata`. Raises `TypeError` for unknown fields."""
        names = {stored_name: name for name, stored_name in STORED_NAMES.items()}
        return cls(**{names.get(name, name): value for name, value in stored.items()})  # type: ignore[arg-type]
