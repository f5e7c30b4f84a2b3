"""Scale records: how many millimetres a pixel is, and where that holds."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, FiniteFloat, WithJsonSchema

from mm.schemas.base import Model
from mm.schemas.inspectors import NAME_PATTERN

Point = Annotated[
    tuple[FiniteFloat, FiniteFloat], WithJsonSchema({"type": "array", "items": {"type": "number"}, "minItems": 2, "maxItems": 2})
]


class KnownLength(Model):
    """A known length between two points of an image."""

    length_mm: float = Field(gt=0, allow_inf_nan=False)
    start: Point = Field(description="x and y in pixels.")
    end: Point
    length_uncertainty_mm: float = Field(0.0, ge=0, allow_inf_nan=False, description="Standard uncertainty of the length.")
    point_uncertainty_px: float = Field(0.5, ge=0, allow_inf_nan=False, description="Standard uncertainty of each point.")


class BoardPictures(Model):
    """Images of a calibration board, items of the library."""

    items: list[str] = Field(min_length=1, max_length=50)
    columns: int = Field(ge=4, le=999, description="Squares of the board from left to right.")
    rows: int = Field(ge=4, le=999)
    square_mm: float = Field(gt=0, allow_inf_nan=False, description="Side of a square.")
    marker_mm: float | None = Field(None, gt=0, allow_inf_nan=False, description="Side of a marker: a ChArUco board.")
    dictionary: str = Field("DICT_4X4_50", max_length=40, description="Dictionary of the markers.")


class ScaleRequest(Model):
    """A new scale, from a known length or from images of a calibration board."""

    name: str = Field(pattern=NAME_PATTERN)
    length: KnownLength | None = None
    board: BoardPictures | None = None
    area: list[Point] | None = Field(
        None, min_length=3, max_length=1000, description="Polygon in pixels in which the scale holds; the whole image by default."
    )
    tilt_degrees: float = Field(0.0, ge=0, lt=45, description="Largest tilt of a measured surface.")
    blur_px: float | None = Field(
        None, ge=0, allow_inf_nan=False, description="Blur of the image, as a standard deviation; a board measures it."
    )
    replace: bool = Field(False, description="Whether a scale of this name is replaced.")


class ScaleInfo(Model):
    """A stored scale."""

    name: str
    mm_per_px: float
    standard_uncertainty: float = Field(description="Of `mm_per_px`.")
    source: Literal["length", "checkerboard", "charuco", "dicom"]
    area: list[Point] | None
    blur_px: float
    tilt_degrees: float
    has_lens: bool = Field(description="Whether the distortion of the lens is corrected.")


class ScaleList(Model):
    """All scales, by name."""

    data: list[ScaleInfo]
