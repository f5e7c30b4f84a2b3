"""What the sound tower learns from: sounds as samples in memory, and where texts say they belong.
Kept between runs.

Names of arrays end in their axes: N sounds, C labels, Q ways to say a label, K classes of the
teacher, D dimensions.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from mm.data.esc10 import read_esc10
from mm.data.tuxpaint import read_stamps
from mm.errors import InvalidInput, MediaError, TooLarge
from mm.files import open_atomic, read_json_lines
from mm.media import MediaReader
from mm.media.types import Limits, Span, Waveform
from mm.models.speech.vad import detect_activity
from mm.training.sound.recipe import SoundConfig
from mm.training.sound.texts import Texts, class_vectors, label_vectors

if TYPE_CHECKING:
    from mm.models.types import ImageEmbedder, TextEmbedder
    from mm.spaces import Space

LONGEST = 60.0  # seconds heard of one film
ESC10, TUXPAINT, FILMS = range(3)
"""Where a sound is from."""

Float = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class Sounds:
    """All sounds end to end, and what is known of each."""

    samples: npt.NDArray[np.int16]
    bounds: npt.NDArray[np.int64]  # (N, 2), samples
    label: npt.NDArray[np.int64]  # (N,) of ESC-10; -1 for none
    dev: npt.NDArray[np.bool_]  # (N,)
    source: npt.NDArray[np.int64]  # (N,) ESC10, TUXPAINT or FILMS
    group: list[str]  # of Tux Paint: sounds of one group are one thing; empty for others
    text: Float  # (N, D) what a sound is called; zero where nothing says
    picture: Float  # (N, D) what shows it; zero where nothing does
    labels: list[str]
    label_vectors: Float  # (C, Q, D)
    class_vectors: Float  # (K, D)

    def waveform(self, index: int) -> Waveform:
        """One sound, float32 in [-1, 1]."""
        start, end = self.bounds[index]
        return np.asarray(self.samples[start:end], np.float32) / np.float32(32768)


def load_sounds(config: SoundConfig, space: Space | None = None) -> Sounds:
    """Read, or take up what was read before for the same folders, with vectors of `lite` or of a
    larger space.

    Raises `InvalidInput` for data that cannot be read.
    """
    path = config.out / "sounds.npz"
    key = repr(
        [config.space, *(folder and folder.name for folder in (config.esc10, config.tuxpaint, *config.films, config.names))]
    )
    if path.exists():
        with np.load(path) as arrays:
            if str(arrays["key"]) == key:
                return _unpacked(dict(arrays))
    rows = [*_esc10(config.esc10), *_tuxpaint(config.tuxpaint), *(row for films in config.films for row in _films(films))]
    labels = sorted({row.label for row in rows if row.label})
    if len(labels) < 2:
        raise InvalidInput(f"{config.esc10} holds no sounds with labels.")
    with MediaReader(Limits(), "auto") as reader:
        heard = [(row, sound) for row in rows if (sound := _heard(reader, row)) is not None]
    lengths = np.array([len(sound) for _, sound in heard])
    ends = np.cumsum(lengths)
    texts, pictures = _described([row for row, _ in heard], config, space)
    said = Texts(config.out / "vectors", None if space is None else space.text.embed)
    arrays = {
        "key": np.array(key),
        "samples": np.concatenate([sound for _, sound in heard]),
        "bounds": np.stack([ends - lengths, ends], axis=1),
        "label": np.array([labels.index(row.label) if row.label else -1 for row, _ in heard]),
        "dev": np.array([row.dev for row, _ in heard]),
        "source": np.array([row.source for row, _ in heard]),
        "group": np.array([row.group for row, _ in heard]),
        "text": texts,
        "picture": pictures,
        "labels": np.array(labels),
        "label_vectors": label_vectors(labels, config.captions, said),
        "class_vectors": class_vectors(config.names, config.captions, said),
    }
    with open_atomic(path) as file:
        np.savez_compressed(file, **arrays)
    return _unpacked(arrays)


@dataclass(frozen=True, slots=True)
class _Row:
    path: Path
    source: int
    dev: bool
    label: str = ""
    text: str = ""
    group: str = ""
    picture: Path | None = None


def _esc10(folder: Path) -> Iterator[_Row]:
    for row in read_esc10(folder):
        if row.split in ("train", "dev"):
            yield _Row(row.path, ESC10, row.split == "dev", row.label)


def _tuxpaint(folder: Path | None) -> Iterator[_Row]:
    for row in read_stamps(folder) if folder else ():
        if row.split in ("train", "dev") and row.sound_effect is not None:
            yield _Row(row.sound_effect, TUXPAINT, row.split == "dev", "", row.text, row.group, row.image)


def _films(folder: Path) -> Iterator[_Row]:
    """Of a set without splits all are train: it has no labels to be measured by."""
    for row in read_json_lines(folder / "manifest.jsonl"):
        if row["split"] in ("train", "all"):
            yield _Row(folder / row["file"], FILMS, dev=False)


def _heard(reader: MediaReader, row: _Row) -> npt.NDArray[np.int16] | None:
    """What sounds in the file, silence before and after left out; None where nothing does, or where
    it cannot be read."""
    try:
        info = reader.probe(row.path, row.path.name)
        if not info.has_audio:
            return None
        waveform = reader.waveform(row.path, row.path.name, Span(0.0, min(info.duration, LONGEST)))
    except (MediaError, TooLarge):
        if row.source != ESC10:  # the other sets hold broken files, some on purpose
            return None
        raise
    pieces = detect_activity(waveform)
    if not pieces:
        return None
    return np.clip(np.round(waveform[pieces[0].start : pieces[-1].end] * 32768), -32768, 32767).astype(np.int16)


def _described(rows: list[_Row], config: SoundConfig, space: Space | None) -> tuple[Float, Float]:
    """Vectors of what sounds are called and of what shows them."""
    from mm.models.image.tower import ImageTower
    from mm.models.text.tower import TextTower

    graphs = config.out / "vectors" / "graphs"
    words: TextEmbedder = TextTower(graphs) if space is None else space.text
    named = [index for index, row in enumerate(rows) if row.text]
    shown = [index for index, row in enumerate(rows) if row.picture]
    texts, pictures = (np.zeros((len(rows), words.dim), np.float32) for _ in range(2))
    if named:
        texts[named] = words.embed([rows[index].text for index in named])
    if shown:
        tower: ImageEmbedder | None = space.image if space is not None else None
        if tower is None and config.image_weights is not None:
            tower = ImageTower(config.image_weights, graphs)
        if tower is not None:
            with MediaReader(Limits(), "auto") as reader:
                pictures[shown] = tower.embed(
                    [reader.image(path, path.name, longest=512) for i in shown if (path := rows[i].picture)]
                )
    return texts, pictures


def _unpacked(arrays: Mapping[str, npt.NDArray[Any]]) -> Sounds:
    return Sounds(
        arrays["samples"],
        arrays["bounds"],
        arrays["label"],
        arrays["dev"],
        arrays["source"],
        [str(group) for group in arrays["group"]],
        arrays["text"].astype(np.float32),
        arrays["picture"].astype(np.float32),
        [str(label) for label in arrays["labels"]],
        arrays["label_vectors"].astype(np.float32),
        arrays["class_vectors"].astype(np.float32),
    )
