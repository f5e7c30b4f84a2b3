"""Reads two sets of breast ultrasound images, and the endoscopy sequences of CVC-ClinicDB.

BUSI: Al-Dhabyani et al. 2020. BUS-BRA: Gomez-Flores et al. 2023. CVC-ClinicDB: Bernal et al. 2015.
Only whether an image has a lesion is read: the diagnosis is not, because nothing here uses it.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from mm.data.inspection.split_file import read_split
from mm.data.inspection.types import MarkedImage
from mm.errors import InvalidInput

LESION = "lesion"
POLYP = "polyp"


@dataclass(frozen=True, slots=True)
class SequenceFrame(MarkedImage):
    """A frame of an endoscopy sequence, which shows one polyp throughout."""

    sequence: int = 0
    number: int = 0
    """Position of the frame in the data set; the frames of a sequence have consecutive numbers."""


def read_breast_ultrasound(folder: Path, split: str) -> list[MarkedImage]:
    """Images of one split, with a mask file for each lesion; `good` ones have no lesion.

    Groups are near-duplicates; patients are unknown.
    """
    return [
        MarkedImage(item.path, item.text("group"), "good" if item.text("class") == "normal" else LESION, item.files("masks"))
        for item in read_split(folder, "supervised", split)
    ]


def read_bus_bra(folder: Path, split: str) -> list[MarkedImage]:
    """Images of one split; each shows one lesion. Groups are patients."""
    rows = []
    for item in read_split(folder, "supervised", split):
        mask = item.file("mask")
        if mask is None:
            raise InvalidInput(f"{item.folder / 'split.json'}: {item.name} has no mask.")
        rows.append(MarkedImage(item.path, item.text("group"), LESION, (mask,)))
    return rows


def read_cvc_clinicdb(folder: Path, split: str) -> list[SequenceFrame]:
    """Frames of one split in ascending order of their numbers. Groups are similar sequences."""
    rows = []
    for item in read_split(folder, "supervised", split):
        mask = item.file("mask")
        if mask is None:
            raise InvalidInput(f"{item.folder / 'split.json'}: {item.name} has no mask.")
        rows.append(
            SequenceFrame(
                item.path, item.text("group"), POLYP, (mask,), sequence=item.number("sequence"), number=item.number("number")
            )
        )
    return sorted(rows, key=lambda frame: frame.number)
