"""Teaches an inspector with marked images of train, and inspects other images."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from mm.data.captioned_images import read_image
from mm.data.inspection.types import MarkedImage
from mm.errors import InvalidInput
from mm.evaluation.inspection.runs import Fit, Progress
from mm.inspection.inspector import FittedInspector
from mm.inspection.marks.teach import TeachSettings, teach
from mm.inspection.marks.types import Mark
from mm.inspection.scoring.run_length import encode_mask
from mm.inspection.types import GoodImage, Inspector
from mm.media.types import RGB


def make_marks(images: Sequence[MarkedImage]) -> list[Mark]:
    """A rejection of each defective image, with its outline where there is one, and its kind."""
    marks = []
    for image in images:
        if image.is_good:
            continue
        height, width = image.read().shape[:2]
        mask = image.read_mask((height, width))
        drawn = None if mask is None else encode_mask(mask)
        marks.append(Mark(str(image.path), "reject", mask_rle=drawn, size=(height, width), kind=image.kind, group=image.group))
    return marks


@dataclass(frozen=True, slots=True, eq=False)
class TaughtFit:
    """A `Fit` that fits as another, and teaches with marks. Each candidate is used.

    What is compared on held-out groups goes to `on_progress`.
    """

    fit: Fit
    marks: Sequence[Mark]
    on_progress: Progress = lambda line: None

    def __call__(self, images: Sequence[GoodImage], seed: int) -> Inspector:
        """Raises `InvalidInput` for an inspector that cannot be taught."""
        inspector = self.fit(images, seed)
        if not isinstance(inspector, FittedInspector):
            raise InvalidInput("Only inspectors that compare patches can be taught.")
        candidate = teach(inspector, images, self.marks, _open, settings=TeachSettings(seed=seed))
        self.on_progress(candidate.comparison.statement())
        return candidate.inspector


def _open(name: str) -> RGB:
    return read_image(Path(name))
