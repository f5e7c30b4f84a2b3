"""The calibrator of the hits of queries of words: `bands.json` beside the image weights."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from mm.errors import Corrupt


class BandFit(BaseModel):
    """Log-odds that a hit is right = bias + sum of coefficients times features.

    The features are those of `mm.spaces.text_queries.bands`.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    bias: float
    coefficients: dict[str, float]
    """By name of the feature."""


class BandCalibration(BaseModel):
    """The probability that a hit is right, and the thresholds of the bands."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    image_weights: str
    """SHA-256 of the image weights that it was fitted to."""
    likely: float
    """Probability from which a hit is likely."""
    possible: float
    """Probability from which a hit is possible; a lower one is weak."""
    english: BandFit
    other: BandFit
    """Of texts in other languages."""

    def find_fit(self, *, is_english: bool) -> BandFit:
        """The fit of texts in English, or of those in other languages."""
        return self.english if is_english else self.other


def read_band_calibration(path: Path, image_weights: str) -> BandCalibration | None:
    """Read `bands.json`; None without the file.

    Raises `Corrupt` when it has another schema, or belongs to other weights of the image tower.
    """
    try:
        calibration = BandCalibration.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        return None
    except OSError as error:
        raise Corrupt(f"The bands cannot be read from {path}: {error.strerror}.") from error
    except ValidationError as error:
        raise Corrupt(f"{path} is not a calibration of bands: {error.errors()[0]['msg']}.") from error
    if calibration.image_weights != image_weights:
        raise Corrupt(f"{path} belongs to other weights of the image tower.")
    return calibration
