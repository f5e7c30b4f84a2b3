"""What the sound tower learns from: sounds as samples in memory, and where texts say they belong. Kept between runs.

Names of arrays end in their axes: N sounds, C labels, Q ways to say a label, K classes of the teacher, D dimensions.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from mm.errors import InvalidInput, MediaError, TooLarge
from mm.media import MediaReader
from mm.media.types import Limits, Span, Waveform
from mm.models.sound_net import RATE
from mm.models.speech_gate import sounding
from mm.training.files import replacing
from mm.training.sound_config import SoundConfig
from mm.training.sound_texts import class_vectors, label_vectors, plain_label

LONGEST = 60.0  # seconds heard of one film

Float = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class Sounds:
    """All sounds end to end, and what is known of each."""

    samples: npt.NDArray[np.int16]
    bounds_N: npt.NDArray[np.int64]  # (N, 2), samples
    label_N: npt.NDArray[np.int64]  # of ESC-10; -1 for none
    dev_N: npt.NDArray[np.bool_]
    source_N: npt.NDArray[np.int64]  # 0 ESC-10, 1 Tux Paint, 2 films
    text_ND: Float  # what a sound is called; zero where nothing says
    picture_ND: Float  # what shows it; zero where nothing does
    labels: list[str]
    label_vectors_CQD: Float
    class_vectors_KD: Float

    def waveform(self, index: int) -> Waveform:
        """One sound, float32 in [-1, 1]."""
        start, end = self.bounds_N[index]
        return np.asarray(self.samples[start:end], np.float32) / np.float32(32768)


def load_sounds(config: SoundConfig) -> Sounds:
    """Read, or take up what was read before for the same folders. Raises `InvalidInput` for data that cannot be read."""
    path = config.out / "sounds.npz"
    key = repr([folder and folder.name for folder in (config.esc10, config.tuxpaint, *config.films)])
    if path.exists():
        with np.load(path) as arrays:
            if str(arrays["key"]) == key:
                return _unpacked(arrays)
    rows = [*_esc10(config.esc10), *_tuxpaint(config.tuxpaint), *(row for films in config.films for row in _films(films))]
    labels = sorted({row.label for row in rows if row.label})
    if len(labels) < 2:
        raise InvalidInput(f"{config.esc10} holds no sounds with labels.")
    with MediaReader(Limits(), "auto") as reader:
        heard = [(row, sound) for row in rows if (sound := _heard(reader, row)) is not None]
    lengths = np.array([len(sound) for _, sound in heard])
    ends = np.cumsum(lengths)
    texts, pictures = _described([row for row, _ in heard], config)
    kept = config.out / "vectors"
    arrays = {
        "key": np.array(key),
        "samples": np.concatenate([sound for _, sound in heard]),
        "bounds": np.stack([ends - lengths, ends], axis=1),
        "label": np.array([labels.index(row.label) if row.label else -1 for row, _ in heard]),
        "dev": np.array([row.dev for row, _ in heard]),
        "source": np.array([row.source for row, _ in heard]),
        "text": texts,
        "picture": pictures,
        "labels": np.array(labels),
        "label_vectors": label_vectors(labels, config.captions, kept),
        "class_vectors": class_vectors(config.names, config.captions, kept),
    }
    with replacing(path) as file:
        np.savez_compressed(file, **arrays)
    return _unpacked(arrays)


@dataclass(frozen=True, slots=True)
class _Row:
    path: Path
    source: int
    dev: bool
    label: str = ""
    text: str = ""
    picture: Path | None = None


def _esc10(folder: Path) -> Iterator[_Row]:
    for row in read_manifest(folder):
        if row["split"] in ("train", "dev"):
            yield _Row(folder / row["file"], 0, row["split"] == "dev", plain_label(row["label"]))


def _tuxpaint(folder: Path | None) -> Iterator[_Row]:
    for row in read_manifest(folder) if folder else ():
        if row["split"] in ("train", "dev") and "any" in row["sounds"] and row["image_type"] == "png":
            sound, text = row["sounds"]["any"]["file"], row["text"].get("en", "")
            yield _Row(folder / sound, 1, row["split"] == "dev", "", text, folder / row["image"])  # type: ignore[operator]


def _films(folder: Path) -> Iterator[_Row]:
    """Of a set without splits all are train: it has no labels to be measured by."""
    for row in read_manifest(folder):
        if row["split"] in ("train", "all"):
            yield _Row(folder / row["file"], 2, dev=False)


def read_manifest(folder: Path) -> list[dict[str, Any]]:
    """Raises `InvalidInput` when the folder holds no manifest."""
    try:
        return [json.loads(line) for line in (folder / "manifest.jsonl").read_text(encoding="utf-8").splitlines()]
    except (OSError, ValueError) as error:
        raise InvalidInput(f"{folder} holds no manifest.jsonl that can be read: {error}.") from error


def _heard(reader: MediaReader, row: _Row) -> npt.NDArray[np.int16] | None:
    """What sounds in the file, silence before and after left out; None where nothing does, or where it cannot be read."""
    try:
        info = reader.probe(row.path, row.path.name)
        if not info.has_audio:
            return None
        waveform = reader.waveform(row.path, row.path.name, Span(0.0, min(info.duration, LONGEST)))
    except (MediaError, TooLarge):
        if row.source:  # the other sets hold broken files, some on purpose
            return None
        raise
    pieces = sounding(waveform)
    if not pieces:
        return None
    return np.clip(np.round(waveform[pieces[0].start : pieces[-1].end] * 32768), -32768, 32767).astype(np.int16)


def _described(rows: list[_Row], config: SoundConfig) -> tuple[Float, Float]:
    """Vectors of what sounds are called and of what shows them."""
    from mm.models.image import ImageTower
    from mm.models.text import TextTower

    graphs = config.out / "vectors" / "graphs"
    named = [index for index, row in enumerate(rows) if row.text]
    shown = [index for index, row in enumerate(rows) if row.picture]
    texts, pictures = (np.zeros((len(rows), 384), np.float32) for _ in range(2))
    if named:
        texts[named] = TextTower(graphs).embed([rows[index].text for index in named])
    if shown and config.image_weights is not None:
        tower = ImageTower(config.image_weights, graphs)
        with MediaReader(Limits(), "auto") as reader:
            pictures[shown] = tower.embed(
                [reader.image(path, path.name, longest=512) for i in shown if (path := rows[i].picture)]
            )
    return texts, pictures


def _unpacked(arrays: Any) -> Sounds:
    return Sounds(
        arrays["samples"],
        arrays["bounds"],
        arrays["label"],
        arrays["dev"],
        arrays["source"],
        arrays["text"].astype(np.float32),
        arrays["picture"].astype(np.float32),
        [str(label) for label in arrays["labels"]],
        arrays["label_vectors"].astype(np.float32),
        arrays["class_vectors"].astype(np.float32),
    )
