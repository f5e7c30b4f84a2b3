"""Names a defect of a board by how it changes what is connected.

Added copper that joins no part of the template is `copper`, one part `spur`, two or more `short`.
A lack of copper is added void: with no part of the void around it a `pin-hole`, one `mousebite`,
two or more `open`. What cuts off a piece of the other material is a `short` or an `open` too, even
where both ends touch the same part: copper around a hole, a cut through the corner of a pad. Names
of arrays end in their axes: h and w of a window.
"""

from __future__ import annotations

import cv2
import numpy as np

from mm.inspection.template.band import make_disc
from mm.inspection.template.board import Board
from mm.inspection.template.candidates import Candidate
from mm.inspection.types import Mask

MARGIN_PX = 4
"""Surroundings in which parts are separate: one net may pass a defect twice."""
CONTACT_PX, BORDER_PX = 1.0, 1.5
"""Distances at which a candidate touches a part of its material, and of the other one."""
CUT_MARGIN_PX, MIN_PIECE_PX = 12, 60
"""Surroundings in which pieces are separate, and the smallest piece that is cut off."""

ADDED, REMOVED = ("copper", "spur", "short"), ("pin-hole", "mousebite", "open")


def count_contacts(candidate: Candidate, board: Board) -> int:
    """Parts of the template that a candidate joins in the image: 0, 1 or more.

    Parts of the material of the candidate: copper where copper is added, void where it is lacking.
    A part counts if it touches the candidate, and is joined with it in the image. One part that is
    touched from two sides of a piece of the other material counts twice.
    """
    joined = _count_joined(candidate, board)
    return 2 if joined == 1 and _cuts_off(candidate, board) else joined


def _cuts_off(candidate: Candidate, board: Board) -> bool:
    """Whether a candidate divides the other material beside it into more pieces."""
    window = board.cut(candidate, CUT_MARGIN_PX)
    near_hw = cv2.dilate(window.mask_hw.astype(np.uint8), make_disc(BORDER_PX)) > 0
    after, before = (_count_pieces(other_hw, near_hw) for other_hw in (~(window.image_hw | window.mask_hw), ~window.template_hw))
    return after >= 2 and after > before


def _count_pieces(material_hw: Mask, near_hw: Mask) -> int:
    """Parts of a material that are near and not tiny."""
    _, parts_hw = cv2.connectedComponents(material_hw.astype(np.uint8), connectivity=8)
    sizes = np.bincount(parts_hw.ravel())
    return sum(int(sizes[part]) >= MIN_PIECE_PX for part in np.unique(parts_hw[near_hw & material_hw]))


def _count_joined(candidate: Candidate, board: Board) -> int:
    window = board.cut(candidate, MARGIN_PX)
    rest_hw = window.template_hw & ~window.mask_hw
    touching_hw = (cv2.dilate(window.mask_hw.astype(np.uint8), make_disc(CONTACT_PX)) > 0) & rest_hw
    _, parts_hw = cv2.connectedComponents(rest_hw.astype(np.uint8), connectivity=8)
    # With 4 neighbours: a bridge of pixels that meet at corners only does not conduct.
    _, joined_hw = cv2.connectedComponents((window.image_hw | window.mask_hw).astype(np.uint8), connectivity=4)
    own = set(np.unique(joined_hw[window.mask_hw]).tolist())
    counts: dict[int, int] = {}
    for part in np.unique(parts_hw[touching_hw]):
        labels = joined_hw[(parts_hw == part) & (joined_hw > 0)]
        if len(labels):
            label = int(np.bincount(labels).argmax())
            counts[label] = counts.get(label, 0) + 1
    return max((count for label, count in counts.items() if label in own), default=0)


def name_defect(is_added: bool, num_contacts: int) -> str:
    """The kind of a defect by the parts that it joins."""
    return (ADDED if is_added else REMOVED)[min(num_contacts, 2)]
