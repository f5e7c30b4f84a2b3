"""Images that a head learns from and is checked with, as patches.

Names of arrays end in their axes: H height and W width in pixels, h and w in patches, C numbers of
a patch, D inputs of a head.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Literal

import numpy as np
import numpy.typing as npt

from mm.inspection.features.backbone import Backbone
from mm.inspection.features.framing import extract_patches
from mm.inspection.good_pixels import GoodPixels
from mm.inspection.head.inputs import build_inputs
from mm.inspection.head.network import Inputs
from mm.inspection.inspector import choose_patches
from mm.inspection.settings import FitSettings
from mm.inspection.types import Mask
from mm.inspection.view import create_view
from mm.media.types import RGB
from mm.numerics import Float32

Role = Literal["good", "rendered", "accepted", "rejected"]
"""Of the fit; a copy of one with defects; a part that a person accepted; one they rejected."""
NO_KIND = ""
GAINS = (1.0, 0.85, 1.15, 1.0)
"""Brightness of the copies of a marked image: itself, and mirrored in each direction."""


@dataclass(frozen=True, slots=True, eq=False)
class Example:
    """An image, and the fold of the bank that it is held out with."""

    role: Role
    image: str
    """Name or path, for messages."""
    group: str
    fold: int
    open_image: Callable[[], RGB]
    draw_masks: Callable[[int, int], list[tuple[Mask, str | None]]]
    """Takes height and width of the image; returns its marked areas with their kinds."""


@dataclass(frozen=True, slots=True, eq=False)
class Patches:
    """The patches of an image that an inspector judges, as rows."""

    vectors_NC: Float32
    inputs_ND: Inputs
    share_N: Float32
    """Share of each patch that is marked."""
    kind_N: npt.NDArray[np.object_]
    """The kind that marks most of each patch; `NO_KIND` where it has none."""


def read_patches(
    example: Example, backbone: Backbone, settings: FitSettings, reference_HWC: RGB | None, copy: int = 0
) -> Patches:
    """The patches of an image, or of one of its copies of `GAINS`.

    `backbone` is the network of whole patches; with the settings it becomes that of the bank.
    Raises `InvalidInput` for an image that cannot be read as one or does not fit its marks.
    """
    image_HWC = example.open_image()
    masks = example.draw_masks(*image_HWC.shape[:2])
    flip = (slice(None, None, -1 if copy & 2 else 1), slice(None, None, -1 if copy & 1 else 1))
    lit_HWC = image_HWC if copy == 0 else np.clip(np.rint(image_HWC[flip] * np.float32(GAINS[copy])), 0, 255).astype(np.uint8)
    view = create_view(np.ascontiguousarray(lit_HWC), settings, reference_HWC)
    vectors_hwC = extract_patches(choose_patches(backbone, settings), view.pixels_HWC)
    inputs_hwD = build_inputs(view.pixels_HWC, vectors_hwC, backbone)
    inside_hw = view.select_patches(None)
    share_hw = np.zeros(inside_hw.shape, np.float32)
    kind_hw = np.full(inside_hw.shape, NO_KIND, object)
    for mask_HW, kind in masks:
        own_hw = view.share_patches(np.ascontiguousarray(mask_HW[flip]))
        kind_hw[own_hw > share_hw] = kind or NO_KIND
        share_hw = np.maximum(share_hw, own_hw)
    return Patches(vectors_hwC[inside_hw], inputs_hwD[inside_hw], share_hw[inside_hw], kind_hw[inside_hw])


def list_good_examples(goods: GoodPixels, group_folds: Mapping[str, int]) -> list[Example]:
    """The good images of a fit, whose groups have these folds."""
    return [
        Example(
            "good", f"good image {index + 1}", image.group, group_folds[image.group], partial(goods.read, index), _draw_nothing
        )
        for index, image in enumerate(goods.images)
    ]


def _draw_nothing(height: int, width: int) -> list[tuple[Mask, str | None]]:
    """The marks of a good image."""
    return []
