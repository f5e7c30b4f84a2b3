"""Sets of sounds on disk, as `manifest.jsonl` names them: ESC-10 with its labels, Tux Paint's
stamps with pictures and names."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mm.files import read_json_lines


@dataclass(frozen=True, slots=True)
class LabelledSound:
    """A clip of ESC-10, and its label as words: baby_cry is a baby cry."""

    path: Path
    label: str
    group: str
    """Clips of one recording are cuts of one thing."""
    split: str


@dataclass(frozen=True, slots=True)
class Stamp:
    """A picture of Tux Paint with its name in English, what it sounds like, and recordings of
    people who say its name."""

    picture: Path
    sound: Path | None
    text: str
    group: str
    """Stamps of one name are one thing."""
    said: tuple[Path, ...]
    split: str


def read_manifest(folder: Path) -> list[dict[str, Any]]:
    """Raises `InvalidInput` when the folder holds no manifest."""
    return read_json_lines(folder / "manifest.jsonl")


def read_esc10(folder: Path) -> Iterator[LabelledSound]:
    """All clips that the manifest names. Raises `InvalidInput`."""
    for row in read_manifest(folder):
        yield LabelledSound(folder / row["file"], str(row["label"]).replace("_", " "), row["group"], row["split"])


def read_tuxpaint(folder: Path) -> Iterator[Stamp]:
    """All stamps whose picture is no drawing in vectors. Raises `InvalidInput`."""
    for row in read_manifest(folder):
        if row["image_type"] == "png":
            effect = row["sounds"].get("any")
            said = tuple(folder / row["speech"][language]["file"] for language in sorted(row["speech"]))
            sound = folder / effect["file"] if effect else None
            yield Stamp(folder / row["image"], sound, row["text"].get("en", ""), row["group"], said, row["split"])
