"""Audio clips as samples in memory, with the vectors of their names, images and classes; cached.

Names of arrays end in their axes: N clips, C labels, Q phrasings of a label, K classes of the
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
from mm.training.sound.texts import CachedTexts, embed_classes, embed_labels

if TYPE_CHECKING:
    from mm.models.types import ImageEmbedder, TextEmbedder
    from mm.spaces import Space

MAX_SECONDS = 60.0
"""Seconds of a file that are read."""
ESC10, TUXPAINT, BACKGROUND = range(3)
"""Sources of clips."""

Float = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class AudioClips:
    """The samples of all clips, concatenated, and the metadata of each."""

    samples: npt.NDArray[np.int16]
    bounds: npt.NDArray[np.int64]  # (N, 2), in samples
    label: npt.NDArray[np.int64]  # (N,) of ESC-10; -1 for none
    dev: npt.NDArray[np.bool_]  # (N,)
    source: npt.NDArray[np.int64]  # (N,) ESC10, TUXPAINT or BACKGROUND
    group: list[str]  # the object of a Tux Paint stamp; empty for others
    text: Float  # (N, D) vector of the clip's name; zero without one
    image: Float  # (N, D) vector of the clip's image; zero without one
    labels: list[str]
    label_vectors: Float  # (C, Q, D)
    class_vectors: Float  # (K, D)

    def waveform(self, index: int) -> Waveform:
        """The samples of one clip, float32 in [-1, 1]."""
        start, end = self.bounds[index]
        return np.asarray(self.samples[start:end], np.float32) / np.float32(32768)


def load_clips(config: SoundConfig, space: Space | None = None) -> AudioClips:
    """Read all clips, or the cache of an earlier call for the same folders.

    Vectors are those of `lite`, or of a larger `space`. Raises `InvalidInput` for unreadable data.
    """
    path = config.out / "sounds.npz"
    folders = (config.esc10, config.tuxpaint, *config.background_sets, config.names)
    key = repr([config.space, *(folder and folder.name for folder in folders)])
    if path.exists():
        with np.load(path) as cached:
            if str(cached["key"]) == key:
                return _unpack(dict(cached))
    rows = [*_list_esc10(config.esc10), *_list_tuxpaint(config.tuxpaint)]
    rows += [row for folder in config.background_sets for row in _list_background(folder)]
    labels = sorted({row.label for row in rows if row.label})
    if len(labels) < 2:
        raise InvalidInput(f"{config.esc10} has fewer than two labels.")
    with MediaReader(Limits(), "auto") as reader:
        clips = [(row, samples) for row in rows if (samples := _read_samples(reader, row)) is not None]
    lengths = np.array([len(samples) for _, samples in clips])
    ends = np.cumsum(lengths)
    text_ND, image_ND = _embed_metadata([row for row, _ in clips], config, space)
    texts = CachedTexts(config.out / "vectors", None if space is None else space.text.embed)
    arrays = {
        "key": np.array(key),
        "samples": np.concatenate([samples for _, samples in clips]),
        "bounds": np.stack([ends - lengths, ends], axis=1),
        "label": np.array([labels.index(row.label) if row.label else -1 for row, _ in clips]),
        "dev": np.array([row.dev for row, _ in clips]),
        "source": np.array([row.source for row, _ in clips]),
        "group": np.array([row.group for row, _ in clips]),
        "text": text_ND,
        "picture": image_ND,
        "labels": np.array(labels),
        "label_vectors": embed_labels(labels, config.captions, texts),
        "class_vectors": embed_classes(config.names, config.captions, texts),
    }
    with open_atomic(path) as file:
        np.savez_compressed(file, **arrays)  # type: ignore[arg-type]
    return _unpack(arrays)


@dataclass(frozen=True, slots=True)
class _Row:
    path: Path
    source: int
    dev: bool
    label: str = ""
    text: str = ""
    group: str = ""
    image: Path | None = None


def _list_esc10(folder: Path) -> Iterator[_Row]:
    for row in read_esc10(folder):
        if row.split in ("train", "dev"):
            yield _Row(row.path, ESC10, row.split == "dev", row.label)


def _list_tuxpaint(folder: Path | None) -> Iterator[_Row]:
    for row in read_stamps(folder) if folder else ():
        if row.split in ("train", "dev") and row.sound_effect is not None:
            yield _Row(row.sound_effect, TUXPAINT, row.split == "dev", "", row.text, row.group, row.image)


def _list_background(folder: Path) -> Iterator[_Row]:
    """A set without splits is all train: without labels it cannot be used for measuring."""
    for row in read_json_lines(folder / "manifest.jsonl"):
        if row["split"] in ("train", "all"):
            yield _Row(folder / row["file"], BACKGROUND, dev=False)


def _read_samples(reader: MediaReader, row: _Row) -> npt.NDArray[np.int16] | None:
    """A file's audio without silence at its ends; None for a silent or broken file."""
    try:
        info = reader.probe(row.path, row.path.name)
        if not info.has_audio:
            return None
        waveform = reader.waveform(row.path, row.path.name, Span(0.0, min(info.duration, MAX_SECONDS)))
    except (MediaError, TooLarge):
        if row.source != ESC10:  # the other sets have broken files, some on purpose
            return None
        raise
    spans = detect_activity(waveform)
    if not spans:
        return None
    return np.clip(np.round(waveform[spans[0].start : spans[-1].end] * 32768), -32768, 32767).astype(np.int16)


def _embed_metadata(rows: list[_Row], config: SoundConfig, space: Space | None) -> tuple[Float, Float]:
    """Vectors (N, D) of the names and of the images of clips; zero rows where there are none."""
    from mm.models.image.tower import ImageTower
    from mm.models.text.tower import TextTower

    graphs = config.out / "vectors" / "graphs"
    text_tower: TextEmbedder = TextTower(graphs) if space is None else space.text
    named = [index for index, row in enumerate(rows) if row.text]
    pictured = [index for index, row in enumerate(rows) if row.image]
    text_ND, image_ND = (np.zeros((len(rows), text_tower.dim), np.float32) for _ in range(2))
    if named:
        text_ND[named] = text_tower.embed([rows[index].text for index in named])
    if pictured:
        image_tower: ImageEmbedder | None = space.image if space is not None else None
        if image_tower is None and config.image_weights is not None:
            image_tower = ImageTower(config.image_weights, graphs)
        if image_tower is not None:
            with MediaReader(Limits(), "auto") as reader:
                images = [reader.image(path, path.name, longest=512) for index in pictured if (path := rows[index].image)]
                image_ND[pictured] = image_tower.embed(images)
    return text_ND, image_ND


def _unpack(arrays: Mapping[str, npt.NDArray[Any]]) -> AudioClips:
    return AudioClips(
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
