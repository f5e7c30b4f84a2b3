"""How a logical inspector is fitted. All of it is stored with the inspector."""

from __future__ import annotations

from dataclasses import dataclass

from mm.errors import InvalidInput


@dataclass(frozen=True, slots=True)
class LogicalSettings:
    """Options of `fit_logical`."""

    backbone: str = "imagenet"
    longest: int = 96
    """Longer side, in pixels, to which each region is scaled for the network."""
    bank_size: int = 2000
    """Largest number of vectors of good images that a region keeps."""
    brightness: tuple[float, ...] = (0.8, 1.2)
    """Factors by which copies of the good images are made darker and lighter."""
    has_registration: bool = True
    """Whether each image is aligned with the first good one; without, sizes must be equal."""
    rate: float = 0.05
    """Share of good parts of which some region may be reported as missing."""
    seed: int = 0

    def __post_init__(self) -> None:
        if not 32 <= self.longest <= 512:
            raise InvalidInput(f"The longer side of a region is scaled to 32 to 512 pixels, not {self.longest}.")
        if self.bank_size < 2:
            raise InvalidInput(f"A region keeps at least 2 vectors, not {self.bank_size}.")
        if any(not 0 < gain <= 4 for gain in self.brightness):
            raise InvalidInput("A factor of brightness is above 0 and at most 4.")
        if not 0 < self.rate < 1:
            raise InvalidInput(f"The rate of false alarms is between 0 and 1, not {self.rate:g}.")
