"""What each precision loses against float32, as measured on dev for one weights file and kept
beside it."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from mm.errors import Corrupt
from mm.runtimes.registry import Precision

PRECISIONS_FILE = "precisions.json"
"""Name of the file beside the weights."""
MAX_RECALL_LOSS = 0.5
"""Points of R@1, either way, that a precision may lose and still be chosen on a machine."""


class PrecisionLoss(BaseModel):
    """One precision beside float32."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    runtime: str
    """What it was measured with."""
    cosine: float
    """Mean over the pictures."""
    worst: float
    text_to_image: float
    """Points of R@1 lost; negative when it found more."""
    image_to_text: float

    @property
    def recall_loss(self) -> float:
        """The larger of the two losses."""
        return max(self.text_to_image, self.image_to_text)


class Precisions(BaseModel):
    """The losses of one weights file."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    weights: str
    """First 16 hex digits of the SHA-256 of the weights file."""
    pictures: int
    losses: dict[Precision, PrecisionLoss]

    def describe_rejection(self, precision: Precision) -> str:
        """Why nothing of this precision may be chosen; empty when it may."""
        if precision == "float32":
            return ""
        if precision not in self.losses:
            return "its loss of recall was never measured"
        lost = self.losses[precision].recall_loss
        return f"loses {lost:.1f} points of R@1, more than {MAX_RECALL_LOSS}" if lost > MAX_RECALL_LOSS else ""


def read_precisions(weights: Path, digest: str) -> Precisions:
    """What is known of a weights file whose hash is `digest`: nothing when there is no file or it
    belongs to other weights.

    Raises `Corrupt` for a file that cannot be read.
    """
    path = weights.with_name(PRECISIONS_FILE)
    nothing = Precisions(weights=digest, pictures=0, losses={})
    try:
        found = Precisions.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        return nothing
    except (ValidationError, OSError) as error:
        raise Corrupt(f"{path} does not hold losses of precisions: {error}.") from error
    return found if found.weights == digest else nothing
