"""How an inspector is fitted. All of it is stored with the inspector."""

from __future__ import annotations

from dataclasses import dataclass, field

from mm.errors import InvalidInput
from mm.inspection.features.framing import Framing

BANK_TILES = 4
"""Tiles of a large good image that a bank is chosen from."""


@dataclass(frozen=True, slots=True)
class FitSettings:
    """Options of `fit_inspector`; the defaults are those of a part that fills the image."""

    backbone: str = "imagenet"
    framing: Framing = field(default_factory=Framing)
    share: float = 0.03
    """Share of the patches, those with the largest distances, whose mean is the score."""
    bank_size: int = 4000
    """Largest number of vectors of the bank, at most a tenth of the patches of many images."""
    bank_tiles: int | None = BANK_TILES
    """Tiles of a large good image that the bank is chosen from, over all its copies, each copy at
    least one. The others are computed for its held-out score only. An image with at most so many
    tiles contributes all of them; None: every image does."""
    has_exposure_correction: bool | None = None
    """Whether each image is brought to one brightness and contrast. None: if the good images vary
    in it (`mm.inspection.features.exposure.varies`)."""
    has_relative_distances: bool | None = None
    """Whether distances are divided by those that are usual between good parts of that texture.
    None: with correction of the exposure, and if that separates rendered defects better, judged on
    held-out good images (`mm.inspection.selection.separation`)."""
    has_fine_patches: bool = False
    """Whether patches are described at twice the resolution, too, without differences of light
    (`mm.inspection.features.fine`): small defects of textured parts are found more often, and good
    parts of further groups fail more often."""
    has_rendered_cracks: bool = False
    """Whether a segmentation head is trained on cracks that are rendered on the good images
    (`mm.inspection.learning.rendered`): thin defects of textured parts are found more often, and an
    image takes several times as long. Not with one group of good images, which holds none out."""
    brightness: tuple[float, ...] = (0.8, 1.2)
    """Factors by which copies of the good images are made darker and lighter; not with correction
    of the exposure, which makes them equal again."""
    has_rotations: bool = False
    """Whether the part may lie in any of four directions, 90 degrees from each other."""
    has_registration: bool = False
    """Whether each image is aligned with the first good one, for parts that lie differently."""
    rate: float = 0.05
    """Share of good parts that may fail."""
    seed: int = 0

    def __post_init__(self) -> None:
        if not 0 < self.share <= 1:
            raise InvalidInput(f"The share of patches of a score is above 0 and at most 1, not {self.share:g}.")
        if self.bank_size < 2:
            raise InvalidInput(f"A bank holds at least 2 vectors, not {self.bank_size}.")
        if self.bank_tiles is not None and self.bank_tiles < 1:
            raise InvalidInput(f"A bank is chosen from at least 1 tile of an image, not {self.bank_tiles}.")
        if not 0 < self.rate < 1:
            raise InvalidInput(f"The rate of false alarms is between 0 and 1, not {self.rate:g}.")
        if any(not 0 < gain <= 4 for gain in self.brightness):
            raise InvalidInput("A factor of brightness is above 0 and at most 4.")
