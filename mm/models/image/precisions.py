"""The loss of recall of each precision against float32, measured on dev for a weights file.

`mm train quantize` writes it as a JSON file beside the weights.
"""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from mm.errors import Corrupt
from mm.runtimes.registry import Precision

PRECISIONS_FILE = "precisions.json"
"""Name of the file beside the weights."""
MAX_RECALL_LOSS = 0.5
"""Points of R@1, text to image or image to text, that a precision may lose to be selectable."""


class PrecisionLoss(BaseModel):
    """One precision compared with float32."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    runtime: str
    """The runtime of the measurement."""
    cosine: float
    """Mean cosine to the vectors of float32, over the images."""
    worst: float
    """The lowest cosine."""
    text_to_image: float
    """Points of R@1 lost; negative for a gain."""
    image_to_text: float

    @property
    def recall_loss(self) -> float:
        """The larger of the two losses."""
        return max(self.text_to_image, self.image_to_text)


class Precisions(BaseModel):
    """The losses of all precisions with one weights file."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    weights: str
    """First 16 hex digits of the SHA-256 of the weights file."""
    pictures: int
    """Images of the measurement."""
    losses: dict[Precision, PrecisionLoss]

    def describe_rejection(self, precision: Precision) -> str:
        """Why runtimes of this precision may not be selected; empty when they may."""
        if precision == "float32":
            return ""
        if precision not in self.losses:
            return "its loss of recall is not measured"
        loss = self.losses[precision].recall_loss
        return f"loses {loss:.1f} points of R@1, more than {MAX_RECALL_LOSS}" if loss > MAX_RECALL_LOSS else ""


def read_precisions(weights: Path, digest: str) -> Precisions:
    """The losses of the weights file whose hash is `digest`.

    They are empty when there is no file or it belongs to other weights. Raises `Corrupt` for a file
    that cannot be read.
    """
    path = weights.with_name(PRECISIONS_FILE)
    empty = Precisions(weights=digest, pictures=0, losses={})
    try:
        stored = Precisions.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        return empty
    except (ValidationError, OSError) as error:
        raise Corrupt(f"{path} does not hold the losses of precisions: {error}.") from error
    return stored if stored.weights == digest else empty
