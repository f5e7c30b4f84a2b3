"""The sizes of the media prefix, and the names and shapes of its weights."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass

from mm.errors import InvalidInput
from mm.models.language.weights import Weights, check_shapes

NUM_TIME_FEATURES = 6
"""Of a scene or a frame: see `scenes.describe_times`."""
NORM_EPSILON = 1e-6
"""Of the norm that gives all prefix embeddings the scale of token embeddings."""


@dataclass(frozen=True, slots=True)
class MediaPrefixConfig:
    """The defaults fit SmolLM2 and the space `lite`.

    Raises `InvalidInput` for a size that is not positive.
    """

    hidden_size: int = 576  # of the language model
    map_channels: int = 1280  # of the feature map of the image tower
    vector_size: int = 384  # of the shared space
    map_hidden_size: int = 1152  # of the network that reads a place of the feature map
    vector_hidden_size: int = 576  # of the network that reads a vector
    time_hidden_size: int = 64  # of the network that reads times
    num_vector_tokens: int = 3  # of an image or a sound
    grid: int = 5  # an image has grid x grid places
    frame_grid: int = 2  # a frame of a video has fewer

    def __post_init__(self) -> None:
        for name, value in asdict(self).items():
            if value <= 0:
                raise InvalidInput(f"{name} of the media prefix must be positive, not {value}.")

    @property
    def num_image_tokens(self) -> int:
        """Prefix embeddings of an image: those of its vector, then those of its places by row."""
        return self.num_vector_tokens + self.grid**2

    def to_metadata(self) -> dict[str, int]:
        """The fields by name, as JSON numbers."""
        return asdict(self)

    @classmethod
    def from_metadata(cls, stored: Mapping[str, int]) -> MediaPrefixConfig:
        """The opposite of `to_metadata`. Raises `TypeError` for unknown fields."""
        return cls(**stored)


def list_prefix_shapes(config: MediaPrefixConfig) -> dict[str, tuple[int, ...]]:
    """The shape of each weight, by name. Those of `network.N.weight` are (outputs, inputs)."""
    width = config.hidden_size
    return {
        "map_mean": (config.map_channels,),
        "map_std": (config.map_channels,),
        **_list_network("map_network", config.map_channels, config.map_hidden_size, width),
        **_list_network("vector_network", config.vector_size, config.vector_hidden_size, config.num_vector_tokens * width),
        **_list_network("time_network", NUM_TIME_FEATURES, config.time_hidden_size, width),
        "sound_shift": (config.vector_size,),
        "image_positions": (config.num_image_tokens, width),
        "sound_positions": (config.num_vector_tokens, width),
        "frame_positions": (config.frame_grid**2, width),
        "scene_position": (width,),
        "gain": (width,),
    }


def check_prefix_weights(config: MediaPrefixConfig, weights: Weights) -> None:
    """Raise `Corrupt` unless these are all weights of the media prefix, in their shapes."""
    check_shapes(list_prefix_shapes(config), weights, "media prefix")


def _list_network(name: str, inputs: int, hidden: int, outputs: int) -> dict[str, tuple[int, ...]]:
    return {
        f"{name}.0.weight": (hidden, inputs),
        f"{name}.0.bias": (hidden,),
        f"{name}.2.weight": (outputs, hidden),
        f"{name}.2.bias": (outputs,),
    }
