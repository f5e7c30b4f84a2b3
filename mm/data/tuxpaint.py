"""Reads the stamps of Tux Paint: images with sound effects and names, written and spoken."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from mm.files import read_json_lines


@dataclass(frozen=True, slots=True)
class Stamp:
    """An image with its English name, its sound effect, and recordings of the spoken name."""

    image: Path
    sound_effect: Path | None
    text: str
    group: str
    """The object shown; stamps of one group show the same object."""
    spoken_names: tuple[Path, ...]
    split: str


def read_stamps(folder: Path) -> Iterator[Stamp]:
    """Yield all stamps with a bitmap image; vector drawings are skipped. Raises `InvalidInput`."""
    for row in read_json_lines(folder / "manifest.jsonl"):
        if row["image_type"] == "png":
            effect = row["sounds"].get("any")
            spoken_names = tuple(folder / row["speech"][language]["file"] for language in sorted(row["speech"]))
            sound_effect = folder / effect["file"] if effect else None
            yield Stamp(folder / row["image"], sound_effect, row["text"].get("en", ""), row["group"], spoken_names, row["split"])


@dataclass(frozen=True, slots=True)
class SpokenName:
    """A recording of a person who says the name of a stamp."""

    path: Path
    language: str
    """Code of the language, without a country."""
    text: str
    """What is said."""


def read_spoken_names(folder: Path, split: str) -> list[SpokenName]:
    """Return the recordings whose words are known, each file once. Raises `InvalidInput`."""
    names = {
        recording["file"]: SpokenName(folder / recording["file"], language.partition("_")[0], row["text"][language])
        for row in read_json_lines(folder / "manifest.jsonl")
        if row["split"] == split
        for language, recording in row["speech"].items()
        if row["text"].get(language)
    }
    return list(names.values())


def read_descriptions(folder: Path | None, split: str) -> list[dict[str, str]]:
    """Return the stamps' names by language, of stamps with an English name.

    Without a folder the list is empty. Raises `InvalidInput` when the manifest cannot be read.
    """
    rows = [] if folder is None else read_json_lines(folder / "manifest.jsonl")
    return [row["text"] for row in rows if row["split"] == split and row["text"].get("en")]
