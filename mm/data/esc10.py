"""Reads ESC-10 (Piczak 2015): recordings of ten environmental sounds, by `manifest.jsonl`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from mm.files import read_json_lines


@dataclass(frozen=True, slots=True)
class Esc10Clip:
    """An audio clip and its label in words: `baby_cry` is read as "baby cry"."""

    path: Path
    label: str
    group: str
    """The recording that the clip is cut from; clips of one group are not independent."""
    split: str


def read_esc10(folder: Path) -> Iterator[Esc10Clip]:
    """Yield all clips in the manifest's order. Raises `InvalidInput` when it cannot be read."""
    for row in read_json_lines(folder / "manifest.jsonl"):
        yield Esc10Clip(folder / row["file"], str(row["label"]).replace("_", " "), row["group"], row["split"])
